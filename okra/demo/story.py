"""What happens, in order: 1.0.0 serves, 1.1.0 takes over, 1.2.0 fails and is put back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from okra.demo.frame import frame_of
from okra.demo.judgement import Evidence
from okra.demo.okra_side import OkraSide
from okra.demo.scene import Scene
from okra.demo.script import BAD, FIRST, GOOD
from okra.demo.views import View

GLANCE = 0.2
"""Seconds between two looks of the story teller."""
ENDED = ("Failed", "Synced")


class Story:
    def __init__(self, scene: Scene, view: View, open_okra: Callable[[], Awaitable[OkraSide]]) -> None:
        self._scene, self._view, self._open_okra = scene, view, open_okra
        self._ledger, self._script = scene.ledger, scene.script
        self.okra: OkraSide | None = None
        self._headline = ""

    async def tell(self) -> Evidence:
        """All of it. Afterwards everything still runs, but the users have stopped."""
        async with asyncio.TaskGroup() as group:
            showing = group.create_task(self._show_forever())
            await self._first_version()
            self.okra = okra = await self._open_okra()
            good_was_all = await self._good_version(okra)
            late = await self._bad_version(okra)
            await self._scene.load.stop()
            weights, status = await self._scene.world.weights(), await okra.status()
            showing.cancel()
        return Evidence(self._ledger, self._scene.load.seen, weights, status, good_was_all, late)

    async def _first_version(self) -> None:
        self._headline = f"{FIRST} serves all of the traffic. Okra isn't here yet."
        self._scene.load.start()
        await asyncio.sleep(self._script.warm_up)
        await self._scene.add_version(GOOD)

    async def _good_version(self, okra: OkraSide) -> bool:
        """Did 1.1.0 get everything, in AWS?"""
        self._headline = f"Clusters of {GOOD} are there. Okra moves the traffic to them, step by step."

        async def done() -> bool:
            status = await okra.status()
            synced = (status.get("phase"), status.get("stableVersion")) == ("Synced", GOOD)
            return synced and self._ledger.share(GOOD) == 1.0

        return await self._until(done)

    async def _bad_version(self, okra: OkraSide) -> int:
        """How many requests reached 1.2.0 when it should have had none any more?"""
        self._headline = f"{GOOD} holds all of the traffic. Soon there is a {BAD}."
        await asyncio.sleep(self._script.warm_up)
        await self._scene.add_version(BAD, fail_every=self._script.fail_every)
        self._headline = f"Clusters of {BAD} are there, and they are broken. Okra doesn't know that yet."

        async def over() -> bool:
            status = await okra.status()
            rollout = status.get("rollout") or {}
            ended = rollout.get("version") == BAD and rollout.get("outcome") != "Running"
            return ended and status.get("phase") in ENDED

        await self._until(over)
        self._headline = f"The story of {BAD} is over. Does anything still reach it?"
        await self._scene.proxy.look()
        await asyncio.sleep(GLANCE)  # what was on its way has arrived
        before = self._ledger.requests(BAD)
        await asyncio.sleep(self._script.after)
        return self._ledger.requests(BAD) - before

    async def _until(self, happened: Callable[[], Awaitable[bool]]) -> bool:
        try:
            async with asyncio.timeout(self._script.patience):
                while True:
                    if await happened():
                        return True
                    await asyncio.sleep(GLANCE)
        except TimeoutError:
            return False

    async def _show_forever(self) -> None:
        while True:
            okra = self.okra
            status, checks = (await okra.status(), await okra.checks()) if okra else ({}, [])
            pages = okra.pages if okra else ""
            self._view.show(frame_of(self._headline, self._ledger, self._scene.load.seen, status, checks, pages))
            await asyncio.sleep(GLANCE)
