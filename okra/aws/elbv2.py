"""Routes of Application and Network Load Balancers: `okra.ports.TrafficRouter`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from okra.aws.actions import copied, with_weights
from okra.aws.arns import check, is_rule
from okra.aws.calls import Calls
from okra.aws.iam import OWNER_TAG
from okra.aws.operations import CREATE_RULE, MODIFY_LISTENER, MODIFY_RULE
from okra.aws.owners import Owners
from okra.aws.routes import Routes
from okra.aws.rule_conditions import to_api
from okra.errors import Invalid, OkraError, Refused
from okra.ports import OwnerReading, RouteRef
from okra.rollout.observation import Action, RouteReading, Weights


class ElbRouter:
    """Implements `TrafficRouter`: one read per listener, whoever asks; whole actions resent on a write."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._routes = Routes(calls)
        self._owners = Owners(calls)

    async def read(self, refs: Collection[RouteRef]) -> Mapping[RouteRef, RouteReading | OkraError]:
        """See `TrafficRouter.read`. A ref that can't be right costs no call."""
        results: dict[RouteRef, RouteReading | OkraError] = {}
        asked: dict[RouteRef, list[RouteRef]] = {}
        for ref in refs:
            try:
                account = await self._calls.resolve(ref.account)
                check(ref, account.region)
            except OkraError as error:
                results[ref] = error
            else:
                asked.setdefault(replace(ref, account=account), []).append(ref)
        found = await self._routes.read(asked.keys())
        return results | {ref: found[resolved] for resolved, same in asked.items() for ref in same}

    async def write(self, ref: RouteRef, weights: Weights, basis: RouteReading, *, urgent: bool = False) -> None:
        """See `TrafficRouter.write`. Conditions, protocol and certificates are not sent: so AWS leaves them alone."""
        actions = with_weights(basis.raw, basis.action, weights, network=ref.network)
        if is_rule(basis.arn):
            await self._calls.call(
                ref.account, MODIFY_RULE, target=basis.arn, urgent=urgent, RuleArn=basis.arn, Actions=actions
            )
        else:
            await self._calls.call(
                ref.account,
                MODIFY_LISTENER,
                target=basis.arn,
                urgent=urgent,
                ListenerArn=basis.arn,
                DefaultActions=actions,
            )

    async def create(self, ref: RouteRef, owner: str, default: RouteReading, *, take_over: bool = False) -> None:
        """See `TrafficRouter.create`. The tag comes with the rule, so that nobody else's can be on it before."""
        if not ref.conditions or ref.priority is None:
            raise Invalid(f"The rule {ref.key} has no conditions to be made of: create it, or name its conditions")
        if default.action not in (Action.FORWARD, Action.UNSUPPORTED) and not take_over:
            raise Refused(
                f"The rule {ref.key} isn't there, and the listener answers with a {default.action}, of which no copy"
                " is made: make its default action a forward action, create the rule, or set takeOver: true",
                reason="RouteNotForward",
            )
        await self._calls.call(
            ref.account,
            CREATE_RULE,
            target=ref.key,
            ListenerArn=ref.listener_arn,
            Priority=ref.priority,
            Conditions=to_api(ref.conditions),
            Actions=copied(default.raw, default.action),
            Tags=[{"Key": OWNER_TAG, "Value": owner}],
        )

    async def owner(self, ref: RouteRef, arn: str) -> OwnerReading:
        return await self._owners.owner(await self._calls.resolve(ref.account), arn)

    async def claim(self, ref: RouteRef, arn: str, owner: str) -> str:
        return await self._owners.claim(await self._calls.resolve(ref.account), arn, owner)

    async def release(self, ref: RouteRef, arn: str, owner: str) -> None:
        await self._owners.release(await self._calls.resolve(ref.account), arn, owner)

    async def close(self) -> None:
        await self._routes.close()
        await self._owners.close()
