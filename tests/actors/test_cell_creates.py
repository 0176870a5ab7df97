"""A Cell whose rule isn't there yet: it makes the rule, adopts it, and rolls out; who else may have a hand in it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

import pytest

from okra.actors.cell_routes import conditions_of
from okra.actors.executor import EffectExecutor
from okra.actors.kinds import ALB
from okra.api.ingress import RuleConditions
from okra.errors import AccessDenied, OkraError, Refused, Throttled, Unavailable
from okra.ports import Object, RequestCondition, RouteRef
from okra.rollout.effects import CreateRule, Effect
from okra.rollout.observation import Action, RouteReading
from okra.rollout.rest import Rest
from okra.testing.fake_aws import FakeRoute
from tests.actors.albs import alb
from tests.actors.world import QUICK, World, cell, listener, world

pytestmark = [pytest.mark.looptime, pytest.mark.timeout(60)]

HOSTS = {"hosts": ["web.example.com"]}
KEY, MOVED = f"{listener()}#10", f"{listener()}#20"
OWNER = "okra/default/web"


def at_ten(name: str = "web", *, conditions: dict[str, Any] | None = None, **spec: Any) -> Object:
    """A Cell at priority 10, made of `conditions` where it isn't there."""
    take_over = spec.pop("take_over", False)
    obj = cell(name, **{**QUICK, **spec})
    block = obj["spec"]["ingress"]["awsApplicationLoadBalancer"]
    block["rule"] = {"priority": 10, "conditions": conditions or HOSTS}
    block["takeOver"] = take_over
    return obj


def by_hand(w: World, weights: dict[str, int], conditions: dict[str, Any] | None = None) -> FakeRoute:
    """A person's rule at priority 10."""
    w.aws.made += 1
    arn = listener().replace(":listener/", ":listener-rule/") + f"/{w.aws.made:016x}"
    wanted = conditions_of(RuleConditions.model_validate(conditions or HOSTS))
    w.aws.routes[KEY] = FakeRoute(arn, weights, conditions=frozenset(wanted))
    return w.aws.routes[KEY]


async def synced(w: World, new: str) -> FakeRoute:
    await w.until(lambda s: s.get("phase") == "Synced" and s.get("stableVersion") == "1.1.0")
    rule = w.aws.routes[KEY]
    assert rule.weights[new]
    return rule


async def test_the_rule_is_made_from_the_default_action_and_rolled_out() -> None:
    async with world() as w:
        default, old, new = w.two_versions()
        await w.apply(at_ten())
        async with w.running():
            await w.when(lambda: KEY in w.aws.routes)
            made = w.aws.routes[KEY]
            assert (made.weights, made.owner) == ({old: 100}, OWNER)
            assert (await synced(w, new)).arn == made.arn
            status = await w.status()
        assert status["routes"][0]["arn"] == made.arn
        assert default.weights == {old: 100}, "the listener's own is nobody's business"
        assert w.aws.calls["CreateRule"] == 1
        assert w.reasons()[:2] == ["RuleCreated", "Adopted"]


async def test_a_rule_that_is_there_with_the_same_conditions_is_adopted() -> None:
    async with world() as w:
        _, old, new = w.two_versions()
        by_hand(w, {old: 7})
        await w.apply(at_ten())
        async with w.running():
            await synced(w, new)
        assert (w.aws.calls["CreateRule"], w.aws.routes[KEY].owner) == (0, OWNER)


async def test_one_with_others_is_never_touched_and_made_anew_when_it_is_deleted() -> None:
    async with world() as w:
        _, old, new = w.two_versions()
        rule = by_hand(w, {old: 7}, {"hosts": ["other.example.com"]})
        await w.apply(at_ten())
        async with w.running():
            status = await w.phase("Failed")
            assert w.condition(status, "Ready") == ("False", "RuleDiffers")
            await asyncio.sleep(300)
            assert (rule.weights, rule.owner, w.aws.calls["CreateRule"]) == ({old: 7}, "", 0)
            del w.aws.routes[KEY]
            await synced(w, new)


async def test_an_edit_of_the_conditions_is_said_and_changes_nothing() -> None:
    async with world() as w:
        _, _, new = w.two_versions()
        await w.apply(at_ten())
        async with w.running():
            rule = await synced(w, new)
            before = rule.conditions
            await w.apply(at_ten(conditions={"hosts": ["other.example.com"]}))
            await w.until(lambda s: s.get("reason") == "RuleDiffers")
            assert rule.conditions == before
            await w.apply(at_ten())
            await w.until(lambda s: s.get("reason") == "Synced")


@pytest.mark.parametrize(
    ("error", "reason", "applied"),
    [
        (Throttled("slow down"), "Throttled", False),
        (Unavailable("no answer"), "Unavailable", False),
        (Unavailable("no answer"), "Unavailable", True),
        (AccessDenied("lacks elasticloadbalancing:CreateRule"), "AccessDenied", False),
        (Refused("too many", reason="TooManyRules"), "TooManyRules", False),
    ],
    ids=["throttled", "unanswered", "lost", "denied", "quota"],
)
async def test_what_aws_does_not_make_at_once_is_made_in_the_end(error: Any, reason: str, applied: bool) -> None:
    async with world() as w:
        _, _, new = w.two_versions()
        failures = [error] * 2
        w.aws.applied_before_fault = applied
        w.aws.fault = lambda operation, _: failures.pop() if operation == "CreateRule" and failures else None
        await w.apply(at_ten())
        async with w.running():
            await synced(w, new)
        said = [event.message for event in w.events if event.reason == "WriteFailed"]
        assert said, w.reasons()
        assert str(error) in said[0]
        assert len({route.arn for key, route in w.aws.routes.items() if key == KEY}) == 1
        assert w.aws.made == 1


async def test_a_refusal_for_good_is_a_condition_and_an_end() -> None:
    async with world() as w:
        w.two_versions()
        denied = AccessDenied("lacks elasticloadbalancing:CreateRule")
        w.aws.fault = lambda operation, _: denied if operation == "CreateRule" else None
        await w.apply(at_ten())
        async with w.running():
            status = await w.phase("Failed")
            assert w.condition(status, "Stalled") == ("True", "AccessDenied")
            assert w.rests["web"] is Rest.FAILED
            await asyncio.sleep(300)
        assert KEY not in w.aws.routes
        assert w.aws.calls["CreateRule"] < 20


async def test_a_default_action_that_does_not_forward_is_copied_only_to_be_taken_over() -> None:
    async with world() as w:
        default, _, new = w.two_versions()
        default.action = Action.FIXED_RESPONSE
        await w.apply(at_ten())
        async with w.running():
            await w.until(lambda s: s.get("reason") == "RouteNotForward")
            assert KEY not in w.aws.routes
            await w.apply(at_ten(take_over=True))
            rule = await synced(w, new)
            assert rule.weights == {new: 1}
        assert default.action is Action.FIXED_RESPONSE


@pytest.mark.parametrize("opens", [True, False])
async def test_a_process_that_may_not_write_makes_nothing(opens: bool) -> None:
    async with world() as w:
        _, _, new = w.two_versions()
        w.gate.open, w.gate.opens = False, w.clock.now() + 100 if opens else None
        await w.apply(at_ten())
        async with w.running():
            await asyncio.sleep(99)
            status = await w.status()
            assert KEY not in w.aws.routes
            assert (status.get("reason") == "ReadOnly") is not opens
            w.gate.open = True
            if opens:
                await synced(w, new)


async def test_a_lease_that_is_lost_while_the_default_action_is_read_makes_nothing() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(at_ten())
        router = Reading(w)
        async with w.running(router=router):
            await w.when(lambda: router.asked)
            await asyncio.sleep(5)
        assert w.aws.calls["CreateRule"] == 0


async def test_a_default_action_that_cannot_be_read_is_read_again_ever_later() -> None:
    async with world() as w:
        _, _, new = w.two_versions()
        await w.apply(at_ten())
        w.aws.fault = lambda _, arn: Unavailable("no answer") if arn == listener() else None
        async with w.running():
            await w.until(lambda s: s.get("reason") == "Unavailable")
            await asyncio.sleep(100)
            assert w.aws.calls["CreateRule"] == 0
            assert w.reasons().count("WriteFailed") < 12
            w.aws.fault = lambda _, __: None
            await synced(w, new)


async def test_a_paused_cell_makes_nothing() -> None:
    async with world() as w:
        _, _, new = w.two_versions()
        await w.apply(at_ten(paused=True))
        async with w.running():
            await w.phase("Paused")
            await asyncio.sleep(120)
            assert KEY not in w.aws.routes
            await w.apply(at_ten())
            await synced(w, new)


async def test_of_two_cells_at_one_priority_the_older_one_has_the_rule() -> None:
    async with world() as w:
        _, _, new = w.two_versions()
        await w.apply(at_ten("a"))
        await w.apply(at_ten("b"))
        async with w.running():
            await w.until(lambda s: s.get("phase") == "Synced" and s.get("stableVersion") == "1.1.0", "a")
            await w.until(lambda s: s.get("reason") == "RouteConflict", "b")
        assert (w.aws.made, w.aws.routes[KEY].owner) == (1, "okra/default/a")
        assert w.aws.routes[KEY].weights[new]


async def test_of_two_installations_one_makes_it_and_the_other_says_whose_it_is() -> None:
    async with world(claim_settle=1.0) as w, world(claim_settle=1.0, install="other") as v:
        w.two_versions()
        v.aws.routes, v.aws.groups = w.aws.routes, w.aws.groups
        await w.apply(at_ten())
        await v.apply(at_ten())
        async with w.running(), v.running():
            for each in (w, v):
                await each.until(lambda s: s.get("phase") == "Failed" or s.get("stableVersion") == "1.1.0")
            loser = v if (await v.status())["phase"] == "Failed" else w
            assert (await loser.status())["reason"] == "RouteConflict"
        winner = w if loser is v else v
        assert w.aws.routes[KEY].owner == f"{winner.defaults.install}/default/web"
        assert "RuleCreated" in winner.reasons()
        assert "RuleCreated" not in loser.reasons()


class Reading:
    """A router that loses the lease while the listener's default action is read."""

    def __init__(self, w: World) -> None:
        self._w, self.asked = w, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._w.aws, name)

    async def read(self, refs: Collection[RouteRef]) -> Mapping[RouteRef, RouteReading | OkraError]:
        if any(ref.priority is None for ref in refs):
            self.asked, self._w.gate.open = True, False
        return await self._w.aws.read(refs)


class Meanwhile:
    """A router before which a person makes the rule."""

    def __init__(self, w: World, weights: dict[str, int]) -> None:
        self._w, self._weights = w, weights

    def __getattr__(self, name: str) -> Any:
        return getattr(self._w.aws, name)

    async def create(self, *args: Any, **kwargs: Any) -> None:
        by_hand(self._w, self._weights)
        await self._w.aws.create(*args, **kwargs)


async def test_a_person_who_makes_the_rule_in_the_same_moment_keeps_its_weights() -> None:
    async with world() as w:
        _, old, new = w.two_versions()
        other = w.group("0.9.0")
        await w.apply(at_ten())
        async with w.running(router=Meanwhile(w, {other: 1})):
            await w.until(lambda s: s.get("stableVersion") == "0.9.0")
            rule = await synced(w, new)
        assert old not in rule.weights
        assert rule.owner == OWNER


async def test_a_rule_that_a_person_deletes_is_made_anew() -> None:
    async with world() as w:
        default, _, new = w.two_versions()
        await w.apply(at_ten())
        async with w.running():
            first = (await synced(w, new)).arn
            del w.aws.routes[KEY]
            await w.when(lambda: KEY in w.aws.routes)
            assert w.aws.routes[KEY].weights == default.weights
            await w.until(lambda s: s.get("stableVersion") == "1.0.0")
            assert (await synced(w, new)).arn != first


async def test_a_rule_that_a_person_moves_in_mid_rollout_is_not_absent_and_no_second_one_is_made() -> None:
    async with world() as w:
        _, old, new = w.two_versions()
        rule = by_hand(w, {old: 7})
        await w.apply(at_ten())
        async with w.running():
            await w.when(lambda: rule.weights.get(new))
            w.aws.routes[MOVED] = w.aws.routes.pop(KEY)
            await w.until(lambda s: s.get("reason") == "RouteChanged")
            moving = dict(rule.weights)
            await asyncio.sleep(300)
            assert (w.aws.calls["CreateRule"], rule.weights) == (0, moving)
            assert (await w.status())["reason"] == "RouteChanged"
            w.aws.routes[KEY] = w.aws.routes.pop(MOVED)
            assert await synced(w, new) is rule


@pytest.mark.parametrize("restarts", [False, True])
async def test_one_that_is_moved_at_rest_is_said_and_managed_again_where_the_spec_says(restarts: bool) -> None:
    async with world() as w:
        _, _, new = w.two_versions()
        await w.apply(at_ten())
        async with w.running():
            rule = await synced(w, new)
            if not restarts:
                w.aws.routes[MOVED] = w.aws.routes.pop(KEY)
                await w.until(lambda s: s.get("reason") == "RouteChanged")
        if restarts:
            w.aws.routes[MOVED] = w.aws.routes.pop(KEY)
        async with w.running():
            await w.until(lambda s: s.get("reason") == "RouteChanged")
            await asyncio.sleep(100)
            assert (w.aws.made, KEY in w.aws.routes) == (1, False)
            moved = at_ten()
            moved["spec"]["ingress"]["awsApplicationLoadBalancer"]["rule"]["priority"] = 20
            await w.apply(moved)
            await w.until(lambda s: s.get("reason") == "Synced" and s["routes"][0]["key"] == MOVED)
        assert (w.aws.made, rule.owner) == (1, OWNER)


async def test_a_deleted_cell_leaves_its_rule_without_its_tag() -> None:
    async with world() as w:
        _, _, new = w.two_versions()
        await w.apply(at_ten())
        async with w.running():
            rule = await synced(w, new)
            await w.delete("web")
            await w.when(lambda: rule.owner == "", within=60)
        assert w.aws.routes[KEY].weights[new]


async def test_one_whose_making_was_not_answered_leaves_no_tag_either() -> None:
    async with world() as w:
        w.two_versions()
        w.aws.applied_before_fault = True
        w.aws.fault = lambda operation, _: Unavailable("no answer")
        await w.apply(at_ten())
        w.aws.fault = lambda operation, _: Unavailable("no answer") if operation == "CreateRule" else None
        async with w.running():
            await w.when(lambda: KEY in w.aws.routes)
            await w.delete("web")
            await w.when(lambda: w.aws.routes[KEY].owner == "", within=60)


class Mortal:
    """An executor that stands still around the making of a rule, once: there its process ends."""

    def __init__(self, real: EffectExecutor, dying: asyncio.Event, after: bool) -> None:
        self._real, self._dying, self._after = real, dying, after

    async def execute(self, effect: Effect) -> bool:
        if isinstance(effect, CreateRule) and not self._dying.is_set():
            if self._after:
                await self._real.execute(effect)
            self._dying.set()
            await asyncio.Event().wait()
        return await self._real.execute(effect)


@pytest.mark.parametrize("after", [False, True])
async def test_a_process_killed_around_the_making_leaves_one_rule(after: bool) -> None:
    async with world() as w:
        _, _, new = w.two_versions()
        await w.apply(at_ten())
        dying = asyncio.Event()
        async with w.running(wrap=lambda real: Mortal(real, dying, after)):
            await dying.wait()
        assert (KEY in w.aws.routes) is after
        async with w.running():
            await synced(w, new)
        assert w.aws.made == 1


async def test_conditions_of_every_kind_are_what_the_router_is_asked_for() -> None:
    wanted = {
        "hosts": ["a.io", "b.io"],
        "headers": {"X-A": ["1"]},
        "queryStrings": [{"key": "q", "value": "1"}, {"value": "x"}],
    }
    found = conditions_of(RuleConditions.model_validate(wanted))
    assert found == (
        RequestCondition("host-header", (("", "a.io"), ("", "b.io"))),
        RequestCondition("http-header", (("", "1"),), "X-A"),
        RequestCondition("query-string", (("q", "1"), ("", "x"))),
    )
    assert conditions_of(None) == ()


async def test_an_alb_makes_its_rule_by_the_same_way_and_moves_it_to_the_weights_that_it_names() -> None:
    async with world() as w:
        default, old, new = w.two_versions()
        await w.apply(alb({old: 1, new: 3}, priority=10, conditions=HOSTS))
        async with w.running():
            await w.when(lambda: KEY in w.aws.routes)
            assert (w.aws.routes[KEY].weights, w.aws.routes[KEY].owner) == ({old: 100}, "okra/default/ALB/web")
            await w.until(lambda s: s.get("phase") == "Synced" and s.get("rollout"), kind=ALB)
            assert w.aws.routes[KEY].weights == {old: 1, new: 3}
            del w.aws.routes[KEY]
            await w.when(lambda: KEY in w.aws.routes)
            await w.when(lambda: w.aws.routes[KEY].weights == {old: 1, new: 3})
        assert default.weights == {old: 100}
