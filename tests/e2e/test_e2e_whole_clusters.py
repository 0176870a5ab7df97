"""Whole clusters end to end: the documents of `examples/` on real control planes, with Argo CD's own controller."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.e2e.story import FIRST, SECOND, SHAPES, Story

pytestmark = [pytest.mark.timeout(900)]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_long_example_moves_from_its_first_clusters_to_its_second(story: Story, shape: str) -> None:
    story = replace(story, **SHAPES[shape])
    fleet = story.fleet
    story.begin()
    story.is_on(FIRST)
    web, api = fleet.observe("web"), fleet.observe("api")
    story.move()
    story.synced()
    new = {each: [fleet.groups[cluster] for cluster in story.cluster(each, SECOND)] for each in ("web", "api")}
    shares = [int(each * 100) for each in dict.fromkeys(web.shares(new["web"]))]
    assert shares == list(range(0, 101, 10))
    assert len(set(fleet.traffic("web").values())) == 1
    assert [int(each * 100) for each in dict.fromkeys(api.shares(new["api"]))] == [0, 100]
    story.is_on(SECOND)
