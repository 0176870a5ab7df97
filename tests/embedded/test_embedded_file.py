"""The state file itself: whose it is, who may read it, and what is said when it can't be used."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from okra.embedded import EmbeddedStore
from okra.embedded.database import connect, use_wal
from okra.embedded.faults import UNUSABLE, translate
from okra.embedded.schema import VERSION
from okra.errors import Invalid, NotFound, Unavailable
from okra.ports import Kind
from tests.store.kinds import WIDGET, widget


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def database(path: Path, *statements: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


async def refusal(path: Path) -> str:
    """Why the store can't be opened, when nothing but a person's act will change that."""
    with pytest.raises(Invalid) as refused:
        await EmbeddedStore.open(path)
    assert refused.value.reason == UNUSABLE
    assert str(path) in str(refused.value)
    return str(refused.value)


async def test_the_file_and_its_companions_are_for_their_owner_only(path: Path) -> None:
    async with await EmbeddedStore.open(path) as store:
        await store.create(WIDGET, widget("a", "default"))
        files = {file.name: mode(file) for file in path.parent.iterdir()}
    assert files == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}
    assert mode(path.parent) == 0o700


async def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    async with await EmbeddedStore.open(path):
        pass
    path.chmod(0o644)
    async with await EmbeddedStore.open(path):
        assert mode(path) == 0o600


async def test_closing_leaves_one_file_that_holds_everything(path: Path) -> None:
    async with await EmbeddedStore.open(path) as store:
        created = await store.create(WIDGET, widget("a", "default"))
    assert [file.name for file in path.parent.iterdir()] == ["state.db"]
    async with await EmbeddedStore.open(path, create=False) as store:
        assert await store.get(WIDGET, "default", "a") == created
        assert (await store.create(WIDGET, widget("b", "default")))["metadata"]["resourceVersion"] == "2"


async def test_a_command_does_not_create_the_state_it_asks_about(path: Path) -> None:
    with pytest.raises(NotFound, match="--state"):
        await EmbeddedStore.open(path, create=False)
    assert not path.parent.exists()


async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("kind: Cell\n" * 100)
    assert "not an Okra state file" in await refusal(path)
    assert path.read_text() == "kind: Cell\n" * 100


async def test_another_programs_database_is_refused_and_left_as_it_is(path: Path) -> None:
    database(path, "CREATE TABLE theirs (x)", "PRAGMA user_version = 7")
    path.chmod(0o644)
    before = path.read_bytes()
    assert "another program's database" in await refusal(path)
    assert path.read_bytes() == before
    assert mode(path) == 0o644


async def test_a_file_of_a_newer_okra_is_refused_with_what_to_do(path: Path) -> None:
    async with await EmbeddedStore.open(path):
        pass
    database(path, f"PRAGMA user_version = {VERSION + 1}")
    assert "upgrade Okra" in await refusal(path)


async def test_a_damaged_file_is_refused_with_what_to_do(path: Path) -> None:
    async with await EmbeddedStore.open(path) as store:
        for number in range(50):
            await store.create(WIDGET, widget(f"w{number}", "default", spec={"padding": "x" * 500}))
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(Invalid, match=r"is damaged: move it away together with its -wal and -shm files") as refused:
        async with await EmbeddedStore.open(path) as store:
            await store.list(WIDGET)
    assert refused.value.reason == UNUSABLE


async def test_a_folder_in_the_files_place_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    assert "can't be opened" in await refusal(path)


async def test_a_file_in_the_folders_place_is_refused(path: Path) -> None:
    path.parent.touch()
    assert "can't be opened" in await refusal(path)


def test_a_file_system_without_shared_memory_is_refused() -> None:
    """A database in memory has no WAL either."""
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(Invalid, match="local disk"):
        use_wal(connection, "state.db", 0.0)


def test_a_file_that_another_process_keeps_locked_is_unavailable(path: Path) -> None:
    database(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unavailable, match="locked by another process"):
            connect(str(path), patience=0.01)


def test_a_change_of_mode_waits_for_others_and_then_gives_up(path: Path) -> None:
    database(path, "CREATE TABLE t (x)")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        impatient = sqlite3.connect(path, timeout=0)
        with closing(impatient), pytest.raises(sqlite3.OperationalError, match="locked"):
            use_wal(impatient, str(path), 0.01)


def test_an_error_without_a_code_is_unavailable() -> None:
    assert isinstance(translate(sqlite3.ProgrammingError("closed"), "state.db"), Unavailable)


@pytest.mark.parametrize("write", ["create", "apply"])
async def test_a_secret_is_never_written_to_the_file(path: Path, store: EmbeddedStore, write: str) -> None:
    kind = Kind("", "v1", "Secret", "secrets")
    secret = {"metadata": {"name": "dd", "namespace": "default"}, "stringData": {"api-key": "hunter2hunter2"}}
    with pytest.raises(Invalid, match="never written") as refused:
        await getattr(store, write)(kind, secret)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(NotFound):
        await store.get(kind, "default", "dd")
    assert not any(b"hunter2" in file.read_bytes() for file in path.parent.iterdir())


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"bytes", object()], ids=["nan", "set", "bytes", "object"])
async def test_what_is_not_json_is_invalid(store: EmbeddedStore, value: object) -> None:
    with pytest.raises(Invalid, match="JSON"):
        await store.create(WIDGET, widget("a", "default", spec={"value": value}))


async def test_an_object_larger_than_the_api_server_takes_is_invalid(store: EmbeddedStore) -> None:
    with pytest.raises(Invalid, match="too large"):
        await store.create(WIDGET, widget("a", "default", spec={"value": "x" * 2_000_000}))
    await store.create(WIDGET, widget("a", "default", spec={"value": "x" * 1_000_000}))
    with pytest.raises(Invalid, match="too large"):
        await store.patch_status(WIDGET, "default", "a", {"value": "x" * 1_000_000})


async def test_text_that_is_not_ascii_is_kept(store: EmbeddedStore) -> None:
    text = "naïve – 🥬 \x00 \ud800"
    await store.create(WIDGET, widget("a", "default", spec={"text": text}))
    assert (await store.get(WIDGET, "default", "a"))["spec"]["text"] == text
