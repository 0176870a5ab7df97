import asyncio
from collections.abc import Awaitable, Callable, Coroutine

import pytest

from okra.actors.runtime import ActorRef, ChildSpec, RootSupervisor
from tests.actors.runtime.probe import Boom, Do, Log, Probe, fail, hold, one, quiet, root, seen, spec

pytestmark = pytest.mark.looptime


async def result_after(seconds: float, result: object) -> object:
    await asyncio.sleep(seconds)
    if isinstance(result, BaseException):
        raise result
    return result


def owning(work: Callable[[], Coroutine[object, object, object]]) -> Do:
    def begin(actor: Probe) -> None:
        actor.run(work(), done=lambda result: ("done", result))

    return Do(begin)


async def test_the_result_of_an_owned_task_arrives_as_a_message() -> None:
    log = Log()
    async with one(log) as ref:
        ref.tell(owning(lambda: result_after(5, 42)))
        await quiet()
        ref.tell("received meanwhile")
        await asyncio.sleep(6)
    assert log.received == ["received meanwhile", ("done", 42)]


async def test_the_error_of_an_owned_task_arrives_as_a_message() -> None:
    log = Log()

    def begin(actor: Probe) -> None:
        actor.run(result_after(5, Boom("no")), done=lambda result: result, failed=lambda error: f"failed: {error}")

    async with one(log) as ref:
        ref.tell(Do(begin))
        await asyncio.sleep(6)
    assert log.received == ["failed: no"]
    assert len(log.lives) == 1


async def test_an_error_that_nobody_asked_for_is_the_actors_own_failure() -> None:
    log = Log()
    async with root() as supervisor:
        ref = supervisor.start_child(spec(log))
        ref.tell(owning(lambda: result_after(5, Boom("no"))))
        await asyncio.sleep(5.5)
        assert seen(supervisor, "okra/a").last_error == "Boom: no"
        await asyncio.sleep(5)
    assert len(log.lives) == 2
    assert log.received == []


async def stop(supervisor: RootSupervisor, ref: ActorRef[object]) -> None:
    await supervisor.stop_child("a")


async def crash(supervisor: RootSupervisor, ref: ActorRef[object]) -> None:
    ref.tell(Do(fail))
    await asyncio.sleep(0.5)


async def leave(supervisor: RootSupervisor, ref: ActorRef[object]) -> None:
    ref.tell(Do(lambda actor: actor.exit()))
    await asyncio.sleep(0.5)


async def cancel(supervisor: RootSupervisor, ref: ActorRef[object]) -> None:
    ref.tell(Do(hold))
    await quiet()
    supervisor.kill()
    await asyncio.sleep(0.5)


@pytest.mark.parametrize("end", [stop, crash, leave, cancel])
async def test_no_task_outlives_its_actor(
    end: Callable[[RootSupervisor, ActorRef[object]], Awaitable[None]],
) -> None:
    log = Log()

    async def work() -> None:
        log.events.append("task began")
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(0.1)
            log.events.append("task ended")

    async with root() as supervisor:
        ref = supervisor.start_child(spec(log))
        ref.tell(owning(work))
        await quiet()
        await end(supervisor, ref)
        assert log.events == ["a started", "task began", "task ended", "a stopping"]
    assert log.received == []


async def test_no_result_reaches_the_next_incarnation() -> None:
    log = Log()

    async def begin_and_fail(actor: Probe) -> None:
        actor.run(result_after(1, "of before"), done=lambda result: result)
        await asyncio.sleep(2)
        fail(actor)

    async with one(log) as ref:
        ref.tell(Do(begin_and_fail))
        ref.tell("edge")
        await asyncio.sleep(60)
    assert log.received == ["edge"]


async def test_a_task_that_its_actor_cancels_sends_nothing() -> None:
    log = Log()

    async def begin_and_cancel(actor: Probe) -> None:
        task = actor.run(result_after(5, 1), done=lambda result: result)
        await asyncio.sleep(1)
        task.cancel()

    async with one(log) as ref:
        ref.tell(Do(begin_and_cancel))
        await asyncio.sleep(60)
    assert log.received == []
    assert len(log.lives) == 1


async def test_a_task_that_ends_by_a_cancellation_from_elsewhere_is_not_silent() -> None:
    log = Log()

    async def awaits_what_is_cancelled() -> None:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(1, future.cancel)
        await future

    async with root() as supervisor:
        ref = supervisor.start_child(spec(log))
        ref.tell(owning(awaits_what_is_cancelled))
        await asyncio.sleep(1.5)
        assert seen(supervisor, "okra/a").last_error == "CancelledError"
        await asyncio.sleep(5)
    assert len(log.lives) == 2


async def test_an_actor_that_is_ending_can_begin_no_task() -> None:
    log = Log()

    class Late(Probe):
        async def stopping(self) -> None:
            with pytest.raises(RuntimeError, match="okra/a is ending"):
                self.run(result_after(1, 1), done=lambda result: result)
            await super().stopping()

    async with root() as supervisor:
        supervisor.start_child(ChildSpec("a", lambda: Late(log)))
        await quiet()
    assert log.events == ["a started", "a stopping"]
