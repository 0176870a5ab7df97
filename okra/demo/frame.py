"""One moment of the demo as plain values: what both views show, and all they know."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from okra.demo.ledger import Happened, Ledger
from okra.demo.load import Seen
from okra.ports import Object

EVENTS_SHOWN = 8
_LISTENER = re.compile(r"arn:\S+:listener\S*")


@dataclass(frozen=True, slots=True)
class VersionRow:
    version: str
    share: float
    requests: int
    errors: int
    role: str
    """stable, canary, blocked, or nothing."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    name: str
    verdict: str
    text: str


@dataclass(frozen=True, slots=True)
class Frame:
    elapsed: float
    headline: str
    """What the viewer should look at now."""
    versions: tuple[VersionRow, ...]
    served: int
    failed: int
    phase: str
    step: str
    message: str
    checks: tuple[CheckRow, ...]
    events: tuple[Happened, ...]
    started_at: float
    pages: str = ""
    """HOST:PORT of Okra's pages, once they are served."""


def frame_of(
    headline: str,
    ledger: Ledger,
    seen: Seen,
    status: Mapping[str, Any],
    checks: Iterable[Object],
    pages: str = "",
) -> Frame:
    return Frame(
        elapsed=time.time() - ledger.started_at,
        headline=headline,
        versions=tuple(
            VersionRow(
                version, ledger.share(version), ledger.requests(version), ledger.errors(version), _role(version, status)
            )
            for version in ledger.versions
        ),
        served=seen.served,
        failed=seen.failed,
        phase=status.get("phase") or "-",
        step=_step(status),
        message=(status.get("message") or "").splitlines()[0] if status.get("message") else "",
        checks=tuple(_check(obj) for obj in checks),
        events=tuple(ledger.events[-EVENTS_SHOWN:]),
        started_at=ledger.started_at,
        pages=pages,
    )


def _role(version: str, status: Mapping[str, Any]) -> str:
    if any(blocked["version"] == version for blocked in status.get("blockedVersions") or ()):
        return "blocked"
    if version == status.get("stableVersion"):
        return "stable"
    return "canary" if status.get("step") and version == status.get("desiredVersion") else ""


def _step(status: Mapping[str, Any]) -> str:
    return f"{status['step']} at {status.get('weight') or '0%'}" if status.get("step") else "-"


def _check(obj: Object) -> CheckRow:
    results = ((obj.get("status") or {}).get("analysis") or {}).get("results") or ()
    if not results:
        return CheckRow(obj["metadata"]["name"], "", "not measured yet")
    last = results[-1]
    return CheckRow(obj["metadata"]["name"], last["verdict"], last["reason"])


def event_line(event: Happened, started_at: float) -> str:
    """One line: when, whose, what."""
    message = _LISTENER.sub("the listener", event.message)
    return f"{max(0.0, event.at - started_at):5.1f}s  {event.object} {event.reason}: {message}"
