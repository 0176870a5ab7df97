"""A leader that stands still between asking whether it may write and writing: the write lands when it goes on."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import Any

import pytest

from okra.testing.aws_world import AwsWorld
from tests.chaos.stopped import STOPS_AT
from tests.kube.controller_process import PATIENCE, Controller, Controllers
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import cell, error_rate, steps
from tests.scenarios.metrics import Answer, Metrics
from tests.scenarios.observer import Observer

pytestmark = [pytest.mark.timeout(600)]

PLAN = [20, 40, 60, 80]
THIRD = "3"
"""Its writes: attached at 0, 20 %, 40 %."""
LATE = 40
GONE = 10.0
"""Seconds within which a late write must be gone: a poll of half a second and a write, on a slow machine."""


def stands_still(controllers: Controllers) -> Controller:
    """A leader with a write of 40 % at the tip of its tongue, and its successor."""
    environ: dict[str, Any] = {STOPS_AT: THIRD}
    first = controllers.start(module=("tests.chaos.stopped",), **environ)
    first.until("TermBegun")
    controllers.start().ready(leads=False)
    eventually(lambda: first.life.stands() or first.life.ended(), within=PATIENCE)
    assert not first.life.ended(), first.text
    return first


def lands_and_goes(first: Controller, observer: Observer) -> list[Fraction]:
    """Thaw it: its write lands once, and is the next thing that is put right. What was there before it."""
    before = observer.percents("1.1.0")
    first.thaw()

    def landed(seen: list[Fraction]) -> bool:
        return LATE in seen[len(before) :]

    eventually(lambda: observer.percents("1.1.0"), landed, within=PATIENCE, every=0.02)
    seen_at = time.monotonic()
    seen = eventually(
        lambda: observer.percents("1.1.0"), lambda seen: landed(seen) and seen[-1] != LATE, within=PATIENCE, every=0.02
    )
    assert time.monotonic() - seen_at < GONE
    at = seen.index(Fraction(LATE), len(before))
    assert seen[at + 1] == seen[at - 1], f"{LATE} % came late and was not put right: {seen}"
    return seen[:at]


def test_a_late_write_in_mid_rollout_is_gone_within_a_poll_and_the_rollout_comes_to_its_end(
    aws_world: AwsWorld, controllers: Controllers
) -> None:
    route = aws_world.route(tags={"role": "web"})
    observer = Observer(aws_world.url, route)
    controllers.apply(cell("web", route, replicas=2, updateStrategy=steps(*PLAN, each="5s")))
    first = stands_still(controllers)
    assert observer.percents("1.1.0") == [0, 20]
    eventually(lambda: observer.percents("1.1.0"), lambda seen: 60 in seen, within=PATIENCE)
    before = lands_and_goes(first, observer)
    status = controllers.until(lambda status: status.get("stableVersion") == "1.1.0")
    assert (status["phase"], status["rollouts"]) == ("Synced", 1)
    rest = observer.percents("1.1.0")[len(before) + 1 :]
    assert [*before[:-1], *rest] == [0, *PLAN, 100]
    first.until("TermEnded", stopping=False)


def test_a_late_write_after_the_revert_is_gone_within_a_poll_and_the_version_stays_blocked(
    aws_world: AwsWorld, controllers: Controllers
) -> None:
    route = aws_world.route(tags={"role": "web"})
    observer = Observer(aws_world.url, route)
    value = [0.0]
    with Metrics(lambda: Answer(value[0])) as metrics:
        spec: dict[str, Any] = {"updateStrategy": steps(*PLAN, each="500ms"), "checks": [error_rate(metrics.url)]}
        controllers.apply(cell("web", route, replicas=2, **spec))
        first = stands_still(controllers)
        value[0] = 0.9
        controllers.until(lambda status: status.get("reason") == "RolledBack")
        assert observer.percents("1.1.0") == [0, 20, LATE, 0]
        assert lands_and_goes(first, observer) == [0, 20, LATE, 0]
        first.until("TermEnded", stopping=False)
    status = controllers.until(lambda status: status.get("phase") == "Failed")
    assert [block["version"] for block in status["blockedVersions"]] == ["1.1.0"]
    assert (status["stableVersion"], status["rollouts"]) == ("1.0.0", 1)
    assert observer.percents("1.1.0") == [0, 20, LATE, 0, LATE, 0]
