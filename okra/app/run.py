"""`okra run`: the same actors on a state file instead of a cluster, until no Cell moves any more (DESIGN §8, §12)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Container
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from okra.actors.cell import CELL, CellActor
from okra.actors.executor import EffectExecutor
from okra.actors.kinds import ALB, kind_of, seat
from okra.actors.messages import key_of
from okra.actors.wiring import AlwaysOpen, ReadOnly, WriteGate, unchanged
from okra.analysis.providers import open_session
from okra.api.parse import parse
from okra.app.clock import SystemClock
from okra.app.heap import short_pauses
from okra.app.inputs import BadInput, Input, read_input, stamp
from okra.app.progress import INTERRUPTED, TIMED_OUT, Progress, called, named
from okra.app.settings import Settings
from okra.app.sources import MemorySecrets, Sources
from okra.app.system import Parts, System, running
from okra.app.telling import tell_waits
from okra.app.wording import STATE
from okra.aws.budget import Rates
from okra.aws.facade import open_aws
from okra.embedded.store import EmbeddedStore
from okra.errors import NotFound, OkraError
from okra.ports import Object
from okra.web.address import parse_address
from okra.web.metrics import Metrics
from okra.web.server import serve

FILE_POLL = 1.0
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""A terminal that goes away must not end a run without a word either."""


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
    serves_at: Callable[[str], None] = lambda _: None
    """Told where the pages are."""
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


def _has_provider(options: RunOptions) -> bool:
    return options.settings.check_provider is not None


def _chosen(options: RunOptions) -> bool:
    """Did a person choose the address? Then another one is no answer."""
    return options.listen is not None or "listen" in options.settings.model_fields_set


async def run(options: RunOptions, found: Input) -> int:
    """Run until every Cell is at rest. The caller holds the state's lock and has judged the input."""
    progress = Progress(options, found.cells)
    secrets = MemorySecrets()
    own_ports: set[int] = set()
    async with open_parts(options, progress, secrets, own_ports) as parts:
        await _apply(parts, secrets, found)
        await _tell_others(options, parts, progress, found)
        async with (
            running(parts) as system,
            serve(
                system, options.listen or options.settings.listen, strict=_chosen(options), own_ports=own_ports
            ) as at,
        ):
            options.serves_at(at)
            _say_where(options, progress, at)
            if not found.cells:
                progress.say("No Cell here: the Checks run until Ctrl-C or --timeout.")
            with short_pauses(system.missing):
                code = await _until_done(options, progress, system, secrets, found)
        await _summarize(parts, progress, code)
        return code


def _say_where(options: RunOptions, progress: Progress, at: str) -> None:
    wanted = str(parse_address(options.listen or options.settings.listen)[1])
    taken = f"{wanted} is taken; listening on {at}. " if wanted not in ("0", at.rpartition(":")[2]) else ""
    progress.say(f"{taken}Health and debug pages: http://{at}/healthz, http://{at}/debug/actors", listen=at)


@asynccontextmanager
async def open_parts(
    options: RunOptions, progress: Progress, secrets: MemorySecrets, own_ports: Container[int] = ()
) -> AsyncIterator[Parts]:
    """The embedded store and AWS, opened and closed together."""
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(await EmbeddedStore.open(options.state, validate=validate))
        metrics = Metrics()
        rates = Rates.share(options.settings.aws_rate_share)
        aws = await stack.enter_async_context(open_aws(clock=clock, on_call=metrics.aws_call, rates=rates))
        http = await stack.enter_async_context(open_session(own_ports))
        gate: WriteGate = ReadOnly() if options.read_only else AlwaysOpen()
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


async def _apply(parts: Parts, secrets: MemorySecrets, found: Input) -> dict[tuple[str, str], int]:
    """Write the input to the store. Returns the generations of the Cells whose spec is not what it was."""
    for (namespace, name), data in found.secrets.items():
        secrets.put(namespace, name, data)
    changed = {}
    for kind, obj in found.objects:
        key = obj["metadata"]["namespace"], obj["metadata"]["name"]
        try:
            before = (await parts.store.get(kind, *key))["metadata"]["generation"]
        except NotFound:
            before = None
        after = (await parts.store.apply(kind, obj))["metadata"]["generation"]
        if kind in (CELL, ALB) and before != after:
            changed[seat(kind, *key)] = after
    return changed


async def _tell_others(options: RunOptions, parts: Parts, progress: Progress, found: Input) -> None:
    """The Cells of former inputs: what was begun for them goes on."""
    for obj in await _everything(parts):
        key = seat(kind_of(obj), *key_of(obj))
        if key not in found.cells:
            said = f"{called(key)} is in {options.state}, and not in the input: Okra looks after it all the same."
            progress.say(f"{said} To leave it out use another --state, once it is at rest.", cell=named(key))


async def _everything(parts: Parts) -> list[Object]:
    """That moves traffic."""
    return [obj for kind in (CELL, ALB) for obj in (await parts.store.list(kind)).items]


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
    waits = asyncio.create_task(tell_waits(system, progress))
    try:
        waited: set[asyncio.Future[Any]] = {stopped, files, rest, waits}
        done, _ = await asyncio.wait(waited, timeout=options.timeout, return_when=asyncio.FIRST_COMPLETED)
        if stopped in done:
            return stopped.result()
        for task in done - {rest}:
            task.result()  # it doesn't end by itself
        return progress.exit_code if rest in done else TIMED_OUT
    finally:
        for task in (files, rest, waits):
            task.cancel()
        await asyncio.gather(files, rest, waits, return_exceptions=True)
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
            found = await asyncio.to_thread(read_input, paths, provider_is_set=_has_provider(options))
            progress.add(await _apply(parts, secrets, found))
            progress.say("The input changed and was read again.")
        except (BadInput, OkraError) as error:
            progress.say(f"The input changed, but can't be used; what was read before stays.\n{error}")


async def _summarize(parts: Parts, progress: Progress, code: int) -> None:
    """One line a Cell: where it stands, and what to do."""
    cells = await _everything(parts)
    for obj in cells:
        progress.ended(obj)
    if code == TIMED_OUT:
        before = " before every Cell was at rest" if cells else ""
        progress.say(f"The timeout ran out{before}. The same command goes on from here.")
    elif code == INTERRUPTED:
        progress.say("Stopped. The weights stay as they are; the same command goes on from here.")
