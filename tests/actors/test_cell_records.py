"""A Cell whose route is a set of weighted records: the same actors, by another kind of name."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.actors.cell_routes import ref_of_key, refs_of
from okra.api.cell import Cell
from okra.api.parse import parse
from okra.errors import AccessDenied, NotFound, OkraError, Unavailable
from okra.ports import Account, RecordSetRef
from okra.rollout.observation import TargetGroup
from okra.testing.fake_aws import FakeGroup, FakeRoute
from tests.actors.world import QUICK, World, cell, check, listener, world

pytestmark = pytest.mark.looptime

SET = "arn:aws:route53:aws-global::recordset/Z1/web.example.com/A"
OLD, NEW = f"{SET}/192.0.2.1", f"{SET}/192.0.2.2"
OURS = "okra/default/web"
SLOW = {**QUICK, "updateStrategy": {"type": "Canary", "canary": {"stepWeight": 50, "stepInterval": "10m"}}}


def records(**spec: Any) -> dict[str, Any]:
    endpoints = [{"version": "1.0.0", "value": "192.0.2.1"}, {"version": "1.1.0", "value": "192.0.2.2"}]
    block = {"hostedZoneID": "Z1", "name": "web.example.com", "type": "A", "ttl": 30, "endpoints": endpoints}
    obj = cell(**{**QUICK, **spec})
    obj["spec"]["ingress"] = {"type": "Route53", "route53": block}
    return obj


def two_records(w: World) -> FakeRoute:
    for arn in (OLD, NEW):
        w.aws.groups[arn] = FakeGroup(TargetGroup(arn, arn.rpartition("/")[2]), 1, 1)
    return w.aws.add_route(SET, {OLD: 200})


async def test_all_traffic_moves_and_each_step_lasts_as_long_as_the_ttl() -> None:
    async with world() as w:
        route = two_records(w)
        await w.apply(records())
        began = asyncio.get_running_loop().time()
        async with w.running():
            status = await w.until(lambda s: s.get("stableVersion") == "1.1.0" and s["phase"] == "Synced")
        assert asyncio.get_running_loop().time() - began > 2 * 30
        assert (route.weights[OLD], route.owner) == (0, OURS)
        assert status["routes"][0]["arn"] == SET


async def test_checks_are_about_where_the_record_leads_and_their_metrics_in_okras_own_region() -> None:
    async with world() as w:
        two_records(w)
        await w.apply(records(checks=[check("dd", query="errors{at:{{.Vars.clusterName}}}")]))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0")
        assert {(query, account.region) for _, query, _, account in w.metrics.opened} == {("errors{at:192.0.2.2}", "")}


async def test_a_cell_that_goes_over_to_a_load_balancer_takes_the_records_back_and_lets_them_go() -> None:
    async with world() as w:
        route = two_records(w)
        w.two_versions()
        await w.apply(records(**SLOW))
        async with w.running():
            await w.when(lambda: route.weights.get(NEW))
            await w.apply(cell(**QUICK))
            await w.until(lambda s: s.get("phase") == "Synced" and s["routes"][0]["key"] == listener())
        assert {arn: weight for arn, weight in route.weights.items() if weight} == {OLD: 200}
        assert route.owner == ""


async def test_a_deleted_cell_takes_its_records_back_without_a_spec_that_names_them() -> None:
    async with world() as w:
        route = two_records(w)
        await w.apply(records(**SLOW))
        async with w.running():
            await w.when(lambda: route.weights.get(NEW))
        broken = records()
        broken["spec"]["replicas"] = 0
        await w.apply(broken)
        await w.delete("web")
        async with w.running():
            await w.gone("web", within=120)
        assert not route.weights.get(NEW)
        assert route.owner == ""


async def test_a_person_who_takes_the_traffic_off_right_before_a_write_is_not_written_over() -> None:
    async with world() as w:
        route = two_records(w)
        await w.apply(records())

        def abort(operation: str, _: str) -> OkraError | None:
            if operation == "ModifyListener" and route.weights.get(NEW):  # the second step is on its way
                route.weights = {OLD: 200, NEW: 0}
            return None

        w.aws.fault = abort
        async with w.running():
            await w.until(lambda s: s.get("reason") == "WeightsDrifted")
        assert route.weights == {OLD: 200, NEW: 0}


async def test_a_revert_that_finds_other_records_than_it_knew_looks_and_is_written_at_once() -> None:
    async with world() as w:
        route = two_records(w)
        await w.apply(records(**SLOW))
        began: list[float] = []

        def raised(operation: str, _: str) -> OkraError | None:
            if operation == "ModifyListener" and not began:
                began.append(asyncio.get_running_loop().time())
                route.weights = {OLD: 1, NEW: 9}
            return None

        async with w.running():
            await w.when(lambda: route.weights.get(NEW))
            await w.until(lambda s: s["routes"][0].get("confirmedAt"))
            w.aws.fault = raised
            await w.command("web", '{"id": "1", "verb": "abort"}')
            await w.when(lambda: began and not route.weights.get(NEW))
            assert asyncio.get_running_loop().time() - began[0] < 3, "and not a poll later"


async def test_a_revert_is_written_although_nothing_can_be_read_since_the_last_write() -> None:
    async with world() as w:
        route = two_records(w)
        await w.apply(records(**SLOW))
        deaf = False
        w.aws.fault = lambda operation, _: (
            Unavailable("No answer") if deaf and operation == "DescribeListeners" else None
        )
        async with w.running():
            await w.when(lambda: route.weights.get(NEW))
            deaf = True
            await w.command("web", '{"id": "1", "verb": "abort"}')
            await w.when(lambda: not route.weights.get(NEW), within=30)


@pytest.mark.parametrize("error", [Unavailable("No answer"), AccessDenied("lacks the permission route53:GetChange")])
async def test_while_nobody_says_how_far_a_change_is_a_revert_is_written_all_the_same(error: OkraError) -> None:
    async with world() as w:
        route = two_records(w)
        await w.apply(records(**SLOW))
        async with w.running():
            await w.when(lambda: route.weights.get(NEW))
            await w.until(lambda s: s["routes"][0].get("confirmedAt"))
            w.aws.fault = lambda operation, _: error if operation == "GetChange" else None
            await w.command("web", '{"id": "1", "verb": "abort"}')
            await w.when(lambda: not route.weights.get(NEW), within=30)
            await w.until(lambda s: str(error) in s["message"], within=30)
            w.aws.fault = lambda *_: None
            await w.until(lambda s: s["reason"] == "RolledBack", within=60)


async def test_the_health_check_that_the_cell_names_is_asked_for_its_endpoint() -> None:
    async with world() as w:
        two_records(w)
        obj = records()
        obj["spec"]["ingress"]["route53"]["endpoints"][1]["healthCheckID"] = "h-1"
        await w.apply(obj)
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0")
        assert w.aws.checks == {OLD: "", NEW: "h-1"}


async def test_a_health_check_that_is_not_there_is_said_and_nothing_gets_traffic_until_it_is() -> None:
    """The other record's health is known: that says nothing about this one."""
    async with world() as w:
        route = two_records(w)
        missing = NotFound("no such health check in aws-global: h-1. Check healthCheckID", reason="HealthCheckNotFound")
        w.aws.fault = lambda operation, arn: missing if (operation, arn) == ("DescribeTargetHealth", NEW) else None
        await w.apply(records())
        async with w.running():
            status = await w.until(lambda s: s.get("reason") == "HealthCheckNotFound")
            assert "Check healthCheckID" in status["message"]
            await asyncio.sleep(60)
            assert (await w.status())["reason"] == "HealthCheckNotFound"
            assert not route.weights.get(NEW)
            w.aws.fault = lambda *_: None
            await w.until(lambda s: s.get("stableVersion") == "1.1.0" and s["phase"] == "Synced")


async def test_records_and_a_listener_are_known_together() -> None:
    async with world() as w:
        two_records(w)
        w.two_versions()
        both = records()
        both["spec"]["ingresses"] = [both["spec"].pop("ingress"), cell()["spec"]["ingress"]]
        await w.apply(both)
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0" and s["phase"] == "Synced")
        assert w.aws.routes[SET].weights[OLD] == 0


@pytest.mark.parametrize(
    ("aws", "key"),
    [
        ({}, SET),
        ({"region": "cn-north-1"}, SET.replace("arn:aws:", "arn:aws-cn:").replace("aws-global", "aws-cn-global")),
    ],
)
async def test_a_route_that_only_status_knows_is_the_specs_without_what_it_is_made_of(
    aws: dict[str, str], key: str
) -> None:
    model, _ = parse(records(aws=aws))
    assert isinstance(model, Cell)
    account = Account(region=aws.get("region", ""))
    (named,) = refs_of(model, account).values()
    known = ref_of_key(account, key)
    assert isinstance(named, RecordSetRef)
    assert isinstance(known, RecordSetRef)
    assert (known.key, known.account, known.records) == (named.key, named.account, None)
    assert known.account.region == key.split(":")[3]
