import asyncio
from collections.abc import Callable
from random import Random

import pytest

from okra.actors.runtime import (
    Backoff,
    ChildFailed,
    ChildKind,
    ChildSpec,
    Escalated,
    Exceeded,
    Policy,
    RootSupervisor,
    Strategy,
    Supervisor,
)
from tests.actors.runtime.probe import STEADY, Boom, Do, Log, Probe, fail, now, quiet, root, seen, spec

pytestmark = pytest.mark.looptime

ESCALATE = Policy(backoff=STEADY, max_restarts=1, exceeded=Exceeded.ESCALATE)


def crash_loop(log: Log) -> Log:
    """Each start is logged with its time, and fails."""

    def start(actor: Probe) -> None:
        log.received.append(now())
        raise Boom("again")

    log.on_start = start
    return log


@pytest.mark.parametrize(
    ("kind", "act", "starts"),
    [
        (ChildKind.PERMANENT, fail, 2),
        (ChildKind.PERMANENT, Probe.exit, 2),
        (ChildKind.TRANSIENT, fail, 2),
        (ChildKind.TRANSIENT, Probe.exit, 1),
        (ChildKind.TEMPORARY, fail, 1),
        (ChildKind.TEMPORARY, Probe.exit, 1),
    ],
)
async def test_a_childs_kind_says_whether_it_starts_again(
    kind: ChildKind, act: Callable[[Probe], object], starts: int
) -> None:
    log = Log()
    async with root() as supervisor:
        ref = supervisor.start_child(spec(log, kind=kind))
        ref.tell(Do(act))
        await asyncio.sleep(5)
        assert len(log.lives) == starts
        assert ref.tell("still there?") is (starts == 2)
        assert (supervisor.get("a") is ref) is (starts == 2)


async def test_a_ref_stays_the_same_over_restarts() -> None:
    log = Log()
    async with root() as supervisor:
        ref = supervisor.start_child(spec(log))
        ref.tell(Do(fail))
        await asyncio.sleep(5)
        assert supervisor.get("a") is ref
        assert log.lives[1].ref is ref
        assert (ref.name, ref.path, repr(ref)) == ("a", "okra/a", "<ActorRef okra/a running>")


async def test_under_one_for_one_nobody_else_notices_a_failure() -> None:
    log = Log()
    async with root() as supervisor:
        for name in "abc":
            supervisor.start_child(spec(log, name))
        await quiet()
        log.events.clear()
        supervisor.start_child(spec(log, "b")).tell(Do(fail))
        await asyncio.sleep(5)
        assert log.events == ["b stopping", "b started"]


async def test_under_one_for_all_every_child_starts_again() -> None:
    log = Log()

    class SlowToStop(Probe):
        async def stopping(self) -> None:
            await asyncio.sleep(3)
            await super().stopping()

    async with root(Policy(Strategy.ONE_FOR_ALL, backoff=STEADY)) as supervisor:
        for name in "abc":
            supervisor.start_child(ChildSpec(name, lambda: SlowToStop(log)))
        supervisor.start_child(spec(log, "t", kind=ChildKind.TEMPORARY))
        await quiet()
        log.events.clear()
        supervisor.start_child(spec(log, "a")).tell("kept")
        supervisor.start_child(spec(log, "b")).tell(Do(fail))
        await asyncio.sleep(20)
        assert log.events == [
            "b stopping", "t stopping", "c stopping", "a stopping",
            "a started", "b started", "c started",
        ]  # fmt: skip
    assert log.received == ["kept"]


async def test_under_rest_for_one_the_younger_children_start_again() -> None:
    log = Log()
    async with root(Policy(Strategy.REST_FOR_ONE, backoff=STEADY)) as supervisor:
        for name in "abc":
            supervisor.start_child(spec(log, name))
        await quiet()
        log.events.clear()
        supervisor.start_child(spec(log, "b")).tell(Do(fail))
        await asyncio.sleep(5)
        assert log.events == ["b stopping", "c stopping", "b started", "c started"]


async def test_a_failure_while_a_group_is_down_adds_to_the_group() -> None:
    log = Log()
    async with root(Policy(Strategy.REST_FOR_ONE, backoff=STEADY)) as supervisor:
        for name in "abcd":
            supervisor.start_child(spec(log, name))
        await quiet()
        log.events.clear()
        supervisor.start_child(spec(log, "c")).tell(Do(fail))
        await asyncio.sleep(0.5)
        supervisor.start_child(spec(log, "b")).tell(Do(fail))
        await supervisor.stop_child("d")
        await asyncio.sleep(0.9)
        assert log.events == ["c stopping", "d stopping", "b stopping"]
        await asyncio.sleep(0.5)
        assert log.events == ["c stopping", "d stopping", "b stopping", "b started", "c started"]


async def test_a_stop_while_a_group_is_down_starts_nothing() -> None:
    log = Log()
    async with root(Policy(Strategy.ONE_FOR_ALL, backoff=STEADY)) as supervisor:
        for name in "ab":
            supervisor.start_child(spec(log, name))
        await quiet()
        supervisor.start_child(spec(log, "a")).tell(Do(fail))
        await quiet()
    assert now() == 0
    await asyncio.sleep(60)
    assert len(log.lives) == 2


async def test_restarts_wait_longer_each_time_with_jitter() -> None:
    log = crash_loop(Log())
    policy = Policy(backoff=Backoff(initial=1.0, factor=2.0, jitter=0.5), max_restarts=4)
    async with RootSupervisor("okra", policy, rng=Random(7)) as supervisor:
        supervisor.start_child(spec(log))
        await asyncio.sleep(20)
    rng = Random(7)
    expected, moment = [0.0], 0.0
    for longest in (1, 2, 4, 8):
        moment += longest * (1 - 0.5 * rng.random())
        expected.append(moment)
    assert log.received[:5] == pytest.approx(expected, abs=0.1)


async def test_a_child_that_ran_for_a_window_begins_with_a_clean_record() -> None:
    log = Log()
    failures: list[ChildFailed] = []
    async with root(Policy(backoff=STEADY, max_restarts=2), on_failure=failures.append) as supervisor:
        ref = supervisor.start_child(spec(log))
        for pause in (2, 65, 2):
            ref.tell(Do(fail))
            await asyncio.sleep(pause)
        ref.tell(Do(fail))
        await quiet()
    assert [failure.retry_in for failure in failures] == [1.0, 2.0, 1.0, 2.0]
    assert not any(failure.parked for failure in failures)


async def test_a_child_that_fails_too_often_is_parked_and_the_others_keep_going() -> None:
    log, other = crash_loop(Log()), Log()
    async with root() as supervisor:
        supervisor.start_child(spec(log))
        ref = supervisor.start_child(spec(other, "b"))
        await asyncio.sleep(40)
        assert log.received == [0, 1, 3, 7, 15, 31]
        assert seen(supervisor, "okra/a").state == "parked"
        assert seen(supervisor, "okra/a").last_error == "Boom: again"
        ref.tell("fine")
        await quiet()
    assert other.received == ["fine"]
    assert len(other.lives) == 1


async def test_a_parked_child_is_tried_again_at_a_capped_backoff() -> None:
    log = crash_loop(Log())
    async with root(Policy(backoff=Backoff(cap=100.0, jitter=0.0))) as supervisor:
        supervisor.start_child(spec(log))
        await asyncio.sleep(500)
        assert seen(supervisor, "okra/a").state == "parked"
        assert log.received == [0, 1, 3, 7, 15, 31, 63, 127, 227, 327, 427]
        log.on_start = None
        await asyncio.sleep(100)
        assert seen(supervisor, "okra/a").state == "running"


@pytest.mark.parametrize("strategy", Strategy)
async def test_an_unparked_child_starts_at_once(strategy: Strategy) -> None:
    log = crash_loop(Log())
    async with root(Policy(strategy, backoff=STEADY)) as supervisor:
        supervisor.start_child(spec(log))
        supervisor.unpark("a")
        supervisor.unpark("unknown")
        await asyncio.sleep(40)
        assert log.received == [0, 1, 3, 7, 15, 31]
        log.on_start = None
        supervisor.unpark("a")
        await quiet()
        assert seen(supervisor, "okra/a").state == "running"
        starts = len(log.lives)
        supervisor.unpark("a")
        await asyncio.sleep(10)
        assert len(log.lives) == starts


async def test_the_owner_hears_of_every_failure() -> None:
    log = crash_loop(Log())
    owner = Log()

    def have_children(actor: Probe) -> None:
        policy = Policy(backoff=STEADY, max_restarts=1)
        children = actor.own(Supervisor(policy, on_failure=actor.ref.tell))
        children.start_child(spec(log, "child"))
        children.start_child(spec(log, "temporary", kind=ChildKind.TEMPORARY))

    owner.on_start = have_children
    async with root() as supervisor:
        supervisor.start_child(spec(owner, "owner"))
        await asyncio.sleep(1.5)
    assert owner.received == [
        ChildFailed("child", "okra/owner/child", "Boom: again", 0, False, 1.0),
        ChildFailed("temporary", "okra/owner/temporary", "Boom: again", 0, False, None),
        ChildFailed("child", "okra/owner/child", "Boom: again", 1, True, 2.0),
    ]


async def test_what_is_escalated_is_the_owners_own_failure() -> None:
    log = crash_loop(Log())

    def have_a_child(actor: Probe) -> None:
        actor.own(Supervisor(ESCALATE)).start_child(spec(log, "child"))

    owner = Log(on_start=have_a_child)
    async with root() as supervisor:
        supervisor.start_child(spec(owner, "owner"))
        await asyncio.sleep(1.5)
        assert seen(supervisor, "okra/owner").state == "backoff"
        assert seen(supervisor, "okra/owner").last_error == ("Escalated: okra/owner/child failed 2 times: Boom: again")
        await asyncio.sleep(1)
        assert len(owner.lives) == 2


async def test_what_escalates_to_the_root_is_raised_out_of_its_block() -> None:
    log, other = crash_loop(Log()), Log()
    with pytest.raises(Escalated, match=r"okra/a2? failed 2 times: Boom: again") as raised:
        async with root(ESCALATE) as supervisor:
            supervisor.start_child(spec(log))
            supervisor.start_child(spec(crash_loop(Log()), "a2"))
            supervisor.start_child(spec(other, "b"))
            await asyncio.sleep(1000)
    assert now() == 1
    assert other.events == ["b started", "b stopping"]
    assert supervisor.snapshot().last_error == str(raised.value)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancellation_outranks_an_escalation() -> None:
    log = crash_loop(Log())

    def cancel_too(failure: ChildFailed) -> None:
        if failure.retry_in is None:
            task.cancel()

    async def host() -> None:
        async with root(ESCALATE, on_failure=cancel_too) as supervisor:
            supervisor.start_child(spec(log))
            supervisor.start_child(spec(log, "b"))
            await asyncio.sleep(1000)

    task = asyncio.create_task(host())
    await asyncio.wait([task])
    assert now() == 1
    assert task.cancelled()


async def test_a_nested_supervisor_keeps_its_children_over_its_own_restarts() -> None:
    log, bad = Log(), crash_loop(Log())
    cells = Supervisor(ESCALATE)
    early = cells.start_child(spec(log, "good"))
    assert early.tell("before it runs")
    async with root() as supervisor:
        supervisor.start_child(cells.as_child("cells"))
        await quiet()
        assert early.path == "okra/cells/good"
        cells.start_child(spec(bad, "bad"))
        await asyncio.sleep(1.5)
        assert seen(supervisor, "okra/cells").state == "backoff"
        assert not early.tell("while it is down")
        bad.on_start = None
        await asyncio.sleep(1)
        assert seen(supervisor, "okra/cells/bad").state == "running"
        cells.start_child(spec(bad, "bad")).tell(Do(fail))
        await quiet()
        assert seen(supervisor, "okra/cells/bad").state == "backoff"  # with a clean record
        assert early.tell("after")
        await quiet()
    assert log.events == ["good started", "good stopping", "good started", "good stopping"]
    assert log.received == ["before it runs", "after"]


async def test_a_cancellation_that_nobody_asked_for_is_a_failure() -> None:
    log = Log()

    async def await_what_is_cancelled(actor: Probe) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async with root() as supervisor:
        ref = supervisor.start_child(spec(log))
        ref.tell(Do(await_what_is_cancelled))
        await asyncio.sleep(2)
        assert seen(supervisor, "okra/a").last_error == "CancelledError"
        next(task for task in asyncio.all_tasks() if task.get_name() == "okra/a").cancel()
        await asyncio.sleep(3)
        assert seen(supervisor, "okra/a").state == "running"
    assert len(log.lives) == 3


async def test_a_failure_while_everything_stops_is_reported_and_starts_nothing() -> None:
    log = Log()
    failures: list[ChildFailed] = []
    async with root(on_failure=failures.append) as supervisor:
        ref = supervisor.start_child(spec(log))
        slow = supervisor.start_child(spec(Log(), "slow"))
        slow.tell(Do(lambda actor: asyncio.sleep(3)))
        await quiet()
        stop = asyncio.create_task(supervisor.stop(60))
        await quiet()
        ref.tell(Do(fail))
        await stop
        assert [(failure.name, failure.retry_in) for failure in failures] == [("a", None)]
        await asyncio.sleep(60)
    assert len(log.lives) == 1


async def test_an_actor_has_at_most_one_supervisor() -> None:
    log = Log()

    def twice(actor: Probe) -> None:
        actor.own(Supervisor())
        with pytest.raises(RuntimeError, match="okra/a has a supervisor already"):
            actor.own(Supervisor())
        log.received.append("refused")

    async with root() as supervisor:
        supervisor.start_child(ChildSpec("a", lambda: Probe(log))).tell(Do(twice))
        await quiet()
    assert log.received == ["refused"]
