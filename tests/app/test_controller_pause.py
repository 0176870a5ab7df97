"""The ConfigMap that pauses every Cell: what counts as a pause, and what is believed while it can't be read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import structlog

from okra.app.pause import CONFIG_MAP, EVERY, GlobalPause
from okra.errors import AccessDenied, OkraError, Unavailable
from okra.ports import Object
from tests.actors.world import World, world

pytestmark = pytest.mark.looptime

HOW = 'kubectl patch configmap okra -n ops --type merge -p \'{"data":{"paused":null}}\''
DENIED = AccessDenied("Okra may not get configmaps in namespace ops")


def config(value: str | None) -> Object:
    data = {} if value is None else {"data": {"paused": value}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "ops", "name": "okra"}, **data}


def pause_of(w: World) -> GlobalPause:
    return GlobalPause(w.store, "ops", "okra")


def failing(error: OkraError) -> Callable[[str, str], OkraError | None]:
    return lambda operation, _name: error if operation == "get" else None


@pytest.mark.parametrize("value", ["true", "True", " true ", "yes", "ture"])
async def test_whoever_writes_anything_but_no_into_that_key_pauses_every_cell(value: str) -> None:
    async with world() as w:
        await w.store.real.create(CONFIG_MAP, config(value))
        pause = pause_of(w)
        await pause.look()
        said = pause.said()
        assert said.startswith(f'Every Cell is paused by the ConfigMap ops/okra (paused: "{value.strip()}"). ')
        assert said.endswith(HOW)


@pytest.mark.parametrize("value", ["false", "False", "", None])
async def test_a_plain_no_is_no_pause(value: str | None) -> None:
    async with world() as w:
        await w.store.real.create(CONFIG_MAP, config(value))
        pause = pause_of(w)
        await pause.look()
        assert pause.said() == ""


async def test_a_config_map_that_is_not_there_is_no_pause() -> None:
    async with world() as w:
        pause = pause_of(w)
        await pause.look()
        assert pause.said() == ""


async def test_what_was_never_read_holds_every_cell_and_says_why() -> None:
    async with world() as w:
        w.store.fault = failing(DENIED)
        pause = pause_of(w)
        await pause.look()
        assert pause.said() == (
            "Nothing is raised until it is known whether the ConfigMap ops/okra pauses every Cell: "
            "Okra may not get configmaps in namespace ops"
        )


@pytest.mark.parametrize("value", ["true", "false"])
async def test_what_cannot_be_read_any_more_stays_what_it_was_and_that_is_said(value: str) -> None:
    async with world() as w:
        await w.store.real.create(CONFIG_MAP, config(value))
        pause = pause_of(w)
        await pause.look()
        before = pause.said()
        w.store.fault = failing(Unavailable("no answer"))
        with structlog.testing.capture_logs() as logs:
            await pause.look()
            await pause.look()
        assert pause.said() == before
        assert [(entry["event"], entry["error"]) for entry in logs] == [("PauseUnknown", "no answer")]


async def test_a_store_that_hangs_is_not_waited_for_for_ever() -> None:
    async with world() as w:
        w.store.slow = lambda _operation, _name: 3600.0
        pause = pause_of(w)
        await pause.look()
        assert "no answer in time" in pause.said()


async def test_changes_are_followed_and_logged() -> None:
    async with world() as w:
        pause, told = pause_of(w), []
        await pause.look()
        follow = asyncio.create_task(pause.follow(lambda: told.append(bool(pause.said()))))
        for value in ("true", "false"):
            await w.store.real.apply(CONFIG_MAP, config(value))
            await asyncio.sleep(2 * EVERY)
        await w.store.real.delete(CONFIG_MAP, "ops", "okra")
        await asyncio.sleep(2 * EVERY)
        follow.cancel()
        await asyncio.wait((follow,))
        assert told == [True, False]
        assert [entry["event"] for entry in w.logs] == ["Paused", "PauseEnded"]
