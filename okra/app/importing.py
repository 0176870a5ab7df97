"""Reading one route of AWS, for `okra import`. Nothing is written, and nothing is claimed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from okra.api.aws import region_of
from okra.api.fields import PARTITION
from okra.api.meta import VERSION_LABEL
from okra.app.clock import SystemClock
from okra.aws.facade import open_aws
from okra.convert.document import Document
from okra.convert.imported import Imported, cell
from okra.errors import Invalid, OkraError
from okra.ports import Account, RouteRef, TrafficRouter
from okra.rollout.observation import RouteReading

_SUCH = "arn:aws:elasticloadbalancing:REGION:ACCOUNT:listener/app/NAME/ID/ID"
_LISTENER = re.compile(rf"^{PARTITION}:elasticloadbalancing:[a-z0-9-]+:[0-9]+:listener/(app|net)/[^/]+/[^/]+/[^/]+$")


@dataclass(frozen=True, slots=True)
class Route:
    """Which route, and how a Cell shall name it."""

    listener_arn: str
    priority: int | None = None
    rule_arn: str = ""
    role_arn: str = ""
    version_label: str = VERSION_LABEL
    name: str = ""


async def import_route(route: Route) -> Document:
    """Raises OkraError when it can't be read, and Unconvertible when no Cell describes it."""
    if not _LISTENER.match(route.listener_arn):
        raise Invalid(
            f"--listener {route.listener_arn}: is no ARN of a listener ({_SUCH}): `aws elbv2 describe-listeners"
            " --load-balancer-arn ARN` prints them. A rule's ARN is for --rule, beside it"
        )
    account = Account(region=region_of(route.listener_arn), role_arn=route.role_arn)
    async with open_aws(clock=SystemClock()) as aws:
        ref, reading = await _read(aws.router, account, route)
        return cell(
            Imported(
                listener_arn=route.listener_arn,
                reading=reading,
                groups=await aws.inventory.target_groups(account, list(reading.weights)),
                version_label=route.version_label,
                owner=(await aws.router.owner(ref, reading.arn)).owner,
                priority=route.priority,
                rule_arn=route.rule_arn,
                role_arn=route.role_arn,
                name=route.name,
            )
        )


async def _read(router: TrafficRouter, account: Account, route: Route) -> tuple[RouteRef, RouteReading]:
    """As a listener of either kind of load balancer: what it is, AWS says and not the ARN."""
    kinds = (False,) if route.rule_arn or route.priority is not None else (False, True)
    refs = [RouteRef(account, route.listener_arn, network, route.rule_arn, route.priority) for network in kinds]
    results = await router.read(refs)
    for ref, result in results.items():
        if isinstance(result, RouteReading):
            return ref, result
    error = results[refs[0]]
    assert isinstance(error, OkraError)
    raise error
