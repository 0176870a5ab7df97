"""A write of unknown outcome may land until AWS's write timeout is over, also after the rollout that made it has ended:
the Cell isn't at rest before, and what landed is put right."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from okra.rollout.effects import Effect, SetWeights
from okra.rollout.late import LANDS_WITHIN, PATIENCE
from okra.rollout.observation import Verdict
from okra.rollout.policy import OnFailure, RoutePolicy
from okra.rollout.rest import Rest
from okra.rollout.state import Outcome, Phase
from okra.rollout.verify import STALE_FOR
from tests.rollout.cases import NEW, NEWER, OLD, at, cell, edit, ended, failing, once, rollout, route, say, shown
from tests.rollout.process import LATE, Process
from tests.rollout.world import On, canary_plan

HALF = Fraction(1, 2)
WINDOW = LANDS_WITHIN + STALE_FOR
AT_ONCE: dict[str, Any] = {"plan": canary_plan(50, 100, 0.0), "propagation_delay": 0.0}
"""50 %, 100 %, and done within the window."""


def halved(**spec: Any) -> Process:
    """A rollout whose write of 50 % got no answer, was made again, and is still on its way; it has come to its end."""
    p = cell(**{**AT_ONCE, **spec})
    p.fault = once(LATE, after=1)
    return ended(p)


def test_what_lands_after_the_last_step_is_put_right_before_the_cell_is_done() -> None:
    p = halved()
    assert (rollout(p).outcome, p.rest) == (Outcome.SYNCED, Rest.MOVING)
    p.land()
    assert shown(p) == {"a1": 1, "b1": 1}
    p.until(lambda: p.rest is not Rest.MOVING, within=WINDOW + 2)
    assert (shown(p), p.rest, p.state.hold) == ({"a1": 0, "b1": 1}, Rest.SYNCED, None)


def test_where_nothing_lands_the_cell_is_done_after_the_window_and_its_own_books_are_closed() -> None:
    p = halved()
    began = p.world.now
    p.until(lambda: p.rest is Rest.SYNCED, within=WINDOW + 1)
    assert p.world.now - began > 0.9 * STALE_FOR
    assert (route(p).lands_by, route(p).unacknowledged) == (None, ())
    edit(p, a1=1, b1=1)
    p.run(60)
    assert shown(p) == {"a1": 1, "b1": 1}, "by now this can only be a person's"


def test_a_cell_whose_writes_were_all_answered_is_done_at_once() -> None:
    p = ended(cell(**AT_ONCE))
    p.run(0.1)
    assert p.rest is Rest.SYNCED


def test_what_lands_after_a_revert_is_put_right_before_the_cell_is_done() -> None:
    p = cell(**AT_ONCE, checks=("c",), reread_after_revert=())
    failing(NEW)(p)
    p.fault = once(LATE, after=1)
    ended(p)
    assert (shown(p), p.rest) == ({"a1": 1, "b1": 0}, Rest.MOVING)
    p.land()
    p.until(lambda: p.rest is not Rest.MOVING, within=WINDOW + 2)
    assert (shown(p), p.rest) == ({"a1": 1, "b1": 0}, Rest.FAILED)


def test_a_process_that_begins_takes_what_its_predecessor_asked_for_as_of_unknown_outcome() -> None:
    p = cell(**AT_ONCE)
    p.fault = once(LATE, after=1)
    p.until(lambda: bool(p.late))
    p.restart()
    ended(p)
    assert p.rest is Rest.MOVING
    p.restart()
    p.run(1.0)
    p.land()
    p.until(lambda: p.rest is not Rest.MOVING, within=WINDOW + 4)
    assert (shown(p), p.rest, p.state.hold) == ({"a1": 0, "b1": 1}, Rest.SYNCED, None)


def test_what_was_put_back_at_rest_is_watched_as_long() -> None:
    p = cell(**AT_ONCE, checks=("c",), reread_after_revert=())
    failing(NEW)(p)
    ended(p)
    p.run(20)
    p.fault = once(LATE)
    edit(p, b1=1)
    p.until(lambda: bool(p.late))
    began = p.world.now
    p.until(lambda: shown(p) == {"a1": 1, "b1": 0})
    p.run(1.0)
    assert p.rest is Rest.MOVING
    p.until(lambda: p.rest is Rest.FAILED, within=WINDOW)
    assert p.world.now - began > LANDS_WITHIN


def test_a_stopped_rollout_is_watched_as_long() -> None:
    p = cell(**AT_ONCE, checks=("c",), on_failure=OnFailure.STOP)
    failing(NEW)(p)
    p.fault = once(LATE, after=1)
    p.until(lambda: p.state.phase is Phase.STOPPED)
    p.run(0.1)
    assert p.rest is Rest.MOVING
    p.until(lambda: p.rest is Rest.FAILED, within=WINDOW + 1)


def test_the_next_version_waits_until_nothing_of_the_last_can_land() -> None:
    p = halved()
    p.world.add(NEWER, "c1")
    p.discover()
    p.run(1.0)
    assert (p.state.phase, p.state.condition.reason) == (Phase.IDLE, "WaitingForLateWrite")
    p.land()
    p.until(lambda: p.state.stable_version == NEWER)
    assert "WeightsDrifted" not in {event.reason for event in p.world.events}


def test_a_rollback_does_not_wait_and_knows_the_late_write_as_ours() -> None:
    p = halved(plan=canary_plan(25, 100, 0.0), retain_for=600.0)
    assert say(p, "rollback").startswith("rolling back")
    p.land()
    p.until(lambda: p.state.stable_version == OLD and p.rest is Rest.SYNCED)
    assert (shown(p)["b1"], p.state.hold) == (0, None)


def test_a_deleted_cell_goes_when_nothing_can_land_any_more() -> None:
    p = halved()
    p.see(deleting=True)
    p.run(1.0)
    assert not p.released
    p.land()
    p.until(lambda: p.released, within=WINDOW + 2)
    assert shown(p) == {"a1": 0, "b1": 1}


def test_a_deleted_cell_whose_route_cannot_be_read_does_not_wait_for_ever() -> None:
    p = halved()
    p.see(deleting=True)
    p.blind = True
    p.until(lambda: p.released, within=LANDS_WITHIN + PATIENCE + 1)


def test_a_route_that_leaves_the_spec_is_looked_after_until_nothing_can_land() -> None:
    p = halved()
    p.world.routes["s"], p.world.past["s"] = {}, []
    p.world.write("s", dict.fromkeys(p.world.add(OLD, "a1-s", route="s"), 1), "person")
    p.policy = replace(p.policy, routes=(RoutePolicy("s", selects=On("s")),))
    p.run(1.0)
    assert [r.key for r in p.state.routes] == ["r"]
    p.land()
    p.until(lambda: [r.key for r in p.state.routes] == ["s"], within=2 * WINDOW)
    assert shown(p) == {"a1": 0, "b1": 1}


def test_nothing_is_adopted_while_an_earlier_write_may_land() -> None:
    """A first placement that was withdrawn: what the route will do isn't known yet."""
    p = cell(1, 1, weights={}, **AT_ONCE)
    p.fault = once(LATE)
    p.until(lambda: bool(p.late))
    p.world.groups = {arn: replace(group, version=OLD) for arn, group in p.world.groups.items()}
    p.discover()
    p.run(1.0)
    assert not p.state.moving or p.state.stable_version is None
    p.land()
    p.until(lambda: p.state.stable_version is not None and not p.state.moving)
    p.until(lambda: p.rest is Rest.SYNCED)
    assert sum(shown(p).values()) > 0


@pytest.mark.parametrize("by", [-4000.0, -3.0])
def test_a_clock_that_was_set_back_makes_nobody_wait_longer(by: float) -> None:
    p = halved()
    p.world.set_clock(by)
    p.until(lambda: p.rest is Rest.SYNCED, within=2 * WINDOW + 4)


def test_a_refused_write_cannot_land() -> None:
    p = cell(**AT_ONCE)

    def refused(effect: Effect) -> str | None:
        return "refused" if isinstance(effect, SetWeights) and p.world.now < began + 3 else None

    began = p.world.now + 1
    p.fault = refused
    ended(p)
    p.run(0.1)
    assert p.rest is Rest.SYNCED


def test_a_verdict_inconclusive_is_waited_for_by_a_person_whatever_may_land() -> None:
    p = cell(**AT_ONCE, checks=("c",))
    failing(NEW, verdict=Verdict.INCONCLUSIVE)(p)
    p.fault = once(LATE, after=1)
    p.until(lambda: p.state.hold is not None)
    p.run(0.1)
    assert p.rest is Rest.WAITING
    at(p, HALF)
