"""Listeners and their load balancers: read in batches; what never changes about them is remembered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from okra.aws.batches import Batches, ByArn
from okra.aws.calls import Calls
from okra.aws.operations import DESCRIBE_LISTENERS, DESCRIBE_LOAD_BALANCERS
from okra.aws.responses import UNKNOWN_FIELDS
from okra.errors import Invalid, OkraError
from okra.ports import Account, RouteRef

_BATCH = 20
"""ARNs in one call, as the API's other operations allow."""


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    arn: str
    type: str
    """As the API says: application, network, gateway."""
    vpc_id: str


@dataclass(frozen=True, slots=True)
class Listener:
    """One listener as one read showed it."""

    arn: str
    protocol: str
    load_balancer_arn: str
    default_actions: Sequence[Mapping[str, Any]]
    unknown_fields: Sequence[str]
    began_at: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What all routes of a listener share and no one changes: a listener keeps its ARN, load balancer and kind."""

    protocol: str
    load_balancer: LoadBalancer

    def objection(self, ref: RouteRef) -> Invalid | None:
        """Why `ref` can't be a route here: the Cell names it as another kind of load balancer's than this is."""
        kind = self.load_balancer.type
        if kind not in _FIELDS:
            return Invalid(f"The listener {ref.listener_arn} belongs to a {kind} load balancer: it has no weights")
        if ref.network != (kind == "network"):
            return Invalid(
                f"The listener {ref.listener_arn} belongs to a load balancer of type {kind}:"
                f" name it under {_FIELDS[kind]}"
            )
        if ref.network and (ref.rule_arn or ref.priority is not None):
            return Invalid(f"The listener {ref.listener_arn} has no rules: a network load balancer has one action only")
        return None


_FIELDS = {"application": "awsApplicationLoadBalancer", "network": "awsNetworkLoadBalancer"}
"""Where a Cell names a route of each type of load balancer."""


class Listeners:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._listeners = Batches[Account, str, Listener](ByArn(_BATCH, self._describe).read)
        self._load_balancers = Batches[Account, str, LoadBalancer](ByArn(_BATCH, self._describe_load_balancers).read)
        self._known: dict[str, LoadBalancer] = {}
        self._facts: dict[str, Facts] = {}

    async def read(self, account: Account, arns: Collection[str]) -> Mapping[str, Listener | OkraError]:
        """Listeners with their default actions, as few calls as possible for all who ask at the same time."""
        return await self._listeners.get(account, arns)

    async def facts(self, account: Account, arn: str) -> Facts:
        """Facts of one listener; from memory after the first time."""
        if arn not in self._facts:
            listener = (await self.read(account, [arn]))[arn]
            if isinstance(listener, OkraError):
                raise listener
            await self.remember(account, listener)
        return self._facts[arn]

    async def remember(self, account: Account, listener: Listener) -> Facts:
        """The facts of a listener that was just read. Fetches its load balancer the first time."""
        arn = listener.load_balancer_arn
        if arn not in self._known:
            found = (await self._load_balancers.get(account, [arn]))[arn]
            if isinstance(found, OkraError):
                raise found
            self._known[arn] = found
        self._facts[listener.arn] = Facts(listener.protocol, self._known[arn])
        return self._facts[listener.arn]

    async def close(self) -> None:
        await self._listeners.close()
        await self._load_balancers.close()

    async def _describe(self, account: Account, arns: list[str]) -> dict[str, Listener]:
        target = arns[0] if len(arns) == 1 else ""
        answer = await self._calls.all(account, DESCRIBE_LISTENERS, target=target, ListenerArns=arns)
        unknown = answer.data.get(UNKNOWN_FIELDS, {})
        return {
            raw["ListenerArn"]: Listener(
                arn=raw["ListenerArn"],
                protocol=raw.get("Protocol", ""),
                load_balancer_arn=raw["LoadBalancerArn"],
                default_actions=raw.get("DefaultActions", []),
                unknown_fields=unknown.get(raw["ListenerArn"], ()),
                began_at=answer.began_at,
            )
            for raw in answer.items("Listeners")
        }

    async def _describe_load_balancers(self, account: Account, arns: list[str]) -> dict[str, LoadBalancer]:
        target = arns[0] if len(arns) == 1 else ""
        answer = await self._calls.all(account, DESCRIBE_LOAD_BALANCERS, target=target, LoadBalancerArns=arns)
        return {
            raw["LoadBalancerArn"]: LoadBalancer(
                arn=raw["LoadBalancerArn"],
                type=raw.get("Type", "application"),
                vpc_id=raw.get("VpcId", ""),
            )
            for raw in answer.items("LoadBalancers")
        }
