"""`okra run`: the same actors on a state file instead of a cluster, until no Cell moves any more (DESIGN §8, §12)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from okra.actors.cell import CELL, CellActor
from okra.actors.executor import EffectExecutor
from okra.actors.wiring import AlwaysOpen, WriteGate, unchanged
from okra.analysis.providers import open_session
from okra.api.parse import parse
from okra.app.clock import SystemClock
from okra.app.inputs import BadInput, Input, read_input, stamp
from okra.app.settings import Settings
from okra.app.sources import MemorySecrets, Sources
from okra.app.system import Parts, System, running
from okra.aws.budget import Rates
from okra.aws.facade import open_aws
from okra.embedded.store import EmbeddedStore
from okra.errors import NotFound, OkraError
from okra.ports import EventRecord, Object
from okra.rollout.rest import Rest
from okra.web.metrics import Metrics
from okra.web.server import serve

SYNCED, FAILED, BAD_INPUT, TIMED_OUT, INTERRUPTED = 0, 1, 2, 3, 130
FILE_POLL = 1.0
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""A terminal that goes away must not end a run without a word either."""
STATE = Path(".okra/state.db")


class Closed:
    """The gate of `--read-only`."""

    def may_write(self) -> bool:
        return False


@dataclass(slots=True)
class RunOptions:
    paths: list[Path]
    settings: Settings
    state: Path
    timeout: float | None = None
    listen: str | None = None
    """Given by a person: then a taken port is an error."""
    output: str = "text"
    read_only: bool = False
    keep: bool = False
    """Go on when all Cells are at rest: the demo."""
    wrap: Callable[[EffectExecutor], EffectExecutor] = unchanged
    cell_actor: Callable[..., Any] = CellActor
    print: Callable[[str], None] = field(default=lambda line: print_line(line))


def print_line(line: str) -> None:
    """Whoever reads along may go, and a disk may be full: that is no reason to leave a rollout alone."""
    try:
        print(line, flush=True)
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (for the rest of the process)


def default_state(paths: list[Path]) -> Path:
    """Beside the input."""
    first = paths[0]
    folder = first if first.is_dir() else first.parent
    return (folder if str(first) != "-" else Path()) / STATE


def validate(obj: Object) -> list[str]:
    """The store judges what it takes as an API server would."""
    return [f"{finding.path}: {finding.message}" for finding in parse(obj)[1]]


def _chosen(options: RunOptions) -> bool:
    """Did a person choose the address? Then another one is no answer."""
    return options.listen is not None or "listen" in options.settings.model_fields_set


class Progress:
    """Which Cells are at rest, and how; prints what happens."""

    def __init__(self, options: RunOptions, cells: list[tuple[str, str]]) -> None:
        self._options = options
        self._rest: dict[tuple[str, str], Rest] = dict.fromkeys(cells, Rest.MOVING)
        self.changed = asyncio.Event()

    def rests(self, key: tuple[str, str], rest: Rest) -> None:
        if key in self._rest:
            self._rest[key] = rest
            self.changed.set()

    def add(self, cells: list[tuple[str, str]]) -> None:
        for key in cells:
            self._rest[key] = Rest.MOVING

    @property
    def done(self) -> bool:
        return bool(self._rest) and all(r not in (Rest.MOVING, Rest.WAITING) for r in self._rest.values())

    @property
    def exit_code(self) -> int:
        found = set(self._rest.values())
        return BAD_INPUT if Rest.INVALID in found else FAILED if Rest.FAILED in found else SYNCED

    def event(self, event: EventRecord, fields: dict[str, Any]) -> None:
        if self._options.output == "json":
            line = {
                "time": event.at.isoformat(),
                "kind": event.kind.kind,
                "namespace": event.namespace,
                "name": event.name,
                "type": event.type,
                "reason": event.reason,
                "message": event.message,
                **{key: value for key, value in fields.items() if key != "weights"},
            }
            self._options.print(json.dumps(line, ensure_ascii=False))
        else:
            mark = "!" if event.type == "Warning" else " "
            at = event.at.astimezone().strftime("%H:%M:%S")
            self._options.print(f"{at} {mark} {event.kind.kind.lower()}/{event.name}  {event.reason}: {event.message}")

    def say(self, message: str, **fields: Any) -> None:
        text = json.dumps({"message": message, **fields}, ensure_ascii=False)
        self._options.print(text if self._options.output == "json" else message)


async def run(options: RunOptions, found: Input) -> int:
    """Run until every Cell is at rest. The caller holds the state's lock and has judged the input."""
    progress = Progress(options, found.cells)
    secrets = MemorySecrets()
    async with open_parts(options, progress, secrets) as parts:
        await _apply(parts, secrets, found)
        async with (
            running(parts) as system,
            serve(system, options.listen or options.settings.listen, strict=_chosen(options)) as at,
        ):
            progress.say(f"Health and debug pages: http://{at}/healthz, http://{at}/debug/actors", listen=at)
            code = await _until_done(options, progress, system, secrets, found)
        await _summarize(parts, progress, code)
        return code


@asynccontextmanager
async def open_parts(options: RunOptions, progress: Progress, secrets: MemorySecrets) -> AsyncIterator[Parts]:
    """The embedded store and AWS, opened and closed together."""
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(await EmbeddedStore.open(options.state, validate=validate))
        metrics = Metrics()
        rates = Rates.share(options.settings.aws_rate_share)
        aws = await stack.enter_async_context(open_aws(clock=clock, on_call=metrics.aws_call, rates=rates))
        http = await stack.enter_async_context(open_session())
        gate: WriteGate = Closed() if options.read_only else AlwaysOpen()
        yield Parts(
            store=store,
            clock=clock,
            defaults=options.settings.defaults(),
            router=aws.router,
            inventory=aws.inventory,
            sources=Sources(secrets, http, aws.metric_data),
            gate=gate,
            wrap=options.wrap,
            wait_estimate=aws.wait_estimate,
            metrics=metrics,
            on_event=progress.event,
            on_rest=progress.rests,
            cell_actor=options.cell_actor,
        )


async def _apply(parts: Parts, secrets: MemorySecrets, found: Input) -> list[tuple[str, str]]:
    """Write the input to the store. Returns the Cells whose spec is not what it was."""
    for (namespace, name), data in found.secrets.items():
        secrets.put(namespace, name, data)
    changed = []
    for kind, obj in found.objects:
        key = obj["metadata"]["namespace"], obj["metadata"]["name"]
        try:
            before = (await parts.store.get(kind, *key))["metadata"]["generation"]
        except NotFound:
            before = None
        after = (await parts.store.apply(kind, obj))["metadata"]["generation"]
        if kind == CELL and before != after:
            changed.append(key)
    return changed


async def _until_done(
    options: RunOptions, progress: Progress, system: System, secrets: MemorySecrets, found: Input
) -> int:
    """Wait for rest, the timeout or a signal; take up changed files meanwhile."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def interrupt() -> None:
        if not stopped.done():
            stopped.set_result(INTERRUPTED)

    for number in STOPS:
        loop.add_signal_handler(number, interrupt)
    files = asyncio.create_task(_follow_files(options, progress, system.parts, secrets, found.stamp))
    rest = asyncio.create_task(_all_at_rest(options, progress))
    try:
        waited: set[asyncio.Future[Any]] = {stopped, files, rest}
        done, _ = await asyncio.wait(waited, timeout=options.timeout, return_when=asyncio.FIRST_COMPLETED)
        if stopped in done:
            return stopped.result()
        if files in done:
            files.result()
        return progress.exit_code if rest in done else TIMED_OUT
    finally:
        for task in (files, rest):
            task.cancel()
        await asyncio.gather(files, rest, return_exceptions=True)
        for number in STOPS:
            loop.remove_signal_handler(number)


async def _all_at_rest(options: RunOptions, progress: Progress) -> None:
    while not progress.done or options.keep:
        progress.changed.clear()
        await progress.changed.wait()


async def _follow_files(
    options: RunOptions, progress: Progress, parts: Parts, secrets: MemorySecrets, known: tuple[object, ...]
) -> None:
    """A file that changes is read again; one that became wrong is said, and what was read before stays."""
    paths = [path for path in options.paths if str(path) != "-"]
    while True:
        await asyncio.sleep(FILE_POLL)
        now = await asyncio.to_thread(stamp, paths)
        if now == known:
            continue
        known = now
        try:
            found = await asyncio.to_thread(read_input, paths)
            progress.add(await _apply(parts, secrets, found))
            progress.say("The input changed and was read again.")
        except (BadInput, OkraError) as error:
            progress.say(f"The input changed, but can't be used; what was read before stays.\n{error}")


async def _summarize(parts: Parts, progress: Progress, code: int) -> None:
    """One line a Cell: where it stands, and what to do."""
    listing = await parts.store.list(CELL)
    for obj in listing.items:
        status, metadata = obj.get("status") or {}, obj["metadata"]
        phase, version = status.get("phase", "Pending"), status.get("stableVersion") or "no version"
        progress.say(
            f"cell/{metadata['name']}: {phase}, {version}. {status.get('message', '')}".rstrip(),
            cell=metadata["name"],
            namespace=metadata["namespace"],
            phase=phase,
            stableVersion=status.get("stableVersion"),
            reason=status.get("reason"),
        )
    if code == TIMED_OUT:
        progress.say("The timeout ran out before every Cell was at rest. The same command goes on from here.")
    elif code == INTERRUPTED:
        progress.say("Stopped. The weights stay as they are; the same command goes on from here.")
