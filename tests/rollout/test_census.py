"""Which groups may stand on a route, and which version is wanted."""

from __future__ import annotations

from typing import Any

import pytest

from okra.rollout.census import Census, count, misfit
from okra.rollout.observation import LoadBalancerType, Observation, RouteReading, TargetGroup
from okra.rollout.policy import Policy, RoutePolicy
from tests.rollout.cases import NEW, OLD, cell, edit, ended, failure, rollout, say, share, shown, writes
from tests.rollout.world import LABEL, tg

NLB = LoadBalancerType.NETWORK


@pytest.mark.parametrize(
    ("group", "route", "why"),
    [
        ({"vpc_id": "vpc-1"}, {"vpc_id": "vpc-2"}, "it is in vpc-1"),
        ({"vpc_id": "vpc-1"}, {"vpc_id": "vpc-1"}, ""),
        ({"vpc_id": ""}, {"vpc_id": "vpc-1"}, ""),
        ({"protocol": "TCP"}, {}, "its protocol TCP"),
        ({"protocol": "HTTPS"}, {"protocol": "HTTP"}, ""),
        ({"protocol": "TLS"}, {"load_balancer_type": NLB, "protocol": "TCP"}, "its protocol TLS"),
        ({"protocol": "TCP_UDP"}, {"load_balancer_type": NLB, "protocol": "UDP"}, ""),
        ({"protocol": "TCP"}, {"load_balancer_type": NLB, "protocol": "NEW_ONE"}, ""),
        ({"load_balancer_arns": ("lb2",)}, {"load_balancer_arn": "lb1"}, "it is attached to another load balancer"),
        ({"load_balancer_arns": ("lb2", "lb1")}, {"load_balancer_arn": "lb1"}, ""),
    ],
)
def test_what_aws_would_refuse_is_no_member(group: dict[str, Any], route: dict[str, Any], why: str) -> None:
    said = misfit(TargetGroup("arn", "web", **group), RouteReading("r", 0.0, **route))
    assert said.startswith(why)
    assert bool(said) == bool(why)


def test_a_stray_group_is_ignored_with_a_warning_and_breaks_nothing() -> None:
    p = cell()
    world = p.world
    inventory = world.inventory
    stray = TargetGroup("arn:stray", "stray", {LABEL: NEW, "route": "r"}, protocol="GENEVE")
    world.inventory = lambda: (*inventory(), stray)  # type: ignore[method-assign]
    ended(p)
    assert share(p) == 1
    assert any("stray" in warning for warning in p.state.warnings)


def test_groups_that_the_selector_does_not_match_are_not_counted() -> None:
    p = cell()
    p.world.add("9.0.0", "x", route="elsewhere")
    ended(p)
    assert p.state.stable_version == NEW


def test_more_groups_than_replicas_all_take_part() -> None:
    p = cell(1, 3)
    ended(p)
    assert shown(p) == {"a1": 0, "b1": 1, "b2": 1, "b3": 1}


def test_nothing_older_than_stable_is_wanted_by_itself() -> None:
    p = cell(1, 0)
    p.world.add("0.9.0", "z1")
    p.run(100)
    assert p.state.rollout is None


def test_versions_without_an_order_wait_for_a_pin() -> None:
    p = cell(1, 0)
    p.world.add("blue", "x1")
    p.run(60)
    assert p.state.condition.reason == "VersionsUnordered"
    p.policy = p.policy.__class__(**{**{f: getattr(p.policy, f) for f in p.policy.__slots__}, "pin": "blue"})
    ended(p)
    assert p.state.stable_version == "blue"


def test_too_few_groups_of_an_unordered_version_are_no_reason_to_say_anything() -> None:
    p = cell(2, 0)
    p.world.add("blue", "x1")
    p.run(60)
    assert p.state.condition.reason == "Synced"


def test_a_blocked_version_is_passed_over_for_an_older_one_that_is_not() -> None:
    p = cell(1, 1, checks=("c",))
    p.run(30)
    say(p, "abort")
    ended(p)
    assert p.state.is_blocked(NEW)
    p.world.add("1.0.5", "x1")
    ended(p)
    p.run(300)
    assert p.state.stable_version == "1.0.5"


def test_a_rebuilt_version_stays_blocked_and_the_message_names_the_command() -> None:
    p = cell()
    p.run(30)
    say(p, "abort")
    p.run(30)
    p.world.add(NEW, "b2")
    p.run(200)
    assert (share(p), rollout(p).number) == (0, 1)
    assert f"okra retry web {NEW}" in p.state.condition.message


def test_the_same_version_as_stable_joins_and_takes_its_even_share() -> None:
    p = cell(2, 0)
    p.run(10)
    p.world.add(OLD, "a3")
    ended(p)
    assert shown(p) == {"a1": 1, "a2": 1, "a3": 1}
    assert p.state.previous_version is None


def test_groups_that_join_while_a_rollout_moves_join_after_it() -> None:
    p = cell()
    p.until(lambda: share(p) > 0)
    p.world.add(NEW, "b2")
    p.until(lambda: p.state.stable_version == NEW and not p.state.moving)
    p.until(lambda: bool(shown(p).get("b2")))
    ended(p)
    assert shown(p) == {"a1": 0, "b1": 1, "b2": 1}
    joined = next(i for i, weights in enumerate(writes(p)) if "b2" in weights)
    assert {"a1": 0, "b1": 1} in writes(p)[:joined]


def test_an_unhealthy_joiner_blocks_nothing_and_is_set_aside() -> None:
    p = cell(1, 0, health_timeout=30.0)
    p.run(10)
    p.world.add(OLD, "a2", healthy=0)
    ended(p)
    p.run(300)
    assert (rollout(p).number, p.state.blocked) == (1, ())
    assert shown(p)["a1"] == 1


def test_a_joiner_that_turns_unhealthy_under_traffic_blocks_nothing() -> None:
    p = cell(1, 0, propagation_delay=600.0, checks=("c",))
    p.run(10)
    p.world.add(OLD, "a2")
    p.until(lambda: bool(shown(p).get("a2")))
    p.world.groups[tg("a2")].healthy = 0
    ended(p)
    assert (failure(p), p.state.blocked) == ("CanaryUnhealthy", ())
    p.run(300)
    assert rollout(p).number == 1
    assert {name: weight for name, weight in shown(p).items() if weight} == {"a1": 1}


def test_joiners_wait_until_there_is_one_for_every_route_and_room_for_all() -> None:
    p = cell(1, 0, routes=("r", "s"))
    p.run(10)
    p.world.add(OLD, "a2")
    p.run(60)
    assert p.state.rollout is None
    p.world.add(OLD, "a2-s", "a3-s", route="s")
    p.run(60)
    assert p.state.rollout is None
    p.world.add(OLD, "a3")
    ended(p)
    assert shown(p) == {"a1": 1, "a2": 1, "a3": 1}
    assert len(shown(p, "s")) == 3


def test_a_cell_pinned_to_too_few_groups_waits_and_says_so() -> None:
    p = cell(1, 0, pin="3.0.0")
    p.run(60)
    assert p.state.condition.message == "Version 3.0.0 (pinned) has 0 of 1 target groups."


def test_weights_that_a_person_sets_among_stable_groups_at_rest_are_the_new_stable_weights() -> None:
    p = cell(2, 0)
    p.run(10)
    edit(p, a2=0)
    p.run(60)
    assert shown(p) == {"a1": 1, "a2": 0}
    assert p.state.hold is None


def test_a_listed_group_has_its_version_from_the_list_whatever_its_tags_say() -> None:
    listed = {"arn:x/a/1": "v1", "arn:x/b/2": "v2"}
    found = (
        TargetGroup("arn:x/a/1", "a", {LABEL: "9.0.0"}),
        TargetGroup("arn:x/b/2", "b"),
        TargetGroup(tg("c"), "c", {LABEL: NEW}),
    )
    census = count(Policy((), ()), RoutePolicy("r", listed=listed), Observation(groups=found))
    assert (dict(census.versions), census.ignored) == ({"v1": ("arn:x/a/1",), "v2": ("arn:x/b/2",)}, ())


def test_a_listed_group_that_does_not_exist_is_named_once_the_groups_are_known() -> None:
    route = RoutePolicy("r", listed={"arn:x/web-v2/2": "v2"})
    assert count(Policy((), ()), route, Observation()).ignored == ()
    (said,) = count(Policy((), ()), route, Observation(groups=())).ignored
    assert "web-v2 is listed, and there is none of this ARN" in said


def test_where_a_version_is_so_many_groups_as_a_whole_fewer_are_none() -> None:
    """On each of several routes another number of them, whatever `replicas` says of all."""
    assert [Census(whole=2).many(groups, 1) for groups in ((), ("a",), ("a", "b"), ("a", "b", "c"))] == [0, 0, 1, 1]
    assert [Census().many(groups, 3) for groups in ((), ("a",), ("a", "b"))] == [0, 1, 2]
