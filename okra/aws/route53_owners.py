"""The owner of weighted records: a TXT record beside them, since record sets have no tags.

Route 53 makes a record (CREATE) only where there is none of its name and type, so that of two who claim it one fails:
this claim excludes by itself. It goes (DELETE) only with all that it was read with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

from okra.api.records import parts_of
from okra.aws.calls import Calls
from okra.aws.operations import CHANGE_RECORD_SETS
from okra.aws.route53_records import whole
from okra.aws.route53_zones import Listed, Name, Record, Zones
from okra.errors import Conflict
from okra.ports import Account, OwnerReading

_TTL = 300
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_LONGEST = 255
"""Characters of one string in a TXT record."""


class RecordOwners:
    def __init__(self, calls: Calls, zones: Zones) -> None:
        self._calls, self._zones = calls, zones

    async def owner(self, account: Account, arn: str) -> OwnerReading:
        """Whose the record set `arn` is."""
        found = await self._read(account, arn)
        return OwnerReading(_owner_of(found), found.sent_at)

    async def claim(self, account: Account, arn: str, owner: str) -> str:
        """Make it `owner`'s unless it has one; whose it is as read afterwards."""
        if present := (await self.owner(account, arn)).owner:
            return present
        _, (name, kind) = owner_record(arn)
        mark = {"Name": f"{name}.", "Type": kind, "TTL": _TTL, "ResourceRecords": [{"Value": _quoted(owner)}]}
        with suppress(Conflict):  # somebody was faster
            await self._change(account, arn, [("CREATE", mark)])
        return (await self.owner(account, arn)).owner

    async def release(self, account: Account, arn: str, owner: str) -> None:
        """Remove the record if it is `owner`'s."""
        found = await self._read(account, arn)
        if _owner_of(found) == owner:  # as it is by now: a person may have given it another TTL
            await self._change(account, arn, [("DELETE", whole(record)) for record in found.records])

    async def _read(self, account: Account, arn: str) -> Listed:
        zone, name = owner_record(arn)
        return await self._zones.read(account, zone, name)

    async def _change(self, account: Account, arn: str, changes: Sequence[tuple[str, Record]]) -> None:
        batch = {
            "Comment": "Okra's mark",
            "Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes],
        }
        zone, _ = owner_record(arn)
        await self._calls.call(account, CHANGE_RECORD_SETS, target=arn, HostedZoneId=zone, ChangeBatch=batch)


def _owner_of(found: Listed) -> str:
    values = [each["Value"] for record in found.records for each in record.get("ResourceRecords", ())]
    return _said(values[0]) if values else ""


def owner_record(arn: str) -> tuple[str, Name]:
    """The zone, name and type of the record that says whose a record set is. Each type of a name has its own."""
    zone, name, kind = parts_of(arn)
    return zone, (f"_okra-owner-{kind.lower()}.{name.replace('*', '_any')}", "TXT")


def _quoted(owner: str) -> str:
    """As a TXT record says it."""
    parts = [owner[start : start + _LONGEST] for start in range(0, len(owner), _LONGEST)]
    return " ".join(f'"{part}"' for part in parts)


def _said(value: str) -> str:
    return "".join(_QUOTED.findall(value)) or value
