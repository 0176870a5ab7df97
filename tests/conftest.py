"""What every test runs under: nothing may block the event loop, and no task may outlive the test that began it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import blockbuster.blockbuster
import pytest
import pytest_asyncio
import structlog
from blockbuster import BlockBuster, BlockingError
from hypothesis import settings
from looptime import LoopTimeEventLoop

from tests.support import nursery

TESTS = Path(__file__).parent
LONGEST = ("scenarios", "chaos", "e2e", "demo", "kube", "support", "chart")
"""Folders whose tests mostly wait for other processes."""

settings.register_profile("okra", deadline=None, derandomize=True)
settings.load_profile("okra")


def pytest_configure(config: pytest.Config) -> None:
    # looptime asks for a loop around synchronous tests too, and asyncio would make one that nobody closes.
    asyncio.set_event_loop(None)
    config.addinivalue_line("markers", "may_block(reason): Okra's code may block the event loop in this test")


def pytest_unconfigure() -> None:
    nursery.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first: otherwise one worker is still at it when the others have nothing left to do.

    Virtual time leaps at once. Looptime would turn the loop 42 times before each leap, in case something comes from
    outside; nothing does in these tests, and it is half of what they cost.
    """
    for item in items:
        if item.get_closest_marker("looptime") is not None:
            item.add_marker(pytest.mark.looptime(noop_cycles=0))
    rank = {folder: number for number, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.relative_to(TESTS).parts[0], len(rank)))


@pytest.fixture(autouse=True)
def watched(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoop | None:
    """Of asynchronous tests only: the others have no event loop."""
    if not pytest_asyncio.is_async_test(request.node):
        return None
    if request.node.get_closest_marker("may_block") is None:
        request.getfixturevalue("nothing_blocks")
    loop: asyncio.AbstractEventLoop = request.getfixturevalue("no_task_left")
    return loop


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A test that sets up logging (its level hides lines from the next one) sets it up for itself only."""
    yield
    structlog.reset_defaults()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """A virtual clock stays one while fixtures end: back on the real one, all its timers would be due at once."""
    loop = getattr(item, "funcargs", {}).get("watched")
    virtual: AbstractContextManager[None] = nullcontext()
    if isinstance(loop, LoopTimeEventLoop) and item.get_closest_marker("looptime") is not None:
        virtual = loop.looptime_enabled()
    with virtual:
        return (yield)


@pytest.fixture
async def no_task_left() -> AsyncIterator[asyncio.AbstractEventLoop]:
    """What is about to end may do so; what is left then has been forgotten by somebody."""
    loop = asyncio.get_running_loop()
    yield loop
    for _ in range(10):
        await asyncio.sleep(0)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others and not (isinstance(loop, LoopTimeEventLoop) and loop.looptime_on):
        _, others = await asyncio.wait(others, timeout=1)  # what other processes still have to answer takes real time
    assert not others, f"tasks outlived the test: {sorted(task.get_name() for task in others)}"


@pytest.fixture(scope="session")
def detector() -> BlockBuster:
    """Looks at what Okra calls. Tests may touch files as they like; a loop in another thread may block that."""
    detector = BlockBuster("okra")
    main = threading.get_ident()

    def may(predicate: Callable[..., bool]) -> Callable[..., bool]:
        return lambda *args, **kwargs: threading.get_ident() != main or predicate(*args, **kwargs)

    for function in detector.functions.values():
        function.can_block_predicate = may(function.can_block_predicate)
        function.can_block_in("okra/embedded/worker.py", {"start", "run", "close"})  # Inline: SQLite in memory
        function.can_block_in("logging/__init__.py", {"emit"})
    return detector


@pytest.fixture
def nothing_blocks(detector: BlockBuster, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails the test even where somebody survives the error, as a supervisor does."""
    blocked: list[str] = []

    class Recorded(BlockingError):
        def __init__(self, function: str) -> None:
            super().__init__(function)
            blocked.append(function)

    monkeypatch.setattr(blockbuster.blockbuster, "BlockingError", Recorded)
    detector.activate()
    yield
    detector.deactivate()
    assert not blocked, f"blocked the event loop: {blocked}"
