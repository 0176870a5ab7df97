"""Somebody else changes the weights: respected, or put back."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from okra.rollout.effects import Effect, SetWeights
from okra.rollout.observation import Action, Verdict
from okra.rollout.policy import OnDrift, OnFailure, RoutePolicy
from okra.rollout.state import DRIFTED, Outcome, Phase
from tests.rollout.cases import (
    NEW,
    OLD,
    at,
    cell,
    edit,
    ended,
    failing,
    once,
    reasons,
    rollout,
    route,
    say,
    share,
    shown,
    writes,
)
from tests.rollout.process import DROPPED, LATE
from tests.rollout.world import On, canary_plan, tg

HALF = Fraction(1, 2)
SLOW = canary_plan(25, 100, 120.0)


def held(p: object) -> str | None:
    hold = p.state.hold  # type: ignore[attr-defined]
    return hold.reason if hold else None


@pytest.mark.parametrize("to", [{"a1": 9, "b1": 1}, {"a1": 1, "b1": 0}])
def test_traffic_that_a_person_takes_off_the_canary_stays_off(to: dict[str, Any]) -> None:
    p = at(cell(checks=("c",)), HALF)
    edit(p, **to)
    p.run(3600)
    assert shown(p) == to
    assert held(p) == DRIFTED
    assert "okra resume web" in p.state.condition.message


def test_one_read_alone_is_no_drift() -> None:
    p = at(cell(plan=SLOW), HALF)
    p.read({"r": {tg("a1"): 9, tg("b1"): 1}})
    p.settle()
    assert held(p) is None
    p.run(20)
    assert held(p) is None


def test_two_stale_reads_of_the_same_moment_are_no_drift() -> None:
    p = at(cell(plan=SLOW), HALF)
    p.stale_by = 2.9
    p.restart()
    p.run(60)
    assert held(p) is None


def test_traffic_given_to_the_canary_is_put_back() -> None:
    p = at(cell(plan=SLOW), Fraction(1, 4))
    edit(p, a1=1, b1=9)
    p.run(15)
    assert (share(p), held(p)) == (Fraction(1, 4), None)
    assert "WeightsPutBack" in reasons(p)


def test_traffic_given_to_a_group_nobody_knows_is_put_back() -> None:
    p = at(cell(plan=SLOW), HALF)
    p.world.add(None, "z")
    edit(p, z=2)
    p.run(16)
    assert (shown(p)["z"], share(p), held(p)) == (0, Fraction(1, 4), DRIFTED)


def test_at_a_hundred_percent_what_a_person_took_off_stays_off_too() -> None:
    p = at(cell(bake_time=1000.0), 1)
    p.world.add(None, "z")
    p.run(1.0)
    edit(p, z=9)
    p.run(20)
    assert (shown(p)["z"], share(p)) == (0, Fraction(1, 10))


def test_traffic_given_back_to_the_attached_previous_version_is_respected_at_rest() -> None:
    p = cell()
    ended(p)
    edit(p, a1=1, b1=0)
    p.run(3600)
    assert shown(p) == {"a1": 1, "b1": 0}
    assert held(p) == DRIFTED
    say(p, "resume")
    p.run(20)
    assert p.state.stable_version == OLD


def test_a_person_who_goes_back_halfway_and_resumes_begins_a_rollout_there() -> None:
    p = cell(checks=("c",))
    ended(p)
    edit(p, a1=1, b1=1)
    p.run(60)
    assert held(p) == DRIFTED
    p.world.verdicts = lambda check, token: None
    say(p, "resume")
    p.run(30)
    assert (p.state.stable_version, rollout(p).version, share(p)) == (OLD, NEW, HALF)


def test_traffic_given_to_a_blocked_version_at_rest_is_put_back() -> None:
    p = at(cell(), HALF)
    say(p, "abort")
    ended(p)
    p.run(120)
    edit(p, a1=1, b1=1)
    p.run(45)
    assert share(p) == 0


def test_traffic_given_back_to_a_version_that_was_rolled_back_from_is_put_back() -> None:
    p = ended(cell(retain_for=10_000.0))
    say(p, "rollback")
    p.until(lambda: p.state.stable_version == OLD)
    assert p.state.previous_version == NEW
    edit(p, a1=1, b1=1)
    p.run(60)
    assert (share(p), held(p)) == (0, None)


@pytest.mark.parametrize("on_drift", OnDrift)
def test_a_stopped_canary_that_a_person_lowers_stays_there(on_drift: OnDrift) -> None:
    p = at(cell(checks=("c",), on_failure=OnFailure.STOP, on_drift=on_drift, plan=SLOW), HALF)
    failing(NEW)(p)
    p.until(lambda: p.state.phase is Phase.STOPPED)
    edit(p, a1=9, b1=1)
    p.run(60)
    assert share(p) == Fraction(1, 10)


@pytest.mark.parametrize("to", [{"a1": 1, "b1": 0}, {"a1": 0, "b1": 1}])
def test_reassert_puts_everything_back(to: dict[str, Any]) -> None:
    p = at(cell(plan=SLOW, on_drift=OnDrift.REASSERT), HALF)
    edit(p, **to)
    p.run(20)
    assert (share(p), held(p)) == (HALF, None)


def test_what_was_measured_before_a_drift_is_no_evidence_after_it() -> None:
    p = cell(checks=("c",))
    p.world.verdicts = lambda check, token: None
    at(p, Fraction(1, 4))
    p.run(10)
    token = p.obs.requested
    edit(p, a1=1, b1=9)
    p.run(16)
    assert rollout(p).token != token
    p.until(lambda: p.obs.requested != token)
    assert share(p) == Fraction(1, 4)


def test_resume_goes_on_at_the_share_where_the_person_left_it() -> None:
    p = at(cell(plan=canary_plan(25, 100, 30.0)), Fraction(3, 4))
    edit(p, a1=7, b1=3)
    p.run(60)
    count = len(writes(p))
    say(p, "resume")
    p.run(10)
    assert (rollout(p).current.share, len(writes(p))) == (Fraction(3, 10), count)
    at(p, HALF)
    at(p, 1)


def test_resume_with_nothing_left_on_the_canary_begins_at_the_gate() -> None:
    p = at(cell(), HALF)
    edit(p, a1=1, b1=0)
    p.run(60)
    say(p, "retry")
    at(p, Fraction(1, 4))


def test_after_a_drift_while_it_bakes_resume_goes_on_with_steps() -> None:
    p = at(cell(bake_time=1000.0), 1)
    p.until(lambda: p.state.phase is Phase.BAKE)
    edit(p, a1=1, b1=1)
    p.run(60)
    assert held(p) == DRIFTED
    say(p, "promote")
    p.run(1.0)
    p.until(lambda: p.state.phase is Phase.IDLE)
    assert (share(p), p.state.stable_version) == (1, NEW)


def test_a_canary_left_at_a_share_is_still_checked() -> None:
    p = at(cell(checks=("c",)), HALF)
    edit(p, a1=9, b1=1)
    p.run(60)
    failing(NEW)(p)
    ended(p)
    assert (share(p), p.state.is_blocked(NEW)) == (0, True)


def test_a_verdict_about_a_canary_without_traffic_is_ignored_after_an_abort_by_hand() -> None:
    p = cell(checks=("c",))
    p.world.verdicts = lambda check, token: None
    at(p, Fraction(1, 4))
    p.run(10)
    edit(p, a1=1, b1=0)
    p.run(30)
    p.deliver("c", Verdict.FAILED)
    p.run(30)
    assert held(p) == DRIFTED
    assert p.state.blocked == ()


def test_a_recorded_failure_outranks_drift() -> None:
    p = at(cell(checks=("c",)), HALF)
    failing(NEW)(p)
    p.fault = lambda effect: DROPPED if hasattr(effect, "weights") else None
    p.until(lambda: rollout(p).failure is not None)
    edit(p, a1=1, b1=5)
    p.run(30)
    p.fault = lambda effect: None
    ended(p)
    assert share(p) == 0


def test_a_canary_group_that_a_person_detaches_counts_as_an_abort() -> None:
    p = at(cell(2, 2, plan=SLOW), HALF)
    p.world.write("r", {arn: w for arn, w in p.world.routes["r"].items() if arn != tg("b2")}, "person")
    p.run(120)
    assert held(p) == DRIFTED
    assert "b2" not in shown(p)


def test_members_at_0_that_come_and_go_are_no_drift() -> None:
    p = at(cell(plan=SLOW, retain_for=10_000.0), HALF)
    p.world.add(None, "z")
    edit(p, z=0)
    p.run(30)
    assert held(p) is None
    ended(p)
    p.world.write("r", {tg("b1"): 1, tg("z"): 0}, "person")
    p.run(60)
    assert (shown(p), held(p)) == ({"b1": 1, "z": 0}, None)


def test_what_cannot_serve_is_not_put_back() -> None:
    p = at(cell(plan=SLOW), HALF)
    p.world.groups[tg("a1")].healthy = 0
    edit(p, a1=1, b1=9)
    p.run(25)
    assert (share(p), p.state.condition.reason) == (Fraction(9, 10), "NoHealthyStable")


def test_a_group_that_cannot_serve_is_left_out_when_the_rest_is_put_back() -> None:
    p = at(cell(2, 2, plan=SLOW), HALF)
    p.world.groups[tg("a1")].healthy = 0
    edit(p, a1=0, a2=1, b1=9, b2=9)
    p.run(25)
    assert {k: v for k, v in shown(p).items() if v} == {"a2": 1}
    assert rollout(p).outcome is Outcome.RUNNING


def test_our_own_write_that_lands_late_is_not_taken_for_a_persons() -> None:
    p = at(cell(checks=("c",)), Fraction(1, 4))
    p.fault = once(LATE)
    p.until(lambda: bool(p.late))
    at(p, Fraction(3, 4))
    p.world.verdicts = lambda check, token: None
    p.land()
    p.run(30)
    assert (share(p), held(p)) == (Fraction(3, 4), None)


def test_a_raise_that_was_paused_before_it_was_written_is_given_up() -> None:
    p = at(cell(), Fraction(1, 4))
    p.fault = lambda effect: DROPPED if hasattr(effect, "weights") else None
    p.until(lambda: p.obs.writes["r"].failures > 0)
    say(p, "pause")
    p.fault = lambda effect: None
    p.run(120)
    assert share(p) == Fraction(1, 4)
    say(p, "resume")
    at(p, 1)


def test_a_raise_whose_group_became_unhealthy_is_given_up_until_it_is_healthy() -> None:
    p = cell(health_timeout=1000.0)

    def fault(effect: Effect) -> str | None:
        if isinstance(effect, SetWeights) and effect.weights.get(tg("b1")):
            p.world.groups[tg("b1")].healthy = 0
            p.read_health([tg("b1")])
            return DROPPED
        return None

    p.fault = fault
    p.until(lambda: "r" in p.obs.writes and p.obs.writes["r"].failures > 0)
    p.fault = lambda effect: None
    p.run(60)
    assert share(p) == 0
    assert p.state.condition.reason == "WaitingForHealth"
    p.world.groups[tg("b1")].healthy = 2
    at(p, 1)


def test_a_taken_over_route_that_somebody_makes_a_redirect_again_is_left_so() -> None:
    p = cell(2, 0, weights={})
    p.policy = replace(p.policy, routes=(RoutePolicy("r", selects=On("r"), take_over=True),))
    ended(p)
    p.world.write("r", {}, "person")
    p.world.action = Action.REDIRECT
    p.run(200)
    assert (shown(p), held(p)) == ({}, DRIFTED)
    say(p, "resume")
    p.run(30)
    assert shown(p) == {"a1": 1, "a2": 1}


@pytest.mark.parametrize("lost", [False, True])
def test_the_canary_does_not_gain_what_a_vanished_stable_group_had_when_weights_are_put_back(lost: bool) -> None:
    """Or when our own write, which never arrived, is made again."""
    p = at(cell(2, 2, plan=canary_plan(50, 100, 20.0)), HALF)
    weights = {tg("a1"): 0, tg("b1"): 1, tg("b2"): 1}
    if lost:
        p.see(writes={})
        p.state = replace(p.state, routes=(replace(route(p), confirmed_at=None, basis=weights),))
    p.world.write("r", weights, "person")
    p.world.groups[tg("a2")].exists = False
    p.discover()
    count = len(writes(p))
    p.until(lambda: shown(p)["a1"] > 0, within=30)
    assert writes(p)[count] == {"a1": 2, "b1": 1, "b2": 1}


@pytest.mark.parametrize("also_there", [{}, {"b1": 0}])
def test_a_stable_group_that_somebody_detached_is_attached_again_before_it_gets_its_traffic_back(
    also_there: dict[str, int],
) -> None:
    p = cell(retain_for=60.0)
    ended(p)
    p.run(600)
    assert shown(p) == {"b1": 1}
    p.world.write("r", {tg(name): weight for name, weight in ({"a1": 1} | also_there).items()}, "terraform")
    p.see(may_write=False)
    p.run(60)
    assert p.state.condition.reason in ("ReadOnly", "WaitingForHealth")
    assert share(p, OLD) == 1
    p.see(may_write=True)
    p.run(60)
    assert {name: weight for name, weight in shown(p).items() if weight} == {"b1": 1}
    p.run(120)
    assert p.state.condition.reason == "Synced"


def test_a_stable_group_that_somebody_detached_waits_for_a_place_on_the_route() -> None:
    p = cell(retain_for=60.0)
    ended(p)
    p.run(600)
    others = {tg(name): 0 for name in ("x1", "x2", "x3", "x4")}
    p.world.write("r", {tg("a1"): 1} | others, "terraform")
    p.run(60)
    assert p.state.condition.reason == "NoRoomOnRoute"
    p.world.write("r", {tg("a1"): 1}, "terraform")
    p.run(60)
    assert {name: weight for name, weight in shown(p).items() if weight} == {"b1": 1}
