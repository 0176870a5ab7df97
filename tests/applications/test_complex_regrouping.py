"""Other target groups for the clusters that an application is on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from okra.applications.policy import OnFailure
from okra.applications.state import Phase
from okra.rollout.observation import Command, Problem
from tests.applications.test_complex_moves import on_rule
from tests.applications.world import NEW, OLD, World, synced, web

V1 = "+".join(OLD)
BEFORE, AFTER = frozenset(f"arn:{each}" for each in OLD), frozenset(f"arn:{each}/b" for each in OLD)


def edited(**policy: object) -> World:
    """At rest on its clusters, and the spec names other target groups for them by now."""
    w = synced(web(prechecks=("run-test",)), **policy).after(300.0)
    other_groups(w)
    w.forward = "f1"  # the prechecks passed for what it did before
    return w


def other_groups(w: World) -> None:
    w.groups = {each: f"arn:{each}/b" for each in OLD}
    w.revisions = 0


def traffic(w: World) -> frozenset[str]:
    return w.routes["web"].traffic


def test_the_traffic_goes_to_the_other_groups_like_to_other_clusters_and_nothing_is_unpublished() -> None:
    w = edited()
    w.after(30.0)
    assert (w.state.phase, w.revisions, w.asked[-1][0]) == (Phase.SYNCING, 0, "web")
    w.after(300.0)
    assert (w.state.phase, traffic(w), w.web.attempt, w.revisions) == (Phase.SYNCED, AFTER, 2, 1)
    assert w.web.synced is not None
    assert (w.web.synced.version, {each.arn for each in w.web.synced.groups} == AFTER) == (V1, True)
    assert (w.deployments["web"].clusters, w.history) == (OLD, [])
    w.after(600.0)
    assert (w.state.phase, w.web.attempt) == (Phase.SYNCED, 2)
    w.want(web(NEW))
    assert w.after(600.0).state.phase is Phase.SYNCED
    assert w.deployments["web"].clusters == NEW


def test_a_failure_brings_it_back_and_the_former_groups_in_the_spec_are_where_it_is() -> None:
    w = edited()
    w.fails[V1] = (Phase.CHECK_FAILED, "no")
    w.after(600.0)
    assert (w.state.phase, w.web.blocked, traffic(w)) == (Phase.FAILED, (V1,), BEFORE)
    w.groups = {}
    w.fails.clear()
    w.after(60.0)
    assert (w.state.phase, w.web.blocked, w.web.attempt) == (Phase.SYNCED, (), 2)
    assert (w.routes["web"].version, w.routes["web"].stable, traffic(w)) == (V1, V1, BEFORE)


def test_a_failure_that_a_person_retries_goes_there_again() -> None:
    w = edited()
    w.fails[V1] = (Phase.CHECK_FAILED, "no")
    w.after(600.0)
    w.fails.clear()
    w.commands = (Command("1", "retry"),)
    assert w.after(600.0).state.phase is Phase.SYNCED
    assert traffic(w) == AFTER


def test_what_stopped_there_goes_back_before_it_is_called_as_it_was() -> None:
    w = edited(on_failure=OnFailure.STOP)
    w.fails[V1] = (Phase.CHECK_FAILED, "no")
    w.after(600.0)
    assert (w.state.phase, w.state.reason) == (Phase.FAILED, "Stopped")
    w.groups = {}
    w.quiet()
    assert w.routes["web"].version.startswith(f"{V1}@")
    w.fails.clear()
    w.after(600.0)
    assert (w.state.phase, traffic(w), w.routes["web"].version) == (Phase.SYNCED, BEFORE, V1)


def test_groups_that_tags_change_are_moved_to_once_the_traffic_is_at_rest() -> None:
    w = synced(web()).after(300.0)
    w.routes["web"].done_at = w.now + 60.0
    other_groups(w)
    w.revisions = 1  # no edit of the spec
    w.after(30.0)
    assert w.state.message == "web: Waiting until its traffic is at rest."
    assert w.after(600.0).state.phase is Phase.SYNCED
    assert traffic(w) == AFTER


def test_a_pause_holds_it_and_says_so() -> None:
    w = edited()
    w.policy = replace(w.policy, paused=True)
    w.after(600.0)
    assert (w.state.phase, w.web.message) == (Phase.PAUSED, "Paused by a person, before it begins.")
    assert (traffic(w), w.web.attempt) == (BEFORE, 1)
    w.policy = replace(w.policy, paused=False)
    assert w.after(600.0).state.phase is Phase.SYNCED
    assert traffic(w) == AFTER


@pytest.mark.parametrize(("fatal", "saved", "said"), [(True, 1, True), (False, 1, False), (False, 0, True)])
def test_groups_that_nobody_can_tell_are_said_and_hold_up_nobody(fatal: bool, saved: int, said: bool) -> None:
    w = synced(web(), web(("api-1",), name="api", version="api-1")).after(300.0)
    w.no_groups, w.revisions = Problem("TargetGroupUnknown", "web-1-v1 has no label tg.", fatal), saved
    w.after(60.0)
    found = (Phase.PENDING, "TargetGroupUnknown") if said else (Phase.SYNCED, "Synced")
    assert (w.state.phase, w.state.reason) == found
    assert (w.revisions, traffic(w)) == (saved, BEFORE)
    w.no_groups = None
    assert w.after(60.0).state.phase is Phase.SYNCED


def test_another_route_in_the_same_edit_waits_until_the_former_one_forwards_there_no_more() -> None:
    w = synced(on_rule(10)).after(300.0)
    other_groups(w)
    w.want(on_rule(20))
    w.after(600.0)
    assert (w.state.phase, w.state.reason, traffic(w)) == (Phase.PENDING, "RouteAndClusters", BEFORE)
    w.rules.clear()
    assert w.after(600.0).state.phase is Phase.SYNCED
    assert traffic(w) == AFTER


def test_while_another_application_moves_it_waits_for_its_turn() -> None:
    api = web(("api-1",), name="api", version="api-1")
    w = synced(api, web()).after(300.0)
    other_groups(w)
    w.want(web(("api-2",), name="api", version="api-2"), web())
    w.after(30.0)
    assert (w.web.phase, w.web.message) == (Phase.PENDING, "Waits for api.")
    assert w.after(900.0).state.phase is Phase.SYNCED
    assert traffic(w) == AFTER


@pytest.mark.parametrize("fails", [False, True])
def test_a_kill_before_any_effect_leads_to_the_same_end(fails: bool) -> None:
    def told(dies_at: int) -> World:
        w = edited()
        w.effects, w.dies_at = 0, dies_at
        if fails:
            w.fails[V1] = (Phase.CHECK_FAILED, "no")
        return w.after(900.0)

    whole = told(0)
    assert whole.effects > 6
    for number in range(1, whole.effects + 1):
        w = told(number)
        assert (w.state.phase, traffic(w), w.history) == (whole.state.phase, traffic(whole), [])
