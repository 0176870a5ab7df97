"""Nobody outlives pytest, and who is forked is as a process of its own."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kube.processes import linux
from tests.scenarios.eventually import eventually
from tests.scenarios.okra_process import ROOT
from tests.support.nursery import Life, begin

SERVES = ["http.server", "0", "--bind", "127.0.0.1"]
SESSION = f"""
import threading
from pathlib import Path
from tests.support.nursery import begin

def test_that_is_interrupted(tmp_path):
    pids = []
    def lane(cold):
        pids.append(begin({SERVES}, {{}}, tmp_path, tmp_path / f"{{cold}}.log", cold=cold).pid)
    lanes = [threading.Thread(target=lane, args=(cold,)) for cold in (False, True)]
    for each in lanes:
        each.start()
    for each in lanes:
        each.join()
    new = Path("pids.new")
    new.write_text(" ".join(map(str, pids)))
    new.rename("pids")
    threading.Event().wait()
"""
PATIENCE = 150.0


@contextmanager
def session(folder: Path, workers: str) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A pytest in mid-test, leader of its group as a terminal's is, and the pids of what the test has started."""
    (folder / "test_session.py").write_text(SESSION)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        workers,
        "-p",
        "no:cacheprovider",
        "--rootdir=.",
        "-c/dev/null",
    ]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("wb") as log:
        pytest_ = subprocess.Popen(
            [*command, f"--basetemp={folder / 'tmp'}", "test_session.py"],
            cwd=folder,
            env=environ,
            stdout=log,
            stderr=log,
            process_group=0,
        )
    try:
        pids = folder / "pids"
        eventually(lambda: pids.exists() or pytest_.poll() is not None, within=PATIENCE)
        assert pids.exists(), (folder / "log").read_text()
        yield pytest_, [int(each) for each in pids.read_text().split()]
    finally:
        pytest_.kill()
        pytest_.wait()


def watched(pid: int) -> int:
    """What can be read as soon as the process has ended, whoever's child it is."""
    return os.pidfd_open(pid)


@linux
@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_a_session_started_ends_with_its_ctrl_c(tmp_path: Path, workers: str) -> None:
    with session(tmp_path, workers) as (pytest_, pids):
        handles = [watched(pid) for pid in pids]
        os.killpg(pytest_.pid, signal.SIGINT)
        assert all_end(handles)


@linux
def test_what_a_session_started_ends_when_pytest_is_killed(tmp_path: Path) -> None:
    with session(tmp_path, "2") as (pytest_, pids):
        handles = [watched(pid) for pid in pids]
        pytest_.kill()
        assert all_end(handles)


@linux
def test_what_was_forked_ends_with_whom_it_is_a_fork_of(tmp_path: Path) -> None:
    with session(tmp_path, "0") as (_, pids):
        handles = [watched(pid) for pid in pids]
        (parent,) = {int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in pids}
        os.kill(parent, signal.SIGKILL)
        assert all_end(handles)


def all_end(handles: list[int]) -> bool:
    try:
        return bool(eventually(lambda: select.select(handles, [], [], 0)[0], lambda found: found == handles))
    finally:
        for each in handles:
            os.close(each)


def said(life: Life) -> tuple[int | None, str]:
    eventually(life.ended)
    return life.code, life.text


@pytest.mark.parametrize(
    "command", [["okra", "lint", "nothing.yaml"], ["okra", "--version"], ["okra", "no-such-thing"]]
)
def test_a_fork_says_and_returns_what_a_new_interpreter_does(tmp_path: Path, command: list[str]) -> None:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    fork, new = (begin(command, environ, tmp_path, tmp_path / f"{cold}.log", cold=cold) for cold in (False, True))
    assert said(fork) == said(new)


def test_a_frozen_one_stands_until_it_is_thawed_and_ends_by_the_signal_that_it_gets(tmp_path: Path) -> None:
    life = begin(SERVES, {}, tmp_path, tmp_path / "log")
    life.freeze()
    assert life.stands()
    assert not life.ended()
    life.send_signal(signal.SIGCONT)
    assert not life.stands()
    assert life.end(signal.SIGTERM) == -signal.SIGTERM
    assert life.poll() == -signal.SIGTERM
