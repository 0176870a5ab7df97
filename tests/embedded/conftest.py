"""An embedded store in a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from okra.embedded import EmbeddedStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[EmbeddedStore]:
    async with await EmbeddedStore.open(path) as opened:
        yield opened
