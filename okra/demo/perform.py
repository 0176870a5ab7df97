"""The demo from the first import to the exit code; whatever ends it, nothing is left running."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from okra.app.logs import configure_logs
from okra.app.progress import INTERRUPTED
from okra.demo.environment import isolated_environment
from okra.demo.failure import CantGoOn, leaves
from okra.demo.home_cluster import on_kubernetes
from okra.demo.home_embedded import embedded
from okra.demo.judgement import Evidence, figures, missing
from okra.demo.keep import stay
from okra.demo.ledger import Ledger
from okra.demo.okra_side import Home, OkraSide
from okra.demo.scene import staged
from okra.demo.script import BAD, GOOD, QUICK, Script
from okra.demo.story import Story
from okra.demo.views import LiveView, PlainView, View
from okra.errors import OkraError
from okra.testing.moto_server import MotoServer

HAPPENED, DID_NOT = 0, 1


@dataclass(frozen=True, slots=True)
class Options:
    plain: bool = False
    keep: bool = False
    """Stay afterwards, for a look at the pages and a try of the commands."""
    quick: bool = False
    sabotage: bool = False
    """The bad version is good. The demo must notice that its story didn't happen."""
    binaries: Mapping[str, Path] | None = None
    """Of a Kubernetes control plane, for Okra to live on one. None: it lives in this process."""

    @property
    def script(self) -> Script:
        script = QUICK if self.quick else Script()
        return replace(script, fail_every=0) if self.sabotage else script


def perform(options: Options) -> int:
    """0: all of it really happened. 1: it didn't, and what is missing was said. 130: interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the event loop has its own handlers
    console = Console()
    try:
        # Before a word is said: whoever interrupts at the first line must not do so while the folder is being made.
        with tempfile.TemporaryDirectory(prefix="okra-demo-") as folder:
            console.print(
                "Starting a double of AWS and some clusters. Nothing outside this machine is touched.", soft_wrap=True
            )
            with (
                MotoServer() as moto,
                isolated_environment(moto.url),
                _home(options, console, Path(folder)) as home,
            ):
                return asyncio.run(_interruptible(options, console, moto.url, home))
    except CantGoOn as error:
        _say_why(console, error)
        return DID_NOT
    except KeyboardInterrupt:
        return INTERRUPTED


def _home(options: Options, console: Console, folder: Path) -> AbstractContextManager[Home]:
    if options.binaries is None:
        return embedded(folder)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    return on_kubernetes(folder, options.binaries, say)


async def _interruptible(options: Options, console: Console, aws_url: str, home: Home) -> int:
    """Ctrl-C and SIGTERM cancel the performance, at any moment; everything cleans up behind itself."""
    loop = asyncio.get_running_loop()
    show = asyncio.create_task(_perform(options, console, aws_url, home), name="demo")
    interrupted = asyncio.Event()

    def interrupt() -> None:
        interrupted.set()
        show.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    await asyncio.wait([show])
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)
    if interrupted.is_set():
        show.cancelled() or show.exception()  # what else went wrong while it ended is of no interest
        console.print("Stopped.")
        return INTERRUPTED
    try:
        return show.result()
    except* (CantGoOn, OkraError) as found:
        _say_why(console, found)
    return DID_NOT


def _say_why(console: Console, found: BaseException) -> None:
    for error in leaves(found):
        console.print(f"The demo can't go on: {error}", markup=False, highlight=False, soft_wrap=True)


async def _perform(options: Options, console: Console, aws_url: str, home: Home) -> int:
    live = console.is_terminal and not options.plain
    view: View = LiveView(console) if live else PlainView(console)
    ledger = Ledger()
    ledger.tell = lambda event: view.tell(event, ledger.started_at)
    async with contextlib.AsyncExitStack() as stack:
        scene = await stack.enter_async_context(staged(options.script, aws_url, ledger))

        async def open_okra() -> OkraSide:
            okra = home.okra(scene.world.listener_arn, options.script, ledger)
            return await stack.enter_async_context(okra)

        with view:
            configure_logs("error", json=False)
            story = Story(scene, view, open_okra)
            evidence = await story.tell()
        code = report(console, evidence)
        if options.keep and story.okra is not None:
            ledger.tell = lambda event: PlainView(console).tell(event, ledger.started_at)
            await stay(console, scene, home, story.okra)
    return code


def report(console: Console, evidence: Evidence) -> int:
    """Print the figures, and what is missing if anything is. The exit code."""
    table = Table("", "", show_header=False, title="What really happened", title_justify="left")
    table.columns[1].justify = "right"
    for name, value in figures(evidence):
        table.add_row(name, value)
    console.print(table)
    wrong = missing(evidence)
    if not wrong:
        console.print(f"{GOOD} got all of the traffic. {BAD} was caught, put back and blocked.", highlight=False)
        return HAPPENED
    console.print("Not all of it happened:")
    for each in wrong:
        console.print(f"- {each}", markup=False, highlight=False)
    return DID_NOT
