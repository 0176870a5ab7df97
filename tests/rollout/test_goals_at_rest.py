"""An ALB whose traffic is where it was wanted, or back where it was: what people and edits of the spec do then."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from okra.rollout.distribution import progress
from okra.rollout.effects import Effect, SetWeights
from okra.rollout.policy import bare
from okra.rollout.rest import Rest
from okra.rollout.state import Failure, Hold, Phase, RouteState
from okra.rollout.weights import shares
from tests.rollout.cases import edit, ended, failing, failure, once, rollout, route, say, shown
from tests.rollout.goals import aimed, alb, divided, failed, halfway, name_of
from tests.rollout.world import canary_plan, tg

F = Fraction
NOBODY = Hold("", "", 0.0)
NOTHING = Failure("", "", 0.0)


def test_a_first_placement_that_was_withdrawn_leaves_no_way_behind() -> None:
    """Its write had no answer, arrived, and is what the ALB takes as stable. A write at rest that has no answer either
    is made again: how far it goes is asked then."""
    p = alb({"a": 0, "d": 0}, {"b": 1, "c": 1})
    p.fault = once("lost")
    p.until(lambda: sum(p.world.routes["r"].values()) > 0)
    p.missing = {tg("b")}
    p.discover()
    p.run(80.0)
    assert (route(p).goal, route(p).canary, p.state.stable_version) == ({}, (), name_of({"b": 1, "c": 1}))
    p.world.add(None, "stray")
    edit(p, stray=9)
    p.fault = lost
    p.run(60.0)
    p.fault = lambda effect: None
    p.run(60.0)
    assert divided(p) == {"b": F(1, 2), "c": F(1, 2)}


def lost(effect: Effect) -> str | None:
    return "dropped" if isinstance(effect, SetWeights) else None


def test_on_a_way_that_ends_where_it_begins_nothing_goes_forward() -> None:
    on = RouteState("r", stable={"a": 1, "b": 1}, goal={"a": 1, "b": 1})
    assert progress(on, {"a": 1, "b": 3}) == 0


def test_a_person_who_gives_the_traffic_back_by_hand_is_kept() -> None:
    """To what had it before, which is still attached; all that this was, and not one group of it alone."""
    for weights in ({"a": 1, "b": 0}, {"a": 1, "b": 1}):
        p = ended(alb({"a": 1, "d": 1}, {"b": 1}))
        edit(p, "r", **weights)
        p.run(60.0)
        assert divided(p) == {name: share for name, share in shares(weights).items() if share}
        assert (p.state.hold or NOBODY).reason == "WeightsDrifted"
    say(p, "resume")
    p.until(lambda: p.state.rollouts == 2)
    assert divided(ended(p)) == {"b": 1}


def test_by_hand_nobody_feeds_what_failed() -> None:
    p = ended(failed(alb({"a": 1}, {"a": 1, "b": 1})))
    assert set(route(p).retained) == {tg("b")}
    edit(p, b=1)
    p.run(60.0)
    assert divided(p) == {"a": 1}


# -- edits of the spec -------------------------------------------------------------------------------------------------


def test_an_edit_that_names_another_route_and_is_taken_back_leaves_an_alb_where_it_was() -> None:
    """Until its owner tag is off the former route, it keeps that, and no goal of it."""
    p = ended(alb({"a": 1}, {"a": 1, "b": 1}))
    good = p.policy
    p.policy = replace(good, routes=(replace(bare("r"), selects=lambda _: False),))
    p.run(60.0)
    p.policy = good
    p.run(60.0)
    assert (p.state.stable_version, p.state.rollouts) == (name_of({"a": 1, "b": 1}), 1)
    assert (p.rest, p.state.condition.reason) == (Rest.SYNCED, "Synced")


# -- destinations of weight 0 ------------------------------------------------------------------------------------------


def test_a_destination_of_weight_0_without_targets_is_not_attached() -> None:
    """At 0 it could take the load balancer out of DNS."""
    p = alb({"a": 1}, {"a": 1, "b": 1, "c": 0})
    p.world.groups[tg("c")].registered = p.world.groups[tg("c")].healthy = 0
    p.run(30.0)
    assert "c" not in shown(p)
    assert p.state.condition.reason == "WaitingForTargets"
    assert "c (0 of 0 targets healthy, 1 needed)" in p.state.condition.message
    p.world.groups[tg("c")].registered = p.world.groups[tg("c")].healthy = 1
    assert shown(ended(p)) == {"a": 1, "b": 1, "c": 0}


def test_what_was_attached_at_0_for_weights_that_failed_is_let_go() -> None:
    p = ended(failed(alb({"a": 1}, {"a": 1, "b": 1, "c": 0})))
    p.run(700.0)
    assert shown(p) == {"a": 1}


def test_what_was_attached_at_0_is_let_go_when_the_spec_names_it_no_more() -> None:
    p = ended(alb({"a": 1}, {"a": 1, "b": 1, "c": 0}))
    p.policy = aimed(p.policy, {"a": 1, "b": 2})
    p.until(lambda: p.state.rollouts == 2)
    ended(p)
    assert set(route(p).retained) == {tg("c")}
    p.run(700.0)
    assert shown(p) == {"a": 1, "b": 2}


# -- how many healthy targets ------------------------------------------------------------------------------------------


def test_a_group_that_has_traffic_and_gains_needs_a_part_of_its_own_targets() -> None:
    """Of a large group's it could never have as many."""
    p = alb({"a": 9, "b": 1}, {"a": 8, "b": 2}, plan=canary_plan(50, 100, 60.0))
    for name, targets in (("a", 100), ("b", 12)):
        p.world.groups[tg(name)].healthy = p.world.groups[tg(name)].registered = targets
    halfway(p)
    p.world.groups[tg("b")].healthy = 5
    ended(p)
    assert (failure(p), divided(p)) == ("CanaryUnhealthy", {"a": F(9, 10), "b": F(1, 10)})


def test_a_number_of_healthy_targets_is_needed_of_each_that_gains() -> None:
    p = alb({"a": 9, "b": 1}, {"a": 8, "b": 2}, min_healthy=3)
    p.world.groups[tg("b")].healthy = 2
    assert failure(ended(p)) == "HealthTimeout"


def test_one_that_is_new_needs_a_part_of_what_those_with_traffic_have() -> None:
    p = alb({"a": 1}, {"a": 1, "b": 1, "c": 0})
    p.world.groups[tg("a")].healthy = 10
    p.world.groups[tg("b")].healthy = p.world.groups[tg("b")].registered = 5
    assert failure(ended(p)) == ""
    p.world.add(None, "d")
    p.world.groups[tg("d")].healthy = p.world.groups[tg("d")].registered = 3
    p.policy = aimed(p.policy, {"a": 1, "d": 1})
    p.until(lambda: p.state.rollouts == 2)
    p.run(30.0)
    assert "d (0 of 3 targets healthy, 4 needed)" in p.state.condition.message


# -- destinations that come and go -------------------------------------------------------------------------------------


def test_a_destination_that_gains_nothing_and_is_missing_once_ends_nothing() -> None:
    p = halfway(alb({"a": 3, "d": 1}, {"a": 1, "b": 1, "d": 0}))
    for name in ("a", "d"):
        p.missing = {tg(name)}
        p.discover()
        p.settle()
    assert (p.state.phase, p.state.rollouts) == (Phase.STEP, 1)
    assert failure(ended(p)) == ""
    assert divided(p) == {"a": F(1, 2), "b": F(1, 2)}


def test_a_destination_of_weight_0_that_the_spec_names_on_the_way_and_that_is_not_there_ends_nothing() -> None:
    p = halfway(alb({"a": 1}, {"a": 1, "b": 1}))
    p.policy = aimed(p.policy, {"a": 1, "b": 1, "c": 0})
    assert failure(ended(p)) == ""
    assert divided(p) == {"a": F(1, 2), "b": F(1, 2)}


def test_a_destination_that_vanishes_before_it_is_attached_is_waited_for() -> None:
    """AWS would take no weights that name it."""
    p = alb({"a": 1}, {"a": 1, "b": 1, "c": 0})
    p.world.groups[tg("c")].registered = p.world.groups[tg("c")].healthy = 0
    p.run(20.0)
    assert p.state.phase is Phase.GATE
    p.world.groups[tg("c")].exists = False
    p.run(100.0)
    assert (failure(p), p.state.phase, p.state.condition.reason) == ("Withdrawn", Phase.IDLE, "WaitingForTargetGroups")
    assert tg("c") in p.state.condition.message
    assert (rollout(p).failure or NOTHING).message.startswith("1 of 2 target groups of")


# -- after a failure ---------------------------------------------------------------------------------------------------


def test_who_leaves_it_as_it_is_after_a_failure_has_what_the_spec_says() -> None:
    p = ended(failed(alb({"a": 1}, {"a": 1, "b": 1})))
    assert p.state.condition.reason == "RolledBack"
    p.policy = aimed(p.policy, {"a": 1})
    p.run(100.0)
    assert (p.rest, p.state.condition.reason) == (Rest.SYNCED, "Synced")


def test_what_was_unblocked_while_the_spec_named_something_else_waits_for_retry() -> None:
    p = ended(failed(alb({"a": 1}, {"a": 1, "b": 1}, "c")))
    p.policy = replace(aimed(p.policy, {"a": 1, "c": 1}), checks=())
    p.until(lambda: p.state.rollouts == 2)
    ended(p)
    failing()(p)
    version = name_of({"a": 1, "b": 1})
    assert "to start it again: retry" in say(p, "unblock", version)
    p.policy = aimed(p.policy, {"a": 1, "b": 1})
    p.run(100.0)
    assert (p.state.rollouts, p.state.condition.reason) == (2, "SetAside")
    say(p, "retry", version)
    p.until(lambda: p.state.rollouts == 3)
    assert divided(ended(p)) == {"a": F(1, 2), "b": F(1, 2)}


def test_what_was_given_up_starts_again_with_other_targets() -> None:
    p = alb({"a": 1}, {"a": 1, "b": 1}, health_timeout=30.0)
    p.world.groups[tg("b")].healthy = 0
    assert failure(ended(p)) == "HealthTimeout"
    p.run(100.0)
    p.world.groups[tg("b")].healthy, p.world.groups[tg("b")].revision = 2, 1
    p.until(lambda: p.state.rollouts == 2)
    assert divided(ended(p)) == {"a": F(1, 2), "b": F(1, 2)}
