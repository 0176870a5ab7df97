"""The command line as a person meets it."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from okra.actors.cell import CELL
from okra.actors.cell_checks import CHECK
from okra.app.command import pending
from okra.cli.commands import app
from okra.embedded.lock import run_lock
from okra.embedded.store import EmbeddedStore
from okra.ports import Object
from tests.actors.world import cell, lone_check

VERBS = ("abort", "pause", "resume", "approve", "promote", "retry", "rollback", "unblock")
COMMANDS = ("run", "lint", "get", "status", "iam-policy", *VERBS)
STATUS = {
    "phase": "Syncing",
    "reason": "Progressing",
    "message": "1.1.0 has 50 % of the traffic.",
    "stableVersion": "1.0.0",
    "desiredVersion": "1.1.0",
    "weight": "50%",
    "step": "5/10",
    "rollout": {
        "number": 1,
        "version": "1.1.0",
        "kind": "Canary",
        "outcome": "Running",
        "startedAt": "2023-11-14T22:13:20Z",
    },
    "blockedVersions": [{"version": "0.9.0", "reason": "dd failed", "time": "2023-11-14T22:13:20Z"}],
}


def okra(*args: str | Path) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A Cell in mid-rollout, one that nobody has seen yet, and a Check of the first."""
    path = tmp_path / "state.db"

    async def fill() -> None:
        async with await EmbeddedStore.open(path) as store:
            await store.create(CELL, cell("web"))
            await store.patch_status(CELL, "default", "web", STATUS)
            await store.create(CELL, cell("new"))
            obj = lone_check("web-dd")
            obj["metadata"]["labels"] = {"okra.mumoshu.github.io/cell": "web"}
            await store.create(CHECK, obj)

    asyncio.run(fill())
    return path


def read(state: Path, name: str = "web") -> Object:
    async def get() -> Object:
        async with await EmbeddedStore.open(state) as store:
            return await store.get(CELL, "default", name)

    return asyncio.run(get())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_with_an_example(command: str) -> None:
    found = okra(command, "--help")
    assert found.exit_code == 0
    assert f"okra {command}" in found.output.split("Example:")[1]


def test_help_works_without_any_aws_setting_and_lists_every_command() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OKRA_"))}
    code = "import sys; sys.argv = ['okra', '--help']; from okra.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert all(command in done.stdout for command in COMMANDS)


def test_help_imports_neither_aws_nor_the_store() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from okra.cli.commands import app;"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0;"
        "print([name for name in ('aiobotocore', 'okra.embedded', 'pydantic', 'aiohttp') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "args", [("nonsense",), ("run",), ("status",), ("get", "-o", "xml"), ("lint", "-o", "wide", "x")]
)
def test_a_wrong_call_exits_with_two_and_says_why(args: tuple[str, ...]) -> None:
    found = okra(*args)
    assert found.exit_code == 2
    assert found.output


def test_get_lists_cells_in_a_table(state: Path) -> None:
    found = okra("get", "--state", state)
    assert found.exit_code == 0
    header, *rows = found.stdout.splitlines()
    assert header.split() == ["NAMESPACE", "NAME", "PHASE", "STABLE", "DESIRED", "WEIGHT", "STEP", "AGE"]
    assert [row.split()[:7] for row in rows] == [
        ["default", "new", "Pending", "-", "-", "-", "-"],
        ["default", "web", "Syncing", "1.0.0", "1.1.0", "50%", "5/10"],
    ]


@pytest.mark.parametrize("option", ["-A", "--all-namespaces"])
def test_get_lists_all_namespaces_and_may_be_told_so_as_kubectl_is(state: Path, option: str) -> None:
    there = ("get", "-o", "json", "--state", state)
    assert json.loads(okra(*there, "-n", "nowhere").stdout) == []
    assert [each["metadata"]["name"] for each in json.loads(okra(*there, "-n", "nowhere", option).stdout)] == [
        each["metadata"]["name"] for each in json.loads(okra(*there).stdout)
    ]


def test_get_wide_adds_the_message(state: Path) -> None:
    found = okra("get", "web", "-o", "wide", "--state", state)
    assert "MESSAGE" in found.stdout
    assert found.stdout.splitlines()[1].endswith("1.1.0 has 50 % of the traffic.")


@pytest.mark.parametrize(("output", "load"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_get_and_status_print_objects_for_programs(state: Path, output: str, load: Any) -> None:
    everything = load(okra("get", "-o", output, "--state", state).stdout)
    assert [obj["metadata"]["name"] for obj in everything] == ["new", "web"]
    for args in (("get", "web"), ("status", "web")):
        assert load(okra(*args, "-o", output, "--state", state).stdout) == read(state)


def test_status_shows_where_a_cell_is_and_why(state: Path) -> None:
    found = okra("status", "web", "--state", state)
    assert found.exit_code == 0
    for text in (
        "default/web",
        "Syncing",
        "1.1.0 has 50 % of the traffic.",
        "50%",
        "5/10",
        "0.9.0: dd failed",
        "web-dd",
    ):
        assert text in found.stdout


@pytest.mark.parametrize("command", ["get", "status", *VERBS])
def test_an_unknown_cell_exits_with_two_and_those_that_there_are_are_named(state: Path, command: str) -> None:
    found = okra(command, "nobody", "-n", "default", "--state", state)
    said = "There is no Cell nobody in namespace default. There are: default/new, default/web.\n"
    assert (found.exit_code, found.stdout, found.stderr) == (2, "", said)


def test_a_cell_of_another_namespace_is_named_with_its_namespace(state: Path) -> None:
    found = okra("status", "web", "-n", "shop", "--state", state)
    assert "no Cell web in namespace shop. There are: default/new, default/web (-n names a namespace)." in found.stderr


@pytest.mark.parametrize(("typed", "said"), [("undo", ", ".join(VERBS)), ("abor", "Did you mean 'abort'?")])
def test_an_unknown_command_is_answered_with_those_that_there_are(typed: str, said: str) -> None:
    found = okra(typed, "web")
    words = " ".join(found.stderr.replace("│", " ").split())
    assert (found.exit_code, said in words) == (2, True)


@pytest.mark.parametrize("command", ["get", "status", "abort"])
def test_a_missing_state_exits_with_two_says_where_it_looked_and_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    found = okra(command, "web")
    assert found.exit_code == 2
    assert ".okra/state.db" in found.stderr
    assert "--state" in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_is_none_exits_with_two(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("not a database, but long enough to be taken for one " * 20)
    found = okra("get", "--state", path)
    assert found.exit_code == 2
    assert str(path) in found.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_without_a_running_okra_is_recorded_for_the_next_one(state: Path, verb: str) -> None:
    found = okra(verb, "web", "--state", state, "--wait", "1h")
    assert found.exit_code == 0
    assert "no weight moves before" in found.stdout, "at once: there is nobody to wait for"
    command = pending(read(state))
    assert command is not None
    assert (command.verb, command.arg) == (verb, "")
    again = okra("pause", "web", "--state", state)
    assert f"replaces the command {verb}" in again.stderr


@pytest.mark.parametrize("verb", ["retry", "rollback", "unblock"])
def test_a_verb_may_name_a_version(state: Path, verb: str) -> None:
    assert okra(verb, "web", "1.2.0", "--state", state).exit_code == 0
    command = pending(read(state))
    assert command is not None
    assert command.arg == "1.2.0"


@pytest.fixture
def executor(state: Path) -> Iterator[list[str]]:
    """Somebody who executes commands on the state, as a running Okra does; the outcomes are popped from the list."""
    outcomes: list[str] = []
    ends = threading.Event()

    async def execute() -> None:
        async with await EmbeddedStore.open(state) as store:
            while not ends.is_set():
                command = pending(await store.get(CELL, "default", "web"))
                if command is not None:
                    at = "2023-11-14T22:13:20Z"
                    done = {"id": command.id, "verb": command.verb, "by": "me", "time": at, "outcome": outcomes.pop()}
                    await store.patch_status(CELL, "default", "web", {"commands": [done]})
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(execute(),))
    with run_lock(state):
        thread.start()
        yield outcomes
        ends.set()
        thread.join()


@pytest.mark.parametrize(("outcome", "code"), [("paused", 0), ("Refused: nothing moves", 1)])
def test_a_verb_with_a_running_okra_says_what_came_of_it(
    state: Path, executor: list[str], outcome: str, code: int
) -> None:
    executor.append(outcome)
    found = okra("pause", "web", "--state", state)
    assert (found.exit_code, found.stdout) == (code, f"cell/web: {outcome}\n")


def test_a_command_that_an_outcome_names_can_be_pasted(state: Path, executor: list[str]) -> None:
    executor.append("1.1.0 may start again, but the Cell is paused: okra resume web")
    found = okra("retry", "web", "--state", state)
    assert found.stdout.endswith(f": okra resume web --state {state}\n")
