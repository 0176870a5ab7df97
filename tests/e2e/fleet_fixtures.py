"""Fixtures of whole clusters: a conftest takes them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from okra.testing.aws_world import AwsWorld
from okra.testing.controlplane.members import Member
from okra.testing.controlplane.members import members as started
from okra.testing.eks_world import EksWorld
from okra.testing.moto_server import MotoServer
from tests.e2e.fleet import Fleet
from tests.e2e.installed import Installed, rendered
from tests.e2e.story import Story
from tests.kube.controller_process import Controllers
from tests.scenarios.metrics import Answer, Metrics
from tests.support.argocd import ArgoCD, applicationsets, argocd, argocd_crds, argocd_namespace
from tests.support.members import ANYBODY, documented, members_may_block

__all__ = [
    "applicationsets",
    "argocd",
    "argocd_crds",
    "argocd_namespace",
    "fleet",
    "members_may_block",
    "planes",
    "story",
    "whole",
]

QUICK = {
    "OKRA_ARGOCD_SETTLED": "1s",
    "OKRA_RETAIN_FOR": "1s",
    "OKRA_ON_FAILURE_DELAY": "2s",
}


@pytest.fixture(scope="module")
def planes(
    control_plane_binaries: Mapping[str, Path],
    control_plane_may_block: None,
    aws_server: MotoServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mapping[str, Member]]:
    """Who is behind every EKS cluster of version 1, and behind those of version 2. They let Okra in."""
    folder = tmp_path_factory.mktemp("planes")
    with started(folder, control_plane_binaries, aws_server.url, "v1", "v2") as pair:
        for each in pair:
            each.install_bindings()
            for words in documented("kubectl"):
                each.plane.kubectl(*words[1:])
            each.admit(ANYBODY, "okra")
        yield {each.name: each for each in pair}


@pytest.fixture
def whole(controllers: Controllers, argocd_namespace: str, helm: Path) -> Installed:
    """Okra, installed with Argo CD and hotswap's kinds."""
    values = ("argocd.enabled=true", f"argocd.namespace={argocd_namespace}", "crds.hotswap=true")
    chart = rendered(helm, controllers.namespace, f"scope.namespace={controllers.namespace}", *values)
    okra = Installed(controllers, chart)
    okra.settings.update(QUICK)
    return okra


@pytest.fixture
def story(fleet: Fleet) -> Iterator[Story]:
    """The whole long example; a test may `replace` what is different in its own."""
    errors: list[Callable[[], float]] = [lambda: 0.0]
    with Metrics(lambda: Answer(errors[-1]())) as metrics:
        yield Story(fleet, metrics.url, errors)


@pytest.fixture
def fleet(
    whole: Installed,
    aws_world: AwsWorld,
    argocd: ArgoCD,
    planes: Mapping[str, Member],
    members_may_block: None,
) -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet(whole, aws_world, EksWorld(aws_world), argocd, planes, stack)
