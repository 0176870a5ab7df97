"""EKS clusters in memory, and whether their APIs answer."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from okra.errors import NotFound, OkraError
from okra.ports import Account
from okra.ports_clusters import ClusterInfo, FoundCluster, TargetGroupBinding

REGION = "us-east-1"


def ca(number: int = 1) -> str:
    return base64.b64encode(f"-----BEGIN CERTIFICATE-----\n{number}\n".encode()).decode()


@dataclass
class FakeClusters:
    """A `ClusterInventory`, and the `MemberClusters` that it tells of. `latency` seconds a call."""

    latency: float = 0.0
    infos: dict[str, ClusterInfo] = field(default_factory=dict)
    silent: dict[str, OkraError] = field(default_factory=dict)
    """Cluster → what its API answers instead."""
    hangs: set[str] = field(default_factory=set)
    """Clusters that EKS never answers about."""
    refuses: OkraError | None = None
    """What EKS answers to everything."""
    bindings: dict[str, list[TargetGroupBinding]] = field(default_factory=dict)
    """Cluster → what any selector finds in it."""
    homes: dict[str, Account] = field(default_factory=dict)
    """Cluster → whose it is; of others the controller's own account."""
    unlisted: dict[Account, OkraError] = field(default_factory=dict)
    """Whose clusters can't be listed, and what EKS answers."""
    forgotten: set[str] = field(default_factory=set)
    """Clusters that a listing leaves out by mistake."""
    calls: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, **fields: Any) -> str:
        """An ACTIVE cluster that answers, and its endpoint."""
        arn, endpoint = f"arn:aws:eks:{REGION}:123456789012:cluster/{name}", f"https://{name}.eks.example"
        self.infos[name] = replace(ClusterInfo(name, arn, "ACTIVE", endpoint, ca(), "1.33"), **fields)
        return self.infos[name].endpoint

    def change(self, name: str, **fields: Any) -> None:
        self.infos[name] = replace(self.infos[name], **fields)

    async def cluster(self, account: Account, name: str) -> ClusterInfo:
        await self._called("cluster")
        if name in self.hangs:
            await asyncio.get_running_loop().create_future()
        if name not in self.infos:
            raise NotFound(f"There is no EKS cluster {name}.", reason="ClusterNotFound")
        return self.infos[name]

    async def clusters(self, account: Account, tags: Mapping[str, str]) -> Sequence[ClusterInfo]:
        await self._called("clusters")
        return [each for _, each in sorted(self.infos.items()) if tags.items() <= each.tags.items()]

    async def fleet(self, account: Account) -> Sequence[FoundCluster]:
        await self._called("fleet")
        if (error := self.unlisted.get(account)) is not None:
            raise error
        return [
            FoundCluster(each.name, each.arn, each.tags)
            for key, each in sorted(self.infos.items())
            if each.tags and key not in self.forgotten and self.homes.get(key, Account()) == account
        ]

    async def token(self, account: Account, name: str) -> str:
        await self._called("token")
        return "k8s-aws-v1.fake"

    async def answers(self, account: Account, cluster: ClusterInfo) -> None:
        self.calls["answers"] += 1
        await asyncio.sleep(self.latency)
        if (error := self.silent.get(cluster.name)) is not None:
            raise error

    async def target_group_bindings(
        self, account: Account, cluster: ClusterInfo, selector: str
    ) -> Sequence[TargetGroupBinding]:
        await self.answers(account, cluster)
        return self.bindings.get(cluster.name, [])

    async def _called(self, operation: str) -> None:
        self.calls[operation] += 1
        await asyncio.sleep(self.latency)
        if self.refuses is not None:
            raise self.refuses
