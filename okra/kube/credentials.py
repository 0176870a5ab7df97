"""Who Okra is to an API server, kept fresh: tokens expire, and the file or plugin they come from has the next one.

The library reads a kubeconfig's token once and runs a plugin once; an in-cluster token lives for an hour. So whatever
the source, it is asked again when its answer has aged, and when the API server refused the present one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from okra.errors import CredentialsInvalid, OkraError

log = structlog.get_logger("okra")

PAUSE = 10.0
"""Seconds between two tries of a source that fails, or whose newest answer is refused."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client certificate: the paths of its files, or the PEM itself."""

    certificate: str
    key: str = field(repr=False)
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """What goes with each request. `authorization` is the header's value, empty when there is none."""

    authorization: str = field(default="", repr=False)
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """An identity, and the seconds after which its source should be asked again (None: when it is refused)."""

    identity: Identity
    good_for: float | None = None


Source = Callable[[], Awaitable[Issued]]
"""Asks the file, plugin or provider. Raises CredentialsInvalid saying what to do; has a deadline of its own."""


class Credentials:
    """The present identity from a source. However many requests need the next one, the source is asked once."""

    def __init__(self, source: Source, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._monotonic = monotonic
        self._issued: Issued | None = None
        self._asked = float("-inf")
        self._lock = asyncio.Lock()

    async def current(self) -> Identity:
        """As fresh as the source says. When the source fails, the last identity serves on: it may still be valid."""
        issued = self._issued
        if issued is None or self._aged(issued):
            async with self._lock:
                issued = self._issued
                if issued is None:
                    issued = await self._ask()
                elif self._aged(issued) and self._may_ask():
                    try:
                        issued = await self._ask()
                    except OkraError as error:
                        log.warning("CredentialsNotRenewed", error=str(error))
        return issued.identity

    async def renewed(self, refused: Identity) -> Identity:
        """After a 401 with `refused`: the next identity, or the same one if its source has no other."""
        async with self._lock:
            if self._issued is not None and self._issued.identity == refused and self._may_ask():
                return (await self._ask()).identity
            return self._issued.identity if self._issued is not None else refused

    def _aged(self, issued: Issued) -> bool:
        return issued.good_for is not None and self._monotonic() - self._asked >= issued.good_for

    def _may_ask(self) -> bool:
        """A refused answer isn't a reason to run a plugin with every request."""
        return self._issued is None or self._monotonic() - self._last_try >= PAUSE

    async def _ask(self) -> Issued:
        self._last_try = self._monotonic()
        issued = await self._source()
        self._issued, self._asked = issued, self._last_try
        return issued

    _last_try = float("-inf")


def fixed(identity: Identity) -> Credentials:
    """Credentials that never change."""

    async def source() -> Issued:
        return Issued(identity)

    return Credentials(source)


def reloaded(load: Callable[[], Identity], every: float = 60.0, deadline: float = 30.0) -> Credentials:
    """From a blocking `load` (files, mostly), run in a thread: again after `every` seconds and when refused."""

    async def source() -> Issued:
        try:
            async with asyncio.timeout(deadline):
                return Issued(await asyncio.to_thread(load), every)
        except TimeoutError:
            raise CredentialsInvalid(
                f"Okra's credentials for the API server weren't read within {deadline:g} s"
            ) from None

    return Credentials(source)
