import asyncio

import pytest

from okra.actors.runtime import ActorStopped, ChildFailed, ChildSpec, Policy, RootSupervisor, Supervisor
from tests.actors.runtime.probe import (
    STEADY,
    Boom,
    Do,
    Double,
    Log,
    Probe,
    State,
    fail,
    hold,
    now,
    quiet,
    root,
    seen,
    sleep,
    spec,
)

pytestmark = pytest.mark.looptime


class SlowToStop(Probe):
    async def stopping(self) -> None:
        await asyncio.sleep(3)
        await super().stopping()


async def test_a_stop_finishes_the_current_message_and_drops_the_rest() -> None:
    log = Log()
    async with root() as supervisor:
        ref = supervisor.start_child(spec(log))
        ref.tell(State("x", 1, seconds=3))
        ref.tell("waits")
        ask = asyncio.create_task(ref.ask(Double(1), timeout=60))
        await quiet()
        await supervisor.stop_child("a")
        assert now() == 3
        with pytest.raises(ActorStopped):
            await ask
    assert log.received == [State("x", 1, seconds=3)]
    assert log.events == ["a started", "a stopping"]


async def test_a_stop_of_a_draining_actor_receives_first_what_waits() -> None:
    log = Log()
    async with root() as supervisor:
        ref = supervisor.start_child(spec(log, drain=True))
        ref.tell(sleep(1))
        ref.tell("waits")
        ask = asyncio.create_task(ref.ask(Double(1), timeout=60))
        await quiet()
        stop = asyncio.create_task(supervisor.stop_child("a"))
        await quiet()
        assert not ref.tell("too late")
        await stop
        assert await ask == 2
    assert log.received == ["waits"]
    assert log.events == ["a started", "a stopping"]


async def test_past_its_stop_timeout_an_actor_is_cancelled_step_by_step() -> None:
    log = Log()

    class Stuck(Probe):
        async def stopping(self) -> None:
            await super().stopping()
            await asyncio.sleep(1000)

    async def work() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(1000)

    def begin(actor: Probe) -> None:
        actor.run(work(), done=lambda result: result)

    async with root() as supervisor:
        supervisor.start_child(ChildSpec("a", lambda: Stuck(log), stop_timeout=5)).tell(Do(begin))
        await quiet()
        began = now()
        await supervisor.stop_child("a")
        # Cancelled in the task's clean-up after 5 s, in `stopping` a second later.
        assert now() - began == 6
    assert log.events == ["a started", "a stopping"]


@pytest.mark.parametrize("where", ["started", "receive"])
async def test_a_stop_timeout_counts_from_the_stop(where: str) -> None:
    log = Log(on_start=(lambda actor: asyncio.sleep(3)) if where == "started" else None)

    class Stuck(Probe):
        async def stopping(self) -> None:
            await asyncio.sleep(1000)

    async with root() as supervisor:
        supervisor.start_child(ChildSpec("a", lambda: Stuck(log), stop_timeout=5)).tell(sleep(3))
        await quiet()
        await supervisor.stop_child("a")
        assert now() == 5


async def test_a_stop_timeout_covers_the_children() -> None:
    log = Log()

    def have_a_stuck_child(actor: Probe) -> None:
        actor.own(Supervisor()).start_child(spec(Log(events=log.events), "child", stop_timeout=1000)).tell(Do(hold))

    async with root() as supervisor:
        supervisor.start_child(spec(log, stop_timeout=5)).tell(Do(have_a_stuck_child))
        await quiet()
        began = now()
        await supervisor.stop_child("a")
        assert now() - began == 5
    assert log.events == ["a started", "child started", "child stopping", "a stopping"]


async def test_an_actor_that_fails_has_its_stop_timeout_for_its_clean_up() -> None:
    log = Log()

    class Stuck(Probe):
        async def stopping(self) -> None:
            await super().stopping()
            if len(self.log.lives) == 1:
                await asyncio.sleep(1000)

    def fail_now(actor: Probe) -> None:
        raise Boom("and then stuck")

    async with root() as supervisor:
        supervisor.start_child(ChildSpec("a", lambda: Stuck(log), stop_timeout=5)).tell(Do(fail_now))
        await asyncio.sleep(4)
        assert seen(supervisor, "okra/a").state == "stopping"
        await asyncio.sleep(3)
        assert seen(supervisor, "okra/a").state == "running"
        assert seen(supervisor, "okra/a").last_error == "Boom: and then stuck"


async def test_children_stop_newest_first_each_after_the_one_before() -> None:
    log = Log()
    async with root() as supervisor:
        for name in "abc":
            supervisor.start_child(ChildSpec(name, lambda: SlowToStop(log)))
        await quiet()
        log.events.clear()
        await supervisor.stop(timeout=60)
        assert now() == 9
    assert log.events == ["c stopping", "b stopping", "a stopping"]


async def test_children_that_stop_together_take_as_long_as_the_slowest() -> None:
    log = Log()
    async with root(Policy(stop_together=True)) as supervisor:
        for name in "abc":
            supervisor.start_child(ChildSpec(name, lambda: SlowToStop(log)))
        await quiet()
        await supervisor.stop(timeout=60)
        assert now() == 3
    assert sorted(log.events[3:]) == ["a stopping", "b stopping", "c stopping"]


async def test_past_the_roots_timeout_all_that_is_left_is_cancelled() -> None:
    log = Log()
    async with root(stop_timeout=7) as supervisor:
        for name in "abc":
            supervisor.start_child(spec(log, name, stop_timeout=1000)).tell(Do(hold))
        await quiet()
    assert now() == 7
    assert sorted(log.events[3:]) == ["a stopping", "b stopping", "c stopping"]


async def test_nothing_runs_after_the_roots_block_however_often_it_is_cancelled() -> None:
    log = Log()

    async def host() -> None:
        async with root() as supervisor:
            supervisor.start_child(ChildSpec("parent", lambda: SlowToStop(log)))
            supervisor.start_child(ChildSpec("a", lambda: SlowToStop(log)))
            await asyncio.sleep(1000)

    task = asyncio.create_task(host())
    await quiet()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.5)
    await asyncio.wait([task])
    assert task.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_two_actors_of_one_name_never_run_at_the_same_time() -> None:
    log = Log()
    async with root() as supervisor:
        old = supervisor.start_child(ChildSpec("a", lambda: SlowToStop(log)))
        await quiet()
        old.stop()
        new = supervisor.start_child(spec(log))
        assert new is not old
        assert new.tell("for the new one")
        await asyncio.sleep(1)
        assert log.events == ["a started"]
        await asyncio.sleep(3)
        assert log.events == ["a started", "a stopping", "a started"]
        await supervisor.stop_child("a")
    assert log.received == ["for the new one"]


async def test_starting_and_stopping_a_child_are_idempotent() -> None:
    log = Log()
    async with root() as supervisor:
        ref = supervisor.start_child(spec(log))
        assert supervisor.start_child(spec(log)) is ref
        assert supervisor.get("a") is ref
        await quiet()
        async with asyncio.TaskGroup() as stops:
            for _ in range(2):
                stops.create_task(supervisor.stop_child("a"))
        await supervisor.stop_child("a")
        ref.stop()
        assert supervisor.get("a") is None
    assert log.events == ["a started", "a stopping"]


async def test_a_child_that_was_stopped_while_it_waited_for_its_turn_never_starts() -> None:
    log = Log()
    async with root() as supervisor:
        slow = supervisor.start_child(ChildSpec("a", lambda: SlowToStop(log)))
        await quiet()
        slow.stop()
        never = supervisor.start_child(spec(log))
        await supervisor.stop_child("a")
        assert not never.tell("nobody")
        await asyncio.sleep(10)
    assert log.events == ["a started", "a stopping"]


async def test_a_child_that_failed_is_stopped_without_being_started_again() -> None:
    log = Log()
    async with root(Policy(backoff=STEADY)) as supervisor:
        ref = supervisor.start_child(spec(log))
        ref.tell(Do(fail))
        await quiet()
        assert seen(supervisor, "okra/a").state == "backoff"
        await supervisor.stop_child("a")
        await asyncio.sleep(60)
    assert len(log.lives) == 1


@pytest.mark.parametrize("exit_", [KeyboardInterrupt, SystemExit])
def test_an_exit_of_the_process_passes_through_and_restarts_nothing(exit_: type[BaseException]) -> None:
    log, other = Log(), Log()
    failures: list[ChildFailed] = []

    def leave(actor: Probe) -> None:
        raise exit_

    async def main() -> None:
        async with RootSupervisor("okra", on_failure=failures.append) as supervisor:
            supervisor.start_child(spec(other, "b"))
            supervisor.start_child(spec(log)).tell(Do(leave))
            await asyncio.sleep(1000)

    with pytest.raises(exit_):
        asyncio.run(main())
    assert log.events == ["a started"]
    assert other.events == ["b started", "b stopping"]
    assert failures == []


@pytest.mark.parametrize("exit_", [KeyboardInterrupt, SystemExit])
def test_an_exit_in_an_owned_task_passes_through_too(exit_: type[BaseException]) -> None:
    log = Log()

    async def leave() -> None:
        raise exit_

    async def main() -> None:
        async with RootSupervisor("okra") as supervisor:

            def begin(actor: Probe) -> None:
                actor.run(leave(), done=lambda result: result)

            supervisor.start_child(spec(log)).tell(Do(begin))
            await asyncio.sleep(1000)

    with pytest.raises(exit_):
        asyncio.run(main())
    assert log.events == ["a started", "a stopping"]


async def test_a_stop_during_started_waits_for_it_and_receives_nothing() -> None:
    log = Log(on_start=lambda actor: asyncio.sleep(3))
    async with root() as supervisor:
        ref = supervisor.start_child(spec(log))
        ref.tell("message")
        await quiet()
        await supervisor.stop_child("a")
        assert now() == 3
    assert log.events == ["a started", "a stopping"]
    assert log.received == []


async def test_a_kill_ends_running_and_failed_children_alike() -> None:
    log = Log()
    async with root() as supervisor:
        for name in "ab":
            supervisor.start_child(spec(log, name))
        supervisor.start_child(spec(log, "a")).tell(Do(hold))
        supervisor.start_child(spec(log, "b")).tell(Do(fail))
        await quiet()
        supervisor.kill()
        await quiet()
        assert seen(supervisor, "okra/a").state == seen(supervisor, "okra/b").state == "stopped"
    assert len(log.lives) == 2


async def test_a_root_that_never_ran_stops() -> None:
    supervisor = RootSupervisor("okra")
    ref = supervisor.start_child(spec(Log()))
    assert ref.tell("waits for the root")
    await supervisor.stop(timeout=1)
    assert not ref.tell("too late")
