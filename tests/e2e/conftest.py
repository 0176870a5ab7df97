"""The whole of it: a real control plane, the double of AWS, and Okra with the rights that the chart gives it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from okra.testing.aws_world import AwsWorld, Route
from tests.e2e.fleet_fixtures import *
from tests.e2e.installed import Installed, Manifest, rendered
from tests.e2e.lacking import StrictCluster, strict_cluster
from tests.kube.controller_fixtures import *
from tests.kube.controller_process import Controllers
from tests.scenarios.observer import Observer
from tests.support.controlplane import helm

__all__ = ["helm"]

Observe = Callable[[Route], Observer]
Chart = Callable[[str], list[Manifest]]
SOMEWHERE = "some-namespace-or-other"


@pytest.fixture(scope="session")
def chart(helm: Path) -> Chart:
    """The chart's rights for one namespace, where Argo CD is, too. Helm takes a second: it is asked once."""
    values = (f"scope.namespace={SOMEWHERE}", "argocd.enabled=true", f"argocd.namespace={SOMEWHERE}")
    text = json.dumps(rendered(helm, SOMEWHERE, *values))
    return lambda namespace: list(json.loads(text.replace(SOMEWHERE, namespace)))


@pytest.fixture(scope="module")
def cluster(
    control_plane_binaries: Mapping[str, Path],
    control_plane_may_block: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[StrictCluster]:
    """For what Okra may do, and does."""
    with strict_cluster(tmp_path_factory.mktemp("rbac"), control_plane_binaries) as cluster:
        yield cluster


@pytest.fixture
def okra(controllers: Controllers, chart: Chart) -> Installed:
    """Okra, installed in the test's namespace. `okra.start()` is one replica."""
    return Installed(controllers, chart(controllers.namespace))


@pytest.fixture
def observe(aws_world: AwsWorld) -> Observe:
    """Begin to look at a route."""
    return lambda route: Observer(aws_world.url, route)
