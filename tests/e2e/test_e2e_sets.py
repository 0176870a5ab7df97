"""From a tag on a new EKS cluster to a rollout: the sets of `examples/` on real control planes, with Argo CD's own
ApplicationSet controller and the double of AWS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from okra.testing.aws_world import VERSION_TAG
from tests.e2e.fleet import Fleet
from tests.e2e.storefront import NAME, Storefront

pytestmark = [pytest.mark.timeout(600)]

BLUE, GREEN = "blue", "green"


def test_a_new_cluster_leads_with_no_hand_on_anything_to_a_rollout(fleet: Fleet) -> None:
    shop, world = Storefront(fleet), fleet.world
    shop.begin()
    shop.appears(BLUE, "v1")
    shop.until_it_serves(BLUE, "v1")
    made, arn = shop.group_of(BLUE), shop.arn_of(BLUE)
    assert (made["Protocol"], made["Port"], made["VpcId"], made["TargetType"]) == ("HTTP", 8080, world.vpc, "ip")
    assert (made["HealthCheckPath"], made["HealthCheckIntervalSeconds"]) == ("/healthz", 10)
    tags = {"role": NAME, VERSION_TAG: "v1", "okra.mumoshu.github.io/owner": f"okra/{fleet.okra.namespace}/{NAME}"}
    assert world.tags(arn).items() >= tags.items()
    attributes = world.elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "30"} in attributes
    assert shop.secret_of(BLUE)["metadata"]["labels"]["app"] == NAME
    assert shop.told(BLUE) == shop.named_in_application(BLUE) == arn
    assert fleet.runs(NAME) == {BLUE}

    seen = shop.observe()
    shop.appears(GREEN, "v2")
    shop.until_it_serves(GREEN, "v2")
    shares = [int(each * 100) for each in dict.fromkeys(seen.shares([shop.arn_of(GREEN)]))]
    assert shares == [0, 50, 100]
    assert shop.named_in_application(GREEN) == shop.told(GREEN) == shop.arn_of(GREEN) != arn

    fleet.eks.delete(BLUE)
    shop.until(lambda: shop.clusters() == {f"{NAME}-{GREEN}"} and not shop.group_of(BLUE))
    shop.until(lambda: {shop.set_says(each)["status"] for each in ("clustersets", "targetgroupsets")} == {"True"})
    assert shop.server_of(BLUE) == fleet.addresses[BLUE], "deletionPolicy: Retain"
    assert set(fleet.traffic(NAME)) == {GREEN}
    assert fleet.lost == []


def test_a_controller_that_is_killed_at_each_boundary_ends_where_none_is(fleet: Fleet) -> None:
    shop = Storefront(fleet)
    shop.begin()
    moments: list[Callable[[], object]] = [
        lambda: shop.clusters(),
        lambda: shop.group_of(BLUE),
        lambda: shop.secret_of(BLUE),
        lambda: shop.told(BLUE),
        lambda: shop.weight_of(BLUE),
    ]
    shop.appears(BLUE, "v1")
    for moment in moments:
        shop.until(moment)
        fleet.okra.controllers.started[-1].kill()
        shop.start()
    shop.until_it_serves(BLUE, "v1")
    assert shop.named_in_application(BLUE) == shop.told(BLUE) == shop.arn_of(BLUE)
    assert shop.clusters() == {f"{NAME}-{BLUE}"}
    assert fleet.argocd.applications.orphans == set()
