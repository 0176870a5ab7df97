"""Who runs on a state: asked without standing in the way of who begins to."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from okra.embedded.lock import run_lock, runs
from okra.errors import AlreadyExists


def test_a_state_is_run_on_for_as_long_as_the_lock_is_held(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    assert not runs(state), "there is none"
    with run_lock(state):
        assert runs(state)
        with pytest.raises(AlreadyExists, match="already running"), run_lock(state):
            pass
        assert runs(state)
    assert not runs(state)


def test_to_look_who_runs_never_keeps_a_run_from_beginning(tmp_path: Path) -> None:
    state, ends = tmp_path / "state.db", threading.Event()
    with run_lock(state):
        pass

    def look() -> None:
        while not ends.is_set():
            runs(state)

    onlooker = threading.Thread(target=look)
    onlooker.start()
    try:
        for _ in range(50):
            with run_lock(state):
                pass
    finally:
        ends.set()
        onlooker.join()
