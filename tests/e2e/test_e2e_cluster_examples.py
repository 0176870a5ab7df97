"""The smaller examples of whole clusters, as their pages tell it: the next cluster takes the place of the last."""

from __future__ import annotations

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


def until_synced(fleet: Fleet, name: str, application: str) -> None:
    fleet.until({"": "Synced", application: "Synced"}, name=name)
