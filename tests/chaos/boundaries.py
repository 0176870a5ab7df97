"""What a write to the API server is about, in words that are the same whenever the same is written again.

A boundary is a write that says something new: another phase, stage or weight, another spec, labels, a child that is
made. Times, numbers of attempts and measurements are left out, so there are not many, however often what was lost is
written again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

BESIDE = ("events", "leases")
"""Nothing comes of them."""
TOLD = ("phase", "ready", "machine", "weight", "lastPassed")
"""What of a status is said as it is."""


def boundary_of(method: str, path: str, body: bytes) -> str:
    """Empty for a request that is none."""
    plural, *rest = path.rpartition("/namespaces/")[2].split("/")[1:] or [""]
    if method == "GET" or not plural or plural in BESIDE:
        return ""
    said: Mapping[str, Any] = json.loads(body or b"{}")
    name = rest[0] if rest else said["metadata"]["name"]
    words = " ".join(_words(said) if method == "PATCH" else ["made" if method == "POST" else "deleted"])
    return f"{plural}/{name}: {words}"


def _words(said: Mapping[str, Any]) -> Iterator[str]:
    if (status := said.get("status")) is not None:
        yield from _told(status)
    if "spec" in said:
        yield f"spec {_digest(said['spec'])}"
    metadata = said.get("metadata") or {}
    for field in ("labels", "annotations"):
        yield from (f"{'+-'[value is None]}{key}" for key, value in (metadata.get(field) or {}).items())
    if "finalizers" in metadata:
        yield f"finalizers {metadata['finalizers']}"


def _told(status: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{field} {status[field]}" for field in TOLD if status.get(field) is not None)
    for route in status.get("routes") or ():
        yield "confirmed" if route.get("confirmedAt") else "asked"
    for each in status.get("applications") or ():
        left = f", not left {len(each['former'])}" if each.get("former") else ""
        yield f"({each['name']}: {each.get('stage')} {each.get('phase')}{left})"


def _digest(spec: Any) -> str:
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:6]
