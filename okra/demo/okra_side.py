"""Okra as the audience sees it, and where it may live: all that differs between one demo and the other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from okra.actors.cell import CELL
from okra.actors.cell_checks import CHECK
from okra.demo.ledger import Ledger
from okra.demo.manifest import CELL_NAME, NAMESPACE_OF_CELL
from okra.demo.script import Script
from okra.ports import Object, ObjectStore

SETTINGS: Mapping[str, str] = {
    "discovery_interval": "2s",
    "poll_interval": "2s",
    "reread_after_revert": "1s,3s",
    "claim_settle": "0s",
}
"""An account that nobody else uses and clusters that start at once: everything may be quicker than by default."""


class OkraSide:
    """Valid inside `Home.okra`."""

    def __init__(self, store: ObjectStore, pages: str) -> None:
        self._store = store
        self.pages = pages
        """HOST:PORT of the health and debug pages."""

    async def status(self) -> dict[str, Any]:
        cell = await self._store.get(CELL, NAMESPACE_OF_CELL, CELL_NAME)
        status: dict[str, Any] = cell.get("status") or {}
        return status

    async def checks(self) -> list[Object]:
        return (await self._store.list(CHECK)).items


class Home(Protocol):
    """Where Okra lives."""

    def okra(self, listener_arn: str, script: Script, ledger: Ledger) -> AbstractAsyncContextManager[OkraSide]:
        """Okra with the demo's Cell, telling the ledger what happens. All of it ends with the block."""
        ...

    def to_try(self, okra: str) -> list[str]:
        """Shell lines for a visitor, while everything runs. `okra`: how this program is called here."""
        ...
