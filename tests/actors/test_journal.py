"""Nothing is silent, and nothing waits for it to be said."""

import asyncio

import pytest

from okra.actors.cell import CELL
from okra.actors.journal import MOST_WAITING, Journal
from okra.errors import Unavailable
from tests.actors.world import QUICK, cell, world

pytestmark = pytest.mark.looptime


async def test_equal_events_are_counted_and_not_repeated() -> None:
    async with world() as w:
        obj = await w.apply(cell())
        journal = Journal(w.store, w.clock)
        for _ in range(5):
            journal.record(CELL, obj, "WriteFailed", "no", "Warning")
        journal.record(CELL, obj, "WriteFailed", "another", "Warning")
        await journal.flush()
        events = await w.store.real.events(CELL, "default", "web")
        assert [(each.message, each.count) for each in events] == [("no", 5), ("another", 1)]
        assert journal.counts["Cell", "WriteFailed", "Warning"] == 6


async def test_every_transition_of_a_rollout_is_an_event_a_log_line_and_a_count() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running() as system:
            await w.until(lambda s: s.get("stableVersion") == "1.1.0")
            counts = dict(system.event_counts())
        wanted = {"Adopted", "RolloutStarted", "Attaching", "GatePassed", "StepStarted", "RolloutCompleted"}
        assert wanted <= {each.reason for each in await w.store.real.events(CELL, "default", "web")}
        assert wanted <= {each["event"] for each in w.logs}
        assert counts["Cell", "StepStarted", "Normal"] == 2
        line = next(each for each in w.logs if each["event"] == "StepStarted")
        assert (line["name"], line["rollout"], line["step"], line["version"]) == ("web", 1, 1, "1.1.0")


@pytest.mark.parametrize("trouble", ["slow", "down"])
async def test_a_store_that_does_not_take_events_never_holds_up_a_step(trouble: str) -> None:
    async with world() as w:
        w.two_versions()
        if trouble == "slow":
            w.store.slow = lambda op, _: 3600.0 if op == "emit" else 0.0
        else:
            w.store.fault = lambda op, _: Unavailable("down") if op == "emit" else None
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=60)
            w.store.slow, w.store.fault = (lambda _op, _name: 0.0), (lambda _op, _name: None)
        assert "RolloutCompleted" in w.reasons()


async def test_more_events_than_may_wait_are_dropped_and_counted() -> None:
    async with world() as w:
        obj = await w.apply(cell())
        journal = Journal(w.store, w.clock)
        for number in range(MOST_WAITING + 7):
            journal.record(CELL, obj, "StepStarted", str(number))
        assert journal.dropped == 7
        assert journal.counts["Cell", "StepStarted", "Normal"] == MOST_WAITING + 7


async def test_events_that_wait_at_the_end_are_still_written() -> None:
    async with world() as w:
        old = w.group("1.0.0")
        w.route({old: 100})
        await w.apply(cell())
        async with w.running():
            await w.phase("Synced")
        assert [each.reason for each in await w.store.real.events(CELL, "default", "web")] == ["Adopted"]


async def test_text_of_any_kind_can_be_said() -> None:
    async with world() as w:
        obj = await w.apply(cell())
        journal = Journal(w.store, w.clock)
        journal.record(CELL, obj, "WriteFailed", "\ud800" + "é" * 10_000, "Warning")
        await asyncio.wait_for(journal.flush(), 10)
        events = await w.store.real.events(CELL, "default", "web")
        assert len(events[0].message) == 1000
