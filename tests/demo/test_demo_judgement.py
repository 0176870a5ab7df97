"""The exit code is 0 only if everything really happened; each thing that did not is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from okra.demo.judgement import figures, missing
from okra.demo.ledger import Ledger
from okra.demo.load import Seen
from okra.demo.script import BAD, FIRST, GOOD
from tests.demo.scenes import STATUS, evidence, ledger


def test_nothing_is_missing_when_everything_happened() -> None:
    assert missing(evidence()) == []


def test_the_figures_are_those_of_the_world() -> None:
    assert figures(evidence()) == [
        ("requests served", "1,495"),
        ("requests failed", "5"),
        ("requests seen by 1.2.0", "100"),
        ("largest share that 1.2.0 had", "10%"),
        ("failing verdict to confirmed revert", "250 ms"),
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seen": Seen(served=1494, failed=5)}, "users sent 1499 requests, but the clusters counted 1500"),
        ({"seen": Seen(served=1490, failed=10)}, "10 requests failed, but the clusters failed 5"),
        ({"good_was_all": False}, "1.1.0 did not get all of the traffic"),
        ({"late": 3}, "3 requests reached 1.2.0 after its revert was confirmed"),
        ({"weights": {"arn:good": 9, "arn:bad": 1}}, "at the end 1.1.0 has 90% of the traffic in AWS, not all of it"),
        ({"weights": {}}, "at the end 1.1.0 has 0% of the traffic in AWS, not all of it"),
        ({"status": {**STATUS, "phase": "Synced"}}, "the Cell ends as Synced/RolledBack, not as Failed/RolledBack"),
        ({"status": {**STATUS, "stableVersion": FIRST}}, "the Cell's stable version is 1.0.0, not 1.1.0"),
        ({"status": {**STATUS, "blockedVersions": []}}, "1.2.0 is not blocked"),
    ],
)
def test_what_did_not_happen_is_said(changes: dict[str, object], said: str) -> None:
    assert missing(evidence(**changes)) == [said]


def _quiet(version: str) -> Callable[[Ledger], None]:
    def change(found: Ledger) -> None:
        for cluster in found.clusters.values():
            if cluster.version == version:
                cluster.requests = cluster.errors = 0

    return change


def _forget(reason: str) -> Callable[[Ledger], None]:
    def change(found: Ledger) -> None:
        found.events = [each for each in found.events if each.reason != reason]

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_quiet(FIRST), "no request reached 1.0.0"),
        (_quiet(GOOD), "no request reached 1.1.0"),
        (_quiet(BAD), "no request reached 1.2.0"),
        (_forget("CheckFailed"), "no check failed 1.2.0, or its revert was not confirmed"),
        (_forget("Reverting"), "no check failed 1.2.0, or its revert was not confirmed"),
        (
            lambda found: found.largest.update({BAD: 0.6}),
            "1.2.0 had 60% of the traffic: it was not caught at a small weight",
        ),
    ],
)
def test_what_the_world_did_not_see_is_said(change: Callable[[Ledger], None], said: str) -> None:
    found = ledger()
    change(found)
    total, errors = found.requests(), found.errors()
    assert missing(evidence(ledger=found, seen=Seen(total - errors, errors))) == [said]


def test_a_request_that_failed_at_a_good_version_is_said() -> None:
    found = ledger()
    found.clusters["arn:good"].errors = 1
    assert missing(evidence(ledger=found, seen=Seen(1494, 6))) == ["1 requests failed at a good version"]


def test_a_confirmation_before_the_verdict_is_none_of_the_revert() -> None:
    found = ledger()
    found.events = [each for each in found.events if each.at < 1050.2]
    assert found.revert_seconds(BAD) is None
