"""The stores under contract. A further one is one more entry in STORES: a factory that gives an open, empty store."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from okra.embedded import MEMORY, EmbeddedStore
from okra.ports import ObjectStore
from tests.store.kinds import validate

Factory = Callable[[Path], AbstractAsyncContextManager[ObjectStore]]


@asynccontextmanager
async def embedded_in_a_file(folder: Path) -> AsyncIterator[ObjectStore]:
    async with await EmbeddedStore.open(folder / "state.db", validate=validate) as store:
        yield store


@asynccontextmanager
async def embedded_in_memory(folder: Path) -> AsyncIterator[ObjectStore]:
    async with await EmbeddedStore.open(MEMORY, validate=validate) as store:
        yield store


STORES: dict[str, Factory] = {"embedded-file": embedded_in_a_file, "embedded-memory": embedded_in_memory}


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    async with STORES[request.param](tmp_path) as opened:
        yield opened


@pytest.fixture
def ns() -> str:
    """A namespace of the test's own. A store on a real API server creates it."""
    return f"contract-{uuid.uuid4().hex[:8]}"
