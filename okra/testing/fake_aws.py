"""AWS in memory, for tests of actors and for benches: holds state, can fail, counts its calls.

The same contract tests judge it and the real router and inventory before the double (tests/aws/test_aws_contract.py).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from okra.api.records import is_record
from okra.errors import Conflict, Fatal, Invalid, NotFound, OkraError, Refused
from okra.ports import Account, Clock, OwnerReading, RequestCondition, RouteRef
from okra.rollout.observation import (
    ABSENT,
    Action,
    LoadBalancerType,
    Problem,
    RouteReading,
    TargetGroup,
    TargetHealth,
    Weights,
)

Fault = Callable[[str, str], OkraError | None]
"""(operation, ARN) → the error to raise instead, or nothing."""
PLACES, HEAVIEST = 5, 999
REGION = "arn:aws:elasticloadbalancing:us-east-1:123456789012"


@dataclass
class FakeRoute:
    arn: str
    weights: dict[str, int]
    network: bool = False
    sticky: bool = False
    action: Action = Action.FORWARD
    owner: str = ""
    conditions: frozenset[RequestCondition] = frozenset()
    history: list[dict[str, int]] = field(default_factory=list)
    written_at: float = 0.0


@dataclass
class FakeGroup:
    group: TargetGroup
    healthy: int = 2
    registered: int = 2


class FakeAws:
    """A `TrafficRouter` and a `TargetInventory`. `latency` seconds a call, on the loop's clock."""

    def __init__(self, clock: Clock, *, latency: float = 0.0) -> None:
        self._clock = clock
        self.latency = latency
        self.routes: dict[str, FakeRoute] = {}
        self.groups: dict[str, FakeGroup] = {}
        self.calls: Counter[str] = Counter()
        self.checks: dict[str, str] = {}
        """Group or record → the health check that its health was last asked by."""
        self.fault: Fault = lambda _operation, _arn: None
        self.made = 0
        """Rules that were created, ever: each has an ARN of its own."""
        self.applied_before_fault = False
        """A faulty write is applied all the same: its answer is lost."""

    # -- building --------------------------------------------------------------------------------------------------

    def add_group(self, name: str, tags: Mapping[str, str], *, healthy: int = 2) -> str:
        arn = f"{REGION}:targetgroup/{name}/{len(self.groups):016x}"
        self.groups[arn] = FakeGroup(TargetGroup(arn, name, dict(tags), "vpc-1", "HTTP"), healthy, max(healthy, 2))
        return arn

    def add_route(
        self, listener_arn: str, weights: Weights, *, network: bool = False, sticky: bool = False
    ) -> FakeRoute:
        """The listener's default action."""
        route = FakeRoute(listener_arn, dict(weights), network, sticky)
        self.routes[listener_arn] = route
        return route

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        known = self.groups[arn]
        known.group = replace(known.group, tags={**known.group.tags, **tags})

    # -- TrafficRouter ---------------------------------------------------------------------------------------------

    async def read(self, refs: Collection[RouteRef]) -> Mapping[RouteRef, RouteReading | OkraError]:
        began = self._clock.now()
        await self._call("DescribeListeners" if refs else "", "")
        return {ref: self._reading(ref, began) for ref in refs}

    def _reading(self, ref: RouteRef, began: float) -> RouteReading | OkraError:
        route = self.routes.get(ref.key)
        if error := self.fault("DescribeListeners", ref.key):
            return error
        unsaid = self.fault("GetChange", ref.key) if is_record(ref.key) and route and route.history else None
        if route is None and any(ref.pinned == other.arn for other in self.routes.values()):
            return Refused(f"The rule {ref.pinned} has another priority now.", reason="RouteChanged")
        if route is None and ref.conditions and ref.listener_arn in self.routes:
            return NotFound(f"There is no rule {ref.key} yet.", reason=ABSENT)
        if route is None and ref.priority is not None and ref.listener_arn in self.routes:
            return NotFound(f"There is no rule {ref.key}.", reason="RuleNotFound")
        if route is None:
            return NotFound(f"There is no listener {ref.key}.", reason="ListenerNotFound")
        kind = LoadBalancerType.NETWORK if route.network else LoadBalancerType.APPLICATION
        return RouteReading(
            arn=route.arn,
            began_at=began,
            weights=dict(route.weights) if route.action is Action.FORWARD else {},
            action=route.action,
            sticky=route.sticky,
            load_balancer_arn=f"{REGION}:loadbalancer/{'net' if route.network else 'app'}/web/1",
            load_balancer_type=kind,
            vpc_id="vpc-1",
            protocol="TCP" if route.network else "HTTP",
            pending=unsaid is not None,
            problem=Problem(unsaid.reason, str(unsaid), isinstance(unsaid, Fatal)) if unsaid else None,
            differs="" if frozenset(ref.conditions) in (frozenset(), route.conditions) else "it takes other requests",
        )

    async def write(self, ref: RouteRef, weights: Weights, basis: RouteReading, *, urgent: bool = False) -> None:
        legal = weights and sum(weights.values()) > 0 and len(weights) <= PLACES
        if not legal or not all(0 <= weight <= HEAVIEST for weight in weights.values()):
            raise Invalid(f"AWS takes no such weights: {dict(weights)}")
        error = self.fault("ModifyListener", basis.arn)
        if error is None or self.applied_before_fault:
            route = self._route(ref)
            own = route.history[-1] if route.history and basis.began_at < route.written_at else basis.weights
            if is_record(ref.key) and route.weights != own:
                raise Conflict("The records changed since they were read; they are read again")
            route.weights, route.action = dict(weights), Action.FORWARD
            route.history.append(dict(weights))
            route.written_at = self._clock.now()
        await self._call("ModifyListener", basis.arn)

    async def create(self, ref: RouteRef, owner: str, default: RouteReading, *, take_over: bool = False) -> None:
        if not ref.conditions:
            raise Invalid(f"The rule {ref.key} has no conditions to be made of.")
        if ref.key in self.routes:
            await self._call("CreateRule", ref.key)
            raise Conflict(f"There is a rule {ref.key} by now.")
        if default.action is not Action.FORWARD and not take_over:
            raise Refused(f"The listener answers with a {default.action}.", reason="RouteNotForward")
        if self.fault("CreateRule", ref.key) is None or self.applied_before_fault:
            number = self.made = self.made + 1
            arn = ref.listener_arn.replace(":listener/", ":listener-rule/") + f"/{number:016x}"
            rule = FakeRoute(arn, dict(default.weights), sticky=default.sticky, action=default.action, owner=owner)
            rule.conditions = frozenset(ref.conditions)
            self.routes[ref.key] = rule
        await self._call("CreateRule", ref.key)

    async def owner(self, ref: RouteRef, arn: str) -> OwnerReading:
        sent_at = self._clock.monotonic()
        await self._call("DescribeTags", arn)
        return OwnerReading(self._route(ref).owner, sent_at)

    async def claim(self, ref: RouteRef, arn: str, owner: str) -> str:
        route = self._route(ref)
        if not route.owner:
            await self._call("AddTags", arn)
            route.owner = owner
        return (await self.owner(ref, arn)).owner

    async def release(self, ref: RouteRef, arn: str, owner: str) -> None:
        if self._route(ref).owner == owner:
            await self._call("RemoveTags", arn)
            self._route(ref).owner = ""

    def _route(self, ref: RouteRef) -> FakeRoute:
        if ref.key not in self.routes:
            raise NotFound(f"There is no listener {ref.key}.", reason="ListenerNotFound")
        return self.routes[ref.key]

    # -- TargetInventory -------------------------------------------------------------------------------------------

    async def target_groups(self, account: Account, listed: Collection[str] = ()) -> Sequence[TargetGroup]:
        await self._call("GetResources", "")
        return [known.group for arn, known in self.groups.items() if known.group.tags or arn in listed]

    async def health(self, account: Account, arn: str, check: str = "") -> TargetHealth:
        began = self._clock.now()
        await self._call("DescribeTargetHealth", arn)
        self.checks[arn] = check
        known = self.groups.get(arn)
        if known is None:
            raise NotFound(f"There is no target group {arn}.")
        attached = any(arn in route.weights for route in self.routes.values())
        targets = frozenset(f"10.0.0.{number}:80" for number in range(known.registered))
        return TargetHealth(known.healthy if attached else 0, known.registered, began, targets)

    async def active_flows(self, account: Account, group: TargetGroup) -> float | None:
        await self._call("GetMetricData", group.arn)
        return 0.0

    async def _call(self, operation: str, arn: str) -> None:
        if not operation:
            return
        self.calls[operation] += 1
        await asyncio.sleep(self.latency)
        if (error := self.fault(operation, arn)) is not None and operation != "DescribeListeners":
            raise error
