"""A defect of ours ends an ALB's actor anywhere: the next one goes on from what is in status and in AWS."""

from fractions import Fraction

import pytest

from okra.actors.cell_finalizer import FINALIZER
from okra.actors.kinds import ALB
from tests.actors.albs import alb, shares, ways
from tests.actors.test_cell_crashes import Tripping, TrippingExecutor, Tripwire
from tests.actors.world import World, check, world

pytestmark = pytest.mark.looptime

PARTS = 4
HALF = Fraction(1, 2)


async def move(w: World, wire: Tripwire, *, good: bool) -> None:
    """Two steps with a check, from one group to another and to what both have in the end; or back."""
    a, b = w.group("", name="a"), w.group("", name="b")
    route = w.route({a: 3, b: 1})
    w.metrics.answer = lambda _query, _window: 0.0 if good else 0.9
    w.options |= {"wrap": lambda real: TrippingExecutor(real, wire)}
    ports = {"store": Tripping(w.store, wire), "router": Tripping(w.aws, wire), "inventory": Tripping(w.aws, wire)}
    await w.apply(alb({a: 1, b: 3}, checks=[check("dd", interval="1s")], stepInterval="1s"))
    async with w.running(**ports):
        await w.until(
            lambda s: s.get("phase") == ("Synced" if good else "Failed") and s["rollouts"], within=900, kind=ALB
        )
        await w.when(lambda: w.rests.get("ALB/web") == ("Synced" if good else "Failed"), within=900)
    b_had = [HALF, Fraction(3, 4)] if good else [HALF, Fraction(1, 4)]
    assert [share for share in ways(route, b) if share != Fraction(1, 4) or not good] == b_had
    assert shares(route.weights) == {a: 1 - b_had[-1], b: b_had[-1]}
    assert FINALIZER not in (await w.get(kind=ALB))["metadata"].get("finalizers", ())


@pytest.mark.parametrize("good", [True, False], ids=["there", "back"])
@pytest.mark.parametrize("part", range(PARTS))
async def test_a_crash_at_any_moment_leads_to_the_same_end(part: int, good: bool) -> None:
    at, wire = 1 + part, Tripwire()
    while wire.passed >= wire.at:
        async with world(propagation_delay=0.0, reread_after_revert=(1.0,)) as w:
            wire = Tripwire(at)
            await move(w, wire, good=good)
        at += PARTS
    assert at > 60, "the way has many moments"
