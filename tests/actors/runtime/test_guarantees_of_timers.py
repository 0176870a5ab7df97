import asyncio

import pytest

from tests.actors.runtime.probe import Do, Log, Probe, fail, one, sleep

pytestmark = pytest.mark.looptime


def stamped(log: Log, what: str) -> Do:
    """A message that says when it is received."""
    return Do(lambda actor: log.received.append((what, round(actor.monotonic(), 1))))


async def test_a_timer_is_a_message_that_arrives_at_its_time() -> None:
    log = Log()

    def arm(actor: Probe) -> None:
        actor.timers.after("once", 5, stamped(log, "once"))
        actor.timers.every("again", 2, stamped(log, "again"))

    async with one(log) as ref:
        ref.tell(Do(arm))
        await asyncio.sleep(7)
    assert log.received == [("again", 2.0), ("again", 4.0), ("once", 5.0), ("again", 6.0)]


async def test_arming_a_key_again_replaces_its_timer() -> None:
    log = Log()

    def arm(actor: Probe) -> None:
        actor.timers.after("k", 5, stamped(log, "first"))
        actor.timers.every("k", 3, stamped(log, "second"))
        actor.timers.after("k", 4, stamped(log, "third"))

    async with one(log) as ref:
        ref.tell(Do(arm))
        await asyncio.sleep(20)
    assert log.received == [("third", 4.0)]


async def test_a_cancelled_timer_is_not_received_even_if_it_had_fired() -> None:
    log = Log()

    async def late(actor: Probe) -> None:
        actor.timers.after("k", 1, stamped(log, "k"))
        await asyncio.sleep(5)
        log.events.append(f"{actor.timers.cancel('k')} {actor.timers.cancel('k')}")

    async with one(log) as ref:
        ref.tell(Do(late))
        await asyncio.sleep(10)
    assert log.received == []
    assert log.events == ["a started", "True False", "a stopping"]


async def test_a_timer_that_was_received_can_be_armed_and_cancelled_anew() -> None:
    log = Log()
    async with one(log) as ref:
        ref.tell(Do(lambda actor: actor.timers.after("k", 1, stamped(log, "k"))))
        await asyncio.sleep(2)
        ref.tell(Do(lambda actor: log.events.append(f"cancelled: {actor.timers.cancel('k')}")))
        ref.tell(Do(lambda actor: actor.timers.after("k", 1, stamped(log, "k"))))
        await asyncio.sleep(2)
    assert log.received == [("k", 1.0), ("k", 3.0)]
    assert "cancelled: False" in log.events


async def test_a_periodic_timer_waits_once_however_often_it_fired() -> None:
    log = Log()
    async with one(log) as ref:
        ref.tell(Do(lambda actor: actor.timers.every("k", 1, stamped(log, "k"))))
        ref.tell(sleep(10.5))
        await asyncio.sleep(12)
    assert log.received == [("k", 10.5), ("k", 11.0)]


async def test_no_timer_reaches_the_next_incarnation() -> None:
    log = Log()

    async def arm_and_fail(actor: Probe) -> None:
        actor.timers.every("fires before", 1, "fires before")
        actor.timers.after("fires after", 5, "fires after")
        await asyncio.sleep(2.5)
        fail(actor)

    async with one(log) as ref:
        ref.tell(Do(arm_and_fail))
        await asyncio.sleep(3)
        with pytest.raises(RuntimeError, match="has ended"):
            log.lives[0].timers.after("from the past", 1, "from the past")
        ref.tell("edge")
        await asyncio.sleep(60)
    assert len(log.lives) == 2
    assert log.received == ["edge"]
