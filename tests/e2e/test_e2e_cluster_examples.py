"""The smaller examples of whole clusters, as their pages tell it: the next cluster takes the place of the last."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import groupby
from typing import Any

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.installed import Manifest
from tests.e2e.story import ALONE, Story, asks

pytestmark = [pytest.mark.timeout(900)]


def documents(story: Story, example: str, old: str, new: str, **spec: Any) -> list[Manifest]:
    found = story.fleet.example(example, lambda text: text.replace(old, new))
    for each in found:
        if "applications" in each["spec"]:
            asks(story.url, each["spec"])
            each["spec"].update(spec)
    return found


def test_blue_green_moves_all_of_a_listeners_traffic_in_one_step(story: Story) -> None:
    fleet, blue, green = story.fleet, "payments-blue", "payments-green"
    fleet.sets = {"app": "payments"}
    quick = {"bakeTime": "1s", "retainFor": "1s"}
    fleet.cluster(blue, "v1")
    fleet.route_of("app", None, [blue])
    fleet.apply(documents(story, "08-blue-green-clusters", blue, blue, **quick))
    fleet.okra.start(ALONE)
    until_synced(fleet, "payments", "app")
    fleet.cluster(green, "v2")
    seen = fleet.observe("app")
    fleet.apply(documents(story, "08-blue-green-clusters", blue, green, **quick))
    until_synced(fleet, "payments", "app")
    assert [int(each * 100) for each in dict.fromkeys(seen.shares([fleet.groups[green]]))] == [0, 100]
    assert fleet.traffic("app") == {green: fleet.traffic("app")[green]}
    fleet.until_it_runs_on("app", {green})
    fleet.assert_nobody_was_hurt()


def test_background_workers_never_run_on_two_clusters(story: Story) -> None:
    fleet, old, new = story.fleet, "mailer-2026-11", "mailer-2026-12"
    fleet.sets = {"workers": "mailer"}
    story.says(lambda: 0.5)
    fleet.cluster(old, "v1")
    fleet.apply(documents(story, "09-background-workers", old, old))
    fleet.okra.start(ALONE)
    until_synced(fleet, "mailer", "workers")
    fleet.cluster(new, "v2")
    fleet.apply(documents(story, "09-background-workers", old, new))
    until_synced(fleet, "mailer", "workers")
    fleet.until_it_runs_on("workers", {new})
    fleet.assert_nobody_was_hurt("workers")


def test_applications_in_lockstep_step_together_and_come_back_together(story: Story) -> None:
    """One of them has two rules. First a check of the other fails, and then no more."""
    fleet, names, rules = story.fleet, ("site", "api"), ("site", "rule", "api")
    fleet.sets = {"site": "store-site", "rule": "store-site", "api": "store-api"}
    quick = {"propagationDelay": "1s", "retainFor": "1s"}
    for each in names:
        fleet.cluster(f"store-{each}-v1", "v1")
    for each, priority in zip(rules, (10, 11, 20), strict=True):
        fleet.route_of(each, priority, [f"store-{'api' if each == 'api' else 'site'}-v1"])
    fleet.apply(at_once(documents(story, "15-lockstep", "-v1", "-v1", **quick)))
    fleet.okra.start(ALONE)
    until_synced(fleet, "store", *names)
    for each in names:
        fleet.cluster(f"store-{each}-v2", "v2")
    story.says(lambda: 0.9)
    seen = {each: fleet.observe(each) for each in rules}
    fleet.apply(at_once(documents(story, "15-lockstep", "-v1", "-v2", **quick)))
    fleet.until({"": "Failed", "site": "Failed", "api": "Failed"}, name="store")
    assert [*map(fleet.traffic, rules)] == [{f"store-{each}-v1": 1} for each in ("site", "site", "api")]
    story.says(lambda: 0.0)
    fleet.okra.controllers.command("retry", name="store")
    until_synced(fleet, "store", *names)
    new = [fleet.groups[f"store-{each}-v2"] for each in names]
    for each in rules:
        assert [int(100 * share) for share in steps(seen[each].shares(new))] == [0, 50, 0, 50, 100], each
    for each in names:
        fleet.until_it_runs_on(each, {f"store-{each}-v2"})
    fleet.assert_nobody_was_hurt()


def steps(shares: Iterable[Fraction]) -> list[Fraction]:
    """Without repetitions in a row."""
    return [share for share, _ in groupby(shares)]


def at_once(found: list[Manifest]) -> list[Manifest]:
    """Nobody waits a minute at a step."""
    for each in found:
        if "applications" in each["spec"]:
            each["spec"]["applications"][0]["alb"][0]["updateStrategy"]["stepInterval"] = "1s"
    return found


def until_synced(fleet: Fleet, name: str, *applications: str) -> None:
    fleet.until({"": "Synced", **dict.fromkeys(applications, "Synced")}, name=name)
