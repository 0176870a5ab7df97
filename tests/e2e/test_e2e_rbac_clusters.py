"""What the chart's roles grant for whole clusters, and for hotswap's kinds, is exactly what Okra uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from okra.testing.application_controller import Workload
from okra.testing.argocd_install import install
from okra.testing.aws_world import AwsWorld
from okra.testing.controlplane import ControlPlane
from okra.testing.controlplane.members import Member
from okra.testing.eks_world import EksWorld
from okra.testing.moto_server import MotoServer
from tests.e2e.both_sets import BothSets
from tests.e2e.fleet import Fleet
from tests.e2e.fleet_fixtures import QUICK
from tests.e2e.installed import Installed, Manifest, rendered
from tests.e2e.lacking import (
    NAMESPACE,
    OWNERS,
    Step,
    StrictCluster,
    in_lanes,
    moved,
    ready,
    walk,
    walk_without,
)
from tests.e2e.permissions import granted, used, without
from tests.e2e.two_applications import TwoApplications
from tests.kube.controller_process import Controllers
from tests.scenarios.metrics import Answer, Metrics
from tests.support.argocd import ArgoCD
from tests.support.controlplane import built

pytestmark = [pytest.mark.timeout(600)]

HOTSWAP: dict[str, Any] = {"kind": "System", "group": "hotswap.mumoshu.github.io"}


@pytest.fixture(scope="module")
def argocd_crds(cluster: StrictCluster) -> ControlPlane:
    """Argo CD is on this cluster, not on the session's."""
    install(cluster.control_plane, built("argocd")["argocd-crds"])
    return cluster.control_plane


@dataclass
class World:
    """One AWS, one Argo CD, and one pair of member clusters for every Okra."""

    cluster: StrictCluster
    argocd: ArgoCD
    aws: AwsWorld
    server: MotoServer
    planes: Mapping[str, Member]
    metrics: str
    folder: Path
    lock: Lock

    @contextmanager
    def fleet(self, namespace: str, chart: list[Manifest]) -> Iterator[Fleet]:
        """Around an Okra that is installed in a namespace of its own."""
        self.cluster.make_namespace(namespace)
        folder = self.folder / namespace
        folder.mkdir()
        controllers = Controllers(self.cluster.control_plane, namespace, folder, self.server.environ)
        with ExitStack() as stack, closing(controllers):
            okra = Installed(controllers, chart)
            okra.settings.update(QUICK)
            with self.lock:
                before = self.argocd.applications.losing
                fleet = Fleet(okra, self.aws, EksWorld(self.aws), self.argocd, self.planes, stack)
                self.argocd.applications.losing = both(before, self.argocd.applications.losing)
            yield fleet
        assert fleet.lost == []


def both(one: Callable[[Workload], None], other: Callable[[Workload], None]) -> Callable[[Workload], None]:
    def losing(workload: Workload) -> None:
        one(workload)
        other(workload)

    return losing


@pytest.fixture
def world(
    cluster: StrictCluster,
    argocd: ArgoCD,
    aws_world: AwsWorld,
    aws_server: MotoServer,
    planes: Mapping[str, Member],
    members_may_block: None,
    tmp_path: Path,
) -> Iterator[World]:
    assert aws_world.subnets  # looked up once, before lanes begin
    with Metrics(lambda: Answer(0.0)) as metrics:
        yield World(cluster, argocd, aws_world, aws_server, planes, metrics.url, tmp_path, Lock())


NOTHING: Step = (lambda: None, lambda: True)
"""What a story does that is over before the others."""


@dataclass
class Scenario:
    """One Okra, and all of its Cells and sets at once."""

    okra: Installed
    stories: tuple[TwoApplications | BothSets, ...]

    def steps(self) -> Iterator[Step]:
        yield lambda: self.okra.start("--no-leader-elect"), lambda: ready(self.okra)
        for together in zip_longest(*(each.steps() for each in self.stories), fillvalue=NOTHING):
            yield partial(all_of, [act for act, _ in together]), partial(every, [over for _, over in together])
        last = self.okra.controllers.started[-1]
        yield last.terminate, lambda: last.life.poll() == 0


def all_of(acts: Sequence[Callable[[], object]]) -> None:
    for act in acts:
        act()


def every(over: Sequence[Callable[[], object]]) -> bool:
    return all(each() for each in over)


def in_parts(chart: list[Manifest]) -> tuple[list[Manifest], list[Manifest]]:
    """What is granted in Argo CD's namespace, and everything else."""
    there = [each for each in chart if each["kind"] == "Role" and each["metadata"]["name"].endswith("-argocd")]
    return there, [each for each in chart if each not in there]


def chart_for(helm: Path, namespace: str, *values: str) -> list[Manifest]:
    return rendered(helm, namespace, f"scope.namespace={namespace}", *values)


def test_all_that_argo_cd_and_hotswap_add_is_used_and_nothing_more_is_asked_for(world: World, helm: Path) -> None:
    namespace, argocd = "everything", world.argocd.namespace
    values = ("argocd.enabled=true", f"argocd.namespace={argocd}", "crds.hotswap=true")
    chart = chart_for(helm, namespace, *values)
    with world.fleet(namespace, chart) as fleet:
        cells = TwoApplications(fleet, "c", world.metrics), TwoApplications(fleet, "s", world.metrics, **HOTSWAP)
        walk(Scenario(fleet.okra, (*cells, BothSets(fleet, "c"))))
    there, elsewhere = in_parts(chart)
    requests = world.cluster.requests(namespace)
    of_argocd = [each for each in requests if each["objectRef"].get("namespace") == argocd]
    assert used(of_argocd, granted(there)) == granted(there)
    found = used((each for each in requests if each not in of_argocd), granted(elsewhere))
    added = granted(elsewhere) - granted(chart_for(helm, namespace)) - OWNERS
    assert added - found == set()
    assert found - granted(elsewhere) == set()


def test_without_any_one_permission_for_clusters_okra_says_which_it_lacks_and_stays_up(
    world: World, helm: Path
) -> None:
    values = ("argocd.enabled=true", f"argocd.namespace={world.argocd.namespace}")
    there, elsewhere = in_parts(chart_for(helm, NAMESPACE, *values))
    added = granted(elsewhere) - granted(chart_for(helm, NAMESPACE))
    charts = [(each, [*without(elsewhere, each), *there]) for each in sorted(added)]
    charts += [(each, [*elsewhere, *without(there, each)]) for each in sorted(granted(there))]

    def lane(number: int) -> str:
        missing, chart = charts[number]
        namespace = f"lacking-{number}"
        with world.fleet(namespace, moved(chart, namespace)) as fleet:
            stories = TwoApplications(fleet, str(number), world.metrics), BothSets(fleet, str(number))
            return walk_without(missing, Scenario(fleet.okra, stories))

    in_lanes(lane, len(charts))
