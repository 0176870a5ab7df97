"""Several processes on one state file: `okra abort` beside `okra run`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from okra.embedded import EmbeddedStore, run_lock
from okra.errors import AlreadyExists, Conflict, Invalid
from tests.embedded.processes import child
from tests.store.kinds import WIDGET, widget
from tests.store.waiting import brief, upcoming


async def test_a_watch_sees_what_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with await EmbeddedStore.open(path) as store:
        watch = store.watch(WIDGET, (await store.list(WIDGET)).resource_version)
        async with child("create", path, "theirs", 2) as other:
            events = await upcoming(watch, 2)
            assert await other.finished() == 0
        assert brief(events) == [("ADDED", "theirs0"), ("ADDED", "theirs1")]


async def test_writes_of_several_processes_arrive_once_and_in_one_order(tmp_path: Path) -> None:
    path, each = tmp_path / "state.db", 60
    async with await EmbeddedStore.open(path, poll=0.01) as store:
        watch = store.watch(WIDGET, (await store.list(WIDGET)).resource_version)
        async with child("create", path, "a", each) as one, child("create", path, "b", each) as two:
            for number in range(each):
                await store.create(WIDGET, widget(f"own{number}", "default"))
            events = await upcoming(watch, 3 * each)
            assert (await one.finished(), await two.finished()) == (0, 0)
        versions = [int(event.object["metadata"]["resourceVersion"]) for event in events]
        assert versions == list(range(versions[0], versions[0] + 3 * each))
        assert len(set(brief(events))) == 3 * each


async def test_a_guarded_write_conflicts_with_another_process(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with await EmbeddedStore.open(path) as store, await EmbeddedStore.open(path) as other:
        version = (await store.create(WIDGET, widget("a", "default")))["metadata"]["resourceVersion"]
        await other.patch(WIDGET, "default", "a", {"metadata": {"annotations": {"command": "abort"}}})
        with pytest.raises(Conflict):
            await store.patch_status(WIDGET, "default", "a", {"n": 1}, resource_version=version)


async def test_many_openers_of_a_new_file_agree_on_one(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with asyncio.TaskGroup() as tasks:
        opening = [tasks.create_task(EmbeddedStore.open(path)) for _ in range(8)]
    stores = [task.result() for task in opening]
    async with asyncio.TaskGroup() as tasks:
        for number, store in enumerate(stores):
            tasks.create_task(store.create(WIDGET, widget(f"w{number}", "default")))
    assert len((await stores[0].list(WIDGET)).items) == 8
    for store in stores:
        await store.close()


def test_a_second_run_in_this_process_is_refused_by_any_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    (tmp_path / "link.db").symlink_to(path)
    with run_lock(path):
        for name in (path, tmp_path / "link.db", os.path.relpath(path)):
            with pytest.raises(AlreadyExists, match=f"process {os.getpid()}"), run_lock(name):
                raise AssertionError("entered")
    with run_lock(path):
        pass


@pytest.mark.may_block("the lock is taken before the loop starts")
async def test_a_second_run_is_refused_with_the_pid_of_the_first_until_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "state.db"
    async with child("hold", path) as holder:
        assert await holder.line() == ["held"]
        with pytest.raises(AlreadyExists, match=rf"process {holder.pid}\b.*--state"), run_lock(path):
            raise AssertionError("entered")
        await holder.kill()
        with run_lock(path):
            assert Path(f"{path}.lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_that_can_not_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Invalid, match=r"state\.db"), run_lock(tmp_path / "file" / "state.db"):
        raise AssertionError("entered")


@pytest.mark.may_block("the lock is taken before the loop starts")
async def test_commands_work_while_the_run_lock_is_held(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with run_lock(path):
        async with await EmbeddedStore.open(path) as store:
            await store.create(WIDGET, widget("a", "default"))
            async with child("create", path, "b", 1) as other:
                assert await other.finished() == 0
            assert len((await store.list(WIDGET)).items) == 2
