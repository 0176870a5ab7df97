"""What is rare: several misfortunes at once."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from okra.rollout.effects import SetWeights
from okra.rollout.observation import Problem
from okra.rollout.policy import OnFailure
from okra.rollout.state import DRIFTED, Outcome, Phase
from tests.rollout.cases import (
    NEW,
    NEWER,
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
from tests.rollout.world import canary_plan, tg

HALF = Fraction(1, 2)
SLOW = canary_plan(25, 100, 120.0)


def test_a_late_write_is_not_put_right_onto_a_group_that_cannot_serve() -> None:
    p = at(cell(), Fraction(1, 4))
    p.fault = once(LATE)
    p.until(lambda: bool(p.late))
    say(p, "abort")
    ended(p)
    p.run(5.0)
    p.world.groups[tg("a1")].healthy = 0
    p.land()
    p.read()
    p.read_health([tg("a1"), tg("b1")])
    p.settle()
    assert (share(p), p.state.condition.reason) == (HALF, "WaitingForHealth")
    p.world.groups[tg("a1")].healthy = 1
    p.run(60)
    assert share(p) == 0


def test_nothing_is_adopted_before_the_first_discovery() -> None:
    p = cell()
    p.read()
    p.world.now += 10
    p.read()
    p.settle()
    assert p.state.stable_version is None


def test_a_single_version_without_digits_needs_no_order() -> None:
    p = cell(1, 0)
    p.world.groups[tg("a1")].version = "blue"
    p.run(60)
    assert (p.state.stable_version, p.state.condition.reason) == ("blue", "Synced")


def test_a_stable_group_retagged_to_a_newer_version_is_no_newcomer() -> None:
    p = cell(2, 0, replicas=1)
    p.run(10)
    p.world.groups[tg("a2")].version = NEW
    p.run(100)
    assert (p.state.rollout, shown(p)) == (None, {"a1": 1, "a2": 1})


def test_stop_holds_a_joiner_too() -> None:
    p = cell(1, 0, checks=("c",), on_failure=OnFailure.STOP)
    failing(OLD)(p)
    p.run(10)
    p.world.add(OLD, "a2")
    p.run(100)
    assert (p.state.phase, p.state.blocked) == (Phase.STOPPED, ())


def test_a_second_edit_by_hand_is_kept_as_well() -> None:
    p = at(cell(plan=SLOW), HALF)
    edit(p, a1=3, b1=1)
    p.run(30)
    edit(p, a1=9, b1=1)
    p.run(30)
    assert share(p) == Fraction(1, 10)
    assert p.state.hold is not None
    assert p.state.hold.reason == DRIFTED


def test_a_new_process_asks_whose_the_route_is_before_it_puts_anything_back() -> None:
    p = at(cell(plan=SLOW), Fraction(1, 4))
    edit(p, a1=1, b1=9)
    p.world.owners["r"] = "okra/other/cell"
    p.restart()
    p.run(60)
    assert (share(p), p.state.condition.reason) == (Fraction(9, 10), "RouteConflict")


def test_what_was_taken_away_for_good_cannot_be_put_back() -> None:
    p = at(cell(plan=SLOW), HALF)
    p.world.write("r", {tg("b1"): 1}, "person")
    p.world.groups[tg("a1")].exists = False
    p.due = 0.0
    p.run(60)
    assert (shown(p), p.state.hold and p.state.hold.reason) == ({"b1": 1}, DRIFTED)


def test_read_only_puts_nothing_back() -> None:
    p = at(cell(plan=SLOW), Fraction(1, 4))
    p.see(may_write=False)
    edit(p, a1=1, b1=9)
    p.run(60)
    assert (share(p), p.state.condition.reason) == (Fraction(9, 10), "ReadOnly")


def test_what_was_set_aside_and_vanishes_is_not_watched() -> None:
    p = cell(health_timeout=30.0, retain_for=0.0, drain_timeout=0.0)
    p.world.groups[tg("b1")].healthy = 0
    ended(p)
    p.run(100)
    p.world.groups[tg("b1")].exists = False
    p.run(600)
    assert rollout(p).number == 1
    assert p.state.set_aside


def test_the_targets_of_what_was_set_aside_unseen_are_learned_and_do_not_start_it() -> None:
    p = at(cell(retain_for=0.0, drain_timeout=0.0), HALF)
    say(p, "abort")
    ended(p)
    p.run(100)
    assert "b1" not in shown(p)
    p.restart()
    p.discover()
    p.settle()
    say(p, "unblock")
    p.run(200)
    assert p.state.set_aside[0].targets
    assert share(p) == 0
    p.world.groups[tg("b1")].revision = 1
    at(p, 1)


def test_where_no_order_of_writes_leads_to_the_next_share_it_is_said() -> None:
    """Three places, two old groups, one new one: the second new one has no place before an old one is overloaded."""
    weights = {tg("a1"): 3, tg("a2"): 3, tg("b1"): 2}
    p = cell(2, 2, weights=weights, replicas=4, plan=canary_plan(75, 100, 5.0))
    p.policy = replace(p.policy, routes=(replace(p.policy.routes[0], places=3),))
    p.run(100)
    assert (share(p), p.state.condition.reason) == (Fraction(1, 4), "NoRoomOnRoute")


def test_a_revert_that_finds_its_places_taken_ends_without_the_exact_weights() -> None:
    p = cell(3, 3, health_timeout=30.0)
    p.run(1.0)
    p.until(lambda: share(p) == Fraction(3, 4))
    p.fault = lambda effect: DROPPED if isinstance(effect, SetWeights) else None
    say(p, "abort")
    p.world.add(None, "z1", "z2", "z3")
    stable = next(arn for arn in p.world.routes["r"] if "/a" in arn)
    p.world.write("r", {stable: 1, tg("b1"): 9, tg("z1"): 0, tg("z2"): 0, tg("z3"): 0}, "person")
    p.read()
    p.fault = lambda effect: None
    ended(p)
    assert {arn for arn, weight in p.world.routes["r"].items() if weight} == {stable}
    assert "StableDegraded" in reasons(p)


def test_a_revert_without_any_attached_stable_group_waits() -> None:
    p = at(cell(plan=SLOW), HALF)
    p.fault = lambda effect: DROPPED if isinstance(effect, SetWeights) else None
    say(p, "abort")
    p.world.groups[tg("b1")].healthy = 0
    p.world.write("r", {tg("b1"): 1}, "person")
    p.run(60)
    p.fault = lambda effect: None
    p.run(60)
    assert (shown(p), p.state.condition.reason) == ({"b1": 1}, "NoHealthyStable")


def test_a_revert_goes_on_before_the_first_discovery() -> None:
    p = at(cell(2, 2), HALF)
    p.fault = lambda effect: DROPPED if isinstance(effect, SetWeights) else None
    say(p, "abort")
    p.restart()
    p.fault = lambda effect: None
    p.read()
    p.settle()
    assert p.obs.groups is None
    assert share(p) == 0


def test_a_deadline_never_ends_a_first_placement() -> None:
    p = cell(1, 0, weights={}, progress_deadline=5.0, deadline_reverts=True)
    p.fault = lambda effect: "refused" if isinstance(effect, SetWeights) else None
    p.run(100)
    assert (p.state.phase, rollout(p).outcome) == (Phase.STEP, Outcome.RUNNING)


def test_rolling_back_over_a_blocked_version_keeps_its_reason() -> None:
    p = cell()
    ended(p)
    p.world.add(NEWER, "c1")
    p.until(lambda: rollout(p).version == NEWER and share(p, NEWER) > 0)
    say(p, "abort")
    ended(p)
    p.world.add("2.0.0", "d1")
    p.until(lambda: p.state.stable_version == "2.0.0")
    say(p, "rollback", OLD)
    p.run(60)
    why = {block.version: block.reason for block in p.state.blocked}
    assert why[NEWER] == "Rollout of 1.2.0 aborted by ann."
    assert why["2.0.0"].startswith("Rolled back")


def test_an_unlabelled_stable_group_that_is_gone_does_not_hold_up_the_revert() -> None:
    """Groups without the label aren't discovered: only AWS's answer tells that one exists no more."""
    p = cell(3, 3)
    for name in ("a1", "a2", "a3"):
        p.world.groups[tg(name)].version = None
    p.run(1.0)
    p.until(lambda: share(p) == Fraction(3, 4))
    gone = next(name for name in ("a1", "a2", "a3") if name not in shown(p))
    p.world.groups[tg(gone)].exists = False
    say(p, "abort")
    ended(p)
    assert {k for k, v in shown(p).items() if v} == {"a1", "a2", "a3"} - {gone}
    assert tg(gone) not in route(p).stable


def test_a_rollout_of_a_hundred_percent_from_an_uneven_side_has_room() -> None:
    p = cell(3, 3, weights={tg("a1"): 8, tg("a2"): 1, tg("a3"): 1}, plan=canary_plan(50, 100, 5.0))
    ended(p)
    assert share(p) == 1
    assert writes(p)
    assert replace(p.state).stable_version == NEW


def test_a_route_that_is_back_inexactly_is_said_once_however_long_the_others_take() -> None:
    p = at(cell(2, 2, routes=("r", "s"), plan=SLOW, health_timeout=20.0), HALF)
    for name in ("a2", "a1-s", "a2-s"):
        p.world.groups[tg(name)].healthy = 0
    p.run(12.0)
    say(p, "abort")
    p.run(300)
    assert (share(p), share(p, key="s"), p.state.phase) == (0, HALF, Phase.REVERT)
    assert "StableDegraded" not in reasons(p)
    for name in ("a1-s", "a2-s"):
        p.world.groups[tg(name)].healthy = 2
    ended(p)
    assert reasons(p).count("StableDegraded") == 1


def test_a_joiner_displaces_nobody() -> None:
    p = cell(4, 0, weights={tg(f"a{i}"): 1 for i in (1, 2, 3, 4)} | {tg("z"): 0})
    p.world.add(None, "z")
    p.run(10)
    p.world.add(OLD, "a5")
    p.run(600)
    assert p.state.rollout is None
    assert shown(p) == {"a1": 1, "a2": 1, "a3": 1, "a4": 1, "z": 0}


def test_a_deleted_cell_whose_spec_makes_no_sense_is_let_go() -> None:
    p = cell(problem=Problem("InvalidSpec", "spec.replicas: too many"))
    p.see(deleting=True)
    p.run(1.0)
    assert p.released


def test_a_read_back_that_fails_says_why_the_step_waits() -> None:
    p = at(cell(), Fraction(1, 4))
    p.until(lambda: rollout(p).step == 1)
    p.fault = lambda effect: setattr(p, "blind", p.blind or isinstance(effect, SetWeights))
    p.run(30)
    assert p.state.condition.reason == "Unavailable"
    p.blind = False
    p.fault = lambda effect: None
    ended(p)
    assert share(p) == 1


def test_what_is_put_back_names_no_group_that_is_gone() -> None:
    p = cell()
    ended(p)
    p.world.add(None, "z")
    p.world.write("r", {tg("b1"): 1, tg("z"): 9}, "person")
    p.world.groups[tg("a1")].exists = False  # discovery comes later
    p.due = p.world.now + 30.0
    p.read()
    p.run(80)
    assert shown(p) == {"b1": 1, "z": 0}


def test_where_all_that_could_be_put_back_is_gone_a_person_decides() -> None:
    p = cell(1, 0)
    p.run(10)
    p.world.add(None, "z")
    p.world.write("r", {tg("z"): 9}, "person")
    p.world.groups[tg("a1")].exists = False
    p.run(100)
    assert shown(p) == {"z": 9}
    assert all(any(weights.values()) for weights in writes(p))


def test_a_lost_write_whose_groups_are_gone_is_not_made_again() -> None:
    p = cell()
    ended(p)
    p.world.add(None, "z")
    p.fault = lambda effect: DROPPED if isinstance(effect, SetWeights) else None
    p.world.write("r", {tg("a1"): 0, tg("b1"): 1, tg("z"): 9}, "person")
    p.run(40)
    p.fault = lambda effect: None
    p.world.write("r", {tg("a1"): 0, tg("z"): 9}, "person")
    p.world.groups[tg("b1")].exists = False
    p.restart()
    p.run(100)
    assert not shown(p).get("b1")
    assert all(any(weights.values()) for weights in writes(p))


def test_where_only_the_canary_could_take_the_rest_a_person_decides() -> None:
    p = at(cell(bake_time=1000.0), 1)
    p.until(lambda: p.state.phase is Phase.BAKE)
    p.world.add(None, "z")
    p.world.write("r", {tg("b1"): 9, tg("z"): 1}, "person")
    p.world.groups[tg("a1")].exists = False
    p.due = 0.0
    p.run(60)
    assert shown(p) == {"b1": 9, "z": 1}
    assert p.state.hold is not None


def test_a_stable_group_that_a_person_emptied_and_detached_is_not_attached_again() -> None:
    p = cell(2, 0)
    p.run(10)
    p.world.write("r", {tg("a1"): 1}, "person")
    p.run(60)
    p.world.groups[tg("a2")].exists = False
    p.world.add(NEW, "b1", "b2")
    ended(p)
    assert share(p) == 1
    assert all("a2" not in weights for weights in writes(p))


def test_a_rollout_goes_on_without_a_stable_group_that_was_drained_detached_and_deleted() -> None:
    p = at(cell(2, 2, checks=()), Fraction(1, 4))
    edit(p, a1=6, a2=0)
    p.until(lambda: p.state.hold is not None)
    p.world.write("r", {arn: weight for arn, weight in p.world.routes["r"].items() if weight}, "person")
    p.world.groups[tg("a2")].exists = False
    p.run(30)
    say(p, "resume")
    p.until(lambda: p.state.stable_version == NEW, within=300)
    assert shown(p) == {"a1": 0, "b1": 1, "b2": 1}
