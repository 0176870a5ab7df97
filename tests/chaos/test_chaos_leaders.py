"""Replicas in mid-rollout: the leader goes, however it goes, and another one comes to the same end."""

from __future__ import annotations

import pytest

from okra.app.writes import LANDS_WITHIN
from okra.testing.aws_world import AwsWorld
from tests.kube.controller_process import PATIENCE, Controller, Controllers
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import cell, steps
from tests.scenarios.observer import Observer

pytestmark = [pytest.mark.timeout(600)]

PLAN = [20, 40, 60, 80]
END = [0, *PLAN, 100]
STEP = "3s"
"""Of each weight: who is to be gone at 20 % can't come too late for it."""


@pytest.fixture
def observer(aws_world: AwsWorld, controllers: Controllers) -> Observer:
    """Of the route of a Cell that is there, and that nobody looks after yet."""
    route = aws_world.route(tags={"role": "web"})
    controllers.apply(cell("web", route, replicas=2, updateStrategy=steps(*PLAN, each=STEP)))
    return Observer(aws_world.url, route)


def leading(controllers: Controllers, others: int) -> list[Controller]:
    """A leader, and those who stand by, in no order."""
    leader = controllers.start()
    leader.until("TermBegun")
    standby = [controllers.start() for _ in range(others)]
    for each in standby:
        each.ready(leads=False)
    return [leader, *standby]


def reach(observer: Observer, percent: int) -> None:
    eventually(lambda: observer.percents("1.1.0"), lambda seen: percent in seen, within=PATIENCE)


def assert_rolled_out(controllers: Controllers, observer: Observer) -> None:
    status = controllers.until(lambda status: status.get("stableVersion") == "1.1.0")
    assert (status["phase"], status["rollouts"]) == ("Synced", 1)
    assert observer.percents("1.1.0") == END
    eventually(lambda: controllers.find()["metadata"].get("finalizers", []), lambda found: found == [])

    def told() -> tuple[int, int]:
        """In Events: these are written beside everything else."""
        reasons = [event["reason"] for event in controllers.events()]
        return reasons.count("RolloutStarted"), reasons.count("RolloutCompleted")

    eventually(told, lambda seen: seen == (1, 1))


def test_leaders_that_are_killed_one_after_the_other_leave_the_rollout_to_the_next(
    controllers: Controllers, observer: Observer
) -> None:
    first, *others = leading(controllers, others=2)
    reach(observer, 20)
    first.kill()
    second = eventually(lambda: next((each for each in others if each.entries("TermBegun")), None))
    assert second is not None
    reach(observer, 60)
    second.kill()
    assert_rolled_out(controllers, observer)
    (third,) = (each for each in others if each is not second)
    assert third.leads()
    assert controllers.lease()["spec"]["leaseTransitions"] == 2


def test_a_leader_that_is_told_to_stop_lets_the_next_one_write_without_waiting_for_its_lease(
    controllers: Controllers, observer: Observer
) -> None:
    controllers.settings["OKRA_LEASE_DURATION"] = "8s"
    first, second = leading(controllers, others=1)
    reach(observer, 20)
    first.terminate()
    assert first.wait() == 0, first.text
    term = second.until("TermBegun")
    assert term["writesIn"] <= LANDS_WITHIN
    assert_rolled_out(controllers, observer)


def test_a_leader_that_freezes_in_mid_step_past_its_lease_and_thaws_changes_nothing(
    controllers: Controllers, observer: Observer
) -> None:
    first, second = leading(controllers, others=1)
    reach(observer, 20)
    first.freeze()
    second.until("TermBegun")
    reach(observer, 60)
    first.thaw()
    assert_rolled_out(controllers, observer)
    first.until("TermEnded", stopping=False)
    assert (first.leads(), second.leads()) == (False, True)
