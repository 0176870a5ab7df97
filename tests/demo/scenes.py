"""A demo that has been told, as values: everything happened unless a test says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from okra.demo.clusters import Cluster
from okra.demo.judgement import Evidence
from okra.demo.ledger import Happened, Ledger
from okra.demo.load import Seen
from okra.demo.script import BAD, FIRST, GOOD

STATUS: dict[str, Any] = {
    "phase": "Failed",
    "reason": "RolledBack",
    "message": "1.1.0 holds the traffic. Check errors failed.",
    "stableVersion": GOOD,
    "desiredVersion": GOOD,
    "blockedVersions": [{"version": BAD, "reason": "CheckFailed", "time": "2026-01-01T00:00:00Z"}],
}


def ledger() -> Ledger:
    found = Ledger(started_at=1000.0)
    found.clusters = {
        "arn:first": Cluster("web-1-0-0-a", FIRST, requests=500),
        "arn:good": Cluster("web-1-1-0-a", GOOD, requests=900),
        "arn:bad": Cluster("web-1-2-0-a", BAD, fail_every=20, requests=100, errors=5),
    }
    for weights in (
        {"arn:first": 1},
        {"arn:first": 0, "arn:good": 1},
        {"arn:good": 9, "arn:bad": 1},
        {"arn:good": 1, "arn:bad": 0},
    ):
        found.saw_weights(weights)
    found.events = [
        event(1010.0, "WeightsConfirmed", GOOD),
        event(1040.0, "WeightsConfirmed", BAD),
        event(1050.0, "CheckFailed", BAD),
        event(1050.1, "Reverting", BAD),
        event(1050.25, "WeightsConfirmed", BAD),
        event(1050.25, "Reverted", BAD),
    ]
    return found


def event(at: float, reason: str, version: str) -> Happened:
    return Happened(at, "cell/web", reason, f"{reason} of {version}.", reason == "CheckFailed", version)


def evidence(**changes: Any) -> Evidence:
    whole = Evidence(
        ledger=ledger(),
        seen=Seen(served=1495, failed=5),
        weights={"arn:good": 1, "arn:bad": 0},
        status=STATUS,
        good_was_all=True,
        late=0,
    )
    return replace(whole, **changes)
