"""Listing weighted records: of each hosted zone in one chain of pages, whoever asks for however many of its names.

Route 53 lists a zone from a name and type on, and takes five calls a second of a whole account. So a page that holds
more than was asked for serves the others too: a record's owner stands right behind it, and so does AAAA behind A. A
name that a page doesn't show is asked for by itself: that it isn't there is for AWS to say, not for Okra's idea of
the order of names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from okra.api.dns_names import dns_name
from okra.aws.batches import Batches
from okra.aws.calls import Answer, Calls
from okra.aws.operations import LIST_RECORD_SETS
from okra.aws.responses import UNKNOWN_FIELDS
from okra.errors import OkraError
from okra.ports import Account

Record = Mapping[str, Any]
"""A ResourceRecordSet as the API gave it."""
Name = tuple[str, str]
"""A name as Okra writes it (`okra.api.dns_names`), and a type."""
_PAGE = 300
"""What AWS gives at most."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The records of one name and type, none where there are none."""

    records: tuple[Record, ...]
    unknown_fields: tuple[str, ...]
    """Names of their fields that the SDK dropped."""
    began_at: float
    sent_at: float


class Zones:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._batches = Batches[tuple[Account, str], Name, Listed](self._read)

    async def read(self, account: Account, zone: str, name: Name) -> Listed:
        """The records of a name and type, by a call that began after this one."""
        found = (await self._batches.get((account, zone), [name]))[name]
        if isinstance(found, OkraError):
            raise found
        return found

    async def close(self) -> None:
        await self._batches.close()

    async def _read(self, place: tuple[Account, str], names: Sequence[Name]) -> dict[Name, Listed | OkraError]:
        found: dict[Name, Listed | OkraError] = {}
        for name in sorted(names, key=_order):
            if name in found:
                continue
            try:
                found |= await self._list(*place, name, names)
            except OkraError as error:
                found[name] = error
        return found

    async def _list(self, account: Account, zone: str, first: Name, names: Sequence[Name]) -> dict[Name, Listed]:
        """The first of these names, and those others that came along whole."""
        pages = [await self._page(account, zone, {"Name": first[0], "Type": first[1]})]
        while (last := pages[-1].data).get("IsTruncated") and name_of_next(last) == first:
            following = {each: last.get(f"NextRecord{each}") for each in ("Name", "Type", "Identifier")}
            more = {each: value for each, value in following.items() if value}
            pages.append(await self._page(account, zone, more))
        records: dict[Name, list[Record]] = {}
        unknown: dict[Name, list[str]] = {}
        for page in pages:
            for record in page.items("ResourceRecordSets"):
                records.setdefault(name_of(record), []).append(record)
            for key, fields in page.data.get(UNKNOWN_FIELDS, {}).items():
                unknown.setdefault(name_of({"Name": key.split()[0], "Type": key.split()[1]}), []).extend(fields)
        cut = name_of_next(last) if last.get("IsTruncated") else None
        whole = [name for name in names if name == first or (name in records and name != cut)]
        began_at, sent_at = pages[0].began_at, pages[0].sent_at
        return {
            name: Listed(tuple(records.get(name, ())), tuple(unknown.get(name, ())), began_at, sent_at)
            for name in whole
        }

    async def _page(self, account: Account, zone: str, start: Mapping[str, str]) -> Answer:
        parameters: dict[str, Any] = {f"StartRecord{field}": value for field, value in start.items()}
        return await self._calls.call(
            account, LIST_RECORD_SETS, target=zone, HostedZoneId=zone, MaxItems=str(_PAGE), **parameters
        )


def name_of(record: Record) -> Name:
    return dns_name(record["Name"]), record["Type"]


def name_of_next(page: Mapping[str, Any]) -> Name | None:
    """Where the next page begins."""
    name = page.get("NextRecordName")
    return None if name is None else (dns_name(name), page.get("NextRecordType", ""))


def _order(name: Name) -> tuple[list[str], str]:
    """About as AWS lists them; it saves calls where it is right, and costs none where it isn't."""
    return list(reversed(name[0].split("."))), name[1]
