"""The election on a real Lease. Clocks are moved by the tests, renewals are quick: no test waits for time to pass."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from okra.kube.client import KubeClient, Timeouts
from okra.kube.credentials import Identity, fixed
from okra.kube.election import Timing
from okra.kube.lease import RELEASED, Elector, uptime
from okra.kube.target import Target
from okra.testing.controlplane.access import MERGE, ControlPlane
from okra.testing.kube_proxy import KubeFault, KubeProxy
from tests.kube.api_server import ApiServer, answers, failure
from tests.kube.real import client_of

TIMING = Timing(duration=30, renew=0.05, margin=5, write=2)


class Clock:
    """The loop's, and what a test adds: a process that was frozen for so long."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.ahead


@asynccontextmanager
async def candidate(client: KubeClient, namespace: str, name: str, clock: Clock) -> AsyncIterator[Elector]:
    """One that campaigns within the block, and doesn't resign after it: killed."""
    elector = Elector(client, namespace, "okra", name, TIMING, monotonic=clock)
    campaign = asyncio.create_task(elector.run())
    try:
        yield elector
    finally:
        campaign.cancel()
        with suppress(asyncio.CancelledError):
            await campaign


async def eventually(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 (what is awaited has no event)
            await asyncio.sleep(0.01)


async def led(elector: Elector) -> None:
    async with asyncio.timeout(60):
        await elector.led()


async def lost(elector: Elector) -> None:
    async with asyncio.timeout(60):
        await elector.lost()


async def wait_out(elector: Elector, clock: Clock) -> None:
    """Until it may write: time passes, and it renews."""
    while not elector.may_write():
        clock.ahead += 15
        await eventually(lambda: (elector.ends_in or 0) > 25)


def known(elector: Elector) -> str:
    """The version of the Lease that it saw last."""
    return elector._election.lease.version if elector._election.lease is not None else ""


def sees_another(elector: Elector, version: str) -> bool:
    return known(elector) != version


def lease(plane: ControlPlane, namespace: str) -> Any:
    answer = plane.call("GET", f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/okra")
    return answer.body if answer.status == 200 else None


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


async def test_the_first_makes_the_lease_in_utc_and_may_write_after_a_lease_and_a_write(
    control_plane: ControlPlane, kube_namespace: str, in_tokyo: None
) -> None:
    clock = Clock()
    async with client_of(control_plane) as client, candidate(client, kube_namespace, "one", clock) as one:
        await led(one)
        assert not one.may_write()
        assert 20 < (one.writes_in or 0) <= 32
        spec = lease(control_plane, kube_namespace)["spec"]
        assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("one", 30, 0)
        for field in ("acquireTime", "renewTime"):
            assert abs(datetime.fromisoformat(spec[field]) - datetime.now(UTC)) < timedelta(minutes=10)
        await wait_out(one, clock)
        assert one.writes_in == 0
        renewed = lease(control_plane, kube_namespace)["spec"]
        assert renewed["acquireTime"] == spec["acquireTime"]
        assert renewed["renewTime"] > spec["renewTime"]


async def test_the_second_stands_by_until_the_first_resigns_and_may_write_soon(
    control_plane: ControlPlane, kube_namespace: str
) -> None:
    clock = Clock()
    async with client_of(control_plane) as client:
        async with candidate(client, kube_namespace, "one", Clock()) as one:
            await led(one)
            async with candidate(client, kube_namespace, "two", clock) as two:
                await eventually(lambda: two.holder == "one")
                for _ in range(3):
                    clock.ahead += 20
                    await eventually(partial(sees_another, two, known(two)))
                    assert not two.leading, "the first renews it"
        await one.resign()
        assert not one.leading
        assert RELEASED in lease(control_plane, kube_namespace)["metadata"]["annotations"]
        async with candidate(client, kube_namespace, "two", clock) as two:
            await led(two)
            assert (two.writes_in or 0) <= TIMING.write
            clock.ahead += TIMING.write
            assert two.may_write()
        found = lease(control_plane, kube_namespace)
        assert found["spec"]["holderIdentity"] == "two"
        assert found["spec"]["leaseTransitions"] == 1
        assert RELEASED not in found["metadata"].get("annotations", {})


async def test_a_leader_that_is_killed_is_succeeded_when_its_lease_has_stood_unchanged(
    control_plane: ControlPlane, kube_namespace: str
) -> None:
    clock = Clock()
    async with client_of(control_plane) as client:
        async with candidate(client, kube_namespace, "one", Clock()) as one:
            await led(one)
        async with candidate(client, kube_namespace, "two", clock) as two:
            await eventually(lambda: two.holder == "one")
            clock.ahead += 31
            await led(two)
            assert not two.may_write(), "the first may be frozen and not dead"
            assert (two.writes_in or 0) > 25


async def test_a_leader_that_slept_past_its_lease_finds_another_one(
    control_plane: ControlPlane, kube_namespace: str
) -> None:
    """Its gate is closed before it has asked anybody."""
    first, second = Clock(), Clock()
    async with client_of(control_plane) as client:
        one = Elector(client, kube_namespace, "okra", "one", TIMING, monotonic=first)
        campaign = asyncio.create_task(one.run())
        await led(one)
        await wait_out(one, first)
        campaign.cancel()  # frozen
        await asyncio.wait([campaign])
        async with candidate(client, kube_namespace, "two", second) as two:
            await eventually(lambda: two.holder == "one")
            second.ahead += 31
            await led(two)
            first.ahead += 26
            assert not one.may_write()
            first.ahead += 10
            assert not one.leading
            campaign = asyncio.create_task(one.run())  # thawed
            await lost(one)
            await eventually(lambda: one.holder == "two")
            campaign.cancel()
            await asyncio.wait([campaign])


async def test_a_lease_deleted_by_a_person_ends_the_term_and_the_next_one_waits(
    control_plane: ControlPlane, kube_namespace: str
) -> None:
    clock = Clock()
    async with client_of(control_plane) as client, candidate(client, kube_namespace, "one", clock) as one:
        await led(one)
        await wait_out(one, clock)
        ended = asyncio.create_task(one.lost())
        control_plane.call("DELETE", f"/apis/coordination.k8s.io/v1/namespaces/{kube_namespace}/leases/okra")
        await ended
        await led(one)
        assert (one.writes_in or 0) > 25


@asynccontextmanager
async def through_a_proxy(plane: ControlPlane) -> AsyncIterator[tuple[KubeClient, KubeProxy]]:
    timeouts = Timeouts(connect=1, read=1, total=2)
    async with (
        KubeProxy(plane) as proxy,
        await KubeClient.open(Target(proxy.url, fixed(Identity())), timeouts) as client,
    ):
        yield client, proxy


async def test_a_renewal_whose_answer_is_lost_ends_no_term(control_plane: ControlPlane, kube_namespace: str) -> None:
    clock = Clock()
    async with (
        through_a_proxy(control_plane) as (client, proxy),
        candidate(client, kube_namespace, "one", clock) as one,
    ):
        await led(one)
        fallen = asyncio.create_task(one.lost())
        proxy.add(
            KubeFault(0, method="PATCH", applied=True, times=2), KubeFault(409, "Conflict", method="PATCH", times=1)
        )
        clock.ahead += 10
        await eventually(lambda: (one.ends_in or 0) > 25)
        assert not fallen.done()
        fallen.cancel()


@pytest.mark.parametrize("code", [0, 429, 500, 503])
async def test_a_leader_that_reaches_nobody_stops_in_time_and_begins_anew(
    control_plane: ControlPlane, kube_namespace: str, code: int
) -> None:
    clock = Clock()
    async with (
        through_a_proxy(control_plane) as (client, proxy),
        candidate(client, kube_namespace, "one", clock) as one,
    ):
        await led(one)
        await wait_out(one, clock)
        proxy.add(KubeFault(code))
        await eventually(lambda: one.problem)
        assert one.may_write(), "its lease is still good"
        clock.ahead += 25.1
        assert (one.may_write(), one.leading) == (False, True)
        clock.ahead += 5
        assert not one.leading
        await lost(one)
        proxy.clear()
        await led(one)
        assert one.problem == ""
        assert (one.writes_in or 0) > 25, "whoever was away is a new leader"


async def test_a_missing_permission_is_said() -> None:
    denied = answers(lambda: failure(403, "Forbidden", 'User "okra" cannot get resource "leases"'))
    async with (
        ApiServer(denied) as server,
        server.client() as client,
        candidate(client, "ns", "one", Clock()) as one,
    ):
        await eventually(lambda: "may not get leases.coordination.k8s.io" in one.problem)
        assert not one.leading
        assert one.holder == ""


async def test_a_namespace_that_is_not_there_is_said(control_plane: ControlPlane) -> None:
    async with client_of(control_plane) as client, candidate(client, "no-such-namespace", "one", Clock()) as one:
        await eventually(lambda: "no-such-namespace" in one.problem)


async def test_giving_up_takes_no_longer_than_a_deadline(control_plane: ControlPlane, kube_namespace: str) -> None:
    async with through_a_proxy(control_plane) as (client, proxy):
        async with candidate(client, kube_namespace, "one", Clock()) as one:
            await led(one)
        proxy.add(KubeFault(-1))
        async with asyncio.timeout(60):
            await one.resign()
        assert not one.leading


async def test_a_renewal_that_nobody_waited_for_does_not_keep_the_lease(
    control_plane: ControlPlane, kube_namespace: str
) -> None:
    """The campaign is cancelled in the middle of one."""
    async with through_a_proxy(control_plane) as (client, proxy):
        async with candidate(client, kube_namespace, "one", Clock()) as one:
            await led(one)
            unanswered = KubeFault(-1, method="PATCH", applied=True, times=1)
            proxy.add(unanswered)
            await eventually(lambda: unanswered.hits)
            known = one._election.lease
            assert known is not None
            await eventually(
                lambda: lease(control_plane, kube_namespace)["metadata"]["resourceVersion"] != known.version
            )
        await one.resign()
        assert [seen.method for seen in proxy.seen][-3:] == ["PATCH", "GET", "PATCH"]
        assert RELEASED in lease(control_plane, kube_namespace)["metadata"]["annotations"]


async def test_a_lease_that_another_holds_by_now_is_left_alone(
    control_plane: ControlPlane, kube_namespace: str
) -> None:
    async with client_of(control_plane) as client:
        async with candidate(client, kube_namespace, "one", Clock()) as one:
            await led(one)
        path = f"/apis/coordination.k8s.io/v1/namespaces/{kube_namespace}/leases/okra"
        control_plane.call("PATCH", path, {"spec": {"holderIdentity": "two"}}, content=MERGE)
        await one.resign()
        assert lease(control_plane, kube_namespace)["spec"]["holderIdentity"] == "two"


async def test_who_is_no_leader_has_nothing_to_give_up(control_plane: ControlPlane, kube_namespace: str) -> None:
    async with client_of(control_plane) as client:
        await Elector(client, kube_namespace, "okra", "one").resign()
    assert lease(control_plane, kube_namespace) is None


async def test_of_many_candidates_one_leads(control_plane: ControlPlane, kube_namespace: str) -> None:
    async with client_of(control_plane) as client:
        electors = [Elector(client, kube_namespace, "okra", f"c{n}", TIMING) for n in range(8)]
        campaigns = [asyncio.create_task(elector.run()) for elector in electors]
        await eventually(lambda: all(elector.holder for elector in electors))
        assert sum(elector.leading for elector in electors) == 1
        assert len({elector.holder for elector in electors}) == 1
        for campaign in campaigns:
            campaign.cancel()
        await asyncio.wait(campaigns)


def test_the_clock_goes_on() -> None:
    readings = [uptime() for _ in range(100_000)]
    assert readings == sorted(readings)
    assert readings[0] < readings[-1]
