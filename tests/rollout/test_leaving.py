"""A Cell that goes, or leaves a route, in a world that has changed: what is put back, what isn't its own any more."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from okra.api.defaults import Defaults
from okra.api.findings import Finding
from okra.rollout.compile import invalid, without_spec
from okra.rollout.observation import Action, Problem
from okra.rollout.policy import RoutePolicy
from okra.rollout.state import Phase
from tests.rollout.cases import OLD, at, cell, share, writes
from tests.rollout.process import DROPPED, Process
from tests.rollout.world import On

HALF = Fraction(1, 2)
BAD = without_spec(invalid([Finding("spec.replicas", "must be at least 1")]), Defaults(), "default", "web")


def gone_bad(p: Process) -> Process:
    p.policy = BAD
    p.run(60)
    assert (p.state.condition.reason, share(p)) == ("InvalidSpec", HALF)
    return p


def test_a_cell_without_a_usable_spec_goes_back_when_it_is_deleted() -> None:
    p = gone_bad(at(cell(), HALF))
    p.see(deleting=True)
    p.until(lambda: p.released)
    assert share(p, OLD) == 1


def test_a_cell_that_is_somebody_else_s_now_goes_back_and_is_let_go_with_that_reason() -> None:
    p = at(cell(), HALF)
    p.see(deleting=True, unselected=True)
    p.until(lambda: p.released)
    assert share(p, OLD) == 1
    assert p.state.rollout is not None
    assert p.state.rollout.failure is not None
    assert (p.state.rollout.failure.reason, p.state.blocked) == ("NotSelected", ())
    assert p.state.condition.reason == "NotSelected"


def test_a_spec_that_turns_bad_in_a_revert_does_not_hold_it_up() -> None:
    p = at(cell(), HALF)
    p.fault = lambda effect: DROPPED
    p.world.command("abort")
    p.until(lambda: p.state.phase is Phase.REVERT)
    p.policy, p.fault = BAD, lambda effect: None
    p.until(lambda: share(p, OLD) == 1)
    p.run(60)
    assert (p.state.phase, p.state.condition.reason) == (Phase.IDLE, "InvalidSpec")


@pytest.mark.parametrize("reason", ["ListenerNotFound", "RuleNotFound", "HostedZoneNotFound"])
def test_a_deleted_cell_has_nothing_to_put_back_on_a_route_that_exists_no_more(reason: str) -> None:
    p = at(cell(), HALF)
    p.blind = True
    p.see(deleting=True, problems={"r": Problem(reason, "There is no such route.")}, may_write=False)
    p.advance()
    p.settle()
    assert not p.released, "who only looks lets nothing go"
    p.see(may_write=True)
    p.settle()
    assert p.released


def test_one_route_that_is_left_is_put_back() -> None:
    p = at(cell(routes=("r", "s")), HALF)
    p.see(deleting=True, problems={"s": Problem("RuleNotFound", "There is no such rule.")})
    p.until(lambda: share(p) == 0)


def test_a_deleted_cell_leaves_a_route_that_somebody_made_something_else() -> None:
    p = at(cell(), HALF)
    before = len(writes(p))
    p.world.action = Action.REDIRECT
    p.see(deleting=True)
    p.read()
    p.settle()
    assert p.released
    assert len(writes(p)) == before


def test_a_cell_at_rest_moves_away_from_a_route_that_cannot_be_read() -> None:
    p = at(cell(routes=("r", "s")), 1)
    p.until(lambda: p.state.phase is Phase.IDLE)
    p.policy = replace(p.policy, routes=(RoutePolicy("s", selects=On("s")),))
    p.see(problems={"r": Problem("ListenerNotFound", "There is no such listener.")})
    p.until(lambda: [route.key for route in p.state.routes] == ["s"] and p.state.stable_version is not None)


def test_a_new_process_asks_whose_the_route_is_before_it_puts_anything_back() -> None:
    p = at(cell(), HALF)
    p.fault = lambda effect: DROPPED
    p.world.command("abort")
    p.until(lambda: p.state.phase is Phase.REVERT)
    p.restart()
    p.fault = lambda effect: None
    p.world.owners["r"] = "other/default/web"
    before = len(p.world.history)
    p.run(60)
    assert p.state.condition.reason == "RouteConflict"
    assert len(p.world.history) == before
