"""Okra is killed at every stage of whole clusters, on the way to the new ones and on the way back: the same end."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from tests.e2e.story import ALONE, FIRST, SECOND, Story

pytestmark = [pytest.mark.timeout(900)]


def kill_at_every_stage(story: Story) -> list[tuple[str, ...]]:
    """Whenever an application is at another stage or phase than before, until the Cell is at rest. Returns where."""
    controllers, killed = story.fleet.okra.controllers, [story.stages()]
    story.move()
    while not story.at_rest():
        if (seen := story.stages()) and seen not in killed:
            killed.append(seen)
            controllers.started[-1].kill()
            story.fleet.okra.start(ALONE)
    return killed[1:]


def test_a_kill_at_every_stage_leads_to_the_same_end(story: Story) -> None:
    story.begin()
    killed = kill_at_every_stage(story)
    story.synced()
    story.is_on(SECOND)
    stages = {stage for each in killed for stage in each}
    assert {f"{name}: Migrating Syncing" for name in story.applications} <= stages, killed
    assert "backgroundjobs: Init Syncing" in stages, killed  # others have no prechecks: a moment's stage


def test_a_kill_at_every_stage_of_the_way_back_leads_to_the_same_end(story: Story) -> None:
    story = replace(story, applications=("web",))
    story.begin()
    before = story.fleet.world.weights(story.fleet.routes["web"].arn)
    story.says(lambda: 0.9 if story.share("web") >= Fraction(3, 10) else 0.0)
    killed = kill_at_every_stage(story)
    story.until({"": "Failed", "web": "Failed"})
    story.is_on(FIRST)
    now = story.fleet.world.weights(story.fleet.routes["web"].arn)
    assert {arn: weight for arn, weight in now.items() if weight} == before
    assert {"web: Migrating Syncing", "web: Error Reverting"} <= {stage for each in killed for stage in each}, killed
