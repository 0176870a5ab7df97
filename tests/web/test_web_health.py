"""/healthz and /readyz: they fail when they must, and not before."""

from __future__ import annotations

import asyncio
import threading
import time
import urllib.error
import urllib.request

import pytest

from okra.actors.readiness import Readiness
from okra.actors.runtime.root import RootSupervisor
from tests.actors.world import cell, world
from tests.web.site import FakeSystem, site


async def test_a_system_that_runs_is_healthy() -> None:
    async with world() as w, w.running() as system, site(system) as pages:
        assert await pages.get("/healthz") == (200, "ok\n")


async def test_health_fails_when_the_root_supervisor_has_stopped() -> None:
    async with world() as w, w.running() as system, site(system) as pages:
        await system.root.stop(1.0)
        status, said = await pages.get("/healthz")
        assert (status, said) == (503, "the root supervisor has stopped, or the event loop was stuck\n")
        assert (await pages.get("/readyz"))[0] == 503


def probe(url: str, timeout: float) -> str:
    """As a kubelet does: from outside, with a deadline."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except TimeoutError:
        return "no answer"


@pytest.mark.may_block("it is blocked on purpose")
async def test_a_probe_from_outside_fails_while_the_event_loop_is_really_stuck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[str] = []
    async with RootSupervisor("okra") as root:
        view = FakeSystem()
        monkeypatch.setattr(view, "responsive", root.responsive)
        async with site(view) as pages:
            url = f"http://{pages.at}/healthz"
            found.append(await asyncio.to_thread(probe, url, 30.0))
            prober = threading.Thread(target=lambda: found.append(probe(url, 0.3)))
            prober.start()
            prober.join()  # nothing else runs on this loop now
            found.append(await asyncio.to_thread(probe, url, 30.0))
    assert found == ["200", "no answer", "200"]


@pytest.mark.may_block("it is blocked on purpose")
async def test_a_loop_that_has_not_turned_for_too_long_is_not_responsive() -> None:
    async with RootSupervisor("okra") as root:
        began = time.monotonic()
        while root.responsive(max_age=1.2):  # a beat comes each second, but not while this goes on
            assert time.monotonic() - began < 60
        assert root.responsive(max_age=10.0)


async def test_the_lag_of_the_loop_is_measured_all_the_time() -> None:
    measured = 0.0
    async with site(FakeSystem()) as pages:
        while measured < 2:
            text = (await pages.get("/metrics"))[1]
            measured = float(text.partition("\nokra_event_loop_lag_seconds_count ")[2].split()[0])


# -- readiness -----------------------------------------------------------------------------------------------------


async def test_a_system_without_cells_is_ready_once_its_kinds_are_listed() -> None:
    async with world() as w, w.running() as system, site(system) as pages:
        await w.when(lambda: not system.missing())
        assert await pages.get("/readyz") == (200, "ok\n")


async def test_who_stands_by_is_ready_and_says_so() -> None:
    async with site(FakeSystem(stands="standby: okra-0 leads")) as pages:
        assert await pages.get("/readyz") == (200, "ok (standby: okra-0 leads)\n")


async def test_nothing_is_ready_before_aws_was_asked_for_each_cell_of_the_first_listing() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell())
        w.aws.latency = 3600.0
        async with w.running() as system, site(system) as pages:
            await w.when(lambda: system.missing() == ["the first discovery for default/web"])
            assert await pages.get("/readyz") == (503, "waiting for the first discovery for default/web\n")
            w.aws.latency = 0.0


async def test_a_system_is_ready_when_its_cells_have_heard_of_aws() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell())
        async with w.running() as system:
            assert system.missing()
            await w.when(lambda: not system.missing())


async def test_an_invalid_cell_keeps_nobody_from_being_ready() -> None:
    async with world() as w:
        await w.apply(cell(replicas=-1))
        async with w.running() as system:
            await w.when(lambda: not system.missing())


def test_readiness_waits_for_each_kind_and_each_object_of_the_first_listings() -> None:
    ready = Readiness()
    ready.expect("cells")
    ready.expect("checks")
    assert ready.missing == ["the first listing of cells", "the first listing of checks"]
    ready.listed("cells", [("a", "x"), ("a", "y")])
    ready.listed("checks")
    assert ready.missing == ["the first discovery for a/x", "the first discovery for a/y"]
    ready.seen(("a", "y"))
    ready.seen(("b", "never heard of"))
    ready.seen(("a", "x"))
    assert not ready.missing
    ready.listed("cells", [("a", "new")])
    assert not ready.missing, "a later listing is no reason to be unready again"
