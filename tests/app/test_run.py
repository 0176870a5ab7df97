"""`okra run` in this process, against an AWS that doesn't answer: how it ends, and what it says."""

import asyncio
import json
import os
import re
import signal
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from okra.actors.cell import CELL
from okra.actors.cell_checks import CHECK
from okra.app.inputs import read_input
from okra.app.progress import Progress
from okra.app.run import RunOptions, default_state, run
from okra.app.settings import Settings, load_settings
from okra.embedded.store import EmbeddedStore
from okra.errors import OkraError
from okra.rollout.rest import Rest
from tests.actors.world import cell, lone_check
from tests.app.test_inputs import SECRET

pytestmark = pytest.mark.may_block("AWS's SDK reads its models, a process begins")


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name in ("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


@dataclass
class Said:
    lines: list[str] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self.heard.set()

    async def wait(self, text: str) -> None:
        async with asyncio.timeout(60):
            while not any(text in line for line in self.lines):
                self.heard.clear()
                await self.heard.wait()


def options(tmp_path: Path, **changes: Any) -> RunOptions:
    path = tmp_path / "cell.yaml"
    if not path.exists():
        path.write_text(yaml.safe_dump_all([cell(), SECRET]))
    changes = {"timeout": 1.0, "print": Said(), "listen": "127.0.0.1:0", **changes}
    return RunOptions(paths=[path], settings=load_settings(), state=tmp_path / "state.db", **changes)


def said(chosen: RunOptions) -> list[str]:
    """The lines so far."""
    assert isinstance(chosen.print, Said)
    return chosen.print.lines


async def go(chosen: RunOptions) -> int:
    return await run(chosen, read_input(chosen.paths))


async def test_the_timeout_ends_it_with_three_and_says_how_to_go_on(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    assert await go(chosen) == 3
    assert "The same command goes on from here." in said(chosen)[-1]
    async with await EmbeddedStore.open(chosen.state) as store:
        assert (await store.get(CELL, "default", "web"))["spec"]["replicas"] == 1


async def test_a_cell_that_the_input_has_no_more_is_named_at_the_start(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    await go(chosen)
    chosen.paths[0].write_text(yaml.safe_dump_all([cell("second"), SECRET]))
    chosen = options(tmp_path)
    await go(chosen)
    assert any("cell/web is in" in line and "not in the input" in line for line in said(chosen))
    assert not any("cell/second is in" in line for line in said(chosen))


async def test_a_secret_of_the_input_is_never_in_the_state(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    assert await go(chosen) == 3
    assert not [path for path in tmp_path.glob("state.db*") if b"hunter2" in path.read_bytes()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_with_130_and_says_how_to_go_on(tmp_path: Path, number: signal.Signals) -> None:
    said = Said()
    running = asyncio.create_task(go(options(tmp_path, timeout=120.0, print=said)))
    await said.wait("Health and debug pages")
    os.kill(os.getpid(), number)
    assert await running == 130
    assert "the same command goes on from here" in said.lines[-1]


async def test_json_output_is_one_object_a_line(tmp_path: Path) -> None:
    said = Said()
    assert await go(options(tmp_path, output="json", print=said)) == 3
    found = [json.loads(line) for line in said.lines]
    assert found[0]["listen"].startswith("127.0.0.1:")
    assert [each["cell"] for each in found if "phase" in each] == ["web"]


async def test_a_taken_address_that_was_asked_for_is_an_error_that_names_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OkraError, match=address):
            await go(options(tmp_path, listen=address))


async def test_a_taken_address_that_nobody_chose_gives_way_to_a_free_one_and_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        class Elsewhere(Settings):
            listen: str = f"127.0.0.1:{port}"

        chosen = options(tmp_path, listen=None)
        chosen.settings = Elsewhere()
        assert await go(chosen) == 3
    first = said(chosen)[0]
    assert re.match(rf"{port} is taken; listening on 127\.0\.0\.1:\d+\. Health and debug pages: http", first)


async def test_checks_without_a_cell_run_until_somebody_ends_them_and_say_so(tmp_path: Path) -> None:
    (tmp_path / "cell.yaml").write_text(yaml.safe_dump(lone_check("errors")))
    chosen = options(tmp_path)
    assert await go(chosen) == 3
    assert "No Cell here: the Checks run until Ctrl-C or --timeout." in said(chosen)
    assert said(chosen)[-1] == "The timeout ran out. The same command goes on from here."


async def test_what_a_cell_waits_for_is_said_though_aws_says_nothing(tmp_path: Path) -> None:
    said = Said()
    running = asyncio.create_task(go(options(tmp_path, timeout=120.0, print=said)))
    await said.wait("no answer from AWS")
    os.kill(os.getpid(), signal.SIGINT)
    assert await running == 130
    without_time = [line[9:].lstrip() for line in said.lines]
    waits = [line for line in without_time if line.startswith("cell/web  ")]
    assert waits
    assert len(waits) == len(set(waits)), "nothing twice"
    assert any("no answer from AWS" in line for line in waits)


async def test_a_check_does_not_read_the_debug_pages_of_the_okra_that_runs_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        at = f"127.0.0.1:{free.getsockname()[1]}"
    provider = {"web": {"url": f"http://{at}/debug/actors"}}
    curious = lone_check("curious", analysis={"interval": "1s", "max": 0, "provider": provider})
    (tmp_path / "cell.yaml").write_text(yaml.safe_dump(curious))
    said = Said()
    chosen = options(tmp_path, timeout=120.0, listen=at, print=said)
    running = asyncio.create_task(go(chosen))
    await said.wait("Health and debug pages")
    async with await EmbeddedStore.open(chosen.state) as store:
        first = await measured(store, "curious")
    os.kill(os.getpid(), signal.SIGINT)
    assert await running == 130
    assert "that is Okra itself, which no check may ask" in first["reason"]


async def measured(store: EmbeddedStore, check: str) -> dict[str, Any]:
    """The first that this Check measured."""
    async with asyncio.timeout(60):
        while True:
            found = (await store.get(CHECK, "default", check)).get("status", {}).get("analysis", {}).get("results")
            if found:
                first: dict[str, Any] = found[0]
                return first
            await asyncio.sleep(0.05)


async def test_files_that_change_are_read_again_and_bad_ones_are_said(tmp_path: Path) -> None:
    said = Said()
    chosen = options(tmp_path, timeout=120.0, print=said)
    running = asyncio.create_task(go(chosen))
    await said.wait("Health and debug pages")
    chosen.paths[0].write_text(yaml.safe_dump_all([cell(replicas=2), cell("second")]))
    await said.wait("was read again")
    chosen.paths[0].write_text("kind: [")
    await said.wait("can't be used; what was read before stays")
    os.kill(os.getpid(), signal.SIGINT)
    assert await running == 130
    async with await EmbeddedStore.open(chosen.state) as store:
        listed = (await store.list(CELL)).items
    assert {obj["metadata"]["name"]: obj["spec"]["replicas"] for obj in listed} == {"web": 2, "second": 1}


@pytest.mark.parametrize(
    ("rests", "code"),
    [
        ([Rest.SYNCED, Rest.SYNCED], 0),
        ([Rest.SYNCED, Rest.FAILED], 1),
        ([Rest.FAILED, Rest.INVALID], 2),
        ([Rest.INVALID, Rest.SYNCED], 2),
    ],
)
def test_the_worst_cell_decides_the_exit_code(tmp_path: Path, rests: list[Rest], code: int) -> None:
    keys = [("default", str(number)) for number in range(len(rests))]
    progress = Progress(options(tmp_path), keys)
    for key, rest in zip(keys, rests, strict=True):
        assert not progress.done
        progress.rests(key, rest, 1)
    assert progress.done
    assert progress.exit_code == code


def test_a_cell_that_came_to_rest_before_it_was_known_that_it_changed_is_at_rest(tmp_path: Path) -> None:
    one, new = ("default", "one"), ("default", "new")
    progress = Progress(options(tmp_path), [one])
    progress.rests(one, Rest.SYNCED, 2)
    progress.rests(new, Rest.FAILED, 1)
    progress.add({one: 2, new: 1})
    assert progress.done
    assert progress.exit_code == 1


def test_what_a_cell_decided_before_it_changed_is_no_rest(tmp_path: Path) -> None:
    one = ("default", "one")
    progress = Progress(options(tmp_path), [one])
    progress.add({one: 2})
    progress.rests(one, Rest.SYNCED, 1)
    assert not progress.done
    progress.rests(one, Rest.SYNCED, 2)
    assert progress.done


@pytest.mark.parametrize("rest", [Rest.MOVING, Rest.WAITING])
def test_one_cell_that_moves_or_waits_for_a_person_holds_the_end_up(tmp_path: Path, rest: Rest) -> None:
    progress = Progress(options(tmp_path), [("default", "a"), ("default", "b")])
    progress.rests(("default", "a"), Rest.SYNCED, 1)
    progress.rests(("default", "b"), rest, 1)
    progress.rests(("default", "left-over"), Rest.FAILED, 1)
    assert not progress.done


def test_a_cell_that_only_the_state_has_is_not_left_in_the_middle_of_a_move(tmp_path: Path) -> None:
    one, other = ("default", "one"), ("default", "other")
    progress = Progress(options(tmp_path), [one])
    progress.rests(other, Rest.MOVING, 3)
    progress.rests(one, Rest.SYNCED, 1)
    assert not progress.done
    progress.rests(other, Rest.FAILED, 3)
    assert (progress.done, progress.exit_code) == (True, 1)


def test_moves_of_others_don_t_end_a_run_that_has_no_cell_of_its_own(tmp_path: Path) -> None:
    progress = Progress(options(tmp_path), [])
    for rest in (Rest.MOVING, Rest.SYNCED):
        progress.rests(("default", "other"), rest, 1)
    assert not progress.done


@pytest.mark.parametrize(
    ("given", "state"),
    [("cells/web.yaml", "cells/.okra/state.db"), ("cells", "cells/.okra/state.db"), ("-", ".okra/state.db")],
)
def test_the_state_is_beside_the_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, state: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cells").mkdir()
    assert default_state([Path(given)]) == Path(state)
