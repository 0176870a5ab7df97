"""The conditions of a listener's rule, as the API has them and as Okra does. Pure.

Conditions are compared by what they mean: AWS keeps no order of them, and matches host names, headers and queries
whatever their case.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from okra.ports import RequestCondition

_CONFIGS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "http-header": "HttpHeaderConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}
_EXACT = frozenset({"path-pattern", "http-request-method"})
"""Fields whose case counts."""
_TEXTS = frozenset({"host-header", "path-pattern", "http-request-method"})
"""Fields of which a request has one value."""
_WILD = re.compile(r"[*?\\]")
_READS_AS_MORE = re.compile(r"[\s=]")


def to_api(conditions: Iterable[RequestCondition]) -> list[dict[str, Any]]:
    """As CreateRule takes them."""
    return [{"Field": each.field, _CONFIGS[each.field]: _config(each)} for each in conditions]


def _config(condition: RequestCondition) -> dict[str, Any]:
    if condition.field == "query-string":
        return {"Values": [({"Key": key} if key else {}) | {"Value": value} for key, value in condition.values]}
    name = {"HttpHeaderName": condition.header} if condition.header else {}
    return {**name, "Values": [value for _, value in condition.values]}


def difference(wanted: Collection[RequestCondition], rule: Sequence[Mapping[str, Any]]) -> str:
    """How a rule's conditions, as the API gave them, differ from those wanted, in words; empty where they don't."""
    there, asked = set(map(_of_api, rule)), set(map(_canonical, wanted))
    parts = [
        f"{verb} {', '.join(sorted(map(_said, some)))}"
        for verb, some in (("it takes", there - asked), ("and should take", asked - there))
        if some
    ]
    return " ".join(parts).removeprefix("and ")


def overlap(wanted: Collection[RequestCondition], rule: Sequence[Mapping[str, Any]]) -> bool:
    """May one request meet these conditions and a rule's? False only where it is plain that none does."""
    asked, there = list(map(_canonical, wanted)), list(map(_of_api, rule))
    return not any(one.field == other.field and _apart(one, other) for one in asked for other in there)


def _apart(one: RequestCondition, other: RequestCondition) -> bool:
    """Does every value of the one begin or end otherwise than every value of the other?"""
    pairs = [*one.values, *other.values]
    plain = one.field in _TEXTS and one.values and other.values and not any(name for name, _ in pairs)
    return bool(plain) and all(_differ(mine, its) for _, mine in one.values for _, its in other.values)


def _differ(one: str, other: str) -> bool:
    """Is there no text that fits both patterns? As far as their literal beginnings and endings tell."""
    mine, its = _WILD.split(one), _WILD.split(other)
    if len(mine) == len(its) == 1:
        return one != other
    head, tail = min(len(mine[0]), len(its[0])), min(len(mine[-1]), len(its[-1]))
    return mine[0][:head] != its[0][:head] or mine[-1][len(mine[-1]) - tail :] != its[-1][len(its[-1]) - tail :]


def _of_api(raw: Mapping[str, Any]) -> RequestCondition:
    """One whose configuration Okra doesn't know (regular expressions) is like none that it makes."""
    field = str(raw.get("Field", ""))
    config = raw.get(_CONFIGS.get(field, ""), {})
    unknown = sorted(config.keys() - {"Values", "HttpHeaderName"})
    values = config.get("Values") or raw.get("Values") or ()
    pairs = [
        (each.get("Key") or "", each.get("Value") or "") if isinstance(each, Mapping) else ("", str(each))
        for each in values
    ]
    pairs += [(name, str(each)) for name in unknown for each in config[name]]
    return _canonical(RequestCondition(field, tuple(pairs), config.get("HttpHeaderName", "")))


def _canonical(condition: RequestCondition) -> RequestCondition:
    pairs = set(condition.values)
    if condition.field not in _EXACT:
        pairs = {(key.lower(), value.lower()) for key, value in pairs}
    if condition.field == "source-ip":
        pairs = {("", _range(value)) for _, value in pairs}
    return RequestCondition(condition.field, tuple(sorted(pairs)), condition.header.lower())


def _range(value: str) -> str:
    """One range of addresses has several spellings."""
    try:
        return str(ip_network(value, strict=False))
    except ValueError:
        return value


def _said(condition: RequestCondition) -> str:
    """One condition, for people: `http-header x-canary: 1 or 2`; a value that could be read as more is quoted."""
    plain = [(key, f'"{value}"' if _READS_AS_MORE.search(value) else value) for key, value in condition.values]
    values = " or ".join(f"{key}={value}" if key else value for key, value in plain)
    return f"{' '.join(part for part in (condition.field, condition.header) if part)}: {values}"
