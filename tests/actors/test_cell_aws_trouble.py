"""AWS says no, nothing, or too late."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from okra.errors import AccessDenied, CredentialsInvalid, OkraError, Refused, Throttled, Unavailable
from okra.testing.fake_aws import FakeRoute
from tests.actors.world import QUICK, cell, check, world

pytestmark = pytest.mark.looptime


def nothing(_operation: str, _arn: str) -> OkraError | None:
    return None


def shares(route: FakeRoute, new: str) -> list[float]:
    """Of the canary, each once in a row."""
    found = [weights.get(new, 0) / sum(weights.values()) for weights in route.history]
    return found[:1] + [after for before, after in pairwise(found) if before != after]


ERRORS = [
    Unavailable("HTTP 503"),
    Throttled("Rate exceeded"),
    AccessDenied("not allowed"),
    CredentialsInvalid("expired"),
    Refused("no such group"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "operation", ["ModifyListener", "DescribeListeners", "DescribeTargetHealth", "GetResources", "AddTags"]
)
async def test_a_minute_of_errors_in_mid_rollout_skips_no_step(operation: str, error: OkraError) -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new) or operation == "AddTags")
            w.aws.fault = lambda called, _arn: error if called == operation else None
            await asyncio.sleep(60)
            assert route.weights.get(new, 0) in (0, 1)
            w.aws.fault = nothing
            await w.until(lambda s: s.get("stableVersion") == "1.1.0" and s["phase"] == "Synced", within=600)
        assert shares(route, new) == [0, 0.5, 1]


@pytest.mark.parametrize("applied", [False, True])
async def test_a_write_without_an_answer_is_made_again_and_its_interval_begins_anew(applied: bool) -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        w.aws.applied_before_fault = applied
        until = w.clock.now() + 30

        def lose(operation: str, _arn: str) -> OkraError | None:
            lost = operation == "ModifyListener" and w.clock.now() < until
            return Unavailable("no answer") if lost else None

        w.aws.fault = lose
        async with w.running():
            await w.when(lambda: w.clock.now() >= until)
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)
        assert shares(route, new) == [0, 0.5, 1]
        assert w.clock.now() - until > 20, "two steps of ten seconds, counted from the answers"


async def test_aws_that_hangs_for_five_seconds_a_call_makes_a_rollout_slow_and_nothing_else() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        w.aws.latency = 5.0
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)
        assert shares(route, new) == [0, 0.5, 1]


async def test_aws_that_never_answers_is_said_and_holds_up_no_other_cell() -> None:
    async with world() as w:
        for role in ("web", "api"):
            w.two_versions(role)
            await w.apply(cell(role, role=role, **QUICK))
        frozen = w.aws.routes[next(arn for arn in w.aws.routes if arn.endswith("/web"))]
        async with w.running():
            await w.when(lambda: len(frozen.history) == 2)
            w.aws.fault = lambda op, arn: Unavailable("no answer") if arn == frozen.arn else None
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", "api", within=300)
            status = await w.until(lambda s: "no answer" in s.get("message", ""), "web", within=300)
            assert status["phase"] == "Syncing"


async def test_a_failing_revert_is_said_and_tried_until_it_succeeds() -> None:
    async with world() as w:
        route, old, new = w.two_versions()

        def fails(_query: str, _window: object) -> float:
            w.aws.fault = lambda op, _: Throttled("Rate exceeded") if op == "ModifyListener" else None
            return 0.5

        w.metrics.answer = fails
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            status = await w.phase("FailedReverting", within=300)
            assert "Rate exceeded" in status["message"]
            assert route.weights == {old: 1, new: 1}
            await asyncio.sleep(3600)
            w.aws.fault = nothing
            await w.when(lambda: route.weights.get(new, 0) == 0, within=60)
            await w.phase("Failed")


async def test_a_canary_that_gets_sick_under_traffic_is_reverted_within_three_polls() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell())
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.aws.groups[new].healthy = 0
            await w.when(lambda: route.weights.get(new, 0) == 0, within=3 * 10 + 1)
            status = await w.phase("Failed")
            assert status["rollout"]["failure"]["reason"] == "CanaryUnhealthy"
            assert route.weights[old] > 0


async def test_a_canary_that_never_gets_healthy_is_detached_and_starts_again_with_other_targets() -> None:
    async with world() as w:
        route, old, new = w.two_versions(healthy=0)
        await w.apply(cell(**QUICK))
        async with w.running():
            status = await w.until(lambda s: s.get("rollout", {}).get("outcome") == "Failed", within=600)
            await w.when(lambda: new not in route.weights, within=60)
            assert status["blockedVersions"] == []
            w.aws.groups[new].healthy = 2
            await asyncio.sleep(600)
            assert route.weights == {old: 100}, "the same targets don't start by themselves"
            w.aws.groups[new].registered = 3
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


async def test_a_listener_that_does_not_exist_is_a_condition_and_heals_by_itself() -> None:
    async with world() as w:
        old = w.group("1.0.0")
        await w.apply(cell(**QUICK))
        async with w.running():
            status = await w.until(lambda s: s.get("conditions"), within=60)
            assert w.condition(status, "Ready") == ("False", "ListenerNotFound")
            assert w.condition(status, "Stalled")[0] == "True"
            w.route({old: 1})
            await w.phase("Synced", within=120)


@pytest.mark.parametrize(("waits", "looks"), [(0.0, 60), (20.0, 20)])
async def test_a_moving_cell_looks_less_often_while_the_rate_budget_is_short(waits: float, looks: int) -> None:
    slow: dict[str, Any] = {
        "updateStrategy": {"type": "Canary", "canary": {"stepWeight": 50, "totalWeight": 100, "stepInterval": "1h"}}
    }
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**slow))
        async with w.running(wait_estimate=lambda _account: waits):
            await w.when(lambda: route.weights.get(new))
            await asyncio.sleep(60)
            w.forget_calls()
            await asyncio.sleep(600)
            assert abs(w.aws.calls["DescribeTargetHealth"] - 2 * looks) <= 4, "of both groups"
