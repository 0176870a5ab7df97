"""What the router and the inventory promise: judged on the real ones before the double, and on the fake in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import pytest

from okra.aws.facade import Aws
from okra.errors import Conflict, Invalid, NotFound, Refused
from okra.ports import Account, RequestCondition, RouteRef, TargetInventory, TrafficRouter
from okra.rollout.observation import ABSENT, Action, RouteReading
from okra.testing.aws_world import NOT_FOUND, VERSION_TAG, AwsWorld
from okra.testing.fake_aws import FakeAws
from tests.aws.conftest import SystemClock


class World(Protocol):
    ref: RouteRef
    old: str
    new: str

    @property
    def router(self) -> TrafficRouter: ...
    @property
    def inventory(self) -> TargetInventory: ...
    def weights(self) -> Mapping[str, int]: ...
    def set_health(self, arn: str, healthy: int) -> None: ...
    def owner(self) -> str: ...
    def add_bare(self, name: str) -> str: ...
    def answers_404(self) -> None: ...


@dataclass
class Faked:
    aws: FakeAws
    ref: RouteRef
    old: str
    new: str

    @property
    def router(self) -> TrafficRouter:
        return self.aws

    @property
    def inventory(self) -> TargetInventory:
        return self.aws

    def weights(self) -> Mapping[str, int]:
        return self.aws.routes[self.ref.key].weights

    def set_health(self, arn: str, healthy: int) -> None:
        self.aws.groups[arn].healthy = healthy

    def owner(self) -> str:
        return self.aws.routes[self.ref.key].owner

    def add_bare(self, name: str) -> str:
        return self.aws.add_group(name, {})

    def answers_404(self) -> None:
        self.aws.routes[self.ref.key].action = Action.FIXED_RESPONSE


@dataclass
class Real:
    aws: Aws
    world: AwsWorld
    ref: RouteRef
    old: str
    new: str

    @property
    def router(self) -> TrafficRouter:
        return self.aws.router

    @property
    def inventory(self) -> TargetInventory:
        return self.aws.inventory

    def weights(self) -> Mapping[str, int]:
        return self.world.weights(self.ref.listener_arn)

    def set_health(self, arn: str, healthy: int) -> None:
        self.world.set_health(arn, healthy)

    def owner(self) -> str:
        return self.world.tags(self.ref.listener_arn).get("okra.mumoshu.github.io/owner", "")

    def add_bare(self, name: str) -> str:
        return self.world.target_group(name)

    def answers_404(self) -> None:
        self.world.set_actions(self.ref.listener_arn, [NOT_FOUND])


@pytest.fixture(params=["real", "fake"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        fake = FakeAws(SystemClock())
        old, new = (fake.add_group(f"web-{v}", {VERSION_TAG: v}) for v in ("1.0.0", "1.1.0"))
        listener = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/web/1/2"
        fake.add_route(listener, {old: 1})
        return Faked(fake, RouteRef(Account(), listener), old, new)
    aws_world: AwsWorld = request.getfixturevalue("aws_world")
    route = aws_world.route(kind="default", replicas=1)
    (old,), (new,) = route.groups["1.0.0"], route.groups["1.1.0"]
    return Real(request.getfixturevalue("aws"), aws_world, RouteRef(Account(), route.listener_arn), old, new)


async def reading_of(world: World) -> RouteReading:
    found = (await world.router.read([world.ref]))[world.ref]
    assert isinstance(found, RouteReading)
    return found


async def test_a_written_weight_is_read_back_and_stands_in_the_world(world: World) -> None:
    await world.router.write(world.ref, {world.old: 9, world.new: 1}, await reading_of(world))
    assert dict((await reading_of(world)).weights) == dict(world.weights()) == {world.old: 9, world.new: 1}


@pytest.mark.parametrize("weights", [{}, {"old": 0}, {"old": 1000}, {"old": -1, "new": 2}])
async def test_weights_that_aws_refuses_are_invalid_and_change_nothing(world: World, weights: dict[str, int]) -> None:
    named = {getattr(world, name): weight for name, weight in weights.items()}
    with pytest.raises(Invalid):
        await world.router.write(world.ref, named, await reading_of(world))
    assert world.weights() == {world.old: 1}


async def test_an_unknown_listener_is_its_own_error_beside_one_that_is_read(world: World) -> None:
    listener = world.ref.listener_arn.rpartition("/")[0] + "/ffffffffffffffff"
    unknown = RouteRef(world.ref.account, listener)
    found = await world.router.read([world.ref, unknown])
    assert isinstance(found[world.ref], RouteReading)
    error = found[unknown]
    assert isinstance(error, NotFound)
    assert error.reason == "ListenerNotFound"


async def test_a_group_that_no_listener_uses_has_no_healthy_target_but_registered_ones(world: World) -> None:
    health = await world.inventory.health(Account(), world.new)
    assert (health.healthy, health.registered, len(health.targets)) == (0, 2, 2)


async def test_an_attached_group_has_its_healthy_targets_and_loses_them(world: World) -> None:
    assert (await world.inventory.health(Account(), world.old)).healthy == 2
    world.set_health(world.old, 0)
    assert (await world.inventory.health(Account(), world.old)).healthy == 0


async def test_the_inventory_lists_groups_with_their_tags(world: World) -> None:
    found = {group.arn: group.tags[VERSION_TAG] for group in await world.inventory.target_groups(Account())}
    assert found == {world.old: "1.0.0", world.new: "1.1.0"}


async def test_the_inventory_lists_a_group_without_tags_only_for_who_names_it(world: World) -> None:
    bare = world.add_bare("bare")
    assert bare not in {group.arn for group in await world.inventory.target_groups(Account())}
    assert bare in {group.arn for group in await world.inventory.target_groups(Account(), {bare})}


async def test_the_first_claim_wins_until_it_is_released(world: World) -> None:
    arn = (await reading_of(world)).arn
    assert await world.router.claim(world.ref, arn, "okra/default/a") == "okra/default/a"
    assert await world.router.claim(world.ref, arn, "okra/default/b") == "okra/default/a"
    await world.router.release(world.ref, arn, "okra/default/b")
    assert world.owner() == "okra/default/a"
    await world.router.release(world.ref, arn, "okra/default/a")
    assert world.owner() == ""


# -- rules that aren't there yet ------------------------------------------------------------------------------------

HOST = (RequestCondition("host-header", (("", "shop.example.com"),)),)


def rule_of(world: World, *conditions: RequestCondition) -> RouteRef:
    return RouteRef(Account(), world.ref.listener_arn, priority=7, conditions=conditions or HOST)


async def create(world: World, ref: RouteRef, owner: str, *, take_over: bool = False) -> None:
    await world.router.create(ref, owner, await reading_of(world), take_over=take_over)


async def result_of(world: World, ref: RouteRef) -> object:
    return (await world.router.read([ref]))[ref]


async def test_a_rule_that_is_not_there_is_absent_and_not_found_for_who_names_no_conditions(world: World) -> None:
    for conditions, reason in ((HOST, ABSENT), ((), "RuleNotFound")):
        found = await result_of(world, replace(rule_of(world), conditions=conditions))
        assert isinstance(found, NotFound)
        assert found.reason == reason


async def test_a_rule_is_made_with_what_the_listener_does_by_default_and_its_owner(world: World) -> None:
    await world.router.write(world.ref, {world.old: 3, world.new: 1}, await reading_of(world))
    await create(world, rule_of(world), "okra/default/a")
    found = await result_of(world, rule_of(world))
    assert isinstance(found, RouteReading)
    assert (dict(found.weights), found.differs) == ({world.old: 3, world.new: 1}, "")
    assert (await world.router.owner(rule_of(world), found.arn)).owner == "okra/default/a"
    assert ":listener-rule/" in found.arn


async def test_a_second_one_at_its_priority_conflicts_and_changes_nothing(world: World) -> None:
    await create(world, rule_of(world), "okra/default/a")
    before = await result_of(world, rule_of(world))
    with pytest.raises(Conflict):
        await create(world, rule_of(world), "okra/default/b")
    after = await result_of(world, rule_of(world))
    assert isinstance(before, RouteReading)
    assert isinstance(after, RouteReading)
    assert (after.arn, after.weights) == (before.arn, before.weights)
    assert (await world.router.owner(rule_of(world), after.arn)).owner == "okra/default/a"


async def test_a_rule_of_other_requests_says_so_to_who_asks_for_conditions(world: World) -> None:
    await create(world, rule_of(world), "okra/default/a")
    other = rule_of(world, RequestCondition("path-pattern", (("", "/shop"),)))
    found = await result_of(world, other)
    assert isinstance(found, RouteReading)
    assert found.differs
    any_ = await result_of(world, replace(other, conditions=()))
    assert isinstance(any_, RouteReading)
    assert not any_.differs


async def test_what_does_not_forward_is_copied_only_for_who_takes_over(world: World) -> None:
    world.answers_404()
    with pytest.raises(Refused) as caught:
        await create(world, rule_of(world), "okra/default/a")
    assert caught.value.reason == "RouteNotForward"
    await create(world, rule_of(world), "okra/default/a", take_over=True)
    found = await result_of(world, rule_of(world))
    assert isinstance(found, RouteReading)
    assert found.action is Action.FIXED_RESPONSE


async def test_a_rule_without_conditions_is_not_made(world: World) -> None:
    with pytest.raises(Invalid):
        await create(world, replace(rule_of(world), conditions=()), "okra/default/a")
