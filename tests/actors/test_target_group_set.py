"""One TargetGroupSet: a target group for each cluster, tagged, named to Argo CD, and deleted by nothing but a wish."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from okra.actors.cluster_set import ClusterSetActor
from okra.actors.group_effects import FINALIZER, MOST_A_LOOK
from okra.actors.kinds import CLUSTER_SET, TARGET_GROUP_SET
from okra.actors.target_group_set import TargetGroupSetActor
from okra.argocd.names import TARGET_GROUP, TARGET_GROUP_OF
from okra.errors import AccessDenied, NotFound, OkraError, Refused, Throttled, Unavailable
from okra.ports import Account, Kind, Object
from okra.ports_clusters import ClusterInfo, TargetGroupBinding
from okra.ports_groups import GroupSettings, HealthSettings
from okra.sets.group_settings import ATTRIBUTES, CLUSTER, EKS_CLUSTER, OWNER, digest
from okra.testing.fake_groups import FakeGroups
from tests.actors.argo_world import ArgoWorld, argo_world, condition, eventually
from tests.actors.test_argocd_crashes import TrippingWrites
from tests.actors.test_cell_crashes import Tripping, Tripwire
from tests.actors.test_cluster_set import WEB, condition_message

pytestmark = pytest.mark.looptime

SET, HERE = TARGET_GROUP_SET, Account()
VERSION = "okra.mumoshu.github.io/version"
GENERATOR = {"awseks": {"selector": {"matchTags": WEB}}}
SPEC: dict[str, Any] = {"protocol": "HTTP", "port": 8080, "healthCheck": {"path": "/healthz"}}
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/1"


@dataclass
class Sets:
    w: ArgoWorld
    groups: FakeGroups = field(default_factory=FakeGroups)

    def cluster(self, name: str, **tags: str) -> None:
        self.w.clusters.add(name, tags={**WEB, **tags}, vpc_id=f"vpc-{name}")

    async def apply(self, kind: Kind = SET, name: str = "web", **spec: Any) -> Object:
        made = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"namespace": "default", "name": name}}
        body = {"generators": [GENERATOR], **spec}
        if kind == SET and "targetgroupBindingSelector" not in spec and "template" not in spec:
            body["template"] = {"metadata": {"labels": {"role": "web"}}, "spec": SPEC}
        return await self.w.store.real.apply(kind, {**made, "spec": body})

    async def settled(self, reason: str = "Synced", name: str = "web", count: int | None = None) -> dict[str, Any]:
        def holds(status: dict[str, Any]) -> bool:
            known = status.get("conditions")
            right = known and condition(status, "Ready")[1] == reason
            return bool(right and count in (None, len(status["targetGroups"])))

        return await self.w.until(SET, name, holds)

    def group(self, cluster: str) -> Any:
        return next(each for each in self.groups.all.values() if each.tags.get(CLUSTER) == cluster)


@asynccontextmanager
async def sets() -> AsyncIterator[Sets]:
    async with argo_world() as w:
        s = Sets(w)
        w.more = {SET: made_with(s.groups), CLUSTER_SET: ClusterSetActor}
        yield s


def made_with(groups: Any) -> Callable[..., TargetGroupSetActor]:
    def make(wiring: Any, argocd: Any, kind: Kind, obj: Object) -> TargetGroupSetActor:
        return TargetGroupSetActor(wiring, argocd, groups, kind, obj)

    return make


async def test_each_cluster_gets_a_group_in_its_vpc_with_its_version_and_its_owner() -> None:
    async with sets() as s:
        s.cluster("blue", **{VERSION: "v1"})
        s.cluster("green", **{VERSION: "v2"})
        s.w.clusters.add("other", tags={"role": "api"})
        await s.apply()
        async with s.w.running():
            status = await s.settled(count=2)
        made = s.group("blue")
        assert made.settings == GroupSettings("HTTP", 8080, "ip", "vpc-blue", HealthSettings(path="/healthz"))
        assert dict(made.tags) == {
            "role": "web",
            VERSION: "v1",
            CLUSTER: "blue",
            EKS_CLUSTER: "arn:aws:eks:us-east-1:123456789012:cluster/blue",
            OWNER: "okra/default/web",
        }
        assert made.name.startswith("web-blue-")
        assert {each["cluster"]: (each["arn"], each["phase"]) for each in status["targetGroups"]} == {
            name: (s.group(name).arn, "Present") for name in ("blue", "green")
        }
        assert s.w.reasons("web").count("TargetGroupCreated") == 2


async def test_the_whole_way_from_a_tag_to_an_arn_that_applicationsets_can_read() -> None:
    """A ClusterSet and a TargetGroupSet by the same tags: with no hand on anything."""
    async with sets() as s:
        await s.apply(CLUSTER_SET, "prod")
        await s.apply()
        await s.apply(name="grpc", template={"metadata": {"labels": {"role": "grpc"}}, "spec": {**SPEC, "port": 9090}})
        async with s.w.running():
            await s.settled("NoClusters")
            s.cluster("blue")
            await s.settled(count=1)
            key = f"{TARGET_GROUP_OF}web"

            async def told() -> bool:
                try:
                    annotations = (await s.w.secret("prod-blue"))["metadata"]["annotations"]
                except NotFound:
                    return False
                return bool({key, f"{TARGET_GROUP_OF}grpc"} <= annotations.keys())

            await eventually(told)
            annotations = (await s.w.secret("prod-blue"))["metadata"]["annotations"]
            by_port = {each.settings.port: each.arn for each in s.groups.all.values()}
            assert (annotations[key], annotations[f"{TARGET_GROUP_OF}grpc"]) == (by_port[8080], by_port[9090])
            assert TARGET_GROUP not in annotations, "which of the two?"


async def test_with_one_set_the_arn_has_its_plain_name_too_and_goes_with_its_group() -> None:
    async with sets() as s:
        s.cluster("blue")
        await s.w.cluster("blue")
        await s.apply(deletionPolicy="Delete", removal={"gracePeriod": "1m"})
        async with s.w.running():
            await s.settled(count=1)

            async def named(arn: str | None) -> bool:
                annotations = (await s.w.secret("blue"))["metadata"]["annotations"]
                return bool(annotations.get(TARGET_GROUP) == annotations.get(f"{TARGET_GROUP_OF}web") == arn)

            await s.w.cluster_until(lambda status: status.get("ready"), "blue")
            await eventually(partial(named, s.group("blue").arn))
            s.w.clusters.change("blue", tags={"role": "api"})
            await s.settled("NoClusters")
            await eventually(partial(named, None))
        assert s.groups.all == {}


async def test_an_arn_stays_as_long_as_its_group_exists_whatever_becomes_of_the_cluster_and_its_generator() -> None:
    """It may still have all of the traffic, and what ApplicationSets render without the ARN takes its targets away."""
    async with sets() as s:
        key, europe = f"{TARGET_GROUP_OF}web", {**GENERATOR["awseks"], "aws": {"region": "eu-west-1"}}
        s.cluster("blue")
        s.w.clusters.add("red", arn="arn:aws:eks:eu-west-1:123456789012:cluster/red", tags=WEB, vpc_id="vpc-red")
        s.w.clusters.homes["red"] = Account("eu-west-1")
        both = [GENERATOR, {"awseks": europe}]
        await s.apply(CLUSTER_SET, "prod", generators=both)
        await s.apply(generators=both)
        async with s.w.running():
            await s.settled(count=2)

            async def told() -> set[str]:
                found = (await s.w.store.real.list(s.w.kinds[0])).items
                return {each["metadata"]["annotations"].get(key, "") for each in found}

            arns = {each.arn for each in s.groups.all.values()}

            async def both_told() -> bool:
                return await told() == arns

            await eventually(both_told)
            await s.apply(generators=[GENERATOR])
            await s.settled(count=1)
            await asyncio.sleep(600)
            assert await told() == arns


async def test_the_arn_of_a_binding_stays_when_a_look_does_not_find_the_cluster() -> None:
    async with sets() as s:
        s.cluster("blue")
        theirs = s.groups.add("k8s-web")
        s.w.clusters.bindings["blue"] = [TargetGroupBinding("apps", "web", theirs)]
        await s.w.cluster("blue")
        await s.apply(targetgroupBindingSelector="svc=web", template={"metadata": {"labels": {"role": "web"}}})
        async with s.w.running():
            await s.settled(count=1)

            async def told() -> bool:
                found = await s.w.store.real.get(s.w.kinds[0], "default", "blue")
                return bool(found["metadata"].get("annotations", {}).get(f"{TARGET_GROUP_OF}web") == theirs)

            await eventually(told)
            s.w.clusters.forgotten.add("blue")
            await s.settled("NoClusters")
            await asyncio.sleep(600)
            assert await told()
            s.groups.accounts[HERE].clear()
            s.w.clusters.add("other", tags={"role": "api"})  # what shows whose account it is
            await asyncio.sleep(60)
            assert not await told()


async def test_at_rest_it_writes_nothing_and_asks_only_for_the_listings() -> None:
    async with sets() as s:
        for number in range(3):
            s.cluster(f"web-{number}")
        await s.apply(template={"spec": {**SPEC, "attributes": {"stickiness.enabled": "true"}}})
        async with s.w.running():
            await s.settled(count=3)
            await asyncio.sleep(60)
            for counter in (s.groups.calls, s.w.store.writes, s.w.clusters.calls):
                counter.clear()
            await asyncio.sleep(600)
        assert not s.w.store.writes
        assert s.groups.calls.keys() == {"groups"}
        assert s.w.clusters.calls.keys() == {"fleet"}
        assert s.w.clusters.calls["fleet"] <= 21


async def test_what_differs_is_mended_and_what_the_set_does_not_say_stays() -> None:
    async with sets() as s:
        s.cluster("blue", **{VERSION: "v1"})
        await s.apply()
        async with s.w.running():
            await s.settled(count=1)
            arn = s.group("blue").arn
            await s.groups.tag(HERE, arn, {"role": "by-hand", "theirs": "kept"})
            s.w.clusters.change("blue", tags={**WEB, VERSION: "v2"})

            async def mended() -> bool:
                return bool(s.groups.accounts[HERE][arn].tags.items() >= {"role": "web", VERSION: "v2"}.items())

            await eventually(mended)
            assert s.group("blue").tags["theirs"] == "kept"
            check = {"path": "/ready", "interval": "20s", "healthyThreshold": 3}
            attributes = {"deregistration_delay.timeout_seconds": "30"}
            spec = {**SPEC, "healthCheck": check, "attributes": attributes}
            await s.apply(template={"metadata": {"labels": {"role": "web"}}, "spec": spec})

            async def updated() -> bool:
                health = s.group("blue").settings.health
                same = health == HealthSettings(path="/ready", interval=20, healthy_threshold=3)
                return bool(same and s.group("blue").tags.get(ATTRIBUTES) == digest(attributes))

            await eventually(updated)
            assert s.groups.attributes[arn] == attributes
            assert s.group("blue").arn == arn


async def test_what_aws_does_not_change_is_said_with_what_to_do_and_the_rest_is_done() -> None:
    async with sets() as s:
        s.cluster("blue")
        await s.apply()
        async with s.w.running():
            await s.settled(count=1)
            s.cluster("green")
            await s.apply(template={"metadata": {"labels": {"role": "new"}}, "spec": {**SPEC, "port": 9090}})
            status = await s.settled("Immutable", count=2)
            assert condition(status, "Stalled")[0] == "True"
            said = condition_message(status)
            assert "port is 8080 and should be 9090" in said
            assert "make another TargetGroupSet" in said
            assert (s.group("blue").settings.port, s.group("blue").tags["role"]) == (8080, "new")
            assert s.group("green").settings.port == 9090
            await s.groups.delete(HERE, s.group("blue").arn)
            await s.settled(count=2)
            assert s.group("blue").settings.port == 9090


@pytest.mark.parametrize("seen", [True, False])
async def test_a_cluster_made_anew_in_another_vpc_is_said_not_to_fit_its_group(seen: bool) -> None:
    """Its ARN is the same. Whether Okra saw it gone, or wasn't there."""
    async with sets() as s:
        s.cluster("blue")
        await s.apply()
        async with s.w.running():
            await s.settled(count=1)
            if seen:
                s.w.clusters.infos.clear()
                await s.w.until(SET, "web", lambda status: status["targetGroups"][0]["phase"] == "Retained")
                s.w.clusters.add("blue", tags=WEB, vpc_id="vpc-new")
                await s.settled("Immutable")
        s.w.clusters.add("blue", tags=WEB, vpc_id="vpc-new")
        async with s.w.running():
            status = await s.settled("Immutable")
            assert "vpcID is vpc-blue and should be vpc-new" in condition_message(status)
            await s.groups.delete(HERE, s.group("blue").arn)
            await s.settled(count=1)
        assert s.group("blue").settings.vpc_id == "vpc-new"


async def test_a_group_of_its_name_that_is_another_s_is_never_touched() -> None:
    for tags in ({OWNER: "other/default/web"}, {}):
        async with sets() as s:
            s.cluster("blue")
            await s.apply()
            async with s.w.running():
                await s.settled(count=1)
                name = s.group("blue").name
            await s.groups.delete(HERE, s.group("blue").arn)
            foreign = s.groups.add(name, tags)
            before = s.groups.accounts[HERE][foreign]
            async with s.w.running():
                status = await s.settled("NameTaken")
                assert status["targetGroups"][0]["phase"] == "Refused"
                await asyncio.sleep(300)
            assert s.groups.accounts[HERE] == {foreign: before}


async def test_many_new_clusters_get_theirs_in_turns() -> None:
    async with sets() as s:
        for number in range(MOST_A_LOOK + 5):
            s.cluster(f"web-{number:02}")
        await s.apply()
        async with s.w.running():
            await s.w.until(SET, "web", lambda status: status.get("targetGroups"))
            assert len(s.groups.all) == MOST_A_LOOK
            await s.settled(count=MOST_A_LOOK + 5)


async def test_groups_that_cannot_be_made_hold_up_no_others() -> None:
    """However many there are, and wherever they sort."""
    async with sets() as s:
        for number in range(2 * MOST_A_LOOK + 5):
            s.cluster(f"web-{number:02}")
        s.cluster("z-last")
        denied = AccessDenied("elasticloadbalancing:CreateTargetGroup is missing")
        s.groups.fault = lambda operation, name: denied if operation == "create" and "web-web" in name else None
        await s.apply()
        async with s.w.running():
            await s.settled("AccessDenied", count=2 * MOST_A_LOOK + 6)
            await asyncio.sleep(60)
            assert await only(s, "z-last")
            phases = [each["phase"] for each in (await s.w.status(SET, "web"))["targetGroups"]]
            assert phases == ["Refused"] * (2 * MOST_A_LOOK + 5) + ["Present"], "none is said to come soon"
            s.groups.calls.clear()
            s.w.store.writes.clear()
            await asyncio.sleep(300)
            assert s.groups.calls["create"] <= 11 * MOST_A_LOOK, "no more often than all sets look"
            assert not s.w.store.writes
            s.groups.fault = lambda _operation, _name: None
            await s.settled(count=2 * MOST_A_LOOK + 6)


# Clusters that are gone


async def test_by_default_no_group_is_ever_deleted() -> None:
    async with sets() as s:
        s.cluster("blue")
        await s.apply(removal={"gracePeriod": "0s"})
        async with s.w.running():
            await s.settled(count=1)
            s.w.clusters.infos.clear()
            await s.w.until(SET, "web", lambda status: status["targetGroups"][0]["phase"] == "Retained")
            assert condition(await s.w.status(SET, "web"), "Ready")[0] == "True"
            await s.w.store.real.delete(SET, "default", "web")
            await asyncio.sleep(600)
        assert len(s.groups.all) == 1


async def test_asked_to_it_deletes_what_is_unused_and_drained_after_the_grace_period() -> None:
    async with sets() as s:
        for name in ("blue", "green", "gold"):
            s.cluster(name)
        await s.apply(deletionPolicy="Delete")
        async with s.w.running():
            await s.settled(count=3)
            blue, green = s.group("blue").arn, s.group("green").arn
            s.groups.attach(blue, BALANCER)
            s.groups.drains[green] = 1
            gone_at = s.w.clock.now()
            for name in ("blue", "green"):
                del s.w.clusters.infos[name]
            await s.w.until(SET, "web", lambda t: [e["phase"] for e in t["targetGroups"]] == ["Due", "Present", "Due"])
            assert s.w.clock.now() - gone_at >= 600
            await asyncio.sleep(600)
            messages = {e["cluster"]: e["message"] for e in (await s.w.status(SET, "web"))["targetGroups"]}
            assert BALANCER in messages["blue"]
            assert "1 of its targets" in messages["green"]
            assert len(s.groups.all) == 3
            s.groups.drains.clear()
            await s.settled("ClustersMissing", count=2)
            s.groups.attach(blue)
            await s.settled(count=1)
        assert [each.tags[CLUSTER] for each in s.groups.all.values()] == ["gold"]


async def test_what_a_load_balancer_has_begun_to_use_meanwhile_stays() -> None:
    """AWS has the last word."""
    async with sets() as s:
        s.cluster("blue")
        await s.apply(deletionPolicy="Delete", removal={"gracePeriod": "1m"})
        async with s.w.running():
            await s.settled(count=1)
            refusal = Refused("the target group is in use", reason="ResourceInUse")
            s.groups.fault = lambda operation, _: refusal if operation == "delete" else None
            s.w.clusters.infos.clear()
            await s.w.until(SET, "web", lambda t: "in use" in t["targetGroups"][0]["message"])
            assert (await s.w.status(SET, "web"))["targetGroups"][0]["phase"] == "Due"
        assert len(s.groups.all) == 1


async def test_a_set_that_is_deleted_with_delete_waits_for_its_groups() -> None:
    async with sets() as s:
        for name in ("blue", "green"):
            s.cluster(name)
        await s.apply(deletionPolicy="Delete")
        async with s.w.running():
            await s.settled(count=2)
            s.groups.attach(s.group("blue").arn, BALANCER)
            await s.w.store.real.delete(SET, "default", "web")
            await eventually(lambda: only(s, "blue"))
            await asyncio.sleep(300)
            there = await s.w.store.real.get(SET, "default", "web")
            assert there["metadata"]["finalizers"] == [FINALIZER]
            assert condition(there["status"], "Ready") == ("False", "Deleting")
            assert f"as {BALANCER} uses it" in condition_message(there["status"])
            s.groups.attach(s.group("blue").arn)

            async def gone() -> bool:
                return (await s.w.store.real.list(SET)).items == []

            await eventually(gone)
        assert s.groups.all == {}


async def test_a_set_that_cannot_be_read_any_more_can_be_deleted_and_its_groups_stay() -> None:
    async with sets() as s:
        s.cluster("blue")
        await s.apply(deletionPolicy="Delete")
        async with s.w.running():
            await s.settled(count=1)
            await s.apply(deletionPolicy="Delete", generators=[])
            await s.settled("InvalidSpec")
            await s.w.store.real.delete(SET, "default", "web")

            async def gone() -> bool:
                return (await s.w.store.real.list(SET)).items == []

            await eventually(gone)
            await asyncio.sleep(300)
        assert await only(s, "blue")
        assert "TargetGroupsRetained" in s.w.reasons("web")


async def test_a_deleted_set_takes_the_arns_of_its_groups_off_as_they_go() -> None:
    async with sets() as s:
        for name in ("blue", "green"):
            s.cluster(name)
            await s.w.cluster(name)
        await s.apply(deletionPolicy="Delete")

        async def told(*clusters: str) -> bool:
            found = [await s.w.store.real.get(s.w.kinds[0], "default", name) for name in ("blue", "green")]
            named = [each["metadata"] for each in found]
            return [each["name"] for each in named if f"{TARGET_GROUP_OF}web" in each.get("annotations", {})] == [
                *clusters
            ]

        async with s.w.running():
            await s.settled(count=2)
            await eventually(lambda: told("blue", "green"))
            s.groups.attach(s.group("green").arn, BALANCER)
            await s.w.store.real.delete(SET, "default", "web")
            await eventually(lambda: told("green"))
            s.groups.attach(s.group("green").arn)
            await eventually(told)
        assert s.groups.all == {}


async def test_a_permission_that_is_missing_to_delete_is_said_and_needs_a_person() -> None:
    """Of a cluster that is gone, and of a set that is deleted."""
    async with sets() as s:
        s.cluster("blue")
        s.cluster("green")
        await s.apply(deletionPolicy="Delete", removal={"gracePeriod": "1m"})
        denied = AccessDenied("elasticloadbalancing:DeleteTargetGroup is missing")
        async with s.w.running():
            await s.settled(count=2)
            s.groups.fault = lambda operation, _: denied if operation == "delete" else None
            del s.w.clusters.infos["blue"]
            status = await s.settled("AccessDenied")
            assert condition(status, "Stalled")[0] == "True"
            assert "DeleteTargetGroup is missing" in condition_message(status)
            await s.w.store.real.delete(SET, "default", "web")
            await s.w.until(
                SET, "web", lambda status: [e["phase"] for e in status["targetGroups"]] == ["Refused", "Due"]
            )
            s.groups.fault = lambda _operation, _name: None

            async def gone() -> bool:
                return (await s.w.store.real.list(SET)).items == []

            await eventually(gone)
        assert s.groups.all == {}


async def only(s: Sets, *clusters: str) -> bool:
    return {each.tags[CLUSTER] for each in s.groups.all.values()} == {*clusters}


LISTINGS: list[tuple[str, OkraError]] = [
    ("clusters", Unavailable("EKS doesn't answer")),
    ("clusters", AccessDenied("eks:ListClusters is missing")),
    ("groups", Unavailable("ELB doesn't answer")),
    ("groups", AccessDenied("DescribeTargetGroups is missing")),
    ("both", Unavailable("nobody answers")),
]


@pytest.mark.parametrize(("what", "error"), LISTINGS)
async def test_where_a_listing_fails_nothing_is_made_deleted_or_untold(what: str, error: OkraError) -> None:
    async with sets() as s:
        s.cluster("blue")
        await s.w.cluster("blue")
        await s.apply(deletionPolicy="Delete", removal={"gracePeriod": "0s"})
        async with s.w.running():
            await s.settled(count=1)
            await s.w.cluster_until(lambda status: status.get("ready"), "blue")
            arn, key = s.group("blue").arn, f"{TARGET_GROUP_OF}web"

            async def told() -> bool:
                return bool((await s.w.secret("blue"))["metadata"]["annotations"].get(key) == arn)

            await eventually(told)
            if what != "groups":
                s.w.clusters.unlisted[HERE] = error
            if what != "clusters":
                s.groups.fault = lambda operation, _: error if operation == "groups" else None
            await s.w.until(SET, "web", lambda t: error.reason in [c["reason"] for c in t["conditions"]])
            await asyncio.sleep(3600)
            assert [*s.groups.all.values()] == [s.group("blue")]
            assert await told()
            s.w.clusters.unlisted.clear()
            s.groups.fault = lambda _operation, _name: None
            await s.settled(count=1)
            assert s.group("blue").arn == arn


# What is found


async def test_a_group_is_found_by_a_binding_and_only_tagged() -> None:
    async with sets() as s:
        s.cluster("blue", **{VERSION: "v1"})
        theirs = s.groups.add("k8s-web")
        before = s.groups.accounts[HERE][theirs].settings
        template = {"metadata": {"labels": {"role": "web"}}}
        await s.apply(targetgroupBindingSelector="svc=web", template=template, deletionPolicy="Delete")
        async with s.w.running():
            status = await s.settled("BindingNotFound", count=1)
            assert status["targetGroups"][0]["phase"] == "Waiting"
            s.w.clusters.bindings["blue"] = [TargetGroupBinding("apps", "web", theirs)]
            status = await s.settled(count=1)
            assert status["targetGroups"][0]["arn"] == theirs
            found = s.groups.accounts[HERE][theirs]
            assert (found.settings, dict(found.tags)) == (before, {"role": "web", VERSION: "v1", CLUSTER: "blue"})
            s.w.clusters.infos.clear()
            await s.settled("NoClusters")
            await s.w.store.real.delete(SET, "default", "web")
            await asyncio.sleep(600)
        assert theirs in s.groups.accounts[HERE]


async def test_what_bindings_name_must_be_one_group_and_nobody_elses() -> None:
    async with sets() as s:
        s.cluster("blue")
        one, other = s.groups.add("one"), s.groups.add("other", {OWNER: "okra/default/api"})
        bindings = s.w.clusters.bindings
        bindings["blue"] = [TargetGroupBinding("apps", "a", one), TargetGroupBinding("apps", "b", other)]
        await s.apply(targetgroupBindingSelector="svc=web", template={"metadata": {"labels": {"role": "web"}}})
        async with s.w.running():
            await s.settled("SeveralBindings")
            bindings["blue"] = bindings["blue"][1:]
            await s.settled("NotShared")
            bindings["blue"] = [TargetGroupBinding("apps", "a", one.replace("us-east-1", "eu-west-1"))]
            await s.settled("TargetGroupNotFound")
            s.w.clusters.silent["blue"] = Unavailable("no route to host")
            await s.settled("Unavailable")
        assert {name: dict(each.tags) for name, each in s.groups.all.items()} == {
            "one": {},
            "other": {OWNER: "okra/default/api"},
        }


# What is in the way


async def test_read_only_and_a_pause_of_everything() -> None:
    async with sets() as s:
        s.cluster("blue")
        s.w.gate.open = False
        await s.apply(removal={"gracePeriod": "0s"}, deletionPolicy="Delete")
        async with s.w.running():
            status = await s.settled("ReadOnly")
            assert "create the target group web-blue-" in condition_message(status)
            assert s.groups.all == {}
            s.w.gate.open, s.w.held = True, "Every Cell is paused."
            await s.settled(count=1)
            s.w.clusters.infos.clear()
            await s.settled("NothingFound")
            await asyncio.sleep(600)
            assert len(s.groups.all) == 1
            s.w.held = ""
            await s.settled("NoClusters")
        assert s.groups.all == {}


FAULTS = [Throttled("later"), Unavailable("no answer"), AccessDenied("not allowed")]


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("error", FAULTS, ids=lambda error: error.reason)
@pytest.mark.parametrize("operation", ["create", "tag", "modify", "set_attributes", "delete", "draining"])
async def test_a_fault_of_any_operation_is_said_and_got_over(operation: str, error: OkraError, lost: bool) -> None:
    async with sets() as s:
        spec = {**SPEC, "attributes": {"stickiness.enabled": "true"}}
        s.cluster("blue")
        await s.apply(deletionPolicy="Delete", removal={"gracePeriod": "1m"}, template={"spec": spec})
        async with s.w.running():
            if operation in ("create", "set_attributes", "tag"):
                fail(s, operation, error, lost)
                await said(s, error)
                fail(s)
            await s.settled(count=1)
            if operation == "modify":
                fail(s, operation, error, lost)
                changed = {**spec, "healthCheck": {"path": "/ready"}}
                await s.apply(deletionPolicy="Delete", removal={"gracePeriod": "1m"}, template={"spec": changed})
                await said(s, error)
                fail(s)
                await s.settled(count=1)
                assert s.group("blue").settings.health.path == "/ready"
            assert s.groups.attributes[s.group("blue").arn] == {"stickiness.enabled": "true"}
            assert len(s.groups.all) == 1
            s.w.clusters.infos.clear()
            if operation in ("delete", "draining"):
                fail(s, operation, error, lost)
                await asyncio.sleep(300)
                fail(s)
            await s.settled("NoClusters")
        assert s.groups.all == {}


@pytest.mark.parametrize("error", [*FAULTS, NotFound("no such cluster", reason="ClusterNotFound")], ids=str)
async def test_a_cluster_that_cannot_be_described_gets_its_group_later_and_the_others_at_once(error: OkraError) -> None:
    async with sets() as s:
        for name in ("blue", "green"):
            s.cluster(name)
        described, silent = s.w.clusters.cluster, {"blue"}

        async def cluster(account: Account, name: str) -> ClusterInfo:
            if name in silent:
                raise error
            return await described(account, name)

        s.w.clusters.cluster = cluster  # type: ignore[method-assign]
        await s.apply()
        async with s.w.running():
            await said(s, error)
            assert await only(s, "green")
            silent.clear()
            await s.settled(count=2)
        assert s.group("blue").settings.vpc_id == "vpc-blue"


@pytest.mark.parametrize("last", ["create", "tag", "modify", "set_attributes"])
async def test_once_the_gate_is_closed_nothing_more_of_a_change_is_written(last: str) -> None:
    """A controller that lost its Lease in the middle of it: the next one does the rest."""
    async with sets() as s:
        s.cluster("blue")
        attributes = {"stickiness.enabled": "true"}
        if last == "create":
            await s.apply(
                template={"metadata": {"labels": {"role": "web"}}, "spec": {**SPEC, "attributes": attributes}}
            )
        else:
            await s.apply()
        writes: list[str] = []

        def noted(operation: str, _name: str) -> None:
            if operation in ("create", "tag", "modify", "set_attributes"):
                writes.append(operation)
                s.w.gate.open = s.w.gate.open and operation != last

        s.groups.fault = noted
        async with s.w.running():
            if last != "create":
                await s.settled(count=1)
                writes.clear()
                spec = {**SPEC, "healthCheck": {"path": "/ready"}, "attributes": attributes}
                await s.apply(template={"metadata": {"labels": {"role": "new"}}, "spec": spec})
            await asyncio.sleep(60)
            whole = ["create", "set_attributes", "tag"] if last == "create" else ["tag", "modify", "set_attributes"]
            assert [*dict.fromkeys(writes)] == whole[: whole.index(last) + 1]
            s.groups.fault = lambda _operation, _name: None
            s.w.gate.open = True
            await s.settled(count=1)
        assert s.group("blue").tags[ATTRIBUTES] == digest(attributes)


def fail(s: Sets, operation: str = "", error: OkraError | None = None, lost: bool = False) -> None:
    s.groups.applied_before_fault = lost
    s.groups.fault = lambda called, _: error if called == operation else None


async def said(s: Sets, error: OkraError) -> None:
    await s.w.until(SET, "web", lambda status: str(error) in str(status.get("targetGroups")))


async def story(s: Sets, wire: Tripwire) -> None:
    """A group is made, changed and deleted."""
    template = {"metadata": {"labels": {"role": "web"}}, "spec": {**SPEC, "attributes": {"stickiness.enabled": "true"}}}
    changed = {**template, "spec": {**template["spec"], "healthCheck": {"path": "/ready"}}}
    options: dict[str, Any] = {"deletionPolicy": "Delete", "removal": {"gracePeriod": "1m"}}
    s.cluster("blue")
    s.w.more[SET] = made_with(Tripping(s.groups, wire))
    await s.w.cluster("blue")
    await s.apply(template=template, **options)
    async with s.w.running(store=TrippingWrites(s.w.store, wire)):
        await s.settled(count=1)
        arn = s.group("blue").arn
        await s.apply(template=changed, **options)

        async def updated() -> bool:
            return bool(s.group("blue").settings.health.path == "/ready")

        await eventually(updated)
        assert s.group("blue").arn == arn
        assert len(s.groups.all) == 1
        s.w.clusters.change("blue", tags={"role": "api"})
        await s.settled("NoClusters")
    assert s.groups.all == {}
    assert s.groups.made == 1


async def test_a_crash_before_or_after_any_write_ends_where_none_does() -> None:
    at, wire = 1, Tripwire()
    while wire.passed >= wire.at:
        async with sets() as s:
            wire = Tripwire(at)
            await story(s, wire)
        at += 1
    assert at > 40, "there are many effects"
