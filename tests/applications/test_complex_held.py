"""A complex Cell says of an application's traffic what its child Cell says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from okra.applications.machine import decide
from okra.applications.observation import Observation, RouteSeen
from okra.applications.state import Phase
from tests.applications.world import NEW, OLD, World, synced, web

V1 = "+".join(OLD)
SETTLED = RouteSeen(V1, settled=True, stable=V1, phase="Synced", message="said")


def seen(w: World, route: RouteSeen) -> tuple[Phase, Phase, str]:
    """The application's phase, the Cell's, and why."""
    obs: Observation = replace(w.observe(), routes={"web": route})
    state = decide(w.policy, w.state, obs, w.now).state
    return state.of("web").phase, state.phase, state.reason


@pytest.mark.parametrize(
    ("route", "phase"),
    [
        (replace(SETTLED, phase="Paused", reason="Drift"), Phase.PAUSED),
        (replace(SETTLED, phase="Failed", reason="AccessDenied"), Phase.PENDING),
        (replace(SETTLED, phase="Invalid", reason="InvalidSpec"), Phase.PENDING),
        (replace(SETTLED, phase="Syncing", reason="Step", settled=False), Phase.SYNCING),
        (replace(SETTLED, phase="Reverting", reason="Reverting", settled=False), Phase.REVERTING),
        (replace(SETTLED, phase="FailedReverting", reason="NoHealthyStable", settled=False), Phase.FAILED_REVERTING),
        (replace(SETTLED, stable="v0", reason="WaitingForTargetGroups"), Phase.SYNCING),
    ],
)
def test_an_application_is_not_synced_while_its_child_is_held_or_elsewhere(route: RouteSeen, phase: Phase) -> None:
    w = synced(web())
    assert seen(w, route) == (phase, phase, route.reason)


@pytest.mark.parametrize(
    "route",
    [
        SETTLED,
        replace(SETTLED, phase="Failed", reason="RolledBack"),
        replace(SETTLED, phase="", settled=False),
    ],
)
def test_an_application_is_synced_whose_child_is_at_rest_or_not_heard_of_yet(route: RouteSeen) -> None:
    w = synced(web())
    assert seen(w, route)[:2] == (Phase.SYNCED, Phase.SYNCED)


def test_a_child_that_is_paused_with_its_cell_is_where_it_should_be() -> None:
    w = synced(web())
    w.policy = replace(w.policy, paused=True)
    assert seen(w, replace(SETTLED, phase="Paused", reason="Paused"))[0] is Phase.SYNCED
    assert seen(w, replace(SETTLED, phase="Invalid", reason="InvalidSpec"))[0] is Phase.PENDING


def test_a_child_that_cannot_put_the_traffic_back_makes_its_cell_failed_reverting() -> None:
    w = synced(web())
    w.want(web(NEW))
    w.after(40.0)
    w.want(web(("web-1-v3",)))
    w.quiet()
    assert w.web.phase is Phase.REVERTING
    stuck = RouteSeen(V1, settled=False, stable=V1, phase="FailedReverting", reason="NoHealthyStable", message="none")
    assert seen(w, stuck) == (Phase.FAILED_REVERTING, Phase.FAILED_REVERTING, "NoHealthyStable")


@pytest.mark.parametrize("reason", ["NotFound", "RouteConflict"])
def test_a_child_that_cannot_go_on_makes_its_cell_failed_until_it_can_and_blocks_nothing(reason: str) -> None:
    w = synced(web())
    w.want(web(NEW))
    w.after(40.0)
    there = w.observe().routes["web"]
    assert there is not None
    assert there.version == "+".join(NEW)
    w.emitted.clear()
    stuck = replace(there, phase="Failed", reason=reason, message="no such listener.", settled=True)
    for _ in range(3):
        decision = decide(w.policy, w.state, replace(w.observe(), routes={"web": stuck}), w.now)
        for effect in decision.effects:
            w.do(effect)
    assert (w.state.phase, w.state.reason, w.state.message) == (Phase.FAILED, reason, "web: no such listener.")
    assert w.emitted == [reason]
    assert (w.web.moving, w.web.blocked) == (True, ())
    w.after(600.0)
    assert (w.state.phase, w.routes["web"].stable) == (Phase.SYNCED, "+".join(NEW))
