"""A verdict that the store never took, though AWS had its revert: the next term, of this process or of another one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from okra.errors import AccessDenied, Unavailable
from okra.testing.fake_aws import FakeRoute
from tests.actors.doubles import FragileStore, no_fault
from tests.actors.world import QUICK, World, cell, check, world
from tests.app.replicas import Replica, replica

pytestmark = pytest.mark.looptime

WAITS = 20.0
"""Seconds that a new leader waits before it writes."""
SOON = 15.0
"""Seconds within which a process that stands by tries again."""
Outage = Callable[[FragileStore], None]


def refuses(store: FragileStore) -> None:
    store.fault = lambda _operation, _name: Unavailable("the API server doesn't answer")


def hangs(store: FragileStore) -> None:
    store.slow = lambda _operation, _name: 3600.0


def answers(store: FragileStore) -> None:
    store.fault, store.slow = no_fault, lambda _operation, _name: 0.0


@dataclass
class Reverted:
    """A leader whose check failed while its way to the store was cut: AWS has the revert, and no status says why."""

    world: World
    first: Replica
    store: FragileStore
    """The way of this replica; the world's own is never cut."""
    route: FakeRoute
    new: str

    async def lease_lost(self) -> None:
        self.first.candidate.lose()
        await self.first.leads(False)
        status = await self.world.status()
        assert (status["phase"], status["blockedVersions"]) == ("Syncing", []), "nothing could be written"

    async def assert_failed(self) -> None:
        """The end, for whoever leads; and that it took no detour."""
        status = await self.world.until(lambda s: s.get("reason") == "RolledBack", within=120)
        assert (status["phase"], status["stableVersion"], status["rollouts"]) == ("Failed", "1.0.0", 1)
        assert [block["version"] for block in status["blockedVersions"]] == ["1.1.0"]
        assert status.get("held") is None
        shares = [weights.get(self.new, 0) / sum(weights.values()) for weights in self.route.history]
        assert [share for share, before in zip(shares, [None, *shares], strict=False) if share != before] == [0, 0.5, 0]


@asynccontextmanager
async def reverted(outage: Outage = refuses, roles: Sequence[str] = ("web",)) -> AsyncIterator[Reverted]:
    async with world(claim_settle=0.0) as w:
        store = FragileStore(w.store.real)
        store.changed = w.store.changed
        async with replica(w, store) as first:
            routes = [w.two_versions(role) for role in roles]

            def fails(_query: str, _window: object) -> float:
                outage(store)
                return 0.5

            w.metrics.answer = fails
            for role in roles:
                await w.apply(cell(role, role=role, checks=[check("dd")], **QUICK))
            first.candidate.win()
            await w.when(lambda: all(route.weights.get(new) for route, _old, new in routes))
            await w.when(lambda: not any(route.weights[new] for route, _old, new in routes), within=30)
            w.metrics.answer = lambda _query, _window: 0.0
            yield Reverted(w, first, store, route=routes[-1][0], new=routes[-1][2])


@pytest.mark.parametrize("outage", [refuses, hangs])
async def test_a_verdict_that_the_store_did_not_take_in_its_term_stands_in_the_next(outage: Outage) -> None:
    async with reverted(outage) as it:
        await it.lease_lost()
        await asyncio.sleep(600)
        answers(it.store)
        it.first.candidate.win(writes_in=WAITS)
        await it.assert_failed()


@pytest.mark.parametrize("outage", [refuses, hangs])
async def test_a_process_that_leads_no_more_saves_its_verdict_for_whoever_leads_next(outage: Outage) -> None:
    async with reverted(outage) as it:
        await it.lease_lost()
        answers(it.store)
        status = await it.world.until(lambda s: s["blockedVersions"], within=SOON)
        assert (status["phase"], status["reason"], status["rollout"]["failure"]["reason"]) == (
            "Reverting",
            "Reverting",
            "CheckFailed",
        )
        assert it.world.condition(status, "Ready") == ("False", "Reverting")
        async with replica(it.world) as second:
            second.candidate.win(writes_in=WAITS)
            await it.assert_failed()


async def test_a_verdict_that_comes_after_another_leader_took_its_revert_for_a_persons_edit_outranks_that() -> None:
    async with reverted() as it, replica(it.world) as second:
        await it.lease_lost()
        second.candidate.win(writes_in=WAITS)
        await it.world.until(lambda s: s.get("reason") == "WeightsDrifted", within=60)
        await asyncio.sleep(600)
        answers(it.store)
        await it.assert_failed()


async def test_a_verdict_does_not_come_after_a_person_who_resumed_meanwhile() -> None:
    async with reverted() as it, replica(it.world) as second:
        await it.lease_lost()
        second.candidate.win()
        await it.world.until(lambda s: s.get("reason") == "WeightsDrifted", within=60)
        await it.world.command("web", '{"id": "1", "verb": "resume", "by": "ann"}')
        await it.world.until(lambda s: s["commands"], within=10)
        answers(it.store)
        status = await it.world.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)
        assert (status["phase"], status["blockedVersions"]) == ("Synced", [])


async def test_a_cell_that_was_made_anew_under_its_name_is_no_concern_of_a_verdict() -> None:
    async with reverted() as it, replica(it.world) as second:
        await it.lease_lost()
        obj = await it.world.get()
        await it.world.patch("web", {"metadata": {"finalizers": []}})
        await it.world.delete("web")
        await it.world.apply(cell(**QUICK))
        assert (await it.world.get())["metadata"]["uid"] != obj["metadata"]["uid"]
        second.candidate.win()
        await it.world.until(lambda s: s.get("weight") == "50%", within=60)
        answers(it.store)
        status = await it.world.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)
        assert (status["phase"], status["blockedVersions"]) == ("Synced", [])


async def test_a_verdict_about_a_cell_that_is_gone_is_forgotten() -> None:
    async with reverted() as it:
        await it.lease_lost()
        await it.world.patch("web", {"metadata": {"finalizers": []}})
        await it.world.delete("web")
        answers(it.store)
        await asyncio.sleep(SOON)
        it.store.calls.clear()
        await asyncio.sleep(600)
        assert it.store.calls.total() == 0


async def test_a_verdict_that_meets_somebody_elses_write_is_saved_on_top_of_it() -> None:
    async with reverted() as it:
        await it.lease_lost()
        it.store.calls.clear()
        answers(it.store)
        it.store.slow = lambda operation, _name: 0.5 if operation == "patch_status" else 0.0
        await it.world.when(lambda: it.store.calls["patch_status", "Cell"], within=SOON)
        await it.world.patch("web", {"metadata": {"labels": {"touched": "yes"}}})
        await it.world.until(lambda s: s["blockedVersions"], within=SOON)
        assert it.store.calls["patch_status", "Cell"] == 2
        assert (await it.world.get())["metadata"]["labels"] == {"touched": "yes"}


@pytest.mark.parametrize(("refused", "taken"), [("api", "web"), ("web", "api")])
async def test_a_verdict_that_the_store_refuses_holds_up_no_other(refused: str, taken: str) -> None:
    denied = AccessDenied("cells/status may not be patched")
    async with reverted(roles=("api", "web")) as it:
        await it.lease_lost()
        it.store.fault = lambda operation, name: denied if (operation, name) == ("patch_status", refused) else None
        await it.world.until(lambda s: s["blockedVersions"], taken, within=SOON)
        assert (await it.world.status(refused))["blockedVersions"] == []
        answers(it.store)
        await it.world.until(lambda s: s["blockedVersions"], refused, within=SOON)


async def test_who_is_told_to_stop_saves_its_verdict_before_the_lease_is_given_up() -> None:
    async with reverted(hangs) as it:
        it.store.slow = lambda _operation, _name: 0.2
        await it.first.ends()
        status = await it.world.status()
        assert [block["version"] for block in status["blockedVersions"]] == ["1.1.0"]
