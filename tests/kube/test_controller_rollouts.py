"""`okra controller` with nothing but a kubeconfig: a Cell that kubectl applies is rolled out, or put back."""

from __future__ import annotations

import json

import pytest

from okra.testing.aws_world import AwsWorld
from tests.kube.controller_process import PATIENCE, Controllers, shows
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import cell, steps
from tests.scenarios.observer import Observer

pytestmark = [pytest.mark.timeout(400)]

FINALIZER = "okra.mumoshu.github.io/rollout"
SLOW = steps(20, 40, each="120s")
"""A rollout that stays at 20 % for as long as a test takes."""


def test_a_cell_that_kubectl_applies_is_rolled_out_and_can_be_waited_for(
    aws_world: AwsWorld, controllers: Controllers
) -> None:
    route = aws_world.route(tags={"role": "web"})
    seen = Observer(aws_world.url, route)
    controllers.start("--no-leader-elect")
    controllers.apply(cell("web", route, replicas=2))
    controllers.until(lambda status: status.get("rollout"))
    controllers.kubectl("wait", "--for=condition=Ready", "cell/web", "--timeout=90s", timeout=PATIENCE + 10)
    assert (controllers.status()["phase"], controllers.status()["stableVersion"]) == ("Synced", "1.1.0")
    assert seen.percents("1.1.0") == list(range(0, 101, 10))
    shown = controllers.kubectl("get", "cells", "web").split()
    assert {"PHASE", "STABLE", "Synced", "1.1.0"} <= set(shown)
    reasons = [event["reason"] for event in controllers.events()]
    assert {"RolloutStarted", "GatePassed", "RolloutCompleted"} <= set(reasons)


def test_the_finalizer_is_there_while_a_rollout_moves_and_goes_with_its_end(
    aws_world: AwsWorld, controllers: Controllers
) -> None:
    route = aws_world.route(tags={"role": "web"})
    controllers.start("--no-leader-elect")
    controllers.apply(cell("web", route, replicas=2, updateStrategy=SLOW))
    controllers.until(shows("20%"))
    assert controllers.find()["metadata"]["finalizers"] == [FINALIZER]
    controllers.command("abort")
    controllers.until(lambda status: status.get("reason") == "RolledBack")
    eventually(lambda: controllers.find()["metadata"].get("finalizers", []), lambda found: found == [])


def test_a_cell_that_is_deleted_in_mid_rollout_takes_its_weights_back_first(
    aws_world: AwsWorld, controllers: Controllers
) -> None:
    route = aws_world.route(tags={"role": "web"})
    seen = Observer(aws_world.url, route)
    controllers.start("--no-leader-elect")
    controllers.apply(cell("web", route, replicas=2, updateStrategy=SLOW))
    controllers.until(shows("20%"))
    controllers.kubectl("delete", "cell", "web", "--timeout=90s", timeout=PATIENCE + 10)
    assert seen.share_of(route.groups["1.1.0"], seen.last()) == 0
    assert "okra.mumoshu.github.io/owner" not in aws_world.tags(route.arn)


def test_the_pause_of_all_cells_holds_each_and_says_how_it_ends(aws_world: AwsWorld, controllers: Controllers) -> None:
    route = aws_world.route(tags={"role": "web"})
    controllers.pause("true")
    controllers.start("--no-leader-elect")
    controllers.apply(cell("web", route, replicas=2))
    message = controllers.until(lambda status: status.get("phase") == "Paused")["message"]
    assert f"the ConfigMap {controllers.namespace}/okra" in message
    controllers.kubectl(*message.partition("kubectl ")[2].replace("'", "").split())
    controllers.until(lambda status: status.get("stableVersion") == "1.1.0")


def test_read_only_says_what_it_would_write_and_writes_nothing(aws_world: AwsWorld, controllers: Controllers) -> None:
    route = aws_world.route(tags={"role": "web"})
    before = aws_world.weights(route.arn)
    controller = controllers.start("--no-leader-elect", "--read-only")
    controllers.apply(cell("web", route, replicas=2))
    status = controllers.until(lambda status: status.get("reason") == "ReadOnly")
    assert "Would set" in status["message"]
    eventually(lambda: controller.get("/metrics")[1].count("DescribeTargetHealth"), bool)
    assert aws_world.weights(route.arn) == before
    assert "okra.mumoshu.github.io/owner" not in aws_world.tags(route.arn)


def test_an_invalid_cell_that_got_past_the_schema_is_said_and_costs_no_call(
    aws_world: AwsWorld, controllers: Controllers
) -> None:
    """Replicas that an ALB can't hold: only Okra knows."""
    route = aws_world.route(tags={"role": "web"})
    made = cell("web", route, replicas=1)
    made["spec"]["checks"] = [{"name": "dd", "analysis": {"query": "errors", "max": 1}}]
    controllers.start("--no-leader-elect")
    controllers.apply(made)
    status = controllers.until(lambda status: status.get("phase") == "Invalid")
    assert "spec.checks[0].analysis.provider" in status["message"]
    ready = next(each for each in status["conditions"] if each["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "InvalidSpec")


def test_verbs_from_the_command_line_reach_a_cell_of_the_cluster(aws_world: AwsWorld, controllers: Controllers) -> None:
    route = aws_world.route(tags={"role": "web"})
    controllers.start("--no-leader-elect")
    controllers.apply(cell("web", route, replicas=2, updateStrategy=SLOW))
    controllers.until(shows("20%"))
    paused = controllers.cli("pause", "web")
    assert (paused.returncode, paused.stdout) == (
        0,
        "cell/web: paused: nothing is raised; checks and health still revert\n",
    )
    assert f"namespace {controllers.namespace}" in paused.stderr
    assert controllers.cli("pause", "web").returncode == 1
    assert controllers.cli("pause", "nobody").returncode == 2
    got = controllers.cli("get", "-n", controllers.namespace, "-o", "json", "--kubeconfig", str(controllers.admin()))
    assert [each["metadata"]["name"] for each in json.loads(got.stdout)] == ["web"]
    assert got.stderr == ""
    said = controllers.cli("status", "web", "-n", controllers.namespace).stdout
    assert "Phase     Paused (Paused)" in said
    assert "RolloutStarted" in said
    controllers.cli("abort", "web", "--context", "okra-test")
    status = controllers.until(lambda status: status["rollout"]["outcome"] == "Failed")
    assert (status["reason"], [each["version"] for each in status["blockedVersions"]]) == ("RolledBack", ["1.1.0"])
    controllers.until(lambda status: "Paused by a person" in status["message"])  # said beside it, a moment later
    assert sum(aws_world.weights(route.arn)[arn] for arn in route.groups["1.1.0"]) == 0
