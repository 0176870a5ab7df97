"""A Cell loses the labels by which this Okra finds it: a watch says "deleted", and yet the Cell is there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.errors import Unavailable
from okra.ports import Object
from tests.actors.test_cell_leaving import OURS, SLOW, synced
from tests.actors.world import LABEL, QUICK, World, cell, listener, world

pytestmark = pytest.mark.looptime


def labelled(**spec: Any) -> Object:
    obj = cell(**spec)
    obj["metadata"]["labels"] = {"team": "a"}
    return obj


async def label(w: World, team: str | None) -> None:
    await w.patch("web", {"metadata": {"labels": {"team": team}}})


async def test_in_mid_rollout_it_is_put_back_first_and_then_let_go_with_its_reason() -> None:
    async with world(claim_settle=0.0) as w:
        route, old, new = w.two_versions()
        await w.apply(labelled(**SLOW))
        async with w.running(selector="team=a"):
            await w.when(lambda: route.weights.get(new))
            await label(w, None)
            await w.when(lambda: not route.owner, within=600)
            await asyncio.sleep(60)
            obj = await w.get()
        assert route.weights == {old: 100, new: 0}
        assert not obj["metadata"].get("finalizers")
        assert obj["status"]["reason"] == "NotSelected"
        assert "selector doesn't match" in obj["status"]["message"]
        assert "NotSelected" in {event.reason for event in w.events}


async def test_at_rest_it_is_let_go_as_it_is_and_taken_up_again_with_its_label() -> None:
    async with world(claim_settle=0.0) as w:
        route, old, _ = w.two_versions()
        await w.apply(labelled(**QUICK))
        async with w.running(selector="team=a"):
            await synced(w, listener())
            weights = dict(route.weights)
            await label(w, "b")
            await w.when(lambda: not route.owner)
            w.aws.tag(old, {LABEL: "1.2.0"})
            await asyncio.sleep(600)
            assert route.weights == weights
            await label(w, "a")
            await w.until(lambda s: s.get("stableVersion") == "1.2.0", within=600)
            assert route.owner == OURS


async def test_a_store_that_does_not_say_whether_it_is_gone_is_asked_again() -> None:
    async with world(claim_settle=0.0) as w:
        route, old, new = w.two_versions()
        await w.apply(labelled(**SLOW))
        async with w.running(selector="team=a"):
            await w.when(lambda: route.weights.get(new))
            w.store.fault = lambda operation, _: Unavailable("down") if operation == "get" else None
            await label(w, None)
            await asyncio.sleep(30)
            assert route.weights[new], "nothing is known yet"
            w.store.fault = lambda _operation, _name: None
            await w.when(lambda: not route.owner, within=600)
        assert route.weights == {old: 100, new: 0}


async def test_one_that_is_deleted_is_let_go_at_once() -> None:
    async with world(claim_settle=0.0) as w:
        route, _, _ = w.two_versions()
        await w.apply(labelled(**QUICK))
        async with w.running(selector="team=a"):
            await synced(w, listener())
            await w.delete("web")
            await w.when(lambda: not route.owner)
            assert not await w.exists("web")
