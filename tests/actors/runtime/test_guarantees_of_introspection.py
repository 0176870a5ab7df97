import asyncio

import pytest
from looptime import LoopTimeEventLoop

from okra.actors.runtime import RootSupervisor, State, Supervisor
from okra.actors.runtime.snapshot import MAX_ERROR
from tests.actors.runtime.probe import Boom, Do, Log, Probe, fail, hold, quiet, root, seen, sleep, spec

pytestmark = pytest.mark.looptime


async def test_a_snapshot_shows_the_whole_tree_in_start_order() -> None:
    log = Log()

    def have_a_child(actor: Probe) -> None:
        actor.own(Supervisor()).start_child(spec(log, "child"))

    async with root() as supervisor:
        supervisor.start_child(spec(log, "b"))
        supervisor.start_child(spec(log, "a")).tell(Do(have_a_child))
        await quiet()
        assert [(node.path, node.actor, node.kind) for node in supervisor.snapshot().walk()] == [
            ("okra", "RootSupervisor", "root"),
            ("okra/b", "Probe", "permanent"),
            ("okra/a", "Probe", "permanent"),
            ("okra/a/child", "Probe", "permanent"),
        ]
    assert [node.state for node in supervisor.snapshot().walk()] == [State.STOPPED] * 3


async def test_a_snapshot_shows_what_an_actor_is_doing_and_for_how_long() -> None:
    log = Log()
    async with root() as supervisor:
        ref = supervisor.start_child(spec(log, capacity=10))
        assert seen(supervisor, "okra/a").state == "starting"
        assert seen(supervisor, "okra/a").uptime is None
        await quiet()
        idle = seen(supervisor, "okra/a")
        assert (idle.state, idle.receiving, idle.receiving_for, idle.received) == ("running", None, 0.0, 0)
        ref.tell("one")
        ref.tell(sleep(10))
        for message in ("two", "three", "four"):
            ref.tell(message)
        await asyncio.sleep(4)
        busy = seen(supervisor, "okra/a")
        assert busy.receiving == "Do"
        assert busy.receiving_for == pytest.approx(4)
        assert (busy.waiting, busy.capacity, busy.high_water, busy.received) == (3, 10, 5, 1)
        assert busy.uptime == pytest.approx(4, abs=0.01)
        await asyncio.sleep(7)
        assert seen(supervisor, "okra/a").received == 5
        ref.stop()
        assert seen(supervisor, "okra/a").state == "stopping"


async def test_a_snapshot_shows_failures_without_their_tracebacks() -> None:
    log = Log()

    def fail_at_length(actor: Probe) -> None:
        raise Boom("x" * 10_000)

    async with root() as supervisor:
        ref = supervisor.start_child(spec(log))
        ref.tell(Do(fail))
        await quiet()
        down = seen(supervisor, "okra/a")
        assert (down.state, down.last_error, down.uptime, down.restarts) == ("backoff", "Boom: as told", None, 0)
        ref.tell(Do(fail_at_length))
        await asyncio.sleep(10)
        again = seen(supervisor, "okra/a")
        assert (again.state, again.restarts) == ("running", 2)
        assert again.last_error is not None
        assert len(again.last_error) == MAX_ERROR
        assert again.last_error.startswith("Boom: xxx")


async def test_a_failure_while_it_is_being_stopped_is_recorded() -> None:
    log = Log()

    async def fail_late(actor: Probe) -> None:
        await asyncio.sleep(1)
        fail(actor)

    async with root() as supervisor:
        supervisor.start_child(spec(log)).tell(Do(fail_late))
        await quiet()
    assert seen(supervisor, "okra/a").last_error == "Boom: as told"


async def test_responsive_tells_whether_the_loop_still_serves_the_root() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, LoopTimeEventLoop)
    supervisor = RootSupervisor("okra")
    assert not supervisor.responsive(max_age=10)
    async with supervisor:
        supervisor.start_child(spec(Log())).tell(Do(hold))
        await asyncio.sleep(100)
        assert supervisor.responsive(max_age=10)
        loop.setup_looptime(start=loop.time() + 30)  # as a call that blocks it for so long
        assert not supervisor.responsive(max_age=10)
        await quiet()
        assert supervisor.responsive(max_age=10)
    assert not supervisor.responsive(max_age=10)
