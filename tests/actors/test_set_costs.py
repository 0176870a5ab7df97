"""What sets cost at rest is the clusters' and the groups' number, and not their own."""

from __future__ import annotations

import pytest
import structlog

from tests.actors.set_costs import calls_a_minute

pytestmark = pytest.mark.looptime

LISTINGS = {"ListClusters": 2, "GetResources": 4, "DescribeTargetGroups": 2}
"""A minute: two looks, of which each lists clusters and target groups."""


@pytest.mark.parametrize("sets", [1, 10])
async def test_sets_at_rest_share_the_listings_of_their_account_and_ask_about_no_single_thing(sets: int) -> None:
    with structlog.testing.capture_logs():
        assert await calls_a_minute(sets, 20, settled=600.0) == LISTINGS
