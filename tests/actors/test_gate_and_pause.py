"""What concerns every Cell at once: the gate of a leader, a pause, and a store that lets nobody list."""

from __future__ import annotations

import asyncio

import pytest

from okra.actors.cell_checks import CHECK
from okra.actors.messages import Lookup
from okra.actors.wiring import NEVER
from okra.errors import KindNotInstalled
from tests.actors.world import QUICK, cell, check, world

pytestmark = pytest.mark.looptime

WHO = 'Every Cell is paused by the ConfigMap okra/okra; to go on: set paused: "false" there.'


async def test_a_gate_that_opens_later_lets_through_what_was_decided_meanwhile() -> None:
    async with world(claim_settle=0.0) as w:
        route, _old, new = w.two_versions()
        w.gate.open, w.gate.opens = False, w.clock.now() + 20
        await w.apply(cell(**QUICK))
        async with w.running():
            status = await w.until(lambda s: s.get("rollout"), within=15)
            assert status["reason"] != "ReadOnly"
            await asyncio.sleep(10)
            assert (route.history, route.owner) == ([], "")
            w.gate.open = True
            await w.when(lambda: new in route.weights, within=15)


async def test_a_gate_that_never_opens_again_ends_all_deciding() -> None:
    async with world(claim_settle=0.0) as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.gate.open, w.gate.opens = False, NEVER
            await asyncio.sleep(1)
            before, writes = await w.get(), len(route.history)
            await w.command("web", '{"id": "1", "verb": "abort"}')
            await asyncio.sleep(600)
            assert (await w.get())["status"] == before["status"]
            assert len(route.history) == writes


async def test_a_gate_that_seemed_closed_for_ever_and_opens_all_the_same_finds_nobody_asleep() -> None:
    async with world(claim_settle=0.0) as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.gate.open, w.gate.opens = False, NEVER
            await asyncio.sleep(60)
            w.gate.open = True
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


async def test_a_lease_that_ends_while_the_store_answers_stops_the_write() -> None:
    """What is asked is recorded between the decision and the write."""
    async with world(claim_settle=0.0) as w:
        route, _old, new = w.two_versions()
        w.store.slow = lambda operation, _name: 5.0 if operation == "patch_status" else 0.0
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: w.store.writes["patch", "Cell"])
            w.gate.open, w.gate.opens = False, NEVER
            await asyncio.sleep(60)
            assert new not in route.weights
            assert route.history == []


async def test_a_pause_of_every_cell_is_followed_while_running_and_said_in_each() -> None:
    async with world(claim_settle=0.0) as w:
        held = ""
        route, old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running(held=lambda: held) as system:
            await w.when(lambda: route.weights.get(new))
            held = WHO
            system.wake()
            status = await w.phase("Paused", within=5)
            assert (status["message"], w.condition(status, "Ready")) == (WHO, ("False", "Paused"))
            await asyncio.sleep(600)
            assert route.weights == {old: 1, new: 1}
            held = ""
            system.wake()
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


async def test_what_cannot_be_listed_is_said_and_tried_again() -> None:
    async with world(claim_settle=0.0) as w:
        said = KindNotInstalled("The API server knows no cells. Install Okra's CRDs.")
        w.store.fault = lambda operation, _name: said if operation == "list" else None
        w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running() as system:
            await asyncio.sleep(60)
            assert f"the first listing of cells ({said})" in system.missing()
            assert next(entry["error"] for entry in w.logs if entry["event"] == "WatchFailed") == str(said)
            assert "ActorFailed" not in [entry["event"] for entry in w.logs]
            w.store.fault = lambda _operation, _name: None
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)
            assert system.missing() == []


async def test_the_checks_of_a_cell_are_found_by_the_selector_that_finds_it_and_take_no_other_label_of_it() -> None:
    async with world(claim_settle=0.0) as w:
        w.two_versions()
        mine, other = cell(checks=[check("dd", interval="1s")], **QUICK), cell("other", role="other", **QUICK)
        mine["metadata"]["labels"] = {"team": "a", "app.kubernetes.io/instance": "web"}
        await w.apply(mine)
        await w.apply(other)
        async with w.running(selector="team=a") as system:
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)
            labels = (await w.get("web-dd", CHECK))["metadata"]["labels"]
            assert labels["team"] == "a"
            assert "app.kubernetes.io/instance" not in labels
            assert await w.status("other") == {}
            await w.store.break_watches(None)
            await asyncio.sleep(60)  # it is listed again
            checks = system.root.get("checks")
            assert checks is not None
            assert await checks.ask(Lookup(("default", "web-dd")), timeout=1) is not None
