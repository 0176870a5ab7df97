"""A replica's life on the virtual clock: standby, leader, and what is done before the Lease is given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from okra.actors.wiring import WriteGate
from okra.app.controller import STOP_TIMEOUT
from okra.app.controller_view import ControllerView
from okra.app.leading import RESIGNING, Leadership, Unopposed
from okra.app.system import System
from okra.app.writes import LANDS_WITHIN, Writes
from okra.errors import Unavailable
from okra.testing.fake_aws import FakeRoute
from tests.actors.world import METRICS, QUICK, World, cell, world
from tests.app.replicas import Replica, Scripted, replica

pytestmark = pytest.mark.looptime


async def nothing() -> None:
    """No term has left anything."""


@asynccontextmanager
async def at_work() -> AsyncIterator[tuple[World, Replica, FakeRoute]]:
    """A leader that has just attached its canary."""
    async with world(claim_settle=0.0) as w, replica(w) as r:
        route, _, new = w.two_versions()
        await w.apply(cell(**QUICK))
        r.candidate.win()
        await w.when(lambda: new in route.weights)
        yield w, r, route


async def test_who_stands_by_runs_nothing_and_says_who_leads() -> None:
    async with world(claim_settle=0.0) as w, replica(w) as r:
        await asyncio.sleep(60)
        view = ControllerView(r.leadership)
        assert (w.store.calls.total(), w.aws.calls) == (0, type(w.aws.calls)())
        assert (view.responsive(), view.missing(), view.standing()) == (True, [], "standby: okra-1 leads")
        assert (await view.cells(), view.event_counts(), view.actors().children) == ((), {}, ())
        r.candidate.problem = "get leases: no answer"
        assert view.missing() == ["the Lease by which replicas elect a leader (get leases: no answer)"]
        r.candidate.problem, r.candidate.others = "", ""
        assert view.missing() == ["the Lease by which replicas elect a leader (nobody holds it)"]


async def test_a_new_leader_looks_at_once_and_writes_when_it_may() -> None:
    async with world(claim_settle=0.0) as w, replica(w) as r:
        route, _old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        r.candidate.win(writes_in=20.0)
        await r.leads()
        status = await w.until(lambda s: s.get("rollout"), within=5)
        assert ControllerView(r.leadership).standing().startswith("leader: writes to AWS in ")
        await asyncio.sleep(19 - asyncio.get_running_loop().time() + r.candidate.writes_from - 20)
        assert (route.history, route.owner, status["reason"]) == ([], "", "RolloutStarted")
        await w.when(lambda: new in route.weights, within=5)
        await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


async def test_a_leader_that_loses_its_lease_stops_and_stands_by_until_it_wins_again() -> None:
    async with world(claim_settle=0.0) as w, replica(w) as r:
        route, old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        r.candidate.win()
        await w.when(lambda: route.weights.get(new))
        r.candidate.lose()
        await r.leads(False)
        w.forget_calls()
        await asyncio.sleep(600)
        assert (route.weights, w.aws.calls.total(), w.store.calls.total()) == ({old: 1, new: 1}, 0, 0)
        r.candidate.win()
        await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


async def test_the_lease_is_given_up_after_the_write_under_way_was_answered() -> None:
    async with at_work() as (w, r, route):
        w.aws.latency = 3.0
        before = len(route.history)
        await w.until(lambda s: s["routes"][0]["serial"] == 2)
        seconds = await r.ends()
        assert len(route.history) == before + 1
        assert r.candidate.resigned_at is not None
        assert seconds < STOP_TIMEOUT
        status = await w.status()
        assert status["phase"] == "Syncing"
        assert status["reason"] != "ReadOnly"


async def test_a_write_that_is_never_answered_holds_the_lease_for_as_long_as_it_may_land() -> None:
    async with at_work() as (w, r, _route):
        w.aws.latency = 3600.0
        await w.until(lambda s: s["routes"][0]["serial"] == 2)
        seconds = await r.ends()
        assert LANDS_WITHIN - 0.1 <= seconds < 10


async def test_a_store_that_answers_no_more_does_not_hold_up_the_end() -> None:
    async with at_work() as (w, r, _route):
        w.store.slow = lambda _operation, _name: 3600.0
        await asyncio.sleep(15)
        assert await r.ends() < 10


async def test_a_store_that_has_never_answered_does_not_hold_up_the_end_of_a_term_that_just_began() -> None:
    async with world(claim_settle=0.0) as w, replica(w) as r:
        w.store.slow = lambda _operation, _name: 3600.0
        r.candidate.win()
        await asyncio.sleep(0.1)
        assert await r.ends() + RESIGNING < 10


async def test_a_lease_that_is_lost_while_the_pause_of_every_cell_is_unknown_ends_the_term_soon() -> None:
    async with world(claim_settle=0.0) as w, replica(w) as r:
        w.store.slow = lambda _operation, _name: 3600.0
        r.candidate.win()
        await asyncio.sleep(0.1)
        r.candidate.lose()
        await asyncio.sleep(5)
        assert [entry["event"] for entry in w.logs if entry["event"].startswith("Term")] == ["TermBegun", "TermEnded"]


async def test_while_nobody_knows_whether_every_cell_is_paused_nothing_is_raised() -> None:
    async with world(claim_settle=0.0) as w, replica(w) as r:
        route, old, _new = w.two_versions()
        await w.apply(cell(**QUICK))
        w.store.slow = lambda _operation, name: 3600.0 if name == "okra" else 0.0
        r.candidate.win()
        status = await w.until(lambda s: s.get("reason") == "Paused", within=60)
        assert "Nothing is raised until it is known whether the ConfigMap ops/okra" in status["message"]
        await asyncio.sleep(600)
        assert len([entry for entry in w.logs if entry["event"] == "PauseUnknown"]) == 1
        assert route.weights == {old: 100}
        w.store.slow = lambda _operation, _name: 0.0
        await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


async def test_what_a_term_does_not_survive_ends_the_process_without_a_leader_left_behind() -> None:
    async with world(claim_settle=0.0) as w:

        def broken(gate: WriteGate) -> AbstractAsyncContextManager[System]:
            raise ValueError("no term")

        candidate, writes = Scripted(), Writes(w.aws, w.clock)
        leadership = Leadership(candidate, broken, nothing, writes, w.clock, asyncio.Event(), METRICS)
        candidate.win()
        with pytest.raises(ValueError, match="no term"):
            await leadership.serve()
        assert candidate.resigned_at is not None


async def test_a_campaign_that_fails_ends_the_term_and_the_process() -> None:
    async with world(claim_settle=0.0) as w, replica(w) as r:
        r.candidate.win()
        await r.leads()
        r.candidate.defect.set()
        with pytest.raises(RuntimeError, match="a defect"):
            await r.serving
        assert r.leadership.system is None


async def test_who_only_looks_reports_what_it_would_write_from_the_first_moment() -> None:
    async with world(claim_settle=0.0) as w, replica(w, read_only=True) as r:
        route, _old, _new = w.two_versions()
        await w.apply(cell(**QUICK))
        r.candidate.win(writes_in=20.0)
        await w.until(lambda s: s.get("reason") == "ReadOnly", within=15)
        await asyncio.sleep(60)
        assert (route.history, route.owner) == ([], "")


async def test_without_an_election_there_is_nothing_to_wait_for() -> None:
    alone = Unopposed()
    await alone.led()
    assert (alone.may_write(), alone.writes_in, alone.problem) == (True, 0.0, "")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3600):
            await alone.lost()


async def test_writes_have_landed_when_each_was_answered_or_its_time_is_over() -> None:
    async with world() as w:
        _route, _old, _new = w.two_versions()
        writes, loop = Writes(w.aws, w.clock), asyncio.get_running_loop()
        began = loop.time()
        await writes.landed()
        assert loop.time() == began
        with pytest.raises(Unavailable), writes._writing():
            await asyncio.sleep(1)
            raise Unavailable("no answer")
        await writes.landed()
        assert loop.time() - began == pytest.approx(LANDS_WITHIN)
