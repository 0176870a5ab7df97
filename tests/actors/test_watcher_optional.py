"""A kind that need not be there: who never installed it hears nothing, who gives no access to it hears so once."""

import asyncio

import pytest
import structlog

from okra.actors.kinds import HOTSWAP
from okra.actors.messages import Listed, ObjectChanged, ObjectGone
from okra.actors.runtime.actor import Actor
from okra.actors.runtime.child import ChildSpec
from okra.actors.runtime.root import RootSupervisor
from okra.actors.watcher import Watcher
from okra.embedded.store import EmbeddedStore
from okra.errors import AccessDenied, KindNotInstalled, OkraError
from tests.actors.doubles import FragileStore, no_fault

pytestmark = pytest.mark.looptime


class Told(Actor[Listed | ObjectChanged | ObjectGone]):
    def __init__(self) -> None:
        self.listed = 0

    async def receive(self, message: Listed | ObjectChanged | ObjectGone) -> None:
        self.listed += isinstance(message, Listed)


@pytest.mark.parametrize(("error", "times"), [(KindNotInstalled("no systems"), 0), (AccessDenied("may not list"), 1)])
async def test_it_is_asked_for_until_it_is_there(error: OkraError, times: int) -> None:
    told = Told()
    async with await EmbeddedStore.open(":memory:") as real:
        store = FragileStore(real)
        store.fault = lambda *_: error
        with structlog.testing.capture_logs() as logs:
            async with RootSupervisor("okra") as root:
                directory = root.start_child(ChildSpec("systems", lambda: told))
                watcher = Watcher(store, HOTSWAP.cell, directory, optional=True)
                root.start_child(ChildSpec("watch-systems", lambda: watcher))
                await asyncio.sleep(600)
                assert [each["error"] for each in logs if each["event"] == "WatchFailed"] == [str(error)] * times
                store.fault = no_fault
                await asyncio.sleep(120)
                assert told.listed == 1
