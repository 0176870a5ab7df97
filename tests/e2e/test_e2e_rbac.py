"""The chart's roles are exactly what Okra uses: all of it works, and any permission less is missed, and said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from okra.api.meta import COMMAND_ANNOTATION
from okra.testing.aws_world import AwsWorld, Route
from okra.testing.moto_server import MotoServer
from tests.e2e.installed import Installed, rendered
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
from tests.kube.controller_process import Controllers
from tests.scenarios.manifests import alb, cell, error_rate
from tests.scenarios.metrics import Answer, Metrics

pytestmark = [pytest.mark.timeout(600)]

SMOKE = {
    "apiVersion": "okra.mumoshu.github.io/v1alpha1",
    "kind": "Check",
    "metadata": {"name": "smoke"},
    "spec": {"job": {"interval": "1s", "template": {"spec": {"image": "smoke:1"}}}},
}
BLOCK = {"version": "0.9.0", "reason": "by hand", "time": "2026-01-01T00:00:00Z"}
BLOCKED = json.dumps({"status": {"blockedVersions": [BLOCK]}})


@dataclass
class Scenario:
    """Everything that Okra does on an API server, each step waiting for its own end."""

    okra: Installed
    world: AwsWorld
    route: Route
    divides: Route
    """The ALB's."""
    role: str
    metrics: str
    arguments: tuple[str, ...] = ()
    commands: int = field(default=0)

    def steps(self) -> Iterator[Step]:
        """What is done, and how it is known to be over."""
        yield self.start, self.ready
        yield self.apply, lambda: self.stable("1.1.0") and self.divided()
        yield lambda: None, self.jobs_come_and_go
        yield self.block_by_hand, lambda: True  # somebody else's status: the Cell is read again before the next command
        yield self.block_in_alb, lambda: True
        yield partial(self.command_alb, "pause"), lambda: self.of_alb().get("paused")
        for verb in ("pause", "resume", "pause", "resume"):  # one cause more than once: counted in its Event
            yield partial(self.command, verb), self.executed
        yield self.restart, self.ready
        for verb in ("pause", "resume"):
            yield partial(self.command, verb), self.executed
        yield self.next_version, lambda: self.stable("1.2.0")
        yield self.delete, lambda: not self.okra.controllers.find()
        yield self.okra.controllers.started[-1].terminate, lambda: self.okra.controllers.started[-1].life.poll() == 0

    def start(self) -> None:
        self.okra.start(*self.arguments)

    def ready(self) -> bool:
        return ready(self.okra)

    def apply(self) -> None:
        """Checks: one that a new version changes, one for each cluster, of which a new version has others, and a
        person's own, which runs Jobs."""
        self.okra.kubectl("create", "secret", "generic", "metrics", "--from-literal=X-Key=abc")
        by_version = error_rate(f"{self.metrics}?v={{{{.Vars.version}}}}")
        by_version["analysis"]["provider"]["web"]["secretRef"] = {"name": "metrics"}
        (old,), (new,) = (self.divides.groups[each] for each in ("1.0.0", "1.1.0"))
        by_cluster = {**error_rate(f"{self.metrics}?c={{{{.Vars.targetGroupName}}}}"), "name": "each"}
        self.okra.apply(
            SMOKE,
            cell(
                "web",
                self.route,
                role=self.role,
                replicas=2,
                updateStrategy={"type": "BlueGreen"},
                prechecks=[{"name": "smoke", "from": {"checkName": "smoke"}}],
                checks=[by_version, by_cluster],
            ),
            alb("divided", self.divides, {old: 1, new: 1}, checks=[error_rate(self.metrics)], stepWeight=100),
        )

    def of_alb(self) -> dict[str, Any]:
        return dict(self.okra.controllers.find("divided", "albs").get("status") or {})

    def divided(self) -> bool:
        """Does the ALB show what it wants, its check passed?"""
        return self.of_alb().get("phase") == "Synced" and self.of_alb().get("rollouts") == 1

    def block_in_alb(self) -> None:
        self.okra.kubectl("patch", "alb", "divided", "--subresource=status", "--type=merge", "-p", BLOCKED)

    def command_alb(self, verb: str) -> None:
        text = json.dumps({"id": verb, "verb": verb, "by": "ann"})
        self.okra.kubectl("annotate", "alb", "divided", "--overwrite", f"{COMMAND_ANNOTATION}={text}")

    def jobs_come_and_go(self) -> bool:
        """One of the first is deleted again."""
        runs = self.okra.controllers.find("smoke", "checks").get("status", {}).get("job", {}).get("runs", ())
        return any(not self.okra.controllers.find(each["name"], "jobs", "batch/v1") for each in runs)

    def stable(self, version: str) -> bool:
        status = self.okra.controllers.status()
        return status.get("stableVersion") == version and status["phase"] == "Synced"

    def block_by_hand(self) -> None:
        self.okra.kubectl("patch", "cell", "web", "--subresource=status", "--type=merge", "-p", BLOCKED)

    def command(self, verb: str) -> None:
        self.commands += 1
        text = json.dumps({"id": f"id-{self.commands}", "verb": verb, "by": "ann"})
        self.okra.kubectl("annotate", "cell", "web", "--overwrite", f"{COMMAND_ANNOTATION}={text}")

    def executed(self) -> bool:
        """In the status, and in an Event about it: that is written beside everything else."""
        counts = [
            (each.get("series") or {}).get("count", 1)
            for each in self.okra.controllers.events()
            if each["reason"] == "Command"
        ]
        done = [each["id"] for each in self.okra.controllers.status().get("commands", ())]
        return f"id-{self.commands}" in done and sum(counts) == self.commands

    def restart(self) -> None:
        last = self.okra.controllers.started[-1]
        last.terminate()
        assert last.wait() == 0
        self.start()

    def next_version(self) -> None:
        for arn in self.route.groups["1.2.0"]:
            self.world.tag(arn, {"role": self.role})

    def delete(self) -> None:
        self.okra.kubectl("delete", "cell", "web", "--wait=false")


def divided_by(world: AwsWorld, name: str) -> Route:
    return world.route({"1.0.0": 1, "1.1.0": 0}, name=name, replicas=1, targets=1)


def route_for(world: AwsWorld, role: str) -> Route:
    route = world.route({"1.0.0": 1, "1.1.0": 0, "1.2.0": 0}, name=role, replicas=2, targets=1)
    for version in ("1.0.0", "1.1.0"):
        for arn in route.groups[version]:
            world.tag(arn, {"role": role})
    return route


@pytest.fixture
def metrics() -> Iterator[str]:
    with Metrics(lambda: Answer(0.0)) as metrics:
        yield metrics.url


def test_all_that_the_roles_grant_is_used_and_nothing_more_is_asked_for(
    cluster: StrictCluster, aws_server: MotoServer, aws_world: AwsWorld, helm: Path, metrics: str, tmp_path: Path
) -> None:
    """With the chart's defaults: one role for the whole cluster, one for the controller's own namespace."""
    namespace = "everything"
    cluster.make_namespace(namespace)
    chart = rendered(helm, namespace)
    assert "ClusterRole" in [each["kind"] for each in chart]
    controllers = Controllers(cluster.control_plane, namespace, tmp_path, aws_server.environ)
    controllers.settings["OKRA_NAMESPACE"] = ""
    with closing(controllers):
        scenario = Scenario(
            Installed(controllers, chart),
            aws_world,
            route_for(aws_world, "web"),
            divided_by(aws_world, "divided"),
            "web",
            metrics,
        )
        walk(scenario)
    grants = granted(chart)
    assert used(cluster.requests(namespace), grants) == grants - OWNERS


def test_without_any_one_permission_okra_says_which_it_lacks_and_stays_up(
    cluster: StrictCluster, aws_server: MotoServer, aws_world: AwsWorld, helm: Path, metrics: str, tmp_path: Path
) -> None:
    chart = rendered(helm, NAMESPACE, f"scope.namespace={NAMESPACE}")
    lacking = sorted(granted(chart))
    assert OWNERS & {*lacking}
    routes = [route_for(aws_world, f"web-{number}") for number in range(len(lacking))]
    divided = [divided_by(aws_world, f"divided-{number}") for number in range(len(lacking))]

    def lane(number: int) -> str:
        namespace, missing = f"lacking-{number}", lacking[number]
        cluster.make_namespace(namespace)
        folder = tmp_path / namespace
        folder.mkdir()
        controllers = Controllers(cluster.control_plane, namespace, folder, aws_server.environ)
        with closing(controllers):
            okra = Installed(controllers, without(moved(chart, namespace), missing))
            arguments = () if missing.resource == "leases" else ("--no-leader-elect",)
            scenario = Scenario(okra, aws_world, routes[number], divided[number], f"web-{number}", metrics, arguments)
            return walk_without(missing, scenario)

    in_lanes(lane, len(lacking))
