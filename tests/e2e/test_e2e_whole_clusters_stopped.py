"""Moves of whole clusters that don't end where they were to: a person edits or deletes what stopped, or is moving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest

from tests.e2e.story import BEFORE, FIRST, SECOND, THIRD, Story
from tests.scenarios.eventually import eventually
from tests.scenarios.observer import Observer

pytestmark = [pytest.mark.timeout(900)]

WEB = ("web",)
PATIENCE = 150.0
"""Seconds. Far more than it takes: only a failing test waits so long."""


def by(*steps: dict[str, Any], **more: Any) -> Callable[[dict[str, Any]], None]:
    """A change of the spec: web moves in these steps."""

    def change(spec: dict[str, Any]) -> None:
        spec["applications"][0]["alb"]["updateStrategy"] = {"steps": [*steps]}
        spec.update(more)

    return change


HALF = {"setWeight": 50}
UNTIL_SOMEBODY_ACTS: dict[str, Any] = {"pause": {}}


def shares(story: Story, seen: Observer, *versions: str) -> list[int]:
    """Of these versions' clusters in all that the route showed, in percent, without repetitions in a row."""
    groups = [story.fleet.groups[each] for version in versions for each in story.cluster("web", version)]
    return [int(share * 100) for share, _ in groupby(seen.shares(groups))]


def stopped(story: Story) -> Observer:
    """The move to the second version failed at half the traffic, and `onFailure` is Stop."""
    story.begin()
    seen = story.fleet.observe("web")
    story.says(lambda: 0.9 if story.share("web") else 0.0)
    story.move()
    status = story.until({"": "Failed", "web": "Failed"})
    assert "onFailure is Stop: nothing is put back." in status["message"]
    both = {*story.cluster("web", FIRST), *story.cluster("web", SECOND)}
    assert (set(story.fleet.traffic("web")), story.fleet.runs("web")) == (both, both)
    story.says(lambda: 0.0)
    return seen


def test_after_a_stop_the_former_spec_brings_the_traffic_back_before_anything_is_left(story: Story) -> None:
    story = replace(story, applications=WEB, change=by(HALF, onFailure={"action": "Stop"}))
    seen = stopped(story)
    story.ask(FIRST)
    story.synced()
    story.is_on(FIRST)
    assert shares(story, seen, SECOND) == [0, 50, 0]


def test_after_a_stop_a_third_version_takes_the_traffic_before_anything_is_left(story: Story) -> None:
    story = replace(story, applications=WEB, change=by(HALF, onFailure={"action": "Stop"}))
    seen = stopped(story)
    story.move(THIRD)
    story.synced()
    story.is_on(THIRD)
    assert max(shares(story, seen, SECOND)) == 50
    assert shares(story, seen, THIRD) == [0, 50, 100]


def first_move(story: Story) -> tuple[Story, Observer]:
    """To the first version there ever was, at half the traffic, until somebody acts."""
    story = replace(story, applications=WEB, change=by(HALF, UNTIL_SOMEBODY_ACTS))
    story.begin_moving()
    seen = story.fleet.observe("web")
    first = {*story.cluster("web", FIRST)}
    eventually(lambda: set(story.fleet.traffic("web")), lambda found: found == {BEFORE, *first}, within=PATIENCE)
    assert story.fleet.runs("web") == first
    return story, seen


def test_a_first_move_that_is_edited_in_its_middle_goes_to_what_is_wanted_now(story: Story) -> None:
    story, seen = first_move(story)
    story = replace(story, change=by(HALF))
    story.move()
    story.synced()
    story.is_on(SECOND)
    assert shares(story, seen, FIRST) == [0, 50, 0]
    assert shares(story, seen, SECOND) == [0, 50, 100]


def test_a_cell_that_is_deleted_in_its_first_move_goes_when_the_traffic_is_back(story: Story) -> None:
    story, seen = first_move(story)
    okra = story.fleet.okra
    okra.kubectl("delete", story.plural, story.name, "--wait=false")
    find, names = okra.controllers.find, (story.name, f"{story.name}-web")
    eventually(lambda: [each for each in names if find(each)], lambda found: not found, within=PATIENCE)
    assert set(story.fleet.traffic("web")) == {BEFORE}
    assert shares(story, seen, FIRST) == [0, 50, 0]
    assert story.fleet.runs("web") == {*story.cluster("web", FIRST)}, "who may come back finds everything there"
    story.fleet.assert_nobody_was_hurt()
