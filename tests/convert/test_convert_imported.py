"""A route as it stands becomes the Cell that describes it, and that Cell then does its work."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from okra.api.lint import lint
from okra.convert.document import Document, Unconvertible
from okra.convert.imported import Imported, cell
from okra.convert.rendering import rendered
from okra.ports import Account, RouteRef
from okra.rollout.observation import Action, RouteReading
from okra.testing.fake_aws import FakeRoute
from tests.actors.world import LABEL, World, listener, world

pytestmark = pytest.mark.looptime


async def imported(w: World, **changes: Any) -> Document:
    ref = RouteRef(Account(), listener())
    reading = (await w.aws.read([ref]))[ref]
    assert isinstance(reading, RouteReading)
    groups = await w.aws.target_groups(Account(), list(reading.weights))
    found = Imported(listener(), replace(reading, **changes.pop("reading", {})), groups, LABEL)
    return cell(replace(found, **changes))


def clean(document: Document) -> Any:
    """The object, which is clean as the text that people get."""
    report = lint([("cell.yaml", rendered([document]))], provider_is_set=False)
    assert (report.objects, report.findings, report.notes) == (1, [], [])
    return document.object


def comments(document: Document) -> str:
    return " ".join(comment.text for comment in document.remarks.comments)


def carried(weights: Mapping[str, int]) -> dict[str, int]:
    return {arn: weight for arn, weight in weights.items() if weight}


def block(made: Any) -> Any:
    return made["spec"]["ingress"]["awsApplicationLoadBalancer"]


async def apply_and_roll_out(w: World, document: Document, route: FakeRoute, *new: str) -> None:
    """It changes nothing at first; then what is new gets all of the traffic."""
    made = clean(document)
    before = dict(route.weights)
    await w.apply({**made, "metadata": {**made["metadata"], "namespace": "default"}})
    name = made["metadata"]["name"]
    async with w.running():
        await w.phase("Synced", name)
        assert (route.weights, route.history) == (before, [])
        added = [w.group(version, name=f"web-{version[2]}-{number}") for number, version in enumerate(new)]
        await w.until(lambda status: status.get("stableVersion") == new[0], name)
    assert [route.weights[arn] for arn in added] == [1] * len(added)


async def test_groups_with_versions_are_selected_by_the_tags_that_they_share() -> None:
    async with world() as w:
        old = [w.group("1.0.0", name=f"web-0-{n}", Name=f"web-{n}", team="a") for n in range(2)]
        route = w.route(dict.fromkeys(old, 1))
        document = await imported(w)
        made = clean(document)
        assert block(made)["targetGroupSelector"] == {"matchLabels": {"role": "web", "team": "a"}}
        assert made["spec"]["replicas"] == 2
        assert made["metadata"]["name"] == "web"
        assert "It forwards to web-0-0 (1.0.0) 50 %, web-0-1 (1.0.0) 50 %." in comments(document)
        del block(made)["targetGroupSelector"]["matchLabels"]["team"]  # as the comment asks
        await apply_and_roll_out(w, document, route, "1.1.0", "1.1.0")


async def test_groups_without_a_version_are_listed_with_the_command_that_tags_them() -> None:
    async with world() as w:
        old = w.aws.add_group("untagged", {})
        w.route({old: 1})
        document = await imported(w)
        assert block(clean(document))["targetGroups"] == [{"arn": old, "version": "unknown"}]
        assert f"aws elbv2 add-tags --resource-arns {old} --tags" in comments(document)
        made = clean(document)
        await w.apply({**made, "metadata": {**made["metadata"], "namespace": "default"}})
        async with w.running():
            await w.phase("Synced")
        assert w.aws.routes[listener()].weights == {old: 1}


async def test_groups_that_share_no_tag_are_listed_with_their_versions() -> None:
    async with world() as w:
        a, b = w.aws.add_group("a", {LABEL: "1.0.0", "x": "1"}), w.aws.add_group("b", {LABEL: "1.1.0", "x": "2"})
        w.route({a: 9, b: 1})
        document = await imported(w)
        listed = block(clean(document))["targetGroups"]
        assert listed == [{"arn": a, "version": "1.0.0"}, {"arn": b, "version": "1.1.0"}]
        assert "1.0.0 and 1.1.0 share the traffic" in comments(document)


async def test_versions_without_an_order_are_pinned_to_the_one_with_the_traffic() -> None:
    async with world() as w:
        blue, green = w.group("blue"), w.group("green")
        w.route({blue: 0, green: 7})
        document = await imported(w)
        assert clean(document)["spec"]["version"] == "green"
        assert "These versions have no order" in comments(document)


async def test_what_would_start_at_once_is_said() -> None:
    async with world() as w:
        w.two_versions()
        assert "aren't on the route, too: 1 of 1.1.0. A newer version starts." in comments(await imported(w))


@pytest.mark.parametrize(
    ("weights", "waiting"),
    [
        ({"1.0.0": 1}, ["1.1.0"]),
        ({"1.0.0": 1, "1.1.0": 0}, []),
        ({"1.0.0": 9, "1.1.0": 1}, []),
        ({"1.0.0": 1, "1.1.0": 9}, ["1.2.0"]),
    ],
)
async def test_what_would_move_traffic_at_once_is_paused(weights: dict[str, int], waiting: list[str]) -> None:
    async with world() as w:
        groups = {version: w.group(version) for version in [*weights, *waiting]}
        route = w.route({groups[version]: weight for version, weight in weights.items()})
        document = await imported(w)
        made = clean(document)
        assert made["spec"]["paused"] is True
        assert "take this line out" in comments(document)
        before = carried(route.weights)
        cell = {**made, "metadata": {**made["metadata"], "namespace": "default"}}
        await w.apply(cell)
        async with w.running():
            await w.until(lambda status: status.get("observedGeneration") == 1)
            await asyncio.sleep(3600)
            assert all(carried(each) == before for each in (route.weights, *route.history))
            await w.apply({**cell, "spec": {**made["spec"], "paused": False}})
            await w.until(lambda status: status.get("stableVersion") == "1.1.0")


async def test_what_moves_nothing_is_not_paused() -> None:
    async with world() as w:
        w.route({w.group("1.1.0"): 1})
        w.group("1.0.0")
        assert "paused" not in clean(await imported(w))["spec"]


async def test_the_rule_the_role_and_the_name_are_the_ones_that_were_asked_for() -> None:
    async with world() as w:
        w.route({w.group("1.0.0"): 1})
        role, rule = "arn:aws:iam::123456789012:role/okra", listener().replace(":listener/", ":listener-rule/") + "/abc"
        made = clean(await imported(w, rule_arn=rule, role_arn=role, name="My web"))
        assert block(made)["rule"] == {"ruleARN": rule}
        assert made["spec"]["aws"] == {"region": "us-east-1", "roleARN": role}
        assert made["metadata"]["name"] == "my-web"
        assert block(clean(await imported(w, priority=10)))["rule"] == {"priority": 10}


async def test_a_network_load_balancer_has_its_own_block() -> None:
    async with world() as w:
        w.route({w.group("1.0.0"): 1}, network=True)
        made = clean(await imported(w))
        assert made["spec"]["ingress"]["type"] == "AWSNetworkLoadBalancer"
        assert made["spec"]["ingress"]["awsNetworkLoadBalancer"]["listenerARN"] == listener()


async def test_stickiness_and_another_owner_are_said() -> None:
    async with world() as w:
        w.route({w.group("1.0.0"): 1}, sticky=True)
        said = comments(await imported(w, owner="okra/default/other"))
        assert "Group stickiness is on" in said
        assert "the owner tag of okra/default/other" in said


async def test_a_route_that_forwards_to_nothing_has_no_cell() -> None:
    async with world() as w:
        w.route({w.group("1.0.0"): 1})
        with pytest.raises(Unconvertible, match=r"answers with redirect, .* takeOver: true"):
            await imported(w, reading={"action": Action.REDIRECT, "weights": {}})
