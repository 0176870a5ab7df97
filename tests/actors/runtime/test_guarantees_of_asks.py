import asyncio
from collections.abc import Callable
from typing import assert_type

import pytest

from okra.actors.runtime import ActorRef, ActorStopped, Ask, AskFailed, AskTimeout, ChildSpec, MailboxFull, NotAnswered
from okra.errors import Retryable
from tests.actors.runtime.probe import Boom, Do, Double, Log, Probe, State, now, one, quiet, root, sleep

pytestmark = pytest.mark.looptime


class Unanswered(Ask[int]):
    pass


class Fatal(Ask[int]):
    pass


class Respondent(Probe):
    async def receive(self, message: object) -> None:
        if isinstance(message, Fatal):
            raise Boom("of all things")
        await super().receive(message)


async def test_an_ask_gets_the_reply_to_its_own_question() -> None:
    async with one(Log()) as ref:
        replies = await asyncio.gather(*(ref.ask(Double(number), timeout=1) for number in range(100)))
        assert replies == [2 * number for number in range(100)]
        assert_type(await ref.ask(Double(1), timeout=1), int)


async def test_an_ask_ends_at_its_deadline() -> None:
    async with one(Log()) as ref:
        ref.tell(sleep(100))
        began = now()
        with pytest.raises(AskTimeout, match="okra/a did not reply to Double within 5 s"):
            await ref.ask(Double(1), timeout=5)
        assert now() - began == 5


def nothing(ref: ActorRef[object]) -> None:
    pass


def fill(ref: ActorRef[object]) -> None:
    ref.tell("takes the only place")


def stop(ref: ActorRef[object]) -> None:
    ref.stop()


def stop_soon(ref: ActorRef[object]) -> None:
    ref.tell(State("busy", 1, seconds=2))
    asyncio.get_running_loop().call_later(1, ref.stop)


@pytest.mark.parametrize(
    ("before", "question", "error", "after"),
    [
        pytest.param(fill, Double(1), MailboxFull, 0, id="the mailbox is full"),
        pytest.param(stop, Double(1), ActorStopped, 0, id="it has stopped"),
        pytest.param(stop_soon, Double(1), ActorStopped, 2, id="it stops before it comes to it"),
        pytest.param(nothing, Unanswered(), NotAnswered, 0, id="it returns without a reply"),
        pytest.param(nothing, Fatal(), NotAnswered, 0, id="it fails over it"),
    ],
)
async def test_an_ask_fails_at_once_when_no_reply_can_come(
    before: Callable[[ActorRef[object]], None],
    question: Ask[int],
    error: type[AskFailed],
    after: float,
) -> None:
    async with root() as supervisor:
        ref = supervisor.start_child(ChildSpec("a", lambda: Respondent(Log()), capacity=1))
        await quiet()
        before(ref)
        began = now()
        with pytest.raises(error, match="okra/a"):
            await ref.ask(question, timeout=60)
        assert now() - began == after
    assert issubclass(error, Retryable)


async def test_an_ask_is_not_received_after_its_deadline() -> None:
    log = Log()
    asked: list[str] = []

    class Counting(Probe):
        async def receive(self, message: object) -> None:
            asked.append(type(message).__name__)
            await super().receive(message)

    async with root() as supervisor:
        ref = supervisor.start_child(ChildSpec("a", lambda: Counting(log)))
        ref.tell(sleep(10))
        with pytest.raises(AskTimeout):
            await ref.ask(Double(1), timeout=5)
        assert await ref.ask(Double(2), timeout=60) == 4
    assert asked == ["Do", "Double"]


async def test_a_reply_that_comes_too_late_is_dropped() -> None:
    async with one(Log()) as ref:
        with pytest.raises(AskTimeout):
            await ref.ask(Double(1, seconds=10), timeout=5)
        assert await ref.ask(Double(2), timeout=60) == 4


async def test_only_the_ask_that_is_being_received_can_be_answered_and_once() -> None:
    log = Log()

    def answer_nothing(actor: Probe) -> None:
        with pytest.raises(RuntimeError, match="the ask that is being received"):
            actor.reply(Double(1), 2)
        log.received.append("refused")

    class Twice(Probe):
        async def receive(self, message: object) -> None:
            if isinstance(message, Double):
                self.reply(message, 1)
                with pytest.raises(RuntimeError, match="once"):
                    self.reply(message, 2)
            else:
                await super().receive(message)

    async with root() as supervisor:
        ref = supervisor.start_child(ChildSpec("a", lambda: Twice(log)))
        ref.tell(Do(answer_nothing))
        assert await ref.ask(Double(1), timeout=1) == 1
        assert len(log.lives) == 1
    assert log.received == ["refused"]
