"""First sight: what the route does now is taken as it is."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from okra.rollout.observation import Action, Observation, Problem
from okra.rollout.policy import RoutePolicy
from okra.rollout.state import Phase, RolloutKind, Step, StepKind
from okra.rollout.versions import UNKNOWN
from tests.rollout.cases import (
    FAST,
    NEW,
    OLD,
    at,
    cell,
    edit,
    ended,
    reasons,
    rollout,
    route,
    say,
    share,
    shown,
    writes,
)
from tests.rollout.process import Process
from tests.rollout.world import Group, On, World, policy, tg


def test_one_version_with_weight_is_stable_with_its_weights_as_they_are() -> None:
    p = cell(2, 0, weights={tg("a1"): 30, tg("a2"): 10})
    p.run(10)
    assert p.state.stable_version == OLD
    assert route(p).stable == {tg("a1"): 30, tg("a2"): 10}
    assert not writes(p)


def test_nothing_is_adopted_on_a_single_read() -> None:
    p = cell(1, 0)
    p.discover()
    p.settle()
    assert p.state.stable_version is None
    p.run(1.0)
    assert p.state.stable_version is None
    p.run(3.0)
    assert p.state.stable_version == OLD


def test_two_reads_that_differ_are_read_again() -> None:
    p = cell(2, 0)
    p.run(1.0)
    edit(p, a1=5)
    p.run(3.0)
    assert p.state.stable_version is None
    p.run(3.0)
    assert route(p).stable == {tg("a1"): 5, tg("a2"): 1}


@pytest.mark.parametrize(
    ("new_weight", "step", "plan_share"),
    [(1, 0, Fraction(1, 10)), (3, 0, Fraction(1, 4)), (4, 0, Fraction(2, 7)), (20, 1, Fraction(2, 3))],
)
def test_two_versions_go_on_at_the_share_of_the_newer_without_a_write(
    new_weight: int, step: int, plan_share: Fraction
) -> None:
    total = {1: 9, 3: 9, 4: 10, 20: 10}[new_weight]
    p = cell(1, 1, weights={tg("a1"): total, tg("b1"): new_weight}, checks=("c",))
    before = shown(p)
    p.world.verdicts = lambda check, token: None
    p.run(30)
    assert p.state.phase is Phase.STEP
    assert (rollout(p).step, rollout(p).current.share) == (step, plan_share)
    assert (p.state.stable_version, rollout(p).version) == (OLD, NEW)
    assert shown(p) == before
    assert not writes(p)


def test_an_adopted_share_is_checked_before_it_grows_and_the_plan_goes_on_from_there() -> None:
    p = cell(1, 1, weights={tg("a1"): 9, tg("b1"): 1}, checks=("c",))
    ended(p)
    assert p.state.stable_version == NEW
    shares = [Fraction(w["b1"], sum(w.values())) for w in writes(p) if "a1" in w]
    assert shares == [Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), Fraction(1)]


def test_pauses_at_an_adopted_share_happen_there() -> None:
    plan = (FAST[0], Step(StepKind.PAUSE, Fraction(1, 4), None), FAST[3])
    p = cell(1, 1, weights={tg("a1"): 5, tg("b1"): 5}, plan=plan)
    p.run(60)
    assert (share(p), rollout(p).current.kind) == (Fraction(1, 2), StepKind.PAUSE)


def test_an_uneven_adopted_canary_keeps_its_weights() -> None:
    p = cell(2, 2, weights={tg("a1"): 4, tg("a2"): 4, tg("b1"): 3, tg("b2"): 1}, checks=("c",))
    p.world.verdicts = lambda check, token: None
    p.run(30)
    assert shown(p) == {"a1": 4, "a2": 4, "b1": 3, "b2": 1}


@pytest.mark.parametrize(
    ("versions", "reason"),
    [((OLD, NEW, "2.0.0"), "AmbiguousTraffic"), ((OLD, "blue"), "AmbiguousTraffic")],
)
def test_more_or_unordered_versions_with_weight_wait_for_a_person(versions: tuple[str, ...], reason: str) -> None:
    world = World(routes={"r": {tg(v): 1 for v in versions}}, groups={tg(v): Group(v) for v in versions})
    p = Process(world, policy())
    p.run(60)
    assert p.state.condition.reason == reason
    assert not writes(p)


def test_routes_that_send_traffic_to_different_versions_wait_for_a_person() -> None:
    p = cell(1, 1, routes=("r", "s"))
    p.world.write("s", {tg("b1-s"): 1}, "person")
    p.run(60)
    assert p.state.condition.reason == "AmbiguousTraffic"
    assert "alike on every route" in p.state.condition.message


def test_target_groups_without_the_label_are_stable_of_an_unknown_version() -> None:
    p = cell(1, 1)
    p.world.groups[tg("a1")].version = None
    p.run(10)
    assert p.state.stable_version == UNKNOWN
    ended(p)
    assert p.state.stable_version == NEW


def test_a_newer_version_with_weight_that_is_blocked_is_taken_off() -> None:
    p = at(cell(1, 1), 1)
    ended(p)
    say(p, "rollback")
    ended(p)
    assert share(p) == 0
    p.world.write("r", {tg("a1"): 1, tg("b1"): 1}, "person")
    p.state = p.world.stored = replace(p.world.stored, stable_version=None)
    p.run(40)
    assert share(p) == 0
    assert p.state.stable_version == OLD


def test_groups_at_0_of_known_versions_are_retained_and_leave_in_the_end() -> None:
    p = cell(1, 0, weights={tg("a1"): 1, tg("z"): 0})
    p.world.add("0.9.0", "z")
    p.run(700)
    assert shown(p) == {"a1": 1}


def test_foreign_groups_at_0_are_kept() -> None:
    p = cell(1, 1, weights={tg("a1"): 1, tg("z"): 0})
    p.world.add(None, "z")
    ended(p)
    p.run(700)
    assert shown(p) == {"b1": 1, "z": 0}


@pytest.mark.parametrize("forward", [True, False])
def test_a_route_that_carries_nothing_gets_equal_weights_at_once(forward: bool) -> None:
    p = cell(2, 0, weights={tg("a1"): 0, tg("a2"): 0} if forward else {})
    if not forward:
        p.world.action = Action.REDIRECT
        p.policy = replace(p.policy, routes=(RoutePolicy("r", selects=On("r"), take_over=True),))
    ended(p)
    assert shown(p) == {"a1": 1, "a2": 1}
    assert rollout(p).kind is RolloutKind.FIRST
    assert p.state.stable_version == OLD
    assert p.state.previous_version is None


def test_the_first_placement_keeps_foreign_groups_while_there_is_room() -> None:
    p = cell(4, 0, weights={tg("z1"): 0, tg("z2"): 0})
    p.world.add(None, "z1", "z2")
    ended(p)
    assert shown(p) == {"a1": 1, "a2": 1, "a3": 1, "a4": 1, "z1": 0}


def test_the_first_placement_says_when_there_are_too_many_groups() -> None:
    p = cell(1, 0, weights={})
    p.world.add(OLD, *(f"x{i}" for i in range(5)))
    p.run(60)
    assert p.state.condition.reason == "NoRoomOnRoute"
    assert not writes(p)


def test_the_first_placement_waits_while_a_person_paused_and_without_groups() -> None:
    p = cell(1, 0, weights={tg("a1"): 0}, paused=True)
    p.run(60)
    assert (p.state.condition.reason, writes(p)) == ("Paused", [])
    p.policy = replace(p.policy, paused=False, replicas=2)
    p.run(60)
    assert (p.state.condition.reason, writes(p)) == ("WaitingForTargetGroups", [])
    p.policy = replace(p.policy, replicas=1)
    ended(p)
    assert shown(p) == {"a1": 1}


def test_a_pause_in_the_first_placement_stops_its_write() -> None:
    p = cell(1, 0, weights={tg("a1"): 0})
    p.until(lambda: p.state.rollout is not None)
    p.see(owners={})
    p.run(0.5)
    say(p, "pause")
    p.run(30)
    assert say(p, "resume") == "resumed"
    ended(p)
    assert shown(p) == {"a1": 1}


def test_a_first_placement_whose_groups_vanish_begins_anew() -> None:
    p = cell(1, 0, weights={})
    p.fault = lambda effect: "refused"
    p.until(lambda: p.state.moving)
    p.world.groups[tg("a1")].exists = False
    p.world.add(OLD, "x1")
    p.fault = lambda effect: None
    p.run(120)
    assert shown(p) == {"x1": 1}
    assert "refused" not in reasons(p)


def test_there_is_nothing_to_abort_in_a_first_placement() -> None:
    p = cell(1, 0, weights={})
    p.fault = lambda effect: "refused"
    p.until(lambda: p.state.moving)
    assert "nothing to go back to" in say(p, "abort")


@pytest.mark.parametrize("action", [Action.REDIRECT, Action.FIXED_RESPONSE, Action.UNSUPPORTED])
def test_a_route_that_does_not_forward_is_left_alone(action: Action) -> None:
    p = cell(1, 1, weights={})
    p.world.action = action
    p.run(60)
    expected = "UnsupportedAction" if action is Action.UNSUPPORTED else "RouteNotForward"
    assert (p.state.condition.reason, p.state.condition.permanent) == (expected, True)
    assert not writes(p)


def test_who_has_okra_replace_a_redirect_is_told_by_which_field() -> None:
    p = cell(1, 1, routes=("r", "s"))
    p.policy = replace(p.policy, routes=tuple(replace(each, place=f"spec.{each.key}") for each in p.policy.routes))
    p.world.action = Action.REDIRECT
    p.run(60)
    assert "or set spec.r.awsApplicationLoadBalancer.takeOver: true" in p.state.condition.message


def test_a_redirect_set_in_a_rollout_is_watched_and_not_written() -> None:
    p = at(cell(), Fraction(1, 2))
    p.world.action = Action.REDIRECT
    p.read()
    p.run(60)
    assert p.state.condition.reason == "RouteNotForward"
    assert p.wake is not None


def test_relabelled_stable_groups_are_adopted_anew() -> None:
    p = cell(2, 0)
    p.run(10)
    for name in ("a1", "a2"):
        p.world.groups[tg(name)].version = "1.5.0"
    p.run(60)
    assert p.state.stable_version == "1.5.0"
    assert not writes(p)


def test_another_owner_of_the_route_is_a_conflict_and_no_write() -> None:
    p = cell()
    p.world.owners["r"] = "okra/other/cell"
    p.run(60)
    assert p.state.condition.reason == "RouteConflict"
    assert not writes(p)


@pytest.mark.parametrize(
    ("owner", "called"),
    [
        ("okra/default/System/web", "System default/web of installation okra"),
        ("two/default/web", "Cell default/web of installation two"),
        ("somebody", "somebody"),
    ],
)
def test_whose_the_route_is_is_said_with_the_kinds_of_both(owner: str, called: str) -> None:
    p = cell()
    p.world.owners["r"] = owner
    p.run(60)
    said = p.state.condition.message
    assert f"is owned by {called} (tag okra.mumoshu.github.io/owner: {owner})," in said
    assert "and this is Cell default/web of installation okra." in said


def test_a_priority_that_names_another_rule_later_is_not_written() -> None:
    p = at(cell(), Fraction(1, 4))
    count = len(writes(p))
    p.state = p.world.stored = replace(
        p.world.stored, routes=tuple(replace(r, arn="arn:another") for r in p.world.stored.routes)
    )
    p.run(60)
    assert p.state.condition.reason == "RouteChanged"
    assert len(writes(p)) == count


def test_an_invalid_spec_makes_no_call() -> None:
    p = cell(problem=Problem("InvalidSpec", "spec.replicas: too many"))
    p.run(60)
    assert p.state.condition.reason == "InvalidSpec"
    assert all(type(effect).__name__ == "Persist" for effect in p.trace)


@pytest.mark.parametrize("key", ["", "r"])
@pytest.mark.parametrize("moving", [True, False])
def test_a_route_that_cannot_be_read_is_said(key: str, moving: bool) -> None:
    p = at(cell(), Fraction(1, 4)) if moving else cell()
    p.see(problems={key: Problem("AccessDenied", "Grant elasticloadbalancing:DescribeRules.")})
    p.advance()
    while p.pending:
        p.advance()
    assert p.state.condition.reason == "AccessDenied"
    assert (p.wake is not None) == moving or p.obs == Observation()


def test_a_process_that_begins_in_a_rollout_reads_the_routes_first() -> None:
    p = at(cell(), Fraction(1, 4))
    p.restart()
    p.settle()
    assert p.obs.readings
    p.restart()
    p.blind = True
    p.run(30)
    assert p.state.condition.reason == "Unavailable"
    assert share(p) == Fraction(1, 4)
