"""What the tests of weighted records share: a record set, and how a Cell names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from okra.api.records import endpoint_arn, record_set_arn
from okra.api.route53 import Route53
from okra.aws.facade import Aws
from okra.errors import OkraError
from okra.ports import Account, RecordSetRef
from okra.rollout.observation import RouteReading

NAME, OLD, NEW = "app.example.com", "192.0.2.1", "192.0.2.2"
EVERYWHERE = Account("aws-global")


def asked(zone: str, values: Mapping[str, str] | None = None, **changes: Any) -> Route53:
    """A Cell's `route53` block: version → value."""
    endpoints = [{"version": version, "value": value} for version, value in (values or {"1": OLD, "2": NEW}).items()]
    block = {"hostedZoneID": zone, "name": NAME, "type": "A", "ttl": 5, "endpoints": endpoints}
    return Route53.model_validate({**block, **changes})


def ref_to(records: Route53) -> RecordSetRef:
    return RecordSetRef(EVERYWHERE, record_set_arn(records, EVERYWHERE.region), records=records)


def arns(ref: RecordSetRef) -> list[str]:
    """Of the endpoints, as they are listed."""
    return [endpoint_arn(ref.listener_arn, each) for each in ref.records.endpoints] if ref.records else []


async def read(aws: Aws, ref: RecordSetRef) -> RouteReading:
    result = (await aws.router.read([ref]))[ref]
    if isinstance(result, OkraError):
        raise result
    return result


async def read_synced(aws: Aws, ref: RecordSetRef) -> RouteReading:
    """The first reading after which no change is on its way any more."""
    while (reading := await read(aws, ref)).pending:
        pass
    return reading
