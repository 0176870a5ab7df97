"""Weighted records of Route 53 as routes (`okra.ports.TrafficRouter`), and whether they can serve."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from okra.api.records import parts_of, record_set_of
from okra.aws.calls import Calls
from okra.aws.operations import CHANGE_RECORD_SETS, GET_CHANGE, GET_HEALTH_CHECK_STATUS
from okra.aws.route53_owners import RecordOwners
from okra.aws.route53_records import Member, change, made_of, members_of, weights_of
from okra.aws.route53_zones import Listed, Zones
from okra.errors import Fatal, NotFound, OkraError, Refused, Unavailable
from okra.ports import Account, Clock, OwnerReading, RecordSetRef, RouteRef
from okra.rollout.observation import Problem, RouteReading, TargetHealth, Weights
from okra.rollout.words import short


class Records:
    """Implements `TrafficRouter` for `RecordSetRef`s, by the ARNs of `okra.api.records`."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls, self._clock = calls, clock
        self._zones = Zones(calls)
        self._owners = RecordOwners(calls, self._zones)
        self._changes: dict[str, str] = {}
        """Record set → the last change that this process made there, until it is on every DNS server."""
        self._written: dict[str, tuple[float, tuple[Member, ...]]] = {}
        """Record set → when AWS said success to the last write of this process, and what it left there. Where nothing
        could be read since, the next write, which may be a revert, rests on that."""
        self._checks: dict[str, dict[str, str]] = {}
        """Record set → the health checks of its records that have one, as last read."""

    # -- routes ----------------------------------------------------------------------------------------------------

    async def read(self, refs: Collection[RouteRef]) -> Mapping[RouteRef, RouteReading | OkraError]:
        """See `TrafficRouter.read`: one chain of pages for each hosted zone."""
        return dict(zip(refs, await asyncio.gather(*map(self._read, refs)), strict=True))

    async def _read(self, ref: RouteRef) -> RouteReading | OkraError:
        arn = ref.listener_arn
        zone, name, kind = parts_of(arn)
        try:
            listed = await self._zones.read(ref.account, zone, (name, kind))
            members = _known(arn, listed)
        except OkraError as error:
            return error
        self._checks[arn] = {m.arn: m.record["HealthCheckId"] for m in members if "HealthCheckId" in m.record}
        pending, problem = await self._pending(ref.account, arn)
        return RouteReading(arn, listed.began_at, weights_of(members), pending=pending, problem=problem, raw=members)

    async def _pending(self, account: Account, arn: str) -> tuple[bool, Problem | None]:
        """Is what this process changed last not yet on every DNS server? Who can't know says why: what the records
        hold is known all the same, and a revert needs it."""
        made = self._changes.get(arn)
        if made is None:
            return False, None
        try:
            answer = await self._calls.call(account, GET_CHANGE, target=made, Id=made)
        except NotFound:
            synced = True  # one that is forgotten is over
        except OkraError as error:
            return True, Problem(error.reason, str(error), isinstance(error, Fatal))
        else:
            synced = answer.data.get("ChangeInfo", {}).get("Status") == "INSYNC"
        if synced and self._changes.get(arn) == made:
            del self._changes[arn]
        return not synced, None

    async def write(self, ref: RouteRef, weights: Weights, basis: RouteReading, *, urgent: bool = False) -> None:
        """See `TrafficRouter.write`: one batch, which Route 53 applies as a whole or not at all."""
        arn = ref.listener_arn
        written = self._written.get(arn)
        members: tuple[Member, ...] = written[1] if written and written[0] > basis.began_at else basis.raw
        batch = change(arn, members, weights, ref.records if isinstance(ref, RecordSetRef) else None)
        answer = await self._calls.call(
            ref.account,
            CHANGE_RECORD_SETS,
            target=arn,
            urgent=urgent,
            HostedZoneId=parts_of(arn)[0],
            ChangeBatch=batch,
        )
        made = answer.data.get("ChangeInfo", {}).get("Id")
        if not made:
            raise Unavailable(f"Route 53 didn't say what became of the change of {arn}; it is looked at again")
        self._changes[arn] = made
        self._written[arn] = self._clock.now(), made_of(arn, batch)

    async def owner(self, ref: RouteRef, arn: str) -> OwnerReading:
        return await self._owners.owner(ref.account, arn)

    async def claim(self, ref: RouteRef, arn: str, owner: str) -> str:
        return await self._owners.claim(ref.account, arn, owner)

    async def release(self, ref: RouteRef, arn: str, owner: str) -> None:
        await self._owners.release(ref.account, arn, owner)

    async def close(self) -> None:
        await self._zones.close()

    # -- records ---------------------------------------------------------------------------------------------------

    async def health(self, account: Account, arn: str, check: str = "") -> TargetHealth:
        """By the health check that the Cell names, else by the record's own.

        Healthy when more than half of Route 53's checkers reach it; without a health check it counts as healthy,
        for nothing is known, and (an alias that evaluates its target's) AWS itself answers with it only while it is."""
        began_at, check = self._clock.now(), check or self._own_check(arn)
        if not check:
            return TargetHealth(1, 1, began_at, frozenset({short(arn)}))
        answer = await self._calls.call(account, GET_HEALTH_CHECK_STATUS, target=check, HealthCheckId=check)
        said = [each.get("StatusReport", {}).get("Status", "") for each in answer.items("HealthCheckObservations")]
        if not said:
            raise Unavailable(f"No checker of {check} has said anything yet")
        reached = sum(each.startswith("Success") for each in said)
        return TargetHealth(int(2 * reached > len(said)), 1, answer.began_at, frozenset({short(arn)}))

    def _own_check(self, arn: str) -> str:
        record_set = record_set_of(arn)
        if record_set not in self._checks:
            raise Unavailable(f"The records of {record_set} were not read yet")
        return self._checks[record_set].get(arn, "")


def _known(arn: str, listed: Listed) -> tuple[Member, ...]:
    if listed.unknown_fields:
        raise Refused(
            f"The records of {arn} have a field that this version of Okra does not know and could not put back"
            f" ({', '.join(listed.unknown_fields)}): update Okra, or remove it",
            reason="UnsupportedRecord",
        )
    return members_of(arn, listed.records)
