"""The mailbox against a model that is a plain list: whatever is done in whatever order, both hold the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from okra.actors.runtime import Ask
from okra.actors.runtime.errors import ActorStopped
from okra.actors.runtime.mailbox import Exempt, Mailbox, Request, Signal
from tests.actors.runtime.probe import State

CAPACITY = 3


class Question(Ask[int]):
    pass


class Note(Signal):
    def __init__(self, text: str) -> None:
        self.text = text

    def message_of(self) -> object:
        return self.text


@dataclass(slots=True)
class Waiting:
    message: object
    entry: Request | Note | None = None


class MailboxMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.mailbox = Mailbox(CAPACITY)
        self.model: list[Waiting] = []
        self.open = True
        self.high_water = 0
        self.refused = 0
        self.count = 0

    def teardown(self) -> None:
        self.loop.close()

    def _next(self) -> int:
        self.count += 1
        return self.count

    def _expect_edge(self, waiting: Waiting, *, accepted: bool) -> None:
        edges = [w for w in self.model if not isinstance(w.message, State) and not isinstance(w.entry, Note)]
        full = len(edges) >= CAPACITY
        assert accepted is (self.open and not full)
        self.refused += self.open and full
        if accepted:
            self._grow(waiting)

    def _grow(self, waiting: Waiting) -> None:
        self.model.append(waiting)
        self.high_water = max(self.high_water, len(self.model))

    @rule()
    def put_an_edge(self) -> None:
        number = self._next()
        self._expect_edge(Waiting(number), accepted=self.mailbox.put(number))

    @rule()
    def put_an_ask(self) -> None:
        request = Request(Question(), self.loop.create_future())
        self._expect_edge(Waiting(request, request), accepted=self.mailbox.put(request))

    @rule(key=st.sampled_from("xyz"))
    def put_a_level(self, key: str) -> None:
        message = State(key, self._next())
        assert self.mailbox.put(message) is self.open
        if self.open:
            same = [w for w in self.model if isinstance(w.message, State) and w.message.of == key]
            if same:
                same[0].message = message
            else:
                self._grow(Waiting(message))

    @rule()
    def post_a_signal(self) -> None:
        note = Note(f"note {self._next()}")
        self.mailbox.post(note)
        self._grow(Waiting(note.text, note))

    @precondition(lambda self: any(isinstance(w.entry, Note) for w in self.model))
    @rule(data=st.data())
    def withdraw_a_signal(self, data: st.DataObject) -> None:
        waiting = data.draw(st.sampled_from([w for w in self.model if isinstance(w.entry, Note)]))
        assert isinstance(waiting.entry, Note)
        self.mailbox.withdraw(waiting.entry)
        self.model.remove(waiting)

    @precondition(lambda self: self.model)
    @rule()
    def take(self) -> None:
        entry = self.mailbox.queue.popleft()
        message = self.mailbox.opened(entry) if isinstance(entry, Exempt) else entry
        assert message == self.model.pop(0).message

    @rule()
    def close(self) -> None:
        self.mailbox.close()
        self.open = False

    @rule()
    def reopen(self) -> None:
        self.mailbox.reopen()
        self.open = True

    @rule()
    def an_incarnation_ends(self) -> None:
        self.mailbox.drop_signals()
        self.model = [w for w in self.model if not isinstance(w.entry, Note)]

    @rule()
    def the_actor_stops(self) -> None:
        self.mailbox.discard("it has stopped")
        requests: list[Any] = [w.entry for w in self.model if isinstance(w.entry, Request)]
        assert all(isinstance(request.reply.exception(), ActorStopped) for request in requests)
        self.model = []

    @invariant()
    def both_agree(self) -> None:
        assert len(self.mailbox) == len(self.model)
        assert self.mailbox.closed is not self.open
        assert (self.mailbox.high_water, self.mailbox.refused) == (self.high_water, self.refused)


TestMailboxModel = MailboxMachine.TestCase
TestMailboxModel.settings = settings(max_examples=150, stateful_step_count=50, deadline=None, derandomize=True)
