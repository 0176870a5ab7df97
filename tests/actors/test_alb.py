"""An ALB: from whatever its rule does to the wanted weights, in steps, and back when something fails."""

import asyncio
import json
from fractions import Fraction

import pytest

from okra.actors.kinds import ALB, kind_named
from okra.api.meta import OKRA_GROUP
from okra.rollout.observation import Action
from tests.actors.albs import alb, shares, ways
from tests.actors.world import cell, check, world

pytestmark = pytest.mark.looptime

F = Fraction


async def test_the_traffic_goes_in_steps_from_what_the_rule_does_to_what_is_wanted() -> None:
    """`a` keeps a part of what it had, `b` gains on what it had, `c` is new, and `d`, which nobody names, leaves."""
    async with world(retain_for=60.0) as w:
        a, b, c, d = (w.group("", name=name) for name in "abcd")
        route = w.route({a: 5, b: 2, d: 3})
        goal = {a: 20, b: 50, c: 30}
        await w.apply(alb(goal))
        async with w.running():
            status = await w.until(lambda s: s.get("phase") == "Synced" and s.get("rollout"), kind=ALB)
            assert route.weights == {a: 20, b: 50, d: 0, c: 30}
            await w.when(lambda: d not in route.weights)
        assert ways(route, a) == [F(1, 2), F(7, 20), F(1, 5)]
        assert ways(route, b) == [F(1, 5), F(7, 20), F(1, 2)]
        assert ways(route, c) == [0, F(3, 20), F(3, 10)]
        assert ways(route, d) == [F(3, 10), F(3, 20), 0]
        assert route.owner == "okra/default/ALB/web"
        assert [status["rollout"][each] for each in ("outcome", "kind")] == ["Synced", "Canary"]
        assert w.condition(status, "Ready") == ("True", "Synced")
        assert w.rests == {"ALB/web": "Synced"}


async def test_a_rule_that_divides_the_traffic_as_wanted_is_left_as_it_is() -> None:
    async with world() as w:
        a, b = w.group("", name="a"), w.group("", name="b")
        route = w.route({a: 10, b: 30})
        await w.apply(alb({a: 1, b: 3}))
        async with w.running():
            status = await w.until(lambda s: s.get("phase") == "Synced", kind=ALB)
        assert status.get("rollout") is None
        assert route.history == []


async def test_a_failed_check_puts_exactly_back_what_the_rule_did_and_the_same_is_not_tried_again() -> None:
    async with world() as w:
        a, b = w.group("", name="a"), w.group("", name="b")
        route = w.route({a: 7, b: 3})
        w.metrics.answer = lambda _query, _window: 0.9
        await w.apply(alb({a: 1, b: 1}, checks=[check("errors")]))
        async with w.running():
            status = await w.until(lambda s: s.get("phase") == "Failed", kind=ALB)
            assert route.weights == {a: 7, b: 3}
            assert ways(route, b) == [F(2, 5), F(3, 10)]
            assert status["reason"] == "RolledBack"
            assert f"okra retry alb/web {status['rollout']['version']}" in status["message"]
            w.metrics.answer = lambda _query, _window: 0.0
            await w.apply(alb({a: 1, b: 1}, checks=[check("errors")], stepInterval="5s"))
            text = json.dumps({"id": "1", "verb": "retry"})
            await w.patch("web", {"metadata": {"annotations": {"okra.mumoshu.github.io/command": text}}}, ALB)
            await w.until(lambda s: s.get("phase") == "Synced", kind=ALB)
        assert shares(route.weights) == {a: F(1, 2), b: F(1, 2)}


async def test_a_group_that_gains_must_be_healthy_before_and_one_that_turns_bad_gives_back_what_it_gained() -> None:
    async with world() as w:
        a, b = w.group("", name="a"), w.group("", name="b", healthy=0)
        route = w.route({a: 1})
        await w.apply(alb({a: 1, b: 1}))
        async with w.running():
            await w.until(lambda s: s.get("reason") == "WaitingForHealth", kind=ALB)
            assert route.weights == {a: 1, b: 0}
            w.aws.groups[b].healthy = 2
            await w.when(lambda: route.weights.get(b))
            w.aws.groups[b].healthy = 0
            status = await w.until(lambda s: s.get("phase") == "Failed", kind=ALB)
        assert status["rollout"]["failure"]["reason"] == "CanaryUnhealthy"
        assert shares(route.weights) == {a: 1}


async def test_an_edit_on_the_way_goes_back_first_and_then_to_what_is_wanted_now() -> None:
    async with world() as w:
        a, b, c = (w.group("", name=name) for name in "abc")
        route = w.route({a: 1})
        await w.apply(alb({b: 1}))
        async with w.running():
            await w.when(lambda: route.weights.get(b))
            await w.apply(alb({c: 1}))
            status = await w.until(lambda s: s.get("phase") == "Synced" and s["rollouts"] == 2, kind=ALB)
        assert shares(route.weights) == {c: 1}
        assert ways(route, b) == [0, F(1, 2), 0]
        assert "blockedVersions" not in status or status["blockedVersions"] == []


async def test_a_person_who_moves_the_weights_is_respected_until_told_to_go_on() -> None:
    async with world() as w:
        a, b = w.group("", name="a"), w.group("", name="b")
        route = w.route({a: 1, b: 1})
        await w.apply(alb({a: 1, b: 1}))
        async with w.running():
            await w.until(lambda s: s.get("phase") == "Synced", kind=ALB)
            route.weights = {a: 9, b: 1}
            status = await w.until(lambda s: s.get("phase") == "Paused", kind=ALB)
            assert "okra resume alb/web" in status["message"]
            assert route.weights == {a: 9, b: 1}
            text = json.dumps({"id": "1", "verb": "resume"})
            await w.patch("web", {"metadata": {"annotations": {"okra.mumoshu.github.io/command": text}}}, ALB)
            await w.until(lambda s: s.get("phase") == "Synced", kind=ALB)
        assert shares(route.weights) == {a: F(1, 2), b: F(1, 2)}


async def test_a_redirect_is_replaced_only_where_the_spec_takes_over() -> None:
    async with world() as w:
        a, b = w.group("", name="a"), w.group("", name="b")
        route = w.route({})
        route.action = Action.REDIRECT
        await w.apply(alb({a: 3, b: 1}))
        async with w.running():
            await w.until(lambda s: s.get("reason") == "RouteNotForward", kind=ALB)
            assert route.history == []
            await w.apply(alb({a: 3, b: 1}, takeOver=True))
            await w.until(lambda s: s.get("phase") == "Synced", kind=ALB)
        assert route.weights == {a: 3, b: 1}


async def test_a_destination_that_is_not_there_is_waited_for_and_named() -> None:
    async with world() as w:
        a = w.group("", name="a")
        w.route({a: 1})
        missing = a.replace("/a/", "/nobody/")
        await w.apply(alb({a: 1, missing: 1}))
        async with w.running():
            status = await w.until(lambda s: s.get("reason") == "WaitingForTargetGroups", kind=ALB)
        assert missing in status["message"]


async def test_an_alb_and_a_cell_of_one_name_on_one_route_are_two_and_the_older_has_it() -> None:
    async with world() as w:
        route, _, new = w.two_versions()
        await w.apply(cell("web", paused=True))
        await asyncio.sleep(5)
        await w.apply(alb({new: 1}))
        async with w.running():
            status = await w.until(lambda s: s.get("reason") == "RouteConflict", kind=ALB)
            assert (await w.status("web"))["reason"] != "RouteConflict"
        assert "Cell default/web" in status["message"]
        assert route.owner in ("", "okra/default/web")


async def test_both_of_one_name_have_checks_of_their_own_on_routes_of_their_own() -> None:
    async with world() as w:
        route, _, new = w.two_versions()
        a, b = w.group("", name="a", role="other"), w.group("", name="b", role="other")
        other = w.route({a: 1}, "other")
        await w.apply(cell("web", checks=[check("errors")]))
        await w.apply(alb({b: 1}, role="other", checks=[check("errors")]))
        async with w.running() as running:
            await w.until(lambda s: s.get("phase") == "Synced" and s["rollouts"] == 1, kind=ALB)
            await w.until(lambda s: s.get("stableVersion") == "1.1.0")
            assert [each["kind"] for each in await running.cells()] == ["Cell", "ALB"]
            seen = [await running.describe_cell("default", name) for name in ("web", "ALB/web", "ALB/nobody")]
            assert [each and each["policy"].owner for each in seen] == [
                "okra/default/web",
                "okra/default/ALB/web",
                None,
            ]
        assert (shares(route.weights), shares(other.weights)) == ({new: F(1)}, {b: F(1)})
        made = await w.store.real.list(kind_named(OKRA_GROUP, "Check"))
        assert {each["metadata"]["name"] for each in made.items} == {"web-errors", "alb-web-errors"}


async def test_a_deleted_alb_brings_back_what_moves_and_leaves_what_rests() -> None:
    async with world() as w:
        a, b = w.group("", name="a"), w.group("", name="b")
        route = w.route({a: 1})
        await w.apply(alb({b: 1}))
        async with w.running():
            await w.when(lambda: route.weights.get(b))
            await w.delete("web", ALB)
            await w.when(lambda: not route.owner)
        assert not await w.exists("web", ALB)
        assert shares(route.weights) == {a: 1}


async def test_a_rule_that_is_not_there_is_made_of_its_conditions_and_then_goes_to_what_is_wanted() -> None:
    async with world() as w:
        a, b = w.group("", name="a"), w.group("", name="b")
        default = w.route({a: 1})
        await w.apply(alb({a: 1, b: 3}, priority=10, conditions={"hosts": ["web.example.com"]}))
        async with w.running():
            await w.until(lambda s: s.get("phase") == "Synced" and s.get("rollouts"), kind=ALB)
        made = w.aws.routes[f"{default.arn}#10"]
        assert shares(made.weights) == {a: F(1, 4), b: F(3, 4)}
        assert ways(made, b)[-2:] == [F(3, 8), F(3, 4)]
        assert (made.owner, default.weights) == ("okra/default/ALB/web", {a: 1})
