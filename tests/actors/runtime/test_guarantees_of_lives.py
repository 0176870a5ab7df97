import asyncio
from contextvars import ContextVar

import pytest

from okra.actors.runtime import ChildSpec, Supervisor
from tests.actors.runtime.probe import Boom, Do, Log, Probe, fail, one, quiet, root, seen, spec

pytestmark = pytest.mark.looptime

WHO: ContextVar[str] = ContextVar("who", default="nobody")


async def test_every_start_makes_a_new_instance_which_begins_with_started() -> None:
    log = Log(on_start=lambda actor: log.events.append(f"{len(log.received)} received so far"))
    async with one(log) as ref:
        ref.tell("message")
        ref.tell(Do(fail))
        await asyncio.sleep(5)
    first, second = log.lives
    assert first is not second
    assert log.events == [
        "0 received so far",
        "a started",
        "a stopping",
        "1 received so far",
        "a started",
        "a stopping",
    ]


async def test_stopping_comes_last_after_children_and_tasks_have_ended() -> None:
    log = Log()

    async def work() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            log.events.append("task ended")

    def begin(actor: Probe) -> None:
        actor.own(Supervisor()).start_child(spec(Log(events=log.events), "child"))
        actor.run(work(), done=lambda result: result)

    log.on_start = begin
    async with one(log) as ref:
        await asyncio.sleep(1)
        ref.tell(Do(fail))
        await asyncio.sleep(5)
    one_life = ["a started", "child started", "child stopping", "task ended", "a stopping"]
    assert log.events == [*one_life, *one_life]


async def test_stopping_is_not_called_when_started_failed() -> None:
    log = Log(on_start=lambda actor: fail(actor) if len(log.lives) == 1 else None)
    async with one(log):
        await asyncio.sleep(5)
    assert log.events == ["a started", "a stopping"]
    assert len(log.lives) == 2


async def test_a_failure_in_stopping_changes_nothing() -> None:
    log = Log()

    class Clumsy(Probe):
        async def stopping(self) -> None:
            await super().stopping()
            raise Boom("cleaning up")

    async with root() as supervisor:
        ref = supervisor.start_child(ChildSpec("a", lambda: Clumsy(log)))
        ref.tell(Do(fail))
        await quiet()
        assert seen(supervisor, "okra/a").last_error == "Boom: as told"
        await asyncio.sleep(2)
        assert seen(supervisor, "okra/a").state == "running"
    assert len(log.lives) == 2


async def test_an_actor_inherits_no_context_from_who_started_it() -> None:
    log = Log(on_start=lambda actor: log.events.append(WHO.get()))
    token = WHO.set("the starter")
    async with one(log):
        pass
    WHO.reset(token)
    assert log.events[0] == "nobody"
