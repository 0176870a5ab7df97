"""SIGKILL of the controller between any two effects: a new one, on the same API server, comes to the same end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from okra.testing.aws_world import AwsWorld
from tests.chaos.lanes import REGIONS, Done, Rollout
from tests.kube.controller_process import Controllers
from tests.scenarios.manifests import error_rate, steps
from tests.scenarios.metrics import Answer, Metrics

pytestmark = [pytest.mark.timeout(1200)]

FEWEST = 60
"""Boundaries that a ten-step rollout has at least: ten times record, write, read, confirm, and what is around them."""
FEWEST_IN_A_REVERT = 15
TEN_STEPS = [(100 - percent, percent) for percent in range(0, 101, 10)]


def test_a_kill_between_any_two_effects_of_ten_steps_leads_to_the_same_end(
    aws_world: AwsWorld, controllers: Controllers
) -> None:
    def done(status: Mapping[str, Any]) -> bool:
        return status.get("phase") == "Synced" and status.get("stableVersion") == "1.1.0"

    def judge(rollout: Rollout) -> None:
        assert rollout.shares == TEN_STEPS
        assert rollout.world.weights(rollout.rule) == {rollout.old: 0, rollout.new: 1}
        assert rollout.object["status"]["rollouts"] == 1

    assert walk_all(aws_world, controllers, {}, done, judge) >= FEWEST


def test_a_kill_between_any_two_effects_of_a_revert_leads_to_the_same_end(
    aws_world: AwsWorld, controllers: Controllers
) -> None:
    def done(status: Mapping[str, Any]) -> bool:
        return status.get("phase") == "Failed" and status.get("reason") == "RolledBack"

    def judge(rollout: Rollout) -> None:
        assert rollout.shares == [(100, 0), (50, 50), (100, 0)]
        status = rollout.object["status"]
        assert (status["stableVersion"], status["rollouts"]) == ("1.0.0", 1)
        assert [block["version"] for block in status["blockedVersions"]] == ["1.1.0"]

    with Metrics(lambda: Answer(0.9)) as metrics:
        spec = {"updateStrategy": steps(50), "checks": [error_rate(metrics.url)]}
        assert walk_all(aws_world, controllers, spec, done, judge) >= FEWEST_IN_A_REVERT


def walk_all(
    world: AwsWorld, controllers: Controllers, spec: dict[str, Any], done: Done, judge: Callable[[Rollout], None]
) -> int:
    """The first boundary at which a rollout had come to its end before the kill came. Each has a rollout of its own."""
    boundaries, past = count(), list[int]()

    def walk(region: str) -> None:
        with AwsWorld(world.url, region=region) as own:
            listener = own.listener(own.load_balancer("kills"))
            while not past:
                boundary = next(boundaries)
                rollout = Rollout.begin(controllers, own, listener, boundary, **spec)
                killed = False
                try:
                    killed = kill_at(rollout, boundary, done, judge)
                finally:
                    past.extend(() if killed else (boundary,))  # a failure ends the other lanes too

    with ThreadPoolExecutor(len(REGIONS)) as lanes:
        list(lanes.map(walk, REGIONS))
    return min(past)


def kill_at(rollout: Rollout, boundary: int, done: Done, judge: Callable[[Rollout], None]) -> bool:
    """One rollout, killed after so many effects and continued. False: it had come to its end before that."""
    try:
        killed = rollout.live_until_killed(boundary, done)
        with rollout.looked_after():
            rollout.until_done(done)
        judge(rollout)
    except AssertionError as error:
        raise AssertionError(f"killed at boundary {boundary}: {error}\n{rollout.said()}") from error
    return killed
