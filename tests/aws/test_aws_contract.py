"""What the router and the inventory promise: judged on the real ones before the double, and on the fake in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import pytest

from okra.aws.facade import Aws
from okra.errors import Invalid, NotFound
from okra.ports import Account, RouteRef, TargetInventory, TrafficRouter
from okra.rollout.observation import RouteReading
from okra.testing.aws_world import VERSION_TAG, AwsWorld
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
