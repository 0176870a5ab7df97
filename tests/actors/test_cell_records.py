"""A Cell whose route is a set of weighted records: the same actors, by another kind of name."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.actors.cell_routes import ref_of_key, refs_of
from okra.api.cell import Cell
from okra.api.parse import parse
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
