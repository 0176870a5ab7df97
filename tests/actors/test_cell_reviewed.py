"""What a critical review found: stores that refuse, verdicts of another life, edits that come twice."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from okra.actors.cell import CELL
from okra.actors.discovery import name_of
from okra.errors import AccessDenied, OkraError, Throttled, Unavailable
from okra.ports import Account
from okra.rollout.state import Block, Failure, Outcome, Phase, SetAside, State
from okra.rollout.status import from_status, to_status
from tests.actors.world import QUICK, World, cell, check, lone_check, world

pytestmark = pytest.mark.looptime

SLOW: dict[str, Any] = {
    "updateStrategy": {"canary": {"stepWeight": 50, "totalWeight": 100, "stepInterval": "10m"}},
    "propagationDelay": "1s",
}


async def synced(w: World, version: str = "1.1.0", name: str = "web") -> None:
    await w.until(lambda s: s.get("stableVersion") == version and s["phase"] == "Synced", name)


async def test_a_cell_made_anew_is_not_answered_with_a_verdict_of_its_former_life() -> None:
    async with world() as w:
        route, _, _ = w.two_versions()
        await w.apply(lone_check("dd"))
        spec = {"checks": [{"name": "dd", "from": {"checkName": "dd"}}], "retainFor": "0s", **QUICK}
        async with w.running():
            await w.apply(cell(**spec))
            await synced(w)
            await w.delete("web")
            await w.gone("web")
            w.metrics.answer = lambda _query, _window: 0.9
            newer = w.group("1.2.0")
            await w.apply(cell(**spec))
            await w.phase("Failed")
            assert route.weights.get(newer, 0) == 0


@pytest.mark.parametrize(
    "error", [Unavailable("down"), AccessDenied("cells/status is forbidden")], ids=["down", "forbidden"]
)
async def test_a_store_that_takes_nothing_holds_up_neither_a_revert_nor_its_retry(error: OkraError) -> None:
    async with world() as w:
        route, _, new = w.two_versions()
        refused: list[OkraError] = []

        def refuses_once(operation: str, _subject: str) -> OkraError | None:
            if operation != "ModifyListener" or refused:
                return None
            refused.append(Throttled("slow down"))
            return refused[0]

        def fails(_query: str, _window: object) -> float:
            w.store.fault = lambda op, name: error if (op, name) == ("patch_status", "web") else None
            w.aws.fault = refuses_once
            return 0.5

        w.metrics.answer = fails
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            await w.when(lambda: refused)
            await w.when(lambda: not route.weights.get(new), within=10)
            w.store.fault = lambda _op, _name: None
            await w.phase("Failed")


async def test_a_status_that_another_controller_wrote_is_not_written_over() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(**SLOW))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await w.until(lambda s: s["routes"][0].get("confirmedAt"))
            obj, now = await w.get(), w.clock.now()
            state = from_status(obj["status"])
            assert state.rollout is not None
            ended = replace(
                state.rollout, failure=Failure("Aborted", "by the other", now), outcome=Outcome.FAILED, ended_at=now
            )
            back = replace(state.routes[0], asked={old: 1, new: 0}, canary=(), serial=state.routes[0].serial + 1)
            other = replace(
                state, phase=Phase.IDLE, rollout=ended, routes=(back,), blocked=(Block("1.1.0", "by the other", now),)
            )
            version = obj["metadata"]["resourceVersion"]
            status = to_status(other, obj["status"], 1, now)
            await w.store.real.patch_status(CELL, "default", "web", status, resource_version=version)
            route.weights = {old: 1, new: 0}
            await asyncio.sleep(1300)
            assert [each["version"] for each in (await w.status())["blockedVersions"]] == ["1.1.0"]
            assert route.weights.get(new, 0) == 0


async def test_weight_on_a_blocked_version_is_put_back_a_second_time_too() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        w.metrics.answer = lambda _query, _window: 0.9
        await w.apply(cell(checks=[check("dd")], retainFor="5h", **QUICK))
        async with w.running():
            await w.phase("Failed")
            await asyncio.sleep(400)
            for _ in range(3):
                route.weights = {old: 1, new: 1}
                await w.when(lambda: not route.weights.get(new), within=60)
                await asyncio.sleep(5)


@pytest.mark.parametrize("share", [0, 1])
async def test_a_route_that_is_tagged_as_anothers_is_never_written(share: int) -> None:
    async with world() as w:
        old, new = w.group("1.0.0"), w.group("1.1.0")
        route = w.route({old: 1, new: share})
        route.owner = "other/default/web"
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("reason") == "RouteConflict")
            await asyncio.sleep(300)
            assert not route.history


async def test_a_new_process_writes_nothing_to_a_route_that_another_has_taken_meanwhile() -> None:
    async with world() as w:
        route, _, _ = w.two_versions()
        await w.apply(cell(**SLOW))
        async with w.running():
            await w.until(lambda s: s.get("machine") == "Step" and s["routes"][0].get("confirmedAt"))
        written, route.owner = len(route.history), "other/default/web"
        async with w.running():
            await w.until(lambda s: s.get("reason") == "RouteConflict")
            await asyncio.sleep(3600)
            assert len(route.history) == written


async def test_each_rollout_asks_anew_whose_the_route_is() -> None:
    async with world() as w:
        route, _, _ = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await synced(w)
            await asyncio.sleep(1200)
            written, route.owner = len(route.history), "other/default/web"
            w.group("1.2.0")
            await w.until(lambda s: s.get("reason") == "RouteConflict")
            assert len(route.history) == written


async def test_a_claim_that_is_denied_in_a_revert_is_not_repeated_in_a_loop() -> None:
    async with world() as w:
        route, _, new = w.two_versions()
        await w.apply(cell(**SLOW))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.aws.fault = lambda op, _: AccessDenied("no") if op == "ModifyListener" else None
            await w.command("web", '{"id":"x","verb":"abort"}')
            await w.phase("FailedReverting")
        route.owner = ""
        w.aws.fault = lambda op, _: AccessDenied("no") if op in ("ModifyListener", "AddTags", "DescribeTags") else None
        async with w.running():
            await asyncio.sleep(10)
            w.forget_calls()
            await asyncio.sleep(60)
            assert w.aws.calls["AddTags"] + w.aws.calls["DescribeTags"] <= 6


async def test_a_denied_look_at_health_at_rest_is_over_when_the_permission_is_there() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(retainFor="10m", **QUICK))
        async with w.running():
            await synced(w)
            w.aws.fault = lambda op, _: AccessDenied("denied") if op == "DescribeTargetHealth" else None
            await w.until(lambda s: s.get("reason") == "AccessDenied")
            w.aws.fault = lambda _op, _arn: None
            w.group("1.2.0")
            await synced(w, "1.2.0")


async def test_a_retained_group_that_dies_is_detached_before_its_time() -> None:
    async with world() as w:
        route, old, _ = w.two_versions()
        await w.apply(cell(retainFor="2h", **QUICK))
        async with w.running():
            await synced(w)
            w.aws.groups[old].healthy = 0
            await w.when(lambda: old not in route.weights, within=300)


async def test_more_warnings_than_a_status_shows_stop_nothing() -> None:
    async with world() as w:
        route, _, new = w.two_versions()
        for number in range(12):
            stray = w.aws.groups[w.group("1.1.0", name=f"stray-{number}")]
            stray.group = replace(stray.group, vpc_id="vpc-2")
        await w.apply(cell(progressDeadline="2m", **SLOW))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await asyncio.sleep(150)
            w.aws.groups[new].healthy = 0
            await w.phase("Failed")
            assert route.weights.get(new, 0) == 0


def test_a_status_shows_the_newest_of_what_is_too_much() -> None:
    aside = tuple(SetAside(f"1.{number}.0", ("a",), ("t" * 9,) * 6000, "x" * 9000) for number in range(101))
    status = to_status(State(set_aside=aside, warnings=("w",) * 11), {}, 1, 1.0)
    assert [each["version"] for each in status["setAside"]] == [f"1.{number}.0" for number in range(1, 101)]
    assert len(status["warnings"]) == 10


def test_accounts_that_differ_in_anything_have_a_discovery_each_and_show_no_external_id() -> None:
    role = "arn:aws:iam::123456789012:role/okra"
    names = [name_of(Account("us-east-1", role, external)) for external in ("", "one", "another")]
    assert len(set(names)) == 3
    assert not any("one" in name for name in names)


async def test_deadlines_stand_still_in_the_gate_while_a_person_paused() -> None:
    async with world() as w:
        _, _, new = w.two_versions()
        w.aws.groups[new].healthy = 0
        await w.apply(cell(healthTimeout="5m", **QUICK))
        async with w.running():
            await w.until(lambda s: s.get("reason") == "WaitingForHealth")
            await w.command("web", '{"id":"1","verb":"pause"}')
            await asyncio.sleep(1800)
            await w.command("web", '{"id":"2","verb":"resume"}')
            await asyncio.sleep(120)
            assert (await w.status())["machine"] == "Gate"


async def test_a_check_without_a_provider_is_said_before_any_traffic_moves() -> None:
    async with world() as w:
        route, _, _ = w.two_versions()
        bare = {"name": "dd", "analysis": {"query": "q", "max": 1}}
        await w.apply(cell(checks=[bare], **QUICK))
        async with w.running():
            status = await w.phase("Invalid")
            assert "spec.checks[0].analysis.provider" in status["message"]
            assert "OKRA_CHECK_PROVIDER" in status["message"]
            assert not route.history
