"""An ALB whose traffic is where it was wanted, or back where it was: what people and edits of the spec do then."""

from __future__ import annotations

from fractions import Fraction

from okra.rollout.distribution import progress
from okra.rollout.effects import Effect, SetWeights
from okra.rollout.state import RouteState
from tests.rollout.cases import edit, once, route
from tests.rollout.goals import alb, divided, name_of
from tests.rollout.world import tg

F = Fraction


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
