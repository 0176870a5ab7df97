"""The main job, with the settings of a controller that was given none."""

import asyncio

import pytest

from okra.actors.cell_finalizer import FINALIZER
from okra.rollout.rest import Rest
from tests.actors.world import PROMETHEUS, QUICK, cell, check, listener, world

pytestmark = pytest.mark.looptime

STEPS, PATIENCE = 10, 60.0 + 15.0
"""Of the default plan: steps, and seconds that each one waits."""


async def test_the_minimal_cell_moves_all_traffic_in_ten_equal_steps() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell())
        async with w.running():
            began = w.clock.now()
            status = await w.until(lambda s: s.get("stableVersion") == "1.1.0")
        assert route.weights == {old: 0, new: 1}
        shares = [w[new] / (w[old] + w[new]) for w in route.history]
        assert shares == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
        assert (status["phase"], status["previousVersion"]) == ("Synced", "1.0.0")
        assert [w.condition(status, each)[0] for each in ("Ready", "Reconciling", "Stalled")] == [
            "True",
            "False",
            "False",
        ]
        waits = STEPS * PATIENCE + w.defaults.claim_settle
        assert 0 < w.clock.now() - began - waits < 0.02 * waits
        assert w.rests["web"] is Rest.SYNCED


async def test_a_ten_step_rollout_writes_aws_twelve_times_and_status_twentyfive_times() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell())
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0")
        assert w.aws.calls["ModifyListener"] + w.aws.calls["AddTags"] <= 12
        assert w.store.writes["patch_status", "Cell"] <= 25
        assert w.store.writes["patch", "Cell"] == 2, "the finalizer comes and goes"


async def test_a_step_without_waits_reads_each_thing_once_and_takes_less_than_fifty_milliseconds() -> None:
    async with world(step_interval=0.0, propagation_delay=0.0) as w:
        route, _, _ = w.two_versions()
        await w.apply(cell())
        async with w.running():
            await w.when(lambda: len(route.history) == 2)  # the attaching, and the first step
            calls, at = w.aws.calls.copy(), w.clock.now()
            await w.when(lambda: len(route.history) == STEPS + 1)
            steps = STEPS - 1
            assert w.aws.calls["DescribeListeners"] - calls["DescribeListeners"] <= steps, "one read-back a step"
            assert w.aws.calls["DescribeTargetHealth"] - calls["DescribeTargetHealth"] <= 2 * steps, "one a group"
            assert w.clock.now() - at < steps * 0.05


async def test_one_check_a_step_costs_one_status_write_of_its_result() -> None:
    async with world(step_interval=0.0, propagation_delay=0.0) as w:
        w.two_versions()
        await w.apply(cell(checks=[check("dd")]))
        async with w.running():
            status = await w.until(lambda s: s.get("stableVersion") == "1.1.0")
        assert status["phase"] == "Synced"
        assert w.store.writes["patch_status", "Check"] == STEPS
        assert w.store.writes["patch_status", "Cell"] <= 25
        assert len(w.metrics.windows) == STEPS


async def test_the_echo_of_its_own_writes_never_makes_a_cell_read_itself_again() -> None:
    """A watch tells of each write later than the next one is made."""
    async with world(step_interval=0.0, propagation_delay=0.0) as w:
        w.two_versions()
        w.store.watch_lag = 0.02
        await w.apply(cell())
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0")
        for operation in ("patch", "patch_status"):
            assert w.store.calls[operation, "Cell"] == w.store.writes[operation, "Cell"], "a Conflict"
        assert w.store.calls["get", "Cell"] == 0


async def test_a_synced_cell_costs_no_write_and_only_what_discovery_reads() -> None:
    async with world() as w:
        old = w.group("1.0.0")
        w.route({old: 100})
        await w.apply(cell())
        async with w.running():
            await w.phase("Synced")
            await asyncio.sleep(60)
            w.forget_calls()
            await asyncio.sleep(3600)
        assert w.store.writes.total() == 0
        polls = 3600 / 30
        assert w.aws.calls["GetResources"] == pytest.approx(polls, abs=1)
        assert w.aws.calls["DescribeListeners"] == pytest.approx(polls, abs=1)
        assert set(w.aws.calls) == {"GetResources", "DescribeListeners"}


async def test_the_old_groups_stay_attached_at_zero_for_as_long_as_they_are_retained() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(retainFor="30m", **QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0")
            done = w.clock.now()
            await asyncio.sleep(29 * 60)
            assert route.weights == {old: 0, new: 1}
            await w.when(lambda: old not in route.weights, within=120)
            assert w.clock.now() - done >= 30 * 60
            status = await w.until(lambda s: not s["routes"][0]["extras"])
            assert list(route.weights) == [new]
            assert status["phase"] == "Synced"


async def test_a_failed_check_puts_everything_back_and_blocks_the_version() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        w.metrics.answer = lambda _query, _window: 0.5 if route.weights[new] else 0.0
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            status = await w.phase("Failed")
            assert route.weights.get(new, 0) == 0
            assert route.weights[old] > 0
            assert [each["version"] for each in status["blockedVersions"]] == ["1.1.0"]
            assert w.condition(status, "Ready") == ("False", "RolledBack")
            assert w.condition(status, "Stalled")[0] == "True"
            await asyncio.sleep(3600)
            assert route.weights.get(new, 0) == 0, "a blocked version is not tried again"
            assert FINALIZER not in (await w.get())["metadata"].get("finalizers", ())
            assert w.rests["web"] is Rest.FAILED


async def test_a_revert_is_in_aws_within_a_tenth_of_a_second_of_the_verdict() -> None:
    async with world() as w:
        route, _, new = w.two_versions()
        failed: list[float] = []

        def measure(_query: str, _window: object) -> float:
            failed.append(w.clock.now())
            return 0.5

        w.metrics.answer = measure
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            await w.when(lambda: failed)
            await w.when(lambda: route.weights.get(new, 0) == 0, within=1)
            assert w.clock.now() - failed[0] < 0.1


@pytest.mark.parametrize("reread", [10, 60])
async def test_a_late_write_after_a_revert_is_found_by_the_rereads_and_put_back(reread: float) -> None:
    async with world(discovery_interval=3600.0) as w:
        route, old, new = w.two_versions()
        w.metrics.answer = lambda _query, _window: 0.5
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            await w.phase("Failed")
            failed = w.clock.now()
            await asyncio.sleep(reread - 5)
            route.weights = {old: 1, new: 1}  # a frozen former leader's write arrives
            await w.when(lambda: route.weights.get(new, 0) == 0, within=30)
            assert w.clock.now() - failed < reread + 10, "within one poll of the reading"
            await w.until(lambda s: s["phase"] == "Failed" and s["routes"][0]["confirmedAt"])
            assert route.weights[old] > 0


async def test_nothing_begins_with_fewer_groups_than_replicas() -> None:
    async with world() as w:
        route, old, _ = w.two_versions()
        other = w.group("1.0.0", name="web-1-0-0-b")
        route.weights = {old: 1, other: 1}
        await w.apply(cell(replicas=2, **QUICK))
        async with w.running():
            status = await w.phase("Synced")
            await asyncio.sleep(120)
            assert route.history == []
            assert status["stableVersion"] == "1.0.0"
            assert "1 of 2" in (await w.status())["message"]
            w.group("1.1.0", name="web-1-1-0-b")
            await w.until(lambda s: s["stableVersion"] == "1.1.0")


async def test_several_routes_move_in_lockstep_and_back_together() -> None:
    async with world() as w:
        routes = {name: w.two_versions(name) for name in ("web", "api")}
        fails = False
        w.metrics.answer = lambda _query, _window: 0.5 if fails else 0.0
        spec = cell(checks=[check("dd")], **QUICK)["spec"]
        ingresses = [cell(role=name)["spec"]["ingress"] for name in routes]
        del spec["ingress"]
        obj = cell() | {"spec": {**spec, "ingresses": ingresses}}
        await w.apply(obj)
        async with w.running():
            await w.when(lambda: all(route.weights.get(new) for route, _, new in routes.values()))
            for route, old, new in routes.values():
                assert route.weights == {old: 1, new: 1}
            fails = True
            status = await w.phase("Failed")
            for route, old, new in routes.values():
                assert (route.weights.get(new, 0), route.weights[old] > 0) == (0, True)
            assert {each["key"] for each in status["routes"]} == {listener("web"), listener("api")}


async def test_checks_without_a_provider_use_the_controllers() -> None:
    from okra.api.provider import Provider

    async with world(check_provider=Provider.model_validate(PROMETHEUS)) as w:
        w.two_versions()
        plain = check("dd")
        del plain["analysis"]["provider"]
        await w.apply(cell(checks=[plain], **QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0")
        assert {provider.prometheus is not None for provider, *_ in w.metrics.opened} == {True}
