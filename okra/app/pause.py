"""The pause of every Cell at once: one key of a ConfigMap, followed while Okra runs (DESIGN §4b).

Read again and again, not watched: a watch would need the permission to list every ConfigMap of the namespace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from okra.errors import NotFound, OkraError
from okra.ports import Kind, ObjectStore

log = structlog.get_logger("okra")

CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
KEY = "paused"
EVERY = 5.0
"""Seconds between two looks."""
DEADLINE = 10.0
FIRST = 2.0
"""Seconds for the look that a term waits for: neither its end nor SIGTERM waits for a server that hangs."""


class GlobalPause:
    """Whether every Cell is paused. Until that could be read once, it counts as yes: a pause is there for safety."""

    def __init__(self, store: ObjectStore, namespace: str, name: str, every: float = EVERY) -> None:
        self._store, self._namespace, self._name, self._every = store, namespace, name, every
        self._known = False
        self._problem = ""
        self._said = ""

    def said(self) -> str:
        """Who pauses every Cell, and how that ends, in a sentence; empty: nobody does."""
        if self._known:
            return self._said
        return f"Nothing is raised until it is known whether {self._where} pauses every Cell: {self._problem}"

    async def look(self, deadline: float = DEADLINE) -> None:
        """Read it once. What can't be read leaves what was known."""
        try:
            async with asyncio.timeout(deadline):
                found = await self._store.get(CONFIG_MAP, self._namespace, self._name)
        except NotFound:
            self._learn("")
        except (OkraError, TimeoutError) as error:
            problem = str(error) or "no answer in time"
            if problem != self._problem:
                log.warning("PauseUnknown", configMap=self._where, error=problem, kept=self.said() or "not paused")
            self._problem = problem
        else:
            self._learn(str((found.get("data") or {}).get(KEY) or "").strip())

    async def follow(self, changed: Callable[[], None]) -> None:
        """Look again and again, until cancelled. `changed` is called after each change of `said`."""
        while True:
            before = self.said()
            await self.look()
            if self.said() != before:
                changed()
            await asyncio.sleep(self._every)

    def _learn(self, value: str) -> None:
        before, known = self._said, self._known
        self._said, self._known, self._problem = self._sentence(value), True, ""
        if (self._said, True) != (before, known) and (self._said or before):
            log.warning("Paused" if self._said else "PauseEnded", configMap=self._where, value=value)

    def _sentence(self, value: str) -> str:
        """Anything but a plain no pauses: whoever writes into that key wants Okra to stop."""
        if value.lower() in ("", "false"):
            return ""
        patch = f'\'{{"data":{{"{KEY}":null}}}}\''  # no key: a "false" of a person's would refuse Helm's next pause
        how = f"kubectl patch configmap {self._name} -n {self._namespace} --type merge -p {patch}"
        return f'Every Cell is paused by {self._where} ({KEY}: "{value[:40]}"). To go on: {how}'

    @property
    def _where(self) -> str:
        return f"the ConfigMap {self._namespace}/{self._name}"
