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
    "rollout": {"number": 1, "version": "1.1.0", "kind": "Canary", "outcome": "Running"},
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


def test_run_says_all_that_is_wrong_and_exits_with_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cell.yaml"
    path.write_text(yaml.safe_dump(cell(replicas=0)))
    for args in (("-f", path), ("-f", tmp_path / "none.yaml"), ("-f", path, "--timeout", "soon")):
        found = okra("run", *args)
        assert found.exit_code == 2
        assert found.stderr
    path.write_text(yaml.safe_dump(cell()))
    monkeypatch.setenv("OKRA_STEP_WEIGHT", "many")
    found = okra("run", "-f", path)
    assert found.exit_code == 2
    assert "OKRA_STEP_WEIGHT" in found.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["cell.yaml"], "nothing was begun"


def test_a_log_level_that_there_is_none_of_is_refused_with_the_choices(tmp_path: Path) -> None:
    found = okra("run", "-f", tmp_path, "--log-level", "verbose")
    assert found.exit_code == 2
    assert "--log-level" in found.stderr
    assert "'debug', 'info', 'warning', 'error'" in " ".join(found.stderr.replace("│", " ").split())


@pytest.mark.parametrize("command", [("run", "-f"), ("lint",)])
def test_a_typo_in_a_setting_is_said_on_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("OKRA_STEP_INTERVALL", "1m")
    found = okra(*command, tmp_path / "none.yaml")
    said = "warning: OKRA_STEP_INTERVALL is no setting of Okra and has no effect; did you mean OKRA_STEP_INTERVAL?"
    assert said in found.stderr.splitlines()
    assert said not in found.stdout


def test_a_check_without_a_provider_is_found_by_lint_and_by_run_unless_the_setting_gives_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cell.yaml"
    path.write_text(yaml.safe_dump(cell(checks=[{"name": "dd", "analysis": {"query": "errors", "max": 0.1}}])))
    said = "spec.checks[0].analysis.provider: is required: name one of datadog, cloudWatch, prometheus, web, or set"
    monkeypatch.delenv("OKRA_CHECK_PROVIDER", raising=False)
    lint, run = okra("lint", path), okra("run", "-f", path)
    assert (lint.exit_code, run.exit_code) == (1, 2)
    assert said in lint.stdout
    assert said in run.stderr
    monkeypatch.setenv("OKRA_CHECK_PROVIDER", "prometheus: {address: 'http://prometheus.example:9090'}")
    assert (okra("lint", path).exit_code, okra("lint", path).stderr) == (0, "")
    monkeypatch.setenv("OKRA_CHECK_PROVIDER", "prometheus: {port: 9090}")
    assert okra("lint", path).exit_code == 2


def test_lint_exits_with_one_for_findings_and_two_for_what_it_cannot_read(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(yaml.safe_dump(cell()))
    bad.write_text(yaml.safe_dump(cell(replica=2)))
    assert okra("lint", good).exit_code == 0
    found = okra("lint", good, bad)
    assert found.exit_code == 1
    assert "replicas" in found.stdout, "did you mean"
    assert okra("lint", tmp_path / "none.yaml").exit_code == 2
    assert json.loads(okra("lint", "-o", "json", bad).stdout)["findings"][0]["path"] == "spec.replica"


def test_the_iam_policy_is_a_policy() -> None:
    policy = json.loads(okra("iam-policy").stdout)
    assert policy["Version"] == "2012-10-17"
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert "elasticloadbalancing:ModifyListener" in actions
    assert not [action for action in actions if "*" in action]
