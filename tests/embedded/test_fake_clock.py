"""The clocks: the one that tests hand out, and the real one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from okra.app.clock import SystemClock
from okra.embedded import MEMORY, EmbeddedStore
from okra.testing.clock import START, FakeClock
from tests.store.kinds import WIDGET, widget


@pytest.mark.looptime
async def test_a_fake_clock_passes_with_the_loops_virtual_time() -> None:
    clock = FakeClock()
    assert clock.now() == START
    before = clock.monotonic()
    await asyncio.sleep(3600)
    assert clock.now() == START + 3600
    assert clock.monotonic() == before + 3600


@pytest.mark.looptime(start=100)
async def test_a_fake_clock_begins_at_its_start_whatever_the_loop_says() -> None:
    clock = FakeClock(start=5.0)
    assert clock.now() == 5.0
    assert clock.monotonic() == 100.0


def test_a_fake_clock_made_outside_a_loop_begins_when_it_is_first_asked_in_one() -> None:
    clock = FakeClock()
    assert (clock.now(), clock.monotonic()) == (START, 0.0)

    async def asked() -> tuple[float, float]:
        first = clock.now()
        await asyncio.sleep(0.001)
        return first, clock.now()

    first, later = asyncio.run(asked())
    assert START <= first < START + 1
    assert later >= first + 0.001


@pytest.mark.looptime
async def test_the_wall_clock_can_jump_while_waits_go_on() -> None:
    clock = FakeClock()
    before = clock.monotonic()
    clock.jump(-60)
    assert clock.now() == START - 60
    assert clock.monotonic() == before


@pytest.mark.looptime
async def test_a_store_in_memory_lives_in_virtual_time() -> None:
    clock = FakeClock()
    async with await EmbeddedStore.open(MEMORY, now=clock.now) as store:
        first = await store.create(WIDGET, widget("a", "default"))
        assert first["metadata"]["creationTimestamp"] == "2023-11-14T22:13:20Z"
        assert clock.now() == START, "a store takes no virtual time"
        await asyncio.sleep(86_400)
        second = await store.create(WIDGET, widget("b", "default"))
        assert second["metadata"]["creationTimestamp"] == "2023-11-15T22:13:20Z"


async def test_a_store_asks_for_the_time_in_the_callers_thread(path: Path) -> None:
    clock = FakeClock(start=0.0)
    async with await EmbeddedStore.open(path, now=clock.now) as store:
        created = await store.create(WIDGET, widget("a", "default"))
        assert created["metadata"]["creationTimestamp"] == "1970-01-01T00:00:00Z"


def test_the_system_clock_is_the_systems() -> None:
    clock = SystemClock()
    assert abs(clock.now() - time.time()) < 5
    assert abs(clock.monotonic() - time.monotonic()) < 5
