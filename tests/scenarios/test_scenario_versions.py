"""A newer version in mid-rollout, and a pin that goes back and forth."""

from __future__ import annotations

import pytest

from okra.testing.aws_world import AwsWorld, Route
from tests.scenarios.conftest import Observe
from tests.scenarios.manifests import cell, steps
from tests.scenarios.okra_process import Okra

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]


def with_later(world: AwsWorld, route: Route, version: str) -> Route:
    """The route, and an unattached group of a version that nobody can discover yet."""
    arn = world.target_group("web-later", version=version, targets=1)
    return Route(
        route.listener_arn, route.arn, route.load_balancer_arn, {**route.groups, version: [arn]}, route.priority
    )


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("20%", {"1.1.0": [0, 20, 0], "1.2.0": [0, 20, 60, 100]}),
        ("60%", {"1.1.0": [0, 20, 60, 100, 80, 40, 0], "1.2.0": [0, 20, 60, 100]}),
    ],
    ids=["below half: begin with the newer", "above half: finish first"],
)
def test_a_newer_version_in_mid_rollout(
    world: AwsWorld, okra: Okra, observe: Observe, at: str, expected: dict[str, list[int]]
) -> None:
    made = world.route({"1.0.0": 1, "1.1.0": 0}, replicas=1, targets=1, tags={"role": "web"})
    route = with_later(world, made, "1.2.0")
    okra.write(cell("web", route, updateStrategy=steps(20, 60, each="3s")))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("weight") == at)
    world.tag(route.groups["1.2.0"][0], {"role": "web"})
    assert process.wait() == 0, process.said
    assert {version: seen.percents(version) for version in expected} == expected
    seen.assert_fit_for_a_load_balancer()
    status = okra.status()
    assert (status["phase"], status["stableVersion"], status["blockedVersions"]) == ("Synced", "1.2.0", [])


def test_a_pin_goes_back_in_mid_rollout_and_forth_again(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    slow = steps(20, 60, each="3s")
    okra.write(cell("web", route, updateStrategy=slow))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("weight") == "20%")
    okra.write(cell("web", route, updateStrategy=slow, version="1.0.0"))
    assert process.wait() == 0, process.said
    assert seen.percents("1.1.0") == [0, 20, 0]
    status = okra.status()
    assert (status["phase"], status["stableVersion"], status["blockedVersions"]) == ("Synced", "1.0.0", [])
    okra.write(cell("web", route, updateStrategy=steps(20, 60), version="1.1.0"))
    code, process = okra.run()
    assert code == 0, process.said
    assert seen.percents("1.1.0") == [0, 20, 0, 20, 60, 100]
    okra.write(cell("web", route, updateStrategy=steps(20, 60), version="1.0.0"))
    code, process = okra.run()
    assert code == 0, process.said
    assert seen.percents("1.1.0") == [0, 20, 0, 20, 60, 100, 0], "an older version: one step"
    assert okra.status()["stableVersion"] == "1.0.0"


def test_a_pin_without_target_groups_waits_and_says_so(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    okra.write(cell("web", route, version="3.0.0"))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: "3.0.0" in status.get("message", ""))
    process.end()
    assert len(seen.seen) == 1
    assert "3.0.0" in okra.status()["message"]
