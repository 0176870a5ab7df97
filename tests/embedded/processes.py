"""Starting and killing the processes of `child.py`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Child:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def line(self) -> list[str]:
        """The words of the next line; empty at the end of the output."""
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().split()

    async def kill(self) -> list[list[str]]:
        """SIGKILL; what it had still said before."""
        self._process.kill()
        assert self._process.stdout is not None
        rest = (await self._process.stdout.read()).decode()
        await self._process.wait()
        return [line.split() for line in rest.splitlines() if line]

    async def finished(self) -> int:
        return await self._process.wait()


@asynccontextmanager
async def child(verb: str, path: Path, *arguments: object) -> AsyncIterator[Child]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.embedded.child",
        verb,
        str(path),
        *map(str, arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Child(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
