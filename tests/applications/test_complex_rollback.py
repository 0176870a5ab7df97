"""`rollback` of a complex Cell at rest: which spec it goes to, what it leaves blocked, and what ends it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from okra.api.cell import Cell
from okra.applications.compile import while_leaving
from okra.applications.observation import Kept
from okra.applications.policy import Application, Policy
from okra.applications.rollback import choose, in_one_step, is_over
from okra.applications.state import AppState, Phase, Placement, RolledBack, State
from okra.rollout.observation import Command, Problem
from tests.applications.cells import SPEC, complex_cell, model
from tests.applications.world import NEW, OLD, World, synced, web

V1, V2 = "+".join(OLD), "+".join(NEW)
BACK = RolledBack("sys-a", 1, 7, "ann", 1000.0)


def kept(number: int, *apps: Application, **more: Any) -> Kept:
    return Kept(f"sys-{number}", number, apps, **more)


def on_new() -> World:
    """web went from the old clusters to the new ones, which it has left the old ones for."""
    w = synced(web())
    w.want(web(NEW))
    w.after(600.0)
    w.kept = (kept(2, web(NEW), in_effect=True), kept(1, web()))
    return w


def asks(w: World, arg: str = "", by: str = "ann", verb: str = "rollback") -> str:
    w.commands = (Command(str(len(w.state.commands)), verb, arg, by),)
    w.turn()
    return w.state.commands[-1].outcome


# -- the way back ------------------------------------------------------------------------------------------------------


def test_it_goes_back_to_the_spec_before_and_blocks_what_it_leaves() -> None:
    w = on_new()
    said = asks(w)
    assert said == f"Rolling back to revision 1 (web {V1}). Left: web {V2}; blocked."
    assert w.state.rolled_back == RolledBack("sys-1", 1, 7, "ann", w.now)
    assert (w.web.blocked, w.state.phase) == ((V2,), Phase.SYNCING)
    w.want(web())
    w.after(600.0)
    assert (w.state.phase, w.state.reason) == (Phase.SYNCED, "RolledBack")
    assert w.state.message == "Rolled back to revision 1 by ann; an edit of the spec ends that."
    assert (w.routes["web"].stable, w.deployments["web"].clusters) == (V1, OLD)


def test_by_nobody_in_particular_it_names_nobody() -> None:
    assert str(replace(BACK, by="")) == "Rolled back to revision 1; an edit of the spec ends that."


def test_what_argo_cd_calls_degraded_after_it_is_said_beside_it() -> None:
    w = on_new()
    asks(w)
    w.want(web())
    w.after(600.0)
    assert w.state.reason == "RolledBack"
    w.broken = OLD
    w.after(30.0)
    assert (w.state.phase, w.state.reason) == (Phase.SYNCING, "RolledBack")
    assert w.state.message.startswith("Rolled back to revision 1")
    assert "web-1-v1 is Degraded." in w.state.message


def test_in_a_pause_it_is_decided_and_said_to_wait() -> None:
    w = on_new()
    w.want(web(NEW), paused=True)
    assert asks(w).endswith("It begins once the Cell isn't paused any more.")


def test_after_a_failure_there_is_nobody_elsewhere_and_what_failed_stays_blocked() -> None:
    w = synced(web())
    w.fails[V2] = (Phase.CHECK_FAILED, "no")
    w.want(web(NEW))
    w.after(600.0)
    w.kept = (kept(1, web()),)
    assert asks(w) == f"Rolling back to revision 1 (web {V1}). Left: web {V2}; blocked."
    w.want(web())
    w.after(60.0)
    assert (w.state.reason, w.web.blocked, w.web.attempt) == ("RolledBack", (V2,), 2)


def test_a_spec_that_differs_in_no_application_is_gone_back_to_all_the_same() -> None:
    w = synced(web())
    w.kept = (kept(2, web(), in_effect=True), kept(1, web()))
    assert asks(w) == f"Rolling back to revision 1 (web {V1}). Left: no application is elsewhere."
    assert w.web.blocked == ()


def test_an_application_that_the_spec_before_does_not_have_is_blocked_nowhere() -> None:
    w = synced(web())
    w.kept = (kept(1, Application("api", ("a1",), "a1")),)
    assert asks(w) == "Rolling back to revision 1 (api a1). Left: no application is elsewhere."


# -- refusals ----------------------------------------------------------------------------------------------------------


HELD = f"Revisions: 2 (web {V2}; in effect); 1 (web {V1})."


@pytest.mark.parametrize(
    ("arg", "says"),
    [
        ("3", f"Refused: there is no revision 3. {HELD}"),
        ("2", f"Refused: revision 2 is in effect. {HELD}"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(arg: str, says: str) -> None:
    w = on_new()
    assert asks(w, arg) == says
    assert (w.state.rolled_back, w.web.blocked) == (None, ())
    w.quiet()
    assert w.state.phase is Phase.SYNCED


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ((), "Refused: there is nothing to go back to: no other spec has reached Synced."),
        (Problem("AccessDenied", "may not list"), "Refused: the specs that were kept can't be read: may not list"),
        (
            (kept(1, web(), problem="its clusters are gone: web-1-v1."),),
            f"Refused: revision 1 can't be gone back to: its clusters are gone: web-1-v1. Revisions: 1 (web {V1}).",
        ),
    ],
)
def test_where_nobody_can_go_back_it_is_refused(found: tuple[Kept, ...] | Problem, says: str) -> None:
    w = on_new()
    w.kept = found
    assert asks(w) == says
    assert w.state.rolled_back is None


@pytest.mark.parametrize(
    ("then", "says"),
    [
        (
            web(routed=False),
            "It has no alb any more, and the traffic is on web-1-v2, web-2-v2: nobody moves it from there.",
        ),
        (web(route="listener#9"), "listener#10 forwards to web-1-v2, web-2-v2, and would after a move by listener#9: "),
    ],
)
def test_a_spec_from_which_the_traffic_would_stay_behind_is_refused(then: Application, says: str) -> None:
    w = synced(web(route="listener#10"))
    w.want(web(NEW, route="listener#10"))
    w.after(600.0)
    w.kept = (kept(1, then),)
    assert asks(w).startswith(f"Refused: revision 1 can't be gone back to: web: {says}")
    assert (w.state.rolled_back, w.web.blocked) == (None, ())
    w.want(replace(then, clusters=NEW, version=V2))
    w.kept = (kept(1, replace(then, clusters=NEW, version=V2)),)
    assert asks(w).startswith("Rolling back to revision 1"), "where it is it may stay"


def test_what_moves_is_not_rolled_back_by_this() -> None:
    w = on_new()
    w.want(web(OLD))
    w.quiet()
    assert asks(w) == "Refused: an application moves. To put it back first: okra abort mysystem"


# -- which spec --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arg", "revision"),
    [("", 2), ("1", 1), ("sys-3", 3)],
)
def test_the_newest_that_is_elsewhere_goes_before_one_that_only_differs(arg: str, revision: int) -> None:
    found = (kept(4, web(NEW), in_effect=True), kept(3, web(NEW)), kept(2, web()), kept(1, web()))
    chosen = choose(found, arg, Policy(applications=(web(NEW),)), State())
    assert isinstance(chosen, Kept)
    assert chosen.revision == revision


def test_a_second_rollback_does_not_lead_to_what_the_first_one_left_unless_that_is_named() -> None:
    w = on_new()
    asks(w)
    w.want(web())
    w.after(600.0)
    w.kept = (kept(2, web(NEW)), kept(1, web(), in_effect=True))
    said = "what every other spec asks for is blocked: it failed, or was rolled back from. Name one to go there."
    assert asks(w) == f"Refused: {said} Revisions: 2 (web {V2}); 1 (web {V1}; in effect)."
    older = replace(w.kept[1], name="sys-0", revision=0, applications=(web(("c",)),), in_effect=False)
    chosen = choose((*w.kept, older), "", w.policy, w.state)
    assert chosen == older
    assert asks(w, "2") == f"Rolling back to revision 2 (web {V2}). Left: web {V1}; blocked."


# -- what ends it ------------------------------------------------------------------------------------------------------


def test_retry_ends_it_where_nothing_failed_and_lifts_the_blocks() -> None:
    w = on_new()
    asks(w)
    w.want(web())
    w.after(600.0)
    assert asks(w, verb="retry") == "It goes by its own spec again."
    assert (w.state.rolled_back, w.web.blocked) == (None, ())
    w.want(web(NEW))
    w.after(600.0)
    assert (w.state.reason, w.routes["web"].stable) == ("Synced", V2)


@pytest.mark.parametrize(
    ("version", "says", "goes"),
    [
        ("v9", "Refused: v9 isn't blocked.", False),
        (V1, "Begins again: web.", False),
        (V2, "It goes by its own spec again.", True),
    ],
)
def test_retry_of_a_version_after_a_rollback_that_failed_is_of_that_one(version: str, says: str, goes: bool) -> None:
    w = on_new()
    asks(w)
    w.fails[V1] = (Phase.FAILED, "not healthy")
    w.want(web())
    w.after(600.0)
    assert (set(w.web.blocked), w.state.phase) == ({V1, V2}, Phase.FAILED)
    assert asks(w, version, verb="retry") == says
    assert set(w.web.blocked) == {V1, V2} - {version}
    assert (w.state.rolled_back is None) is goes


def test_retry_of_a_rollback_that_failed_tries_it_again_and_what_it_leaves_stays_blocked() -> None:
    w = on_new()
    asks(w)
    w.fails[V1] = (Phase.FAILED, "not healthy")
    w.want(web())
    w.after(600.0)
    assert (w.state.phase, set(w.web.blocked)) == (Phase.FAILED, {V1, V2})
    assert w.routes["web"].stable == V2
    del w.fails[V1]
    assert asks(w, verb="retry") == "Begins again: web."
    w.after(600.0)
    assert (w.state.reason, w.web.blocked) == ("RolledBack", (V2,))
    assert w.routes["web"].stable == V1


@pytest.mark.parametrize("after", [20.0, 600.0])
def test_unblock_lifts_no_block_of_what_was_rolled_back_from(after: float) -> None:
    """Neither on the way back nor after it: only retry ends the rollback."""
    w = on_new()
    asks(w)
    w.want(web())
    w.after(after)
    assert w.web.moving is (after < 60)
    assert asks(w, V2, verb="unblock") == "Refused: nothing else is blocked than what was rolled back from."
    assert w.web.blocked == (V2,)
    w.after(600.0)
    assert (w.state.reason, w.routes["web"].stable) == ("RolledBack", V1)


def test_retry_on_the_way_back_goes_to_what_the_spec_asks_for() -> None:
    w = on_new()
    asks(w)
    w.want(web())
    w.after(20.0)
    assert asks(w, verb="retry") == "It goes by its own spec again."
    assert (w.state.rolled_back, w.web.blocked, w.web.moving) == (None, (), True)
    w.want(web(NEW))
    w.after(600.0)
    assert (w.state.reason, w.routes["web"].stable) == ("Synced", V2)


def test_what_is_blocked_and_wanted_once_more_says_so() -> None:
    w = on_new()
    asks(w)
    w.want(web())
    w.after(600.0)
    w.state = replace(w.state, rolled_back=None)  # an edit
    w.want(web(NEW))
    w.after(60.0)
    assert (w.state.phase, w.routes["web"].stable) == (Phase.FAILED, V1)
    assert w.state.message.startswith(f"web: {V2} is blocked: it failed, or was rolled back from. To try it again: ")


MOVES = AppState("web", target=Placement("v1", ("a",)), synced=Placement("v2", ("b",)), blocked=("v2",))
ARRIVED = replace(MOVES, target=None)


@pytest.mark.parametrize(
    ("apps", "generation", "over"),
    [
        ((ARRIVED,), 7, False),  # no edit
        ((MOVES,), 8, False),  # to whatever: what goes back isn't turned around
        ((ARRIVED, replace(MOVES, name="api")), 8, False),
        ((ARRIVED,), 8, True),
    ],
)
def test_an_edit_ends_it_once_nothing_moves(apps: tuple[AppState, ...], generation: int, over: bool) -> None:
    assert is_over(State(apps, rolled_back=BACK), generation) is over


def test_what_was_never_rolled_back_ends_nothing() -> None:
    assert not is_over(State(), 8)


# -- a deletion in a pause ---------------------------------------------------------------------------------------------


def deleted(w: World, **policy: Any) -> None:
    """In the middle of a rollback to the old clusters."""
    w.policy = while_leaving(replace(w.policy, paused=True, **policy), w.state)


@pytest.mark.parametrize(("seconds", "sent"), [(0, False), (10, False), (40, True)])
def test_a_deleted_cell_that_is_paused_in_a_rollback_goes_or_waits_for_what_was_sent(seconds: int, sent: bool) -> None:
    w = on_new()
    w.move_time = 300.0
    asks(w)
    w.want(web())
    w.after(seconds)
    deleted(w)
    for _ in range(60):
        w.turn()
        w.now += 1.0
    assert w.web.moving is sent
    assert (w.routes["web"].version, w.routes["web"].stable) == (V1 if sent else V2, V2)
    if sent:
        assert (w.state.phase, w.web.phase) == (Phase.PAUSED, Phase.PAUSED)
        assert w.web.message.startswith("The Cell is being deleted, and paused in a rollback: it goes when")
        assert w.web.message.endswith("has all traffic. Step 3 of 10.")
        while w.web.moving:
            w.turn()
            w.now += 10.0
        assert (w.routes["web"].stable, w.web.synced and w.web.synced.version) == (V1, V1)


def test_workers_that_are_on_their_way_back_arrive_in_a_pause_too() -> None:
    def worker(clusters: tuple[str, ...]) -> Application:
        return web(clusters, routed=False, deletes_first=True)

    w = synced(worker(OLD))
    w.want(worker(NEW))
    w.after(600.0)
    w.kept = (kept(2, worker(NEW), in_effect=True), kept(1, worker(OLD)))
    asks(w)
    w.want(worker(OLD))
    w.quiet()
    deleted(w)
    while w.web.moving:
        w.turn()
        w.now += 10.0
    assert (w.deployments["web"].clusters, w.web.synced and w.web.synced.clusters) == (OLD, OLD)


# -- the spec that it goes by ------------------------------------------------------------------------------------------


def test_it_goes_back_at_once_and_without_checks_paused_and_connected_as_it_is_now() -> None:
    role = {"roleARN": "arn:aws:iam::123456789012:role/okra"}
    now = model(complex_cell(paused=True, aws=role, onFailure={"action": "Stop"}, healthTimeout="1m"))
    former: dict[str, Any] = {"bakeTime": "9m", "retainFor": "3m", "healthTimeout": "9m", "deletionPolicy": "Delete"}
    then = model(complex_cell(aws={"region": "us-east-1"}, **former))
    found = in_one_step(now, then)
    assert (found.spec.aws.role_arn, found.spec.aws.region) == (role["roleARN"], "us-east-1")
    assert found.spec.on_failure == now.spec.on_failure
    assert (found.spec.health_timeout, found.spec.deletion_policy) == ("1m", "Retain")
    assert found.metadata == now.metadata
    assert (found.spec.paused, found.spec.bake_time, found.spec.retain_for) == (True, "0s", "3m")
    routed, *_, worker = found.spec.applications or ()
    ((_, alb),) = routed.routes
    assert alb.update_strategy is not None
    assert (alb.update_strategy.step_weight, alb.update_strategy.total_weight) == (100, 100)
    assert (routed.prechecks, routed.checks, routed.postchecks, worker.alb) == ((), (), (), None)


@pytest.mark.parametrize(("alb", "strategy"), [(False, "DeleteBeforeCreate"), (True, "CreateBeforeDelete")])
def test_what_must_not_run_twice_by_the_present_spec_does_not_in_a_rollback_to_one_that_says_otherwise(
    alb: bool, strategy: str
) -> None:
    def cell(*, alb: bool, strategy: str) -> Cell:
        obj = complex_cell(applications=deepcopy(SPEC["applications"][:1]))
        app = obj["spec"]["applications"][0]
        app["argocd"]["updateStrategy"] = {"type": strategy}
        if not alb:
            app |= {"alb": None, "checks": []}
        return model(obj)

    now, then = cell(alb=False, strategy="DeleteBeforeCreate"), cell(alb=alb, strategy="CreateBeforeDelete")
    (found,) = in_one_step(now, then).spec.applications or ()
    assert found.argocd is not None
    assert (found.argocd.update_strategy.type, found.alb is not None) == (strategy, alb)
