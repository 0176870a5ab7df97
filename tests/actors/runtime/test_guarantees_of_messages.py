import asyncio

import pytest

from okra.actors.runtime import ActorRef
from okra.actors.runtime.incarnation import FAIR_SHARE
from tests.actors.runtime.probe import Do, Log, Probe, State, fail, hold, one, quiet, root, seen, sleep, spec

pytestmark = pytest.mark.looptime


async def test_an_actor_receives_one_message_at_a_time() -> None:
    log = Log()
    inside = 0

    async def work(actor: Probe) -> None:
        nonlocal inside
        inside += 1
        await asyncio.sleep(1)
        log.received.append(inside)
        inside -= 1

    async with one(log) as ref:
        for _ in range(3):
            ref.tell(Do(work))
        await asyncio.sleep(5)
    assert log.received == [1, 1, 1]


async def test_edge_messages_are_received_in_the_order_in_which_they_were_told() -> None:
    log = Log()
    told: list[object] = []

    async def teller(ref: ActorRef[object], numbers: range) -> None:
        for number in numbers:
            told.append(number)
            ref.tell(number)
            await asyncio.sleep(0)

    async with one(log) as ref:
        async with asyncio.TaskGroup() as tellers:
            tellers.create_task(teller(ref, range(0, 200, 2)))
            tellers.create_task(teller(ref, range(1, 200, 2)))
        await quiet()
    assert len(told) == 200
    assert log.received == told


async def test_tell_returns_at_once_whatever_the_actor_is_doing() -> None:
    log = Log()
    async with root() as supervisor:
        ref = supervisor.start_child(spec(log))
        assert ref.tell("not started yet")
        await quiet()
        ref.tell(Do(lambda actor: log.received.append(actor.ref.tell("from itself"))))
        ref.tell(sleep(10))
        await quiet()
        assert ref.tell("while it is busy")
        await asyncio.sleep(11)
        ref.tell(Do(fail))
        await quiet()
        assert seen(supervisor, "okra/a").state == "backoff"
        assert ref.tell("while it is down")
        await asyncio.sleep(2)
    assert log.received == ["not started yet", True, "from itself", "while it is busy", "while it is down"]


async def test_a_level_message_replaces_the_one_that_waits_and_keeps_its_turn() -> None:
    log = Log()
    async with one(log) as ref:
        ref.tell(State("x", 1))
        ref.tell("edge")
        ref.tell(State("y", 1))
        ref.tell(State("x", 2))
        ref.tell(State("x", 3))
        await quiet()
    assert log.received == [State("x", 3), "edge", State("y", 1)]


async def test_a_level_message_does_not_replace_one_that_is_being_received() -> None:
    log = Log()
    async with one(log) as ref:
        ref.tell(State("x", 1, seconds=1))
        await quiet()
        ref.tell(State("x", 2))
        await asyncio.sleep(2)
    assert log.received == [State("x", 1, seconds=1), State("x", 2)]


async def test_a_full_mailbox_refuses_edges_and_nothing_else() -> None:
    log = Log()

    async def task() -> str:
        return "result"

    def arm(actor: Probe) -> None:
        actor.timers.after("k", 1, "timer")
        actor.run(task(), done=lambda result: result)

    async with root() as supervisor:
        ref = supervisor.start_child(spec(log, capacity=2))
        ref.tell(Do(arm))
        ref.tell(sleep(10))
        await quiet()
        assert [ref.tell(number) for number in range(4)] == [True, True, False, False]
        assert all(ref.tell(State(name, 1)) for name in "xyz")
        await asyncio.sleep(2)
        assert not ref.tell("still no room")
        assert seen(supervisor, "okra/a").refused == 3
        await asyncio.sleep(10)
        assert ref.tell("room again")
        await quiet()
    states = [State(name, 1) for name in "xyz"]
    assert sorted(map(str, log.received)) == sorted(map(str, [0, 1, *states, "timer", "result", "room again"]))


async def test_a_message_that_made_its_actor_fail_is_not_received_again() -> None:
    log = Log()
    tries: list[str] = []

    def bad(actor: Probe) -> None:
        tries.append("tried")
        fail(actor)

    async with one(log) as ref:
        ref.tell(Do(bad))
        ref.tell("next")
        await asyncio.sleep(60)
    assert tries == ["tried"]
    assert log.received == ["next"]


async def test_what_waits_survives_a_restart() -> None:
    log = Log()
    async with one(log) as ref:
        for message in (Do(fail), "edge", State("x", 1), Do(fail), State("x", 2), "last"):
            ref.tell(message)
        await asyncio.sleep(10)
    assert len(log.lives) == 3
    assert log.received == ["edge", State("x", 2), "last"]


async def test_an_actor_with_a_long_queue_lets_the_others_run() -> None:
    log, other = Log(), Log()
    async with root() as supervisor:
        busy = supervisor.start_child(spec(log))
        idle = supervisor.start_child(spec(other, "b"))
        await quiet()
        for _ in range(10 * FAIR_SHARE):
            busy.tell("work")
        idle.tell(Do(lambda actor: other.received.append(len(log.received))))
        await quiet()
        assert len(log.received) == 10 * FAIR_SHARE
    assert other.received == [FAIR_SHARE]


async def test_a_stopped_actor_refuses_all_messages() -> None:
    log = Log()
    async with root() as supervisor:
        ref = supervisor.start_child(spec(log))
        ref.tell(Do(hold))
        await quiet()
        ref.stop()
        assert not ref.tell("while it stops")
        await supervisor.stop_child("a")
        assert not ref.tell("afterwards")
        assert not ref.tell(State("x", 1))
    assert log.received == []
