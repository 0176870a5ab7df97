"""Who runs on a state: asked without standing in the way of who begins to."""

from __future__ import annotations

import os
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


def test_who_comes_second_hears_who_runs_where_its_pages_are_and_what_another_state_is_for(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with run_lock(state) as serves_at:
        with pytest.raises(AlreadyExists, match=rf"\(process {os.getpid()}\)"), run_lock(state):
            pass
        serves_at("127.0.0.1:8080")
        said = rf"\(process {os.getpid()}, http://127\.0\.0\.1:8080/\)"
        with pytest.raises(AlreadyExists, match=said) as second, run_lock(state):
            pass
        assert "Another --state is for other Cells only" in str(second.value)
    with run_lock(state), pytest.raises(AlreadyExists, match=rf"\(process {os.getpid()}\)"), run_lock(state):
        pass


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
