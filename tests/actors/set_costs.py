"""What sets at rest ask of AWS, counted at the one door to it: the actors and the adapters are the real ones."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

from okra.actors.argocd import ArgoCD
from okra.actors.cluster_set import ClusterSetActor
from okra.actors.directory import Directory
from okra.actors.journal import Journal
from okra.actors.kinds import CLUSTER_SET, OKRA, TARGET_GROUP_SET
from okra.actors.runtime.child import ChildSpec
from okra.actors.runtime.root import RootSupervisor
from okra.actors.target_group_set import TargetGroupSetActor
from okra.actors.watcher import Watcher
from okra.actors.wiring import Wiring
from okra.api.defaults import Defaults
from okra.aws.calls import Answer, Calls
from okra.aws.eks import EksClusters
from okra.aws.groups import AwsTargetGroups
from okra.aws.operations import Operation
from okra.ports import Account, Kind, Object
from okra.testing.clock import FakeClock
from okra.testing.fake_aws import FakeAws
from okra.testing.fake_clusters import FakeClusters
from tests.actors.doubles import FakeMetrics
from tests.actors.secret_store import SecretStore

PAGE = {"GetResources": 100, "ListClusters": 100, "DescribeTargetGroups": 400}
HERE = Account("us-east-1")
ACCOUNT = "us-east-1:123456789012"


class CountedCalls:
    """In place of `Calls`: an account with EKS clusters and target groups. A call a page, as AWS has them."""

    def __init__(self, clock: FakeClock, clusters: int, sets: int) -> None:
        self._clock = clock
        self.calls: Counter[str] = Counter()
        self.clusters = {f"web-{number}": {"set": str(number % sets)} for number in range(clusters)}
        self.groups: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, dict[str, str]] = {}

    async def resolve(self, account: Account) -> Account:
        return account if account.region else HERE

    async def call(self, account: Account, operation: Operation, *, target: str = "", **given: Any) -> Answer:
        self.calls[operation.name] += 1
        await asyncio.sleep(0.01)
        return self._answer(getattr(self, f"_{operation.method}")(given))

    async def all(self, account: Account, operation: Operation, *, target: str = "", **given: Any) -> Answer:
        data = getattr(self, f"_{operation.method}")(given)
        assert operation.paging is not None
        self.calls[operation.name] += max(1, -(-len(data[operation.paging.result]) // PAGE[operation.name]))
        await asyncio.sleep(0.01)
        return self._answer(data)

    def _answer(self, data: Mapping[str, Any]) -> Answer:
        return Answer(data, self._clock.now(), self._clock.monotonic())

    def _list_clusters(self, _: Any) -> dict[str, Any]:
        return {"clusters": list(self.clusters)}

    def _describe_cluster(self, given: Any) -> dict[str, Any]:
        name = given["name"]
        vpc, arn = {"vpcId": "vpc-1"}, _arn(name)
        return {"cluster": {"name": name, "arn": arn, "status": "ACTIVE", "resourcesVpcConfig": vpc}}

    def _get_resources(self, given: Any) -> dict[str, Any]:
        eks = given["ResourceTypeFilters"] == ["eks:cluster"]
        tags = {_arn(name): tags for name, tags in self.clusters.items()} if eks else self.tags
        return {"ResourceTagMappingList": [{"ResourceARN": arn, "Tags": _listed(each)} for arn, each in tags.items()]}

    def _describe_target_groups(self, _: Any) -> dict[str, Any]:
        return {"TargetGroups": list(self.groups.values())}

    def _describe_tags(self, given: Any) -> dict[str, Any]:
        found = [{"ResourceArn": arn, "Tags": _listed(self.tags[arn])} for arn in given["ResourceArns"]]
        return {"TagDescriptions": found}

    def _create_target_group(self, given: Any) -> dict[str, Any]:
        arn = f"arn:aws:elasticloadbalancing:{ACCOUNT}:targetgroup/{given['Name']}/1"
        named = {key: given[key] for key in ("Protocol", "Port", "TargetType", "VpcId")}
        self.groups[arn] = {"TargetGroupArn": arn, "TargetGroupName": given["Name"], **named}
        self.tags[arn] = {each["Key"]: each["Value"] for each in given["Tags"]}
        return {"TargetGroups": [self.groups[arn]]}


def _arn(name: str) -> str:
    return f"arn:aws:eks:{ACCOUNT}:cluster/{name}"


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


async def calls_a_minute(sets: int, clusters: int, *, settled: float = 1800.0, minutes: int = 10) -> Counter[str]:
    """Of `sets` ClusterSets and as many TargetGroupSets that share `clusters` among them, at rest, by operation. On a
    virtual clock: `settled` seconds pass before, `minutes` while it is counted."""
    clock = FakeClock()
    counted = CountedCalls(clock, clusters, sets)
    calls = cast(Calls, counted)
    eks, groups = EksClusters(calls, clock), AwsTargetGroups(calls, clock)
    async with await SecretStore.open(":memory:", now=clock.now) as store:
        for number in range(sets):
            await store.apply(CLUSTER_SET, _set(CLUSTER_SET, number, {}))
            spec = {"spec": {"protocol": "HTTP", "port": 8080}}
            await store.apply(TARGET_GROUP_SET, _set(TARGET_GROUP_SET, number, {"template": spec}))
        aws = FakeAws(clock)
        journal = Journal(store, clock, lambda _event, _fields: None)
        wiring = Wiring(store, clock, Defaults(), aws, aws, FakeMetrics(clock.now), journal)
        argocd = ArgoCD(eks, FakeClusters())

        def made(kind: Kind, obj: Object) -> Any:
            if kind == CLUSTER_SET:
                return ClusterSetActor(wiring, argocd, kind, obj)
            return TargetGroupSetActor(wiring, argocd, groups, kind, obj)

        async with RootSupervisor("okra") as root:
            for kind in (CLUSTER_SET, TARGET_GROUP_SET):
                _look_after(root, wiring, kind, made)
            await asyncio.sleep(settled)
            assert len(counted.groups) == clusters
            assert len((await store.list(OKRA.cluster)).items) == clusters
            counted.calls.clear()
            await asyncio.sleep(minutes * 60)
    await eks.close()
    await groups.close()
    return Counter({name: round(count / minutes) for name, count in counted.calls.items()})


def _look_after(root: RootSupervisor, wiring: Wiring, kind: Kind, made: Any) -> None:
    directory = root.start_child(ChildSpec(kind.plural, lambda: Directory(wiring, kind, lambda obj: made(kind, obj))))
    root.start_child(ChildSpec(f"watch-{kind.plural}", lambda: Watcher(wiring.store, kind, directory)))


def _set(kind: Kind, number: int, spec: dict[str, Any]) -> Object:
    generators = [{"awseks": {"selector": {"matchTags": {"set": str(number)}}}}]
    metadata = {"namespace": "default", "name": f"set-{number}"}
    body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}
    return {**body, "spec": {"generators": generators, **spec}}
