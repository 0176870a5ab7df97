"""A former leader that stood still makes one write, long after its Cell came to rest.

Nothing in AWS tells it from a person's: so what a person may do is kept, and a person asked; all else is put back.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.testing.fake_aws import FakeRoute
from tests.actors.world import World, cell, check, world

pytestmark = pytest.mark.looptime

QUARTERS: dict[str, Any] = {
    "updateStrategy": {"type": "Canary", "canary": {"stepWeight": 25, "totalWeight": 100, "stepInterval": "10s"}},
    "propagationDelay": "1s",
}
AT_REST = 300.0
"""Seconds: longer than a revert is read again after its end."""
SOON = 60.0
"""Seconds until it is gone: two looks at a route at rest, and a write."""


async def lands(route: FakeRoute, old: str, new: str) -> None:
    """The first step of the rollout from `old` to `new`."""
    await asyncio.sleep(AT_REST)
    route.weights = {old: 3, new: 1}


async def synced(w: World, version: str) -> None:
    await w.until(lambda s: s.get("stableVersion") == version and s["phase"] == "Synced")


def shares(route: FakeRoute) -> dict[str, int]:
    """Of those that carry traffic."""
    return {arn: weight for arn, weight in route.weights.items() if weight}


async def stays(w: World, phase: str, route: FakeRoute) -> dict[str, Any]:
    """The status, when what the route shows has lasted."""
    found = shares(route)
    await asyncio.sleep(AT_REST)
    assert shares(route) == found
    return await w.phase(phase, within=1)


async def test_a_late_share_of_a_blocked_version_is_put_back() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        w.metrics.answer = lambda _query, _window: 0.5
        await w.apply(cell(checks=[check("dd")], **QUARTERS))
        async with w.running():
            await w.phase("Failed")
            await lands(route, old, new)
            await w.when(lambda: not route.weights.get(new), within=SOON)
            status = await stays(w, "Failed", route)
            assert [each["version"] for each in status["blockedVersions"]] == ["1.1.0"]


async def test_a_late_share_of_a_rollout_that_gave_way_is_put_back_though_it_took_off_what_is_stable_now() -> None:
    async with world() as w:
        route, old, superseded = w.two_versions()
        await w.apply(cell(**QUARTERS))
        async with w.running():
            await w.when(lambda: route.weights.get(superseded))
            newest = w.group("1.2.0")
            await synced(w, "1.2.0")
            assert list(shares(route)) == [newest]
            await lands(route, old, superseded)
            await w.when(lambda: route.weights.get(newest), within=SOON)
            assert list(shares(route)) == [newest]
            await stays(w, "Synced", route)


async def test_a_late_share_of_a_version_that_was_let_go_is_put_back() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(retainFor="1m", **QUARTERS))
        async with w.running():
            await synced(w, "1.1.0")
            await w.when(lambda: old not in route.weights)
            await lands(route, old, new)
            await w.when(lambda: not route.weights.get(old), within=SOON)
            assert route.weights[new]
            await stays(w, "Synced", route)


async def test_a_late_share_of_the_previous_version_while_that_is_attached_is_kept_until_a_person_says_so() -> None:
    """Both versions have carried this share, and a person may have given it back: that one is never undone."""
    async with world(retain_for=3 * AT_REST) as w:
        route, old, new = w.two_versions()
        await w.apply(cell(**QUARTERS))
        async with w.running():
            await synced(w, "1.1.0")
            await lands(route, old, new)
            await w.phase("Paused", within=SOON)
            status = await stays(w, "Paused", route)
            assert (status["reason"], shares(route)) == ("WeightsDrifted", {old: 3, new: 1})
            await w.command("web", '{"id": "1", "verb": "resume", "by": "ann"}')
            await w.until(lambda s: s["rollouts"] == 2, within=SOON)
            await synced(w, "1.1.0")
            assert list(shares(route)) == [new]
