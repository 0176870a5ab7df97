"""A listener's rule as Go okra and courier_alb write it: its priority, and the requests that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from okra.convert.document import Unconvertible
from okra.convert.fields import Fields

GO_OKRA = {
    "hosts": "hosts",
    "pathPatterns": "pathPatterns",
    "methods": "methods",
    "sourceIPs": "sourceIPs",
    "headers": "headers",
    "queryStrings": "queryStrings",
}
COURIER = {
    "hosts": "hosts",
    "pathPatterns": "path_patterns",
    "methods": "methods",
    "sourceIPs": "source_ips",
    "headers": "headers",
    "queryStrings": "querystrings",
}


def conditions(rule: Fields, names: Mapping[str, str]) -> dict[str, Any]:
    """Okra's `conditions`, from the fields that have them under `names`; empty for none."""
    found: dict[str, Any] = {}
    for name in ("hosts", "pathPatterns", "methods", "sourceIPs"):
        if values := rule.words(names[name]):
            found[name] = [value.upper() for value in values] if name == "methods" else values
    headers = rule.take(names["headers"]) or {}
    if not isinstance(headers, Mapping):
        raise Unconvertible(rule.where(names["headers"]), "must be a map: header → values")
    if headers:
        found["headers"] = {str(key): value if isinstance(value, list) else [value] for key, value in headers.items()}
    if pairs := rule.labels(names["queryStrings"]):
        found["queryStrings"] = [
            {"key": key, "value": value} if key else {"value": value} for key, value in pairs.items()
        ]
    return found
