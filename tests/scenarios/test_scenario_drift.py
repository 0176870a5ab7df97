"""Weights changed by hand in mid-rollout: a person who lowers the canary's share is obeyed, one who raises it isn't."""

from __future__ import annotations

import pytest

from okra.testing.aws_world import AwsWorld
from tests.scenarios.conftest import Observe
from tests.scenarios.manifests import cell, steps
from tests.scenarios.okra_process import Okra

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]


def test_a_share_lowered_by_hand_is_kept_and_never_raised_again(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    old, new = route.groups["1.0.0"][0], route.groups["1.1.0"][0]
    okra.write(cell("web", route, updateStrategy=steps(40, 60, each="4s")))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("weight") == "40%")
    world.set_weights(route.arn, {old: 95, new: 5})
    status = okra.until(lambda status: status.get("phase") == "Paused")
    assert status["held"]["reason"] == "WeightsDrifted"
    process.looks(5)
    process.end()
    assert seen.percents("1.1.0") == [0, 40, 5]
    assert seen.last() == {old: 95, new: 5}, "kept to the letter"
    process = okra.start()
    process.looks(5)
    process.end()
    assert seen.percents("1.1.0") == [0, 40, 5], "a new process doesn't raise it either"
    okra.command("resume")
    code, process = okra.run()
    assert code == 0, process.said
    assert seen.percents("1.1.0") == [0, 40, 5, 40, 60, 100]


def test_traffic_taken_wholly_off_the_canary_by_hand_stays_off(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    old = route.groups["1.0.0"][0]
    okra.write(cell("web", route, updateStrategy=steps(40, each="4s")))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("weight") == "40%")
    world.set_weights(route.arn, {old: 1})
    okra.until(lambda status: (status.get("held") or {}).get("reason") == "WeightsDrifted")
    process.looks(5)
    process.end()
    assert seen.percents("1.1.0") == [0, 40, 0]


def test_a_share_raised_by_hand_is_put_back_and_the_step_begins_again(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    old, new = route.groups["1.0.0"][0], route.groups["1.1.0"][0]
    okra.write(cell("web", route, updateStrategy=steps(20, 60, each="3s")))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("weight") == "20%")
    world.set_weights(route.arn, {old: 10, new: 90})
    process.until("WeightsPutBack")
    assert process.wait() == 0, process.said
    assert seen.percents("1.1.0") == [0, 20, 90, 20, 60, 100]


def test_traffic_given_to_a_blocked_version_by_hand_is_taken_off_again(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    old, new = route.groups["1.0.0"][0], route.groups["1.1.0"][0]
    okra.write(cell("web", route, updateStrategy=steps(20, each="10s")))
    seen = observe(route)
    process = okra.start(OKRA_REREAD_AFTER_REVERT="500ms,8s")
    okra.until(lambda status: status.get("weight") == "20%")
    okra.command("abort")
    okra.until(lambda status: status.get("phase") == "Failed")
    world.set_weights(route.arn, {old: 1, new: 1})
    assert process.wait() == 1, process.said
    assert seen.percents("1.1.0") == [0, 20, 0, 50, 0]
