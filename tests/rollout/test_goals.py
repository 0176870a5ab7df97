"""An ALB: from one distribution to another, where a group may be on both sides."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okra.rollout import moves, retreat
from okra.rollout.distribution import progress, version_of
from okra.rollout.observation import Action, Problem, Write, WriteOutcome
from okra.rollout.policy import OnDrift
from okra.rollout.rest import Rest
from okra.rollout.state import Outcome, Phase, RouteState
from okra.rollout.status import from_status, to_status
from okra.rollout.turn import Turn
from okra.rollout.weights import blend, shares
from tests.rollout.cases import edit, ended, failure, reasons, rollout, route, say, shown, writes
from tests.rollout.goals import aimed, alb, divided, failed, halfway, name_of
from tests.rollout.world import tg

F = Fraction
HALF = F(1, 2)
MIXED, WANTED = {"a": 5, "b": 2, "d": 3}, {"a": 2, "b": 5, "c": 3}
"""`b` gains on what it had, `c` is new, `d` leaves."""


# -- the weights on the way --------------------------------------------------------------------------------------------

SIDE = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 999), min_size=1).filter(lambda w: any(w.values()))
WAY = st.fractions(min_value=0, max_value=1, max_denominator=100)


@given(WAY, SIDE, SIDE)
def test_weights_on_the_way_are_near_the_line_between_both_ends(
    way: Fraction, stable: dict[str, int], goal: dict[str, int]
) -> None:
    weights = blend(way, stable, goal, 999)
    assert all(0 <= weight <= 999 for weight in weights.values())
    begin, end, now = shares(stable), shares(goal), shares(weights)
    for arn, share in now.items():
        assert abs(share - begin.get(arn, F(0)) * (1 - way) - end.get(arn, F(0)) * way) < F(5, 999)
    assert {arn: w for arn, w in weights.items() if w} == {arn: w for arn, w in goal.items() if w} or way < 1
    assert {arn: w for arn, w in weights.items() if w} == {arn: w for arn, w in stable.items() if w} or way > 0


SMALL = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 30), min_size=1).filter(lambda w: any(w.values()))


@given(WAY, SMALL, SMALL)
def test_no_group_is_ever_beyond_its_two_ends(way: Fraction, stable: dict[str, int], goal: dict[str, int]) -> None:
    begin, end, now = shares(stable), shares(goal), shares(blend(way, stable, goal, 999))
    for arn, share in now.items():
        assert min(begin.get(arn, 0), end.get(arn, 0)) <= share <= max(begin.get(arn, 0), end.get(arn, 0))


def test_where_the_nearest_integers_would_go_beyond_an_end_others_are_taken() -> None:
    stable, goal = {"a": 140, "b": 454, "c": 406}, {"a": 186, "b": 486, "c": 459}
    begin, end, now = shares(stable), shares(goal), shares(blend(F(9, 10), stable, goal, 999))
    assert all(min(begin[arn], end[arn]) <= now[arn] <= max(begin[arn], end[arn]) for arn in now)


def test_a_share_that_stays_and_that_no_smaller_integers_can_say_is_the_nearest() -> None:
    weights = blend(F(1, 2), {"a": 998, "b": 997, "c": 999}, {"a": 999, "b": 997, "c": 998}, 600)
    assert max(weights.values()) == 600


def test_a_distribution_is_called_by_its_shares_alone() -> None:
    names = {version_of(weights) for weights in ({"a": 1, "b": 3}, {"b": 6, "a": 2, "c": 0}, {"a": 1, "b": 2})}
    assert len(names) == 2
    assert all(name.isalpha() and name.islower() and len(name) == 8 for name in names)


# -- there -------------------------------------------------------------------------------------------------------------


def test_each_step_is_a_part_of_the_way_and_the_end_is_exact() -> None:
    p = ended(alb(MIXED, WANTED))
    steps = {F(weights["c"], sum(weights.values())) for weights in writes(p)}
    assert steps == {F(3 * k, 40) for k in range(5)}
    assert shown(p) == {"a": 2, "b": 5, "d": 0, "c": 3}
    assert (p.state.stable_version, rollout(p).outcome) == (name_of(WANTED), Outcome.SYNCED)
    assert set(route(p).retained) == {tg("d")}
    p.run(700.0)
    assert shown(p) == WANTED
    assert (p.rest, p.state.condition.message) == (Rest.SYNCED, f"The traffic is divided as {name_of(WANTED)} says.")


def test_what_is_divided_as_wanted_is_left_alone() -> None:
    p = alb({"a": 4, "b": 10, "c": 6}, WANTED)
    p.run(100.0)
    assert writes(p) == []
    assert (p.rest, p.state.rollout, p.state.stable_version) == (Rest.SYNCED, None, name_of(WANTED))


def test_a_group_of_weight_0_in_the_end_is_attached_and_stays() -> None:
    p = ended(alb({"a": 1, "d": 1}, {"a": 0, "b": 1, "c": 0}))
    p.run(700.0)
    assert shown(p) == {"a": 0, "b": 1, "c": 0}
    assert p.state.phase is Phase.IDLE


def test_nothing_carries_traffic_and_the_goal_is_there_at_once() -> None:
    p = ended(alb({"a": 0, "d": 0}, WANTED))
    assert {name: weight for name, weight in writes(p)[0].items() if weight} == WANTED
    p = alb({"a": 1}, WANTED)
    p.world.action = Action.REDIRECT
    p.run(60.0)
    assert p.state.condition.reason == "RouteNotForward"
    p.policy = aimed(p.policy, WANTED, take_over=True)
    p.run(60.0)
    assert shown(p) == WANTED


def test_a_destination_that_is_missing_is_waited_for_by_its_name() -> None:
    p = alb({"a": 1}, {"a": 1, "b": 1})
    p.world.groups[tg("b")].exists = False
    p.run(60.0)
    assert p.state.condition.reason == "WaitingForTargetGroups"
    assert tg("b") in p.state.condition.message
    p.world.groups[tg("b")].exists = True
    ended(p)
    assert divided(p) == {"a": F(1, 2), "b": F(1, 2)}


@pytest.mark.parametrize("shown_first", [{"a": 1, "b": 1, "c": 1}, {"a": 1}])
def test_what_carries_traffic_and_what_is_to_must_fit_together(shown_first: dict[str, int]) -> None:
    p = alb(shown_first, {"x": 1, "y": 1, "z": 1, "u": 1, **({} if "b" in shown_first else {"v": 1})})
    p.run(60.0)
    assert p.state.condition.reason == "NoRoomOnRoute"
    assert set(divided(p)) == set(shown_first)


def test_where_no_group_of_before_is_left_nobody_takes_what_the_goal_does_not_have_yet() -> None:
    p = halfway(alb({"a": 1}, {"b": 1}))
    reading = replace(p.obs.readings["r"], weights={tg("b"): 1})
    gone = Write(route(p).serial, WriteOutcome.REFUSED, p.world.tick(), Problem("NotFound", "No such group."), 1)
    p.see(readings={"r": reading}, writes={"r": gone})
    turn = Turn(p.policy, p.state, p.obs, p.world.tick())
    assert moves.toward(turn, p.policy.routes[0], route(p), F(1, 4)).waits == "NoRoomOnRoute"


def test_a_group_that_gains_is_healthy_before_and_given_up_after_health_timeout_also_where_it_has_traffic() -> None:
    p = alb({"a": 3, "b": 1}, {"a": 1, "b": 3})
    p.world.groups[tg("b")].healthy = 0
    p.run(60.0)
    assert (p.state.phase, p.state.condition.reason) == (Phase.GATE, "WaitingForHealth")
    ended(p)
    assert (failure(p), shown(p), p.state.blocked) == ("HealthTimeout", {"a": 3, "b": 1}, ())


# -- back --------------------------------------------------------------------------------------------------------------


def test_a_failed_check_puts_back_exactly_what_was_there_and_blocks_the_distribution() -> None:
    p = ended(failed(alb(MIXED, WANTED)))
    assert {name: weight for name, weight in shown(p).items() if weight} == MIXED
    assert p.state.is_blocked(name_of(WANTED))
    assert (route(p).goal, route(p).canary, set(route(p).retained)) == ({}, (), {tg("c")})
    p.run(700.0)
    assert shown(p) == MIXED
    assert p.rest is Rest.FAILED


def test_what_one_that_cannot_serve_had_goes_to_the_others_and_none_that_failed_gets_more() -> None:
    """`d` is dead: of what it had `a` gets all, `b` not more than it had before."""
    p = ended(failed(alb(MIXED, WANTED, health_timeout=20.0), d=0))
    assert divided(p) == {"a": F(4, 5), "b": F(1, 5)}
    assert "StableDegraded" in reasons(p)
    p.world.groups[tg("d")].healthy = 2
    p.run(100.0)
    assert divided(p) == shares_of(MIXED)


def shares_of(weights: dict[str, int]) -> dict[str, Fraction]:
    return dict(shares(weights))


def test_where_only_groups_that_gained_can_serve_the_traffic_stays_and_is_watched() -> None:
    p = failed(alb({"a": 1, "b": 1}, {"b": 1}), a=0)
    p.run(80.0)
    assert (p.state.phase, p.state.condition.reason) == (Phase.REVERT, "NoHealthyStable")
    assert divided(p) == {"a": F(1, 4), "b": F(3, 4)}
    p.world.groups[tg("a")].healthy = 2
    ended(p)
    assert shown(p) == {"a": 1, "b": 1}


def test_where_nothing_is_known_to_serve_the_stable_weights_of_what_is_attached_are_right() -> None:
    p = failed(alb(MIXED, WANTED), a=0, b=0, c=0, d=0)
    p.run(80.0)
    assert divided(p) == shares_of(MIXED)


def test_a_canary_that_was_put_below_what_it_had_is_not_raised_by_the_first_write_of_a_revert() -> None:
    p = halfway(alb(MIXED, WANTED))
    edit(p, a=9, b=1, c=0, d=0)
    p.run(20.0)
    assert p.state.hold is not None
    say(p, "abort")
    first = next(each for each in writes(p)[::-1] if sum(each.values()))
    assert first is not None
    ended(p)
    assert divided(p) == shares_of(MIXED)


def test_the_first_write_takes_off_and_gives_no_group_more_than_it_had() -> None:
    p = halfway(alb(MIXED, WANTED))
    reading = replace(p.obs.readings["r"], weights={tg("a"): 98, tg("b"): 1, tg("c"): 1, tg("d"): 0})
    p.see(readings={"r": reading})
    weights = retreat.retreat(Turn(p.policy, p.state, p.obs, p.world.tick()), route(p))
    assert weights is not None
    assert shares(weights)[tg("b")] <= F(1, 100)
    assert weights[tg("c")] == 0


def test_a_group_of_both_sides_is_not_detached_for_being_dead() -> None:
    p = failed(alb({"a": 1, "b": 1}, {"a": 1, "b": 3}), b=0)
    p.until(lambda: p.state.phase is Phase.REVERT)
    p.run(5.0)
    assert shown(p) == {"a": 1, "b": 0}
    assert all("b" in weights for weights in writes(p))


# -- people ------------------------------------------------------------------------------------------------------------


def test_an_edit_on_the_way_goes_back_and_then_to_what_is_wanted_now() -> None:
    p = halfway(alb({"a": 1}, {"b": 1}, "c"))
    p.policy = aimed(p.policy, {"c": 1})
    p.until(lambda: p.state.rollouts == 2)
    ended(p)
    assert "Superseded" in reasons(p)
    assert divided(p) == {"c": 1}
    back = next(n for n, weights in enumerate(writes(p)) if weights.get("c"))
    assert {name: weight for name, weight in writes(p)[back - 1].items() if weight} == {"a": 1}


def test_a_destination_that_vanishes_on_the_way_ends_it_without_a_block() -> None:
    p = halfway(alb({"a": 1}, {"b": 1}))
    p.missing = {tg("b")}
    p.discover()
    ended(p)
    assert (failure(p), p.state.blocked) == ("Withdrawn", ())


def test_somebodys_weights_at_rest_are_kept_until_somebody_says_to_go_on() -> None:
    p = ended(alb({"a": 1}, {"a": 1, "b": 1}))
    edit(p, a=9, b=1)
    p.run(60.0)
    assert divided(p) == {"a": F(9, 10), "b": F(1, 10)}
    assert p.state.hold is not None
    say(p, "resume")
    p.until(lambda: p.state.rollouts == 2)
    ended(p)
    assert divided(p) == {"a": F(1, 2), "b": F(1, 2)}


def test_weight_on_what_failed_or_on_nobodys_is_put_back() -> None:
    p = ended(failed(alb({"a": 3, "b": 1}, {"a": 1, "b": 3})))
    edit(p, a=1, b=3)
    p.run(60.0)
    assert divided(p) == {"a": F(3, 4), "b": F(1, 4)}
    p.world.add(None, "stray")
    edit(p, stray=5)
    p.run(60.0)
    assert divided(p) == {"a": F(3, 4), "b": F(1, 4)}


def test_a_person_who_raises_a_group_that_gains_is_put_back_and_one_who_lowers_it_is_kept() -> None:
    p = halfway(alb({"a": 3, "b": 1}, {"a": 1, "b": 3}))
    edit(p, a=1, b=9)
    p.run(60.0)
    assert divided(p) == {"a": F(1, 2), "b": F(1, 2)} or divided(p)["b"] <= F(3, 4)
    p = halfway(alb({"a": 3, "b": 1}, {"a": 1, "b": 3}))
    edit(p, a=2, b=1)
    p.run(60.0)
    assert divided(p) == {"a": F(2, 3), "b": F(1, 3)}
    assert p.state.hold is not None


def test_traffic_that_somebody_gave_to_nobodys_goes_back_and_what_gains_stays_as_low_as_it_was_put() -> None:
    p = halfway(alb(MIXED, WANTED))
    p.world.add(None, "stray")
    edit(p, a=0, b=2, c=1, d=0, stray=7)
    p.run(60.0)
    now = divided(p)
    assert "stray" not in now
    assert (now["b"], now["c"]) == (F(1, 5), F(1, 10))


def test_reasserted_weights_are_put_back_whatever_they_are() -> None:
    p = ended(alb({"a": 1}, {"a": 1, "b": 1}, on_drift=OnDrift.REASSERT))
    edit(p, a=9, b=1)
    p.run(60.0)
    assert divided(p) == {"a": F(1, 2), "b": F(1, 2)}


def test_the_former_weights_are_the_specs_to_name() -> None:
    p = ended(alb({"a": 1}, {"b": 1}))
    assert "its spec says who gets how much" in say(p, "rollback")


def test_the_goal_survives_the_way_through_status() -> None:
    p = halfway(alb(MIXED, WANTED))
    status = to_status(p.state, {}, 1, p.world.now)
    assert status["weight"] == "50%"
    assert from_status(status).routes[0].goal == {tg(name): weight for name, weight in WANTED.items()}


def test_progress_ends_where_the_way_does() -> None:
    on = RouteState("r", stable={"a": 1, "b": 1}, canary=("b",), goal={"a": 1, "b": 3})
    assert [progress(on, {"a": 10 - w, "b": w}) for w in (0, 5, 9)] == [0, 0, 1]
    assert progress(on, {"a": 3, "b": 5}) == F(1, 2)
