"""`okra controller` in a process of its own, as an installation has it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from okra.demo.failure import CantGoOn
from okra.demo.okra_side import SETTINGS

CONTROLLER = ("okra", "controller", "--no-leader-elect")
"""Alone. The first leader of a new Lease would wait for one that might have been there before."""
PATIENCE = 60.0
"""Seconds for its start: two are usual, and a machine may be busy."""
GOODBYE = 5.0
"""Seconds for its end. Nothing is lost by killing it then: its world ends too."""
LOOK = 0.1
LOG_LINES = 10


@asynccontextmanager
async def controller_running(kubeconfig: Path, folder: Path) -> AsyncIterator[str]:
    """HOST:PORT of its pages. CantGoOn, from within the block too, with the last of its log when it ends by itself."""
    log = folder / "controller.log"
    process = await _started({**os.environ, **environ(kubeconfig)}, log)
    try:
        pages = await _pages(process, log)
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(_must_go_on(process, log))
            yield pages
            watch.cancel()
    finally:
        await _ended(process)


def environ(kubeconfig: Path) -> dict[str, str]:
    """What `okra controller` is told."""
    settings = {f"OKRA_{name.upper()}": value for name, value in SETTINGS.items()}
    return {**settings, "OKRA_LISTEN": "127.0.0.1:0", "KUBECONFIG": str(kubeconfig)}


async def _started(environ: Mapping[str, str], log: Path) -> Process:
    """In a process group of its own: a terminal's Ctrl-C is the demo's, which ends it in its turn."""
    output = await asyncio.to_thread(log.open, "wb")
    with output:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "okra.demo.attached", *CONTROLLER),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=environ,
            process_group=0,
        )


async def _pages(process: Process, log: Path) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                for line in (await asyncio.to_thread(log.read_text)).splitlines(keepends=True):
                    if '"Started"' in line and line.endswith("\n"):
                        return str(json.loads(line)["listen"])
                if process.returncode is not None:
                    await _must_go_on(process, log)
                await asyncio.sleep(LOOK)
    except TimeoutError:
        raise CantGoOn(f"okra controller doesn't start:\n{await _tail(log)}") from None


async def _must_go_on(process: Process, log: Path) -> None:
    code = await process.wait()
    raise CantGoOn(f"okra controller ended with {code}:\n{await _tail(log)}")


async def _ended(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(GOODBYE):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _tail(log: Path) -> str:
    return "\n".join((await asyncio.to_thread(log.read_text)).splitlines()[-LOG_LINES:])
