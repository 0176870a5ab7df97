"""Starting several children again together: for one_for_all and rest_for_one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from okra.actors.runtime.policy import ChildKind
from okra.actors.runtime.tasks import outlast

if TYPE_CHECKING:
    from okra.actors.runtime.child import Child


class Regroup:
    """At most one group is down at a time: a failure meanwhile adds to it and begins the wait again."""

    __slots__ = ("_children", "_down", "_task")

    def __init__(self, children: dict[str, Child]) -> None:
        self._children = children
        """The supervisor's own, in start order."""
        self._down: set[Child] = set()
        self._task: asyncio.Task[None] | None = None

    def restart(self, failed: Child, others: Iterable[Child], delay: float) -> None:
        """Stop `others`, newest first; `delay` seconds after the last has ended start all of them, oldest first."""
        self._down.update((failed, *others))
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._run(failed, delay), name=f"{failed.path} and those with it")

    async def _run(self, failed: Child, delay: float) -> None:
        for child in reversed([child for child in self._children.values() if child in self._down]):
            if child.spec.kind is ChildKind.TEMPORARY:
                child.dismiss()
            elif child is not failed:
                child.pause()
            if child.task is not None:
                await asyncio.wait((child.task,))
        await asyncio.sleep(delay)
        group = [child for child in self._children.values() if child in self._down]
        self._down.clear()
        for child in group:
            child.begin()

    async def cancel(self, interrupt: Callable[[], object]) -> bool:
        """As `outlast`."""
        self._down.clear()
        if self._task is None:
            return False
        self._task.cancel()
        return await outlast((self._task,), interrupt)
