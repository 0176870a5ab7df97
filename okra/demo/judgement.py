"""Did all of it really happen? Judged by the world, after the end; nothing that Okra says of itself is enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from okra.demo.balance import share_of
from okra.demo.ledger import Ledger
from okra.demo.load import Seen
from okra.demo.script import BAD, FIRST, GOOD

SMALL = 0.35
"""The largest share of the traffic that a bad version may get before the checks catch it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    ledger: Ledger
    seen: Seen
    """What the users got. Final: the load had stopped."""
    weights: Mapping[str, int]
    """Read from AWS at the very end."""
    status: Mapping[str, Any]
    """Of the Cell, from the store, at the very end."""
    good_was_all: bool
    """AWS showed 1.1.0 with all of the traffic, and the Cell was Synced on it, before 1.2.0 appeared."""
    late: int
    """Requests that reached 1.2.0 after the revert was confirmed and the proxy had looked at the weights again."""


def missing(evidence: Evidence) -> list[str]:
    """What should have happened and did not. Empty: everything did."""
    return [*_traffic(evidence), *_good(evidence), *_bad(evidence), *_end(evidence)]


def _traffic(evidence: Evidence) -> Iterator[str]:
    ledger, seen = evidence.ledger, evidence.seen
    if not ledger.requests(FIRST):
        yield f"no request reached {FIRST}"
    if seen.served + seen.failed != ledger.requests():
        yield f"users sent {seen.served + seen.failed} requests, but the clusters counted {ledger.requests()}"
    if seen.failed != ledger.errors():
        yield f"{seen.failed} requests failed, but the clusters failed {ledger.errors()}"
    if ledger.errors() != ledger.errors(BAD):
        yield f"{ledger.errors() - ledger.errors(BAD)} requests failed at a good version"


def _good(evidence: Evidence) -> Iterator[str]:
    if not evidence.good_was_all:
        yield f"{GOOD} did not get all of the traffic"
    if not evidence.ledger.requests(GOOD):
        yield f"no request reached {GOOD}"


def _bad(evidence: Evidence) -> Iterator[str]:
    ledger, largest = evidence.ledger, evidence.ledger.largest.get(BAD, 0.0)
    if not ledger.requests(BAD) or not largest:
        yield f"no request reached {BAD}"
    elif not ledger.errors(BAD):
        yield f"{BAD} failed no request"
    if largest > SMALL:
        yield f"{BAD} had {largest:.0%} of the traffic: it was not caught at a small weight"
    if ledger.revert_seconds(BAD) is None:
        yield f"no check failed {BAD}, or its revert was not confirmed"
    elif evidence.late:
        yield f"{evidence.late} requests reached {BAD} after its revert was confirmed"


def _end(evidence: Evidence) -> Iterator[str]:
    status, share = evidence.status, share_of(evidence.weights, evidence.ledger.arns(GOOD))
    if share != 1.0:
        yield f"at the end {GOOD} has {share:.0%} of the traffic in AWS, not all of it"
    if (status.get("phase"), status.get("reason")) != ("Failed", "RolledBack"):
        yield f"the Cell ends as {status.get('phase')}/{status.get('reason')}, not as Failed/RolledBack"
    if status.get("stableVersion") != GOOD:
        yield f"the Cell's stable version is {status.get('stableVersion')}, not {GOOD}"
    if BAD not in [blocked["version"] for blocked in status.get("blockedVersions") or ()]:
        yield f"{BAD} is not blocked"


def figures(evidence: Evidence) -> list[tuple[str, str]]:
    """The table at the end."""
    ledger, seen = evidence.ledger, evidence.seen
    seconds = ledger.revert_seconds(BAD)
    return [
        ("requests served", f"{seen.served:,}"),
        ("requests failed", f"{seen.failed:,}"),
        (f"requests seen by {BAD}", f"{ledger.requests(BAD):,}"),
        (f"largest share that {BAD} had", f"{ledger.largest.get(BAD, 0.0):.0%}"),
        ("failing verdict to confirmed revert", "never" if seconds is None else f"{seconds * 1000:.0f} ms"),
    ]
