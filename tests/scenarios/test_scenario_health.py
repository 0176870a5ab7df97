"""Groups that can't serve get nothing; too few groups of a version don't start it."""

from __future__ import annotations

import pytest

from okra.testing.aws_world import AwsWorld
from tests.scenarios.conftest import Observe
from tests.scenarios.manifests import cell, steps
from tests.scenarios.okra_process import Okra

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]


def test_one_unhealthy_new_group_keeps_the_whole_version_from_traffic(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    route = world.route(replicas=2, tags={"role": "web"})
    before = world.weights(route.arn)
    world.set_health(route.groups["1.1.0"][1], 0)
    okra.write(cell("web", route, replicas=2, healthTimeout="3s"))
    seen = observe(route)
    code, process = okra.run()
    assert code == 1, process.said
    assert seen.percents("1.1.0") == [0]
    seen.assert_fit_for_a_load_balancer()
    after = world.weights(route.arn)
    assert {arn: weight for arn, weight in after.items() if weight} == before
    assert route.groups["1.1.0"][1] not in after, "a dead group must not stay attached"
    status = okra.status()
    assert (status["phase"], status["stableVersion"], status["blockedVersions"]) == ("Failed", "1.0.0", [])
    assert route.groups["1.1.0"][1].split("/")[1] in status["message"]


def test_a_version_that_was_not_healthy_starts_again_when_its_targets_changed(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    new = route.groups["1.1.0"][0]
    world.set_health(new, 0)
    okra.write(cell("web", route, healthTimeout="2s", updateStrategy=steps(50)))
    assert okra.run()[0] == 1
    assert okra.run()[0] == 1, "the same targets are no reason to try again"
    world.set_health(new, 2)
    world.register(new, "10.0.9.9:80")
    seen = observe(route)
    code, process = okra.run()
    assert code == 0, process.said
    assert seen.percents("1.1.0") == [0, 50, 100]


def test_too_few_groups_of_a_newer_version_are_said_and_the_cell_stays_synced(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    route = world.route(replicas=2, tags={"role": "web"})
    world.untag(route.groups["1.1.0"][1], "role")
    okra.write(cell("web", route, replicas=2))
    seen = observe(route)
    code, process = okra.run()
    assert code == 0, process.said
    assert len(seen.seen) == 1, "nothing is attached, nothing moves"
    status = okra.status()
    assert (status["phase"], status["stableVersion"]) == ("Synced", "1.0.0")
    assert "1.1.0" in status["message"]
    assert "1 of 2" in status["message"]
    assert status["message"] in process.out


def test_a_canary_that_turns_unhealthy_in_mid_rollout_is_taken_off_and_blocked(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    before = world.weights(route.arn)
    okra.write(cell("web", route, updateStrategy=steps(20, 40, 60, each="10s")))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("weight") == "20%")
    world.set_health(route.groups["1.1.0"][0], 0)
    assert process.wait() == 1, process.said
    assert seen.percents("1.1.0") == [0, 20, 0]
    assert {arn: weight for arn, weight in world.weights(route.arn).items() if weight} == before
    status = okra.status()
    assert [block["version"] for block in status["blockedVersions"]] == ["1.1.0"]
    assert (status["phase"], status["stableVersion"]) == ("Failed", "1.0.0")
