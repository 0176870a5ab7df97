"""On which Cells a command acts: those of a state file, or of a cluster; and that it says which, unless it was told."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from okra.actors.cell import CELL
from okra.cli.commands import app
from okra.embedded.store import EmbeddedStore
from tests.actors.world import cell


def okra(*args: str | Path) -> Result:
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands are called; there is no kubeconfig but what a test writes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return tmp_path


def state_file(path: Path) -> Path:
    async def fill() -> None:
        path.parent.mkdir(exist_ok=True)
        async with await EmbeddedStore.open(path) as store:
            await store.create(CELL, cell("web"))

    asyncio.run(fill())
    return path


def kubeconfig(file: Path, namespace: str = "ops") -> Path:
    """Of a server that isn't there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "gone", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "me", "user": {"token": "secret-token"}}],
        "contexts": [{"name": "gone", "context": {"cluster": "gone", "user": "me", "namespace": namespace}}],
        "current-context": "gone",
    }
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content))
    return file


def test_a_state_file_beside_the_caller_comes_before_a_cluster_and_is_named(folder: Path) -> None:
    state_file(folder / ".okra" / "state.db")
    kubeconfig(folder / ".kube" / "config")
    found = okra("get", "-o", "json")
    assert (found.exit_code, [each["metadata"]["name"] for each in json.loads(found.stdout)]) == (0, ["web"])
    assert found.stderr == "State file: .okra/state.db (another: --state; a cluster: --context)\n"


def test_a_state_file_that_was_named_is_not_named_again(folder: Path) -> None:
    path = state_file(folder / "other" / "state.db")
    assert okra("get", "-o", "json", "--state", path).stderr == ""


@pytest.mark.parametrize(
    ("command", "where"),
    [
        (("get",), "all namespaces"),
        (("get", "-A", "-n", "shop"), "all namespaces"),
        (("get", "-n", "shop"), "namespace shop"),
        (("status", "web"), "namespace ops"),
        (("abort", "web"), "namespace ops"),
    ],
)
def test_without_a_state_file_it_is_the_cluster_of_the_kubeconfig(
    folder: Path, command: tuple[str, ...], where: str
) -> None:
    config = kubeconfig(folder / ".kube" / "config")
    found = okra(*command)
    first, error = found.stderr.splitlines()
    assert first == f"Cluster: context gone of {config}, {where} (a state file: --state)"
    assert (found.exit_code, "no answer from http://127.0.0.1" in error) == (2, True)
    assert "secret-token" not in found.stderr


@pytest.mark.parametrize("option", ["--kubeconfig", "--context"])
def test_who_names_a_cluster_means_it_though_there_is_a_state_file(folder: Path, option: str) -> None:
    state_file(folder / ".okra" / "state.db")
    config = kubeconfig(folder / ".kube" / "config")
    found = okra("pause", "web", option, "gone" if option == "--context" else config)
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
    assert "no answer from http://127.0.0.1" in found.stderr


def test_with_neither_it_says_where_it_looked(folder: Path) -> None:
    found = okra("get")
    assert found.exit_code == 2
    file, cluster = found.stderr.split(". Nor is there a cluster: ")
    assert file == "There is no .okra/state.db here: name the state file of `okra run` with --state"
    assert cluster.startswith(f"There is no kubeconfig at {folder}/.kube/config")


def test_a_file_and_a_cluster_together_are_refused(folder: Path) -> None:
    found = okra("get", "--state", "state.db", "--context", "gone")
    assert (found.exit_code, "give one of them" in found.stderr) == (2, True)


def test_how_long_a_command_is_waited_for_can_be_said(folder: Path) -> None:
    path = state_file(folder / "state.db")
    found = okra("pause", "web", "--state", path, "--wait", "100ms")
    assert (found.exit_code, "is recorded for cell/web" in found.stdout) == (0, True)
    assert okra("pause", "web", "--state", path, "--wait", "soon").exit_code == 2
