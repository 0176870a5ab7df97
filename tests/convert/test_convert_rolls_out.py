"""What Go okra's Cells become is clean, and moves the traffic: the real actors in a world in memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from okra.actors.cell_routes import conditions_of
from okra.actors.kinds import ALB
from okra.api.ingress import RuleConditions
from okra.api.lint import lint
from okra.convert.files import converted
from okra.convert.rendering import rendered
from okra.ports import Object
from okra.rollout.observation import TargetGroup
from okra.rollout.policy import route_key
from okra.testing.fake_aws import FakeGroup, FakeRoute
from tests.actors.world import World, world
from tests.convert.test_convert_courier import BLUE, GREEN, RECORDS, WWW, courier

INPUTS = Path(__file__).parent / "inputs"
CELLS = sorted(INPUTS.glob("[01]*.yaml"))


def converted_text(path: Path) -> str:
    found = converted([(path.name, path.read_text())], {})
    assert found.problems == []
    assert found.unreadable == []
    return rendered(found.documents)


@pytest.mark.parametrize("path", sorted(INPUTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_go_okra_had_is_clean(path: Path) -> None:
    report = lint([(path.name, converted_text(path))], provider_is_set=False)
    assert report.objects >= 1
    assert (report.findings, report.notes, report.unreadable, report.foreign) == ([], [], [], {})


@pytest.mark.looptime
@pytest.mark.parametrize("path", CELLS, ids=lambda path: path.stem)
async def test_a_converted_cell_takes_over_what_is_there_and_rolls_out_what_is_new(path: Path) -> None:
    [cell] = [each for each in yaml.safe_load_all(converted_text(path)) if each]
    cell["metadata"].setdefault("namespace", "default")
    async with world() as w:
        route, old, new = build(w, cell["spec"])
        before = dict(route.weights)
        await w.apply(cell)
        async with w.running():
            status = await w.until(lambda s: s.get("stableVersion") == "1.1.0" and s["phase"] == "Synced")
        assert status["previousVersion"] == "1.0.0"
        assert all(route.weights[arn] == 0 for arn in old)
        assert len({route.weights[arn] for arn in new}) == 1
        assert route.history[0] == {**before, **dict.fromkeys(new, 0)}, "what carried the traffic carries it still"
        assert shares(route, new) == SHARES[path.stem]


@pytest.fixture(scope="module")
def couriers() -> dict[str, Object]:
    """What terraform's couriers become, by kind. (Reading HCL takes files, which nothing in an event loop may.)"""
    found = converted([("main.tf", RECORDS + WWW + courier())], {})
    assert (found.problems, found.unreadable) == ([], [])
    made = [each for each in yaml.safe_load_all(rendered(found.documents)) if each]
    for each in made:
        each["metadata"]["namespace"] = "default"
    return {each["kind"]: each for each in made}


@pytest.fixture(scope="module")
def split() -> Object:
    """What a courier of two records becomes whose weights are 50 and 50, and which Okra knows the newer one of."""
    text = RECORDS + WWW.replace("= 0\n", "= 50\n").replace("= 100", "= 50")
    for color, version in (("blue", "v1"), ("green", "v2")):
        text = text.replace(f'set_identifier = "{color}"', f'set_identifier = "{version}"')
    found = converted([("main.tf", text)], {})
    assert (found.problems, found.unreadable) == ([], [])
    cell: Object = yaml.safe_load(rendered(found.documents))
    return {**cell, "metadata": {**cell["metadata"], "namespace": "default"}}


@pytest.mark.looptime
async def test_a_converted_courier_of_records_moves_them_to_the_wanted_set_identifier(
    couriers: dict[str, Object],
) -> None:
    record_set = "arn:aws:route53:aws-global::recordset/Z2FDTNDATAQYW2/www.example.com/A"
    blue, green = (f"{record_set}/alias/Z35SXDOTRQ7X7K/{color}.elb.example.com" for color in ("blue", "green"))
    async with world() as w:
        for arn in (blue, green):
            w.aws.groups[arn] = FakeGroup(TargetGroup(arn, arn.rpartition("/")[2]), 1, 1)
        route = w.aws.add_route(record_set, {blue: 1, green: 0})
        await w.apply(couriers["Cell"])
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "green" and s["phase"] == "Synced", "www")
        assert shares(route, [green]) == list(range(5, 101, 5))


@pytest.mark.looptime
@pytest.mark.parametrize(("blue_weight", "green_weight"), [(50, 50), (90, 10), (10, 90)])
async def test_a_converted_courier_of_split_weights_moves_nothing_until_it_is_unpaused(
    split: Object, blue_weight: int, green_weight: int
) -> None:
    record_set = "arn:aws:route53:aws-global::recordset/Z2FDTNDATAQYW2/www.example.com/A"
    blue, green = (f"{record_set}/alias/Z35SXDOTRQ7X7K/{color}.elb.example.com" for color in ("blue", "green"))
    async with world() as w:
        for arn in (blue, green):
            w.aws.groups[arn] = FakeGroup(TargetGroup(arn, arn.rpartition("/")[2]), 1, 1)
        route = w.aws.add_route(record_set, {blue: blue_weight, green: green_weight})
        await w.apply(split)
        async with w.running():
            await w.until(lambda s: s.get("phase") == "Paused", "www")
            await asyncio.sleep(3600)
            assert (route.weights, route.history) == ({blue: blue_weight, green: green_weight}, [])
            await w.apply({**split, "spec": {**split["spec"], "paused": False}})
            await w.until(lambda s: s.get("stableVersion") == "v2" and s["phase"] == "Synced", "www")
        assert shares(route, [green])[-1] == 100


@pytest.mark.looptime
async def test_a_converted_courier_moves_its_rule_to_the_weights_that_it_had(couriers: dict[str, Object]) -> None:
    spec = couriers["ALB"]["spec"]
    async with world() as w:
        for arn in (BLUE, GREEN):
            w.aws.groups[arn] = FakeGroup(TargetGroup(arn, arn.split("/")[1], {}, "vpc-1", "HTTP"))
        route = w.aws.add_route(route_key(spec["listenerARN"], "", spec["priority"]), {BLUE: 1, GREEN: 0})
        route.conditions = frozenset(conditions_of(RuleConditions.model_validate(spec["conditions"])))
        await w.store.real.apply(ALB, couriers["ALB"])
        async with w.running():
            await w.until(lambda s: s.get("phase") == "Synced" and s.get("rollout"), "my-alb", kind=ALB)
        assert shares(route, [GREEN]) == list(range(5, 101, 5))


@pytest.mark.looptime
async def test_a_check_whose_template_is_missing_holds_a_rollout_before_its_first_weight() -> None:
    first = next(iter(yaml.safe_load_all((INPUTS / "06-prometheus.yaml").read_text())))
    found = converted([("cell.yaml", yaml.safe_dump(first))], {})
    assert len(found.problems) == 1
    cell: Any = found.documents[0].object
    cell["metadata"]["namespace"] = "default"
    async with world() as w:
        route, old, _ = build(w, cell["spec"])
        await w.apply(cell)
        async with w.running():
            await w.until(lambda status: status.get("reason") == "CheckNotFound")
        assert {arn: weight for arn, weight in route.weights.items() if weight} == dict.fromkeys(old, 50)


SHARES = {
    "01-rule-and-steps": [0, 20, 40, 100],
    "02-no-strategy": list(range(0, 101, 10)),
    "03-version-labels": [0, 50, 100],
    "04-blue-green": [0, 100],
    "05-network": [0, 100],
    "06-prometheus": [0, 20, 40, 100],
    "07-datadog-in-the-background": [0, 10, 60, 100],
    "08-cloudwatch": [0, 50, 100],
    "09-experiment": [0, 50, 100],
    "10-weights-to-add": [0, 25, 50, 75, 100],
    "11-pinned": list(range(0, 101, 10)),
    "12-as-kubectl-prints-it": [0, 30, 60, 100],
}
"""Percent of the traffic, write by write."""


def build(w: World, spec: Object) -> tuple[FakeRoute, list[str], list[str]]:
    """The route that a Cell names, on version 1.0.0, and as many groups of 1.1.0 beside it."""
    network = "awsNetworkLoadBalancer" in spec["ingress"]
    block = spec["ingress"]["awsNetworkLoadBalancer" if network else "awsApplicationLoadBalancer"]
    tags: dict[str, Any] = block["targetGroupSelector"]["matchLabels"]
    old, new = (
        [
            w.aws.add_group(f"web-{version[2]}-{number}", {**tags, spec["versionedBy"]["label"]: version})
            for number in range(spec.get("replicas", 1))
        ]
        for version in ("1.0.0", "1.1.0")
    )
    for arn in (*old, *new) if network else ():
        w.aws.groups[arn].group = replace(w.aws.groups[arn].group, protocol="TCP")
    rule = block.get("rule", {})
    key = route_key(block["listenerARN"], "", rule.get("priority"))
    route = w.aws.add_route(key, dict.fromkeys(old, 50), network=network)
    wanted = RuleConditions.model_validate(rule["conditions"]) if "conditions" in rule else None
    route.conditions = frozenset(conditions_of(wanted))  # as Go okra made it
    return route, old, new


def shares(route: FakeRoute, new: list[str]) -> list[int]:
    """Of each write, without those that only let go of groups at the end."""
    found = [round(100 * sum(each.get(arn, 0) for arn in new) / sum(each.values())) for each in route.history]
    return [share for index, share in enumerate(found) if index == 0 or share != found[index - 1]]
