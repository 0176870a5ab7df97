"""The election on a `coordination.k8s.io` Lease: asks the API server what `election` decides, and is the write gate.

Use a client of its own for it: a renewal must not wait for a connection behind the traffic of ten thousand Cells.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog

from okra.errors import AlreadyExists, Conflict, NotFound, OkraError, Unavailable
from okra.kube.calls import Call
from okra.kube.client import MERGE_PATCH, KubeClient
from okra.kube.election import Election, Lease, Read, Timing, Wait, Write
from okra.kube.events import micro_time
from okra.ports import Kind, Object

log = structlog.get_logger("okra")

LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")
SHORTEST = 1.0
"""Seconds that an answer may take, however short the lease."""
RELEASED = "okra.mumoshu.github.io/released-by"
"""Annotation of a Lease whose holder had stopped when it gave it up. Emptied by hand, it has none."""


def uptime() -> float:
    """Monotonic seconds that go on while the machine is suspended, where the system has such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Elector:
    """One candidate for one Lease. `run` campaigns until it is cancelled; `resign` afterwards lets the next one in.

    It is a write gate (`may_write`). `led` and `lost` wait for the two turns of events.
    """

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        name: str,
        identity: str,
        timing: Timing | None = None,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = uptime,
    ) -> None:
        """`identity` must be this process's alone: a pod's name isn't enough, its container may restart."""
        self._client, self._namespace, self._name = client, namespace, name
        self._now, self._monotonic = now, monotonic
        self._election = Election(identity, timing or Timing())
        self._led, self._free = asyncio.Event(), asyncio.Event()
        self._free.set()
        self.problem = ""
        """Why the Lease can't be read or written at the moment; empty when it can."""

    def may_write(self) -> bool:
        return self._election.may_write(self._monotonic())

    @property
    def leading(self) -> bool:
        """It holds the Lease. It may write a while later only: see `writes_in`."""
        return self._election.leading(self._monotonic())

    @property
    def holder(self) -> str:
        """Who holds the Lease, as last seen."""
        return self._election.lease.holder if self._election.lease is not None else ""

    @property
    def writes_in(self) -> float | None:
        """Seconds until AWS may be written, 0 if it may; None: not the leader."""
        term = self._election.term
        return None if term is None else max(0.0, term.writes_from - self._monotonic())

    @property
    def ends_in(self) -> float | None:
        """Seconds until the lease is over unless it is renewed; None: not the leader."""
        term = self._election.term
        return None if term is None else max(0.0, term.ends - self._monotonic())

    async def led(self) -> None:
        """Until this candidate holds the Lease."""
        await self._led.wait()

    async def lost(self) -> None:
        """Until it doesn't."""
        await self._free.wait()

    async def run(self) -> None:
        """Campaign, and hold the Lease once it is won, until cancelled. Errors are waited out."""
        while True:
            self._enter(self._election.at(self._monotonic()))
            step = self._election.next(self._monotonic())
            if isinstance(step, Wait):
                await asyncio.sleep(max(0.0, step.until - self._monotonic()))
                continue
            try:
                await self._take(step)
                self.problem = ""
            except OkraError as error:
                if str(error) != self.problem:
                    log.warning("LeaseNotReached", lease=f"{self._namespace}/{self._name}", error=str(error))
                self.problem = str(error)
                await asyncio.sleep(self._election.timing.renew * random.SystemRandom().uniform(0.3, 0.6))

    async def resign(self) -> None:
        """Give the Lease up, when nothing of this process will write any more. Best effort, with a deadline."""
        election, write = self._election.resigned()
        self._enter(election)
        if write is None:
            return
        try:
            try:
                await self._ask("patch", self._body(write))
            except Conflict:  # a renewal that was under way when the campaign ended
                found = _lease(await self._ask("get"))
                if found.holder == self._election.me:
                    await self._ask("patch", self._body(replace(write, version=found.version)))
        except OkraError as error:
            log.warning("LeaseNotReleased", lease=f"{self._namespace}/{self._name}", error=str(error))

    async def _take(self, step: Read | Write) -> None:
        if isinstance(step, Read):
            try:
                found = _lease(await self._ask("get"))
            except NotFound:
                found = None
            self._enter(self._election.read(found, self._monotonic()))
            return
        sent = self._monotonic()
        before, self._election = self._election, self._election.doubted()  # whatever happens to this task meanwhile
        try:
            written = _lease(await self._ask("patch" if step.version else "create", self._body(step)))
        except (AlreadyExists, Conflict):
            return
        except NotFound:
            self._enter(self._election.read(None, self._monotonic()))
            if step.version is None:
                raise  # there isn't even the namespace
            return
        now = self._monotonic()
        self._enter(before.at(now))  # a term that ended while nobody answered was lost: whoever waits for that is told
        self._enter(before.wrote(written, sent, now))

    async def _ask(self, verb: Any, body: Mapping[str, Any] | None = None) -> Object:
        """Within the time in which the answer is of use."""
        deadline = max(self._election.timing.duration / 3, SHORTEST)
        if self.ends_in is not None:
            deadline = min(deadline, max(self.ends_in, SHORTEST / 10))
        call = Call(verb, LEASE, self._namespace, self._name)
        try:
            async with asyncio.timeout(deadline):
                return await self._client.ask(
                    call, body, content_type=MERGE_PATCH if verb == "patch" else "application/json"
                )
        except TimeoutError:
            raise Unavailable(f"{call}: no answer within {deadline:g} s") from None

    def _body(self, step: Write) -> dict[str, Any]:
        at = micro_time(datetime.fromtimestamp(self._now(), UTC))
        lease, held = step.lease, self._election.term is not None
        spec: dict[str, Any] = {"holderIdentity": lease.holder or None, "renewTime": at}
        if lease.holder:
            spec["leaseDurationSeconds"] = math.ceil(lease.duration)
        if lease.holder and not held:
            spec |= {"acquireTime": at, "leaseTransitions": lease.transitions}
        body: dict[str, Any] = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "spec": spec}
        body["metadata"] = {"name": self._name, "namespace": self._namespace}
        if step.version is not None:
            body["metadata"]["resourceVersion"] = step.version
            body["metadata"]["annotations"] = {RELEASED: self._election.me if lease.released else None}
        return body

    def _enter(self, election: Election) -> None:
        """Become `election`, and tell whoever waits."""
        was, self._election = self._led.is_set(), election
        leads = self.leading
        for event, on in ((self._led, leads), (self._free, not leads)):
            event.set() if on else event.clear()
        if leads != was:
            log.info("LeaseWon" if leads else "LeaseLost", lease=f"{self._namespace}/{self._name}", holder=self.holder)


def _lease(obj: Object) -> Lease:
    spec, metadata = obj.get("spec") or {}, obj.get("metadata") or {}
    holder = spec.get("holderIdentity") or ""
    return Lease(
        holder=holder,
        duration=float(spec.get("leaseDurationSeconds") or 0.0),
        transitions=int(spec.get("leaseTransitions") or 0),
        released=not holder and bool((metadata.get("annotations") or {}).get(RELEASED)),
        version=str(metadata.get("resourceVersion") or ""),
    )
