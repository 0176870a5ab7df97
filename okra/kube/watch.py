"""A watch that lasts: of every change after a resourceVersion, in order, across whatever ends a connection.

The library's reconnects without a pause, decodes each event twice and asks again after a 410. Here only three things
reach the caller: events, Expired (list again), and what nobody but a person can mend (a missing permission, a missing
kind). A server that closes, restarts, freezes or refuses for its load is waited out, longer each time.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import structlog

from okra.errors import Expired, Invalid, KindNotInstalled, Retryable, Unavailable
from okra.kube.answers import Overloaded, refused
from okra.kube.calls import Call
from okra.kube.client import KubeClient
from okra.kube.listing import slim
from okra.ports import WatchEvent

log = structlog.get_logger("okra")


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. `span`: a connection is asked to end after it, or up to a quarter later, so that no two end together.

    A server that froze is noticed `slack` after that. `lasting`: a connection that was open so long did work, so the
    next is tried at once; else the pause doubles from `first` up to `longest`, half of it left to chance.
    """

    span: float = 120.0
    slack: float = 15.0
    lasting: float = 10.0
    first: float = 0.5
    longest: float = 30.0
    chance: random.Random = field(default_factory=random.SystemRandom)

    def pause(self, failures: int) -> float:
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 30)) * self.chance.uniform(0.5, 1.0)


async def watch(
    client: KubeClient, call: Call, resource_version: str, selector: str | None, patience: Patience
) -> AsyncIterator[WatchEvent]:
    """See `ObjectStore.watch`. Bookmarks are passed on: their object has only a resourceVersion."""
    if not (resource_version.isascii() and resource_version.isdigit()):  # a server would say 500, which is waited out
        raise Invalid(f"{call}: resourceVersion {resource_version!r} is none: list, and watch from there")
    position, failures = resource_version, 0
    while True:
        began, problem, asked_for = time.monotonic(), "the server ended it", 0.0
        try:
            async with aclosing(_connection(client, call, position, selector, patience)) as events:
                async for event in events:
                    position = event.object["metadata"]["resourceVersion"]
                    yield event
        except (Expired, KindNotInstalled):
            raise
        except Retryable as error:
            problem = str(error)
            if isinstance(error, Overloaded):
                asked_for = min(error.retry_after or 0.0, 2 * patience.longest)
        lasted = time.monotonic() - began >= patience.lasting
        failures = 0 if lasted else failures + 1
        if failures > 1:
            log.warning("WatchInterrupted", resource=call.resource, error=problem, failures=failures)
        if failures:
            await asyncio.sleep(max(patience.pause(failures), asked_for))


async def _connection(
    client: KubeClient, call: Call, position: str, selector: str | None, patience: Patience
) -> AsyncGenerator[WatchEvent, None]:
    """The events of one connection, until it ends."""
    span = patience.span * patience.chance.uniform(1.0, 1.25)
    query = [
        ("watch", "true"),
        ("resourceVersion", position),
        ("allowWatchBookmarks", "true"),
        ("timeoutSeconds", str(max(1, round(span)))),
    ]
    if selector:
        query.append(("labelSelector", selector))
    async with client.stream(call, query, span + patience.slack) as content:
        rest = b""
        async for chunk in content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line:
                    yield decode(call, line)
            await asyncio.sleep(0)  # a burst doesn't keep the event loop to itself


def decode(call: Call, line: bytes) -> WatchEvent:
    """One line of a watch. An ERROR event is raised; a line that is none, as after a proxy's cut, is Unavailable."""
    try:
        event: dict[str, Any] = json.loads(line)
        type_, obj = event["type"], event["object"]
    except (ValueError, TypeError, KeyError):
        raise Unavailable(f"{call}: what came is no event of a watch") from None
    if type_ == "ERROR":
        raise refused(call, obj)
    if type_ not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK"):
        raise Unavailable(f"{call}: an event of the unknown type {type_!r}")
    return WatchEvent(type_, slim(obj))
