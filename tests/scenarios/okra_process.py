"""`okra run` as a person runs it: a process of its own, a folder with manifests, a state file beside them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import okra
from okra.actors.cell import CELL
from okra.api.meta import COMMAND_ANNOTATION
from okra.embedded.store import EmbeddedStore
from okra.errors import NotFound
from okra.ports import Kind
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import document
from tests.support.nursery import Life, begin

T = TypeVar("T")

QUICK = {
    "OKRA_STEP_INTERVAL": "200ms",
    "OKRA_PROPAGATION_DELAY": "0s",
    "OKRA_POLL_INTERVAL": "500ms",
    "OKRA_DISCOVERY_INTERVAL": "1s",
    "OKRA_REREAD_AFTER_REVERT": "500ms,1s",
    "OKRA_ON_FAILURE_DELAY": "0s",
    "OKRA_CLAIM_SETTLE": "0s",
    "OKRA_LISTEN": "127.0.0.1:0",
}
"""Settings in which a rollout takes seconds. The interval is long enough for the observer to see each step."""
ROOT = Path(okra.__file__).parents[1]
DEADLINE = 180.0
PATIENCE = 90.0
"""Seconds. Far more than it takes on a free machine: only a failing test waits so long."""


@dataclass
class Process:
    """A started Okra. Its output goes to files: nothing waits on a full pipe."""

    life: Life
    output: Path
    may_crash: bool = False

    @property
    def out(self) -> str:
        return self.output.read_text()

    @property
    def err(self) -> str:
        return self.life.text

    @property
    def said(self) -> str:
        """All of it, for a failing assertion."""
        return f"{self.out}\n--- standard error\n{self.err}"

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON lines so far; the last may be half written."""
        whole = self.out.rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines() if line]

    def reasons(self, name: str = "") -> list[str]:
        return [event["reason"] for event in self.events if "kind" in event and name in ("", event["name"])]

    def wait(self, within: float = DEADLINE) -> int:
        """The exit code, once it ended by itself."""

        def ended() -> int | None:
            self.assert_no_actor_crashed()
            return self.life.poll()

        try:
            code = eventually(ended, lambda code: code is not None, within=within)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said}") from None
        self.assert_no_actor_crashed()
        assert code is not None
        return code

    def assert_no_actor_crashed(self) -> None:
        """Supervision heals, and would hide what is wrong."""
        if not self.may_crash:
            assert "ActorFailed" not in self.err, self.said

    def until(self, reason: str, *, name: str = "", count: int = 1, within: float = PATIENCE) -> None:
        """Until it said so, so often."""

        def look() -> list[str]:
            assert self.life.poll() is None or self.reasons(name).count(reason) >= count, self.said
            return self.reasons(name)

        eventually(look, lambda reasons: reasons.count(reason) >= count, within=within)

    def page(self, path: str) -> Any:
        """A page of its web server, as JSON."""
        said = eventually(lambda: [event["listen"] for event in self.events if "listen" in event])
        with urllib.request.urlopen(f"http://{said[0]}{path}", timeout=10) as answer:
            return json.load(answer)

    def looks(self, times: int = 3, *, name: str = "web", within: float = PATIENCE) -> None:
        """Until it has looked at the routes so often from now on: what it hasn't done by then it will not do."""
        seen: set[float] = set()

        def look() -> int:
            self.assert_no_actor_crashed()
            readings = self.page(f"/debug/cells/default/{name}")["observation"]["readings"]
            seen.update(reading["began_at"] for reading in readings.values())
            return len(seen) - 1

        eventually(look, lambda count: count >= times, within=within)

    def end(self) -> None:
        """Ctrl-C, to its end."""
        self.interrupt()
        assert self.wait(within=60) == 130, self.said

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.life.send_signal(signal.SIGINT)

    def kill(self) -> None:
        self.life.kill()


@dataclass
class Okra:
    """A folder with manifests, and the Okras that are run on it one after the other."""

    folder: Path
    environ: Mapping[str, str]
    settings: dict[str, str] = field(default_factory=lambda: dict(QUICK))
    processes: list[Process] = field(default_factory=list)
    cold: bool = False
    """Each is a new interpreter, as a person starts it."""

    @property
    def file(self) -> Path:
        return self.folder / "cells.yaml"

    @property
    def state(self) -> Path:
        return self.folder / ".okra" / "state.db"

    def write(self, *objects: Mapping[str, Any] | str) -> None:
        """The manifests, at once: an Okra that runs reads them again."""
        text = "\n---\n".join(each if isinstance(each, str) else document(each) for each in objects)
        fresh = self.folder / ".cells.yaml.new"
        fresh.write_text(text)
        fresh.replace(self.file)

    def start(self, *arguments: str, module: Sequence[str] = ("okra", "run"), **settings: str) -> Process:
        """`okra run -f cells.yaml -o json` and these arguments. `module`: what is run instead, and its first words."""
        number = len(self.processes)
        output, errors = self.folder / f"output-{number}.txt", self.folder / f"errors-{number}.txt"
        known = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OKRA_"))}
        nobody = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        own = {**self.settings, **settings, "PYTHONPATH": str(ROOT)}
        command = [*module, "-f", str(self.file), "-o", "json", *arguments]
        environ = {**known, **nobody, **self.environ, **own}
        process = Process(begin(command, environ, self.folder, errors, output=output, cold=self.cold), output)
        self.processes.append(process)
        return process

    def run(self, *arguments: str, within: float = DEADLINE, **settings: str) -> tuple[int, Process]:
        """To its end: the exit code, and what it said."""
        process = self.start(*arguments, **settings)
        return process.wait(within), process

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command beside a run: `okra abort web --state …`."""
        return subprocess.run(
            [sys.executable, "-m", "okra", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def close(self) -> None:
        for process in self.processes:
            if process.life.poll() is None:
                process.kill()

    # The state file, as another process sees it

    def stored(self, act: Callable[[EmbeddedStore], Awaitable[T]]) -> T:
        async def opened() -> T:
            async with await EmbeddedStore.open(self.state, create=False) as store:
                return await act(store)

        return asyncio.run(opened())

    def status(self, name: str = "web", kind: Kind = CELL) -> dict[str, Any]:
        """The object's status; empty while there is none."""
        try:
            found = self.stored(lambda store: store.get(kind, "default", name))
        except NotFound:
            return {}
        return dict(found.get("status") or {})

    def until(self, holds: Callable[[dict[str, Any]], object], *, name: str = "web", within: float = PATIENCE) -> Any:
        """The status, once this holds for it."""
        return eventually(lambda: self.status(name), holds, within=within)

    def command(self, verb: str, arg: str = "", *, id: str = "1", name: str = "web") -> None:
        """A person's command, through the annotation."""
        text = json.dumps({"id": id, "verb": verb, "arg": arg, "by": "tester"})
        patch = {"metadata": {"annotations": {COMMAND_ANNOTATION: text}}}
        self.stored(lambda store: store.patch(CELL, "default", name, patch))

    def outcome(self, id: str, *, name: str = "web") -> str:
        """What came of the command, once it was executed or refused."""

        def look() -> list[str]:
            return [each["outcome"] for each in self.status(name).get("commands", ()) if each["id"] == id]

        return eventually(look)[0]
