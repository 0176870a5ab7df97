"""A Cell's checks: the objects it makes, whose series count, and what their verdicts do."""

import asyncio
from functools import partial
from typing import Any

import pytest

from okra.actors.cell_checks import CHECK
from okra.analysis.naming import ANNOTATION, analysis_hash
from okra.errors import CredentialsInvalid, Invalid, NotFound, OkraError, Unavailable
from okra.ports import Grain, Window
from tests.actors.test_cell_crashes import Defect
from tests.actors.world import QUICK, World, cell, check, lone_check, world

pytestmark = pytest.mark.looptime

BY_CLUSTER = check("dd", query="errors{cluster:{{.Vars.clusterName}}}")


def cluster(name: str) -> dict[str, Any]:
    """The tag that says of which cluster a target group is."""
    return {"okra.mumoshu.github.io/cluster": name}


async def rolled_out(w: World, name: str = "web", version: str = "1.1.0", within: float = 900) -> dict[str, Any]:
    return await w.until(lambda s: s.get("stableVersion") == version and s["phase"] == "Synced", name, within)


async def test_one_check_object_serves_all_clusters_that_would_be_asked_the_same() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            await rolled_out(w)
        assert await w.names(CHECK) == {"web-dd"}
        found, owner = await w.get("web-dd", CHECK), await w.get()
        reference = found["metadata"]["ownerReferences"][0]
        assert (reference["kind"], reference["name"], reference["uid"]) == ("Cell", "web", owner["metadata"]["uid"])
        assert reference["controller"] is True
        digest = analysis_hash(found["spec"]["analysis"])
        assert found["metadata"]["annotations"][ANNOTATION] == digest
        assert found["status"]["analysis"]["observedHash"] == digest
        assert (found["status"]["lastPassed"], len(found["status"]["attempts"])) == (True, 2)


async def test_clusters_with_queries_of_their_own_have_checks_of_their_own_and_all_must_pass() -> None:
    async with world() as w:
        old = [w.group("1.0.0", name=f"old-{n}") for n in "ab"]
        new = [w.group("1.1.0", name=f"new-{n}", **cluster(f"eu-{n}")) for n in "ab"]
        route = w.route(dict.fromkeys(old, 1))
        asked: set[str] = set()

        def answer(query: str, _window: Window) -> float:
            asked.add(query)
            return 0.5 if "eu-b" in query and route.weights[new[0]] and not route.weights[old[0]] else 0.0

        w.metrics.answer = answer
        await w.apply(cell(replicas=2, checks=[BY_CLUSTER], **QUICK))
        async with w.running():
            await w.phase("Failed", within=600)
            assert await w.names(CHECK) == {"web-dd-eu-a", "web-dd-eu-b"}
            assert asked == {"errors{cluster:eu-a}", "errors{cluster:eu-b}"}
            assert all(not route.weights.get(arn) for arn in new)
            shares = [sum(x.get(arn, 0) for arn in new) / sum(x.values()) for x in route.history]
            assert shares == [0, 0.5, 1, 0]


async def test_checks_of_clusters_that_are_gone_are_pruned() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(lone_check("web-other"))
        await w.apply(
            cell(checks=[check("dd", query="errors{group:{{.Vars.targetGroupName}},v:{{.Vars.version}}}")], **QUICK)
        )
        obj = cell(replicas=1, checks=[BY_CLUSTER], **QUICK)
        async with w.running():
            await rolled_out(w)
            assert await w.names(CHECK) == {"web-dd", "web-other"}
            obj["spec"]["replicas"] = 2
            await w.apply(obj)
            for name in ("eu-a", "eu-b"):
                w.group("1.2.0", name=f"new-{name}", **cluster(name))
            await rolled_out(w, version="1.2.0")
            assert await w.names(CHECK) == {"web-dd-eu-a", "web-dd-eu-b", "web-other"}


async def test_a_check_that_a_new_version_changes_is_asked_as_it_is_now_however_late_the_watch_tells_of_it() -> None:
    async with world() as w:
        w.two_versions()
        asked: list[str] = []

        def answer(query: str, _window: Window) -> float:
            asked.append(query)
            return 0.0

        w.metrics.answer = answer
        await w.apply(cell(checks=[check("dd", query="errors{version:{{.Vars.version}}}")], **QUICK))
        async with w.running():
            await rolled_out(w)
            asked.clear()
            w.store.watch_lag = 30.0
            w.group("1.2.0")
            await rolled_out(w, version="1.2.0")
        assert set(asked) == {"errors{version:1.2.0}"}


async def test_a_check_of_the_same_name_that_is_not_ours_is_never_touched() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        theirs = await w.apply(lone_check("web-dd", suspend=True))
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            status = await w.phase("Paused", within=300)
            assert "web-dd" in status["message"]
            assert "from.checkName" in status["message"]
            assert route.weights == {old: 1, new: 1}
            assert await w.get("web-dd", CHECK) == theirs


async def test_a_measurements_window_begins_after_the_confirmed_weight_and_the_propagation_delay() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        raised: dict[int, float] = {}
        w.metrics.grain = Grain(period=60.0, lag=120.0)

        def answer(_query: str, window: Window) -> float:
            number = len([x for x in route.history if x.get(new)])
            began = max(at for n, at in raised.items() if n <= number)
            assert window.start >= began + 15.0
            assert window.start % 60 == 0
            assert window.end % 60 == 0
            assert window.end + 120 <= w.clock.now() + 0.001
            return 0.0

        def raises_are(count: int) -> bool:
            return len([weights for weights in route.history if weights.get(new)]) == count

        w.metrics.answer = answer
        await w.apply(cell(checks=[check("dd")], updateStrategy=QUICK["updateStrategy"]))
        async with w.running():
            for number in (1, 2):
                await w.when(partial(raises_are, number))
                raised[number] = w.clock.now() - 0.02
            await rolled_out(w)
        assert len(w.metrics.windows) == 2


async def test_a_check_actor_that_crashes_in_a_series_is_asked_again() -> None:
    async with world() as w:
        w.two_versions()
        crashes = 2

        def answer(_query: str, _window: Window) -> float:
            nonlocal crashes
            crashes -= 1
            if crashes >= 0:
                raise Defect
            return 0.0

        w.metrics.answer = answer
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            await rolled_out(w)
        attempts = (await w.status("web-dd", CHECK))["attempts"]
        assert [each["verdict"] for each in attempts] == ["Passed", "Passed"]


async def test_a_recorded_verdict_is_the_answer_to_a_process_that_asks_again() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        w.metrics.latency = 2.0
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await w.until(lambda s: s.get("attempts"), "web-dd", kind=CHECK)
        async with w.running():
            await rolled_out(w)
        attempts = (await w.status("web-dd", CHECK))["attempts"]
        keys = [(each["rollout"], each["step"], each["attempt"], each["series"]) for each in attempts]
        assert len(set(keys)) == len(keys) == len(w.metrics.windows) == 2


@pytest.mark.parametrize(
    "error", [Unavailable("HTTP 503"), CredentialsInvalid("bad key"), Invalid("no such metric")], ids=lambda e: e.reason
)
async def test_a_metrics_api_that_fails_pauses_the_rollout_after_its_limit_and_retry_goes_on(error: OkraError) -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        w.metrics.answer = lambda _query, _window: error
        await w.apply(cell(checks=[check("dd", consecutiveErrorLimit=2)], **QUICK))
        async with w.running():
            status = await w.phase("Paused", within=300)
            assert str(error) in status["message"]
            assert route.weights == {old: 1, new: 1}, "neither passed nor reverted"
            assert (await w.status("web-dd", CHECK))["attempts"][0]["verdict"] == "Error"
            assert (await w.status("web-dd", CHECK))["lastPassed"] is False
            await asyncio.sleep(3600)
            assert route.weights == {old: 1, new: 1}
            w.metrics.answer = lambda _query, _window: 0.0
            await w.command("web", '{"id": "1", "verb": "retry"}')
            await rolled_out(w)


async def test_a_passing_outage_of_the_metrics_api_is_waited_out() -> None:
    async with world() as w:
        w.two_versions()
        failing = w.clock.now() + 45
        w.metrics.answer = lambda _query, _window: Unavailable("503") if w.clock.now() < failing else 0.0
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            await rolled_out(w)


async def test_on_inconclusive_revert_puts_the_traffic_back_without_data() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        w.metrics.answer = lambda _query, _window: None
        await w.apply(cell(checks=[check("dd") | {"onInconclusive": "Revert"}], **QUICK))
        async with w.running():
            await w.phase("Failed", within=600)
            assert not route.weights.get(new)


async def test_a_secret_that_is_missing_says_which_and_what_to_do() -> None:
    async with world() as w:
        w.two_versions()
        w.metrics.refuses = NotFound("There is no Secret dd in namespace default.", reason="SecretNotFound")
        await w.apply(cell(checks=[check("dd", consecutiveErrorLimit=1)], **QUICK))
        async with w.running():
            status = await w.phase("Paused", within=300)
            assert "There is no Secret dd" in status["message"]


async def test_a_dry_run_check_never_holds_up_anything() -> None:
    async with world() as w:
        w.two_versions()
        w.metrics.answer = lambda _query, _window: 0.5
        await w.apply(cell(checks=[check("dd") | {"dryRun": True}], **QUICK))
        async with w.running():
            await rolled_out(w)
        results = (await w.status("web-dd", CHECK))["analysis"]["results"]
        assert {each["value"] for each in results} == {0.5}


async def test_a_check_used_by_two_cells_keeps_the_attempts_of_both() -> None:
    async with world() as w:
        shared = [{"name": "dd", "from": {"checkName": "errors"}}]
        await w.apply(lone_check("errors", suspend=True))
        for role in ("web", "api"):
            w.two_versions(role)
            await w.apply(cell(role, role=role, checks=shared, **QUICK))
        async with w.running():
            for role in ("web", "api"):
                await rolled_out(w, role)
        attempts = (await w.status("errors", CHECK))["attempts"]
        assert sorted(each["cell"] for each in attempts) == ["default/api"] * 2 + ["default/web"] * 2
        assert await w.names(CHECK) == {"errors"}


SHARED = [{"name": "dd", "from": {"checkName": "shared"}}]


@pytest.mark.parametrize("kind", ["prechecks", "checks", "postchecks"])
async def test_a_named_check_that_does_not_exist_holds_the_rollout_before_its_first_weight_until_it_does(
    kind: str,
) -> None:
    async with world(health_timeout=60.0) as w:
        route, old, new = w.two_versions()
        spec: dict[str, Any] = {kind: SHARED, **QUICK}
        await w.apply(cell(**spec))
        async with w.running():
            status = await w.until(lambda s: s.get("reason") == "CheckNotFound", within=300)
            assert "There is no Check shared in namespace default" in status["message"]
            await asyncio.sleep(3600)
            assert (route.weights, (await w.status())["reason"]) == ({old: 100}, "CheckNotFound")
            await w.apply(lone_check("shared", suspend=True))
            await rolled_out(w)
            assert (route.weights[new], w.reasons("web").count("RolloutStarted")) == (1, 1)


async def test_a_named_check_without_the_labels_of_the_selector_is_said_to_lack_them() -> None:
    async with world() as w:
        route, old, _new = w.two_versions()
        mine, theirs = cell(checks=SHARED, **QUICK), lone_check("shared", suspend=True)
        mine["metadata"]["labels"] = {"team": "a"}
        await w.apply(mine)
        await w.apply(theirs)
        async with w.running(selector="team=a"):
            status = await w.until(lambda s: s.get("reason") == "CheckNotFound", within=300)
            assert "The Check shared lacks the labels of --selector team=a" in status["message"]
            assert route.weights == {old: 100}
            await w.patch("shared", {"metadata": {"labels": {"team": "a"}}}, CHECK)
            await rolled_out(w)


async def test_whoever_skips_the_checks_does_not_wait_for_one_that_does_not_exist() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(checks=SHARED, **QUICK))
        async with w.running():
            await w.until(lambda s: s.get("reason") == "CheckNotFound", within=300)
            await w.command("web", '{"id": "1", "verb": "promote"}')
            await rolled_out(w)


async def test_a_named_check_that_is_gone_in_mid_rollout_pauses_and_is_named() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(lone_check("shared", suspend=True))
        await w.apply(cell(checks=SHARED, **QUICK))
        async with w.running():
            await w.until(lambda s: s.get("weight") == "50%", within=300)
            await w.delete("shared", CHECK)
            status = await w.phase("Paused", within=300)
            assert "There is no Check shared" in status["message"]
            await w.apply(lone_check("shared", suspend=True))
            await w.command("web", '{"id": "1", "verb": "retry"}')
            await rolled_out(w)


async def test_a_named_check_may_be_a_dry_run_to_one_cell_and_not_to_another() -> None:
    async with world() as w:
        route, old, _new = w.two_versions("api")
        w.two_versions()
        w.metrics.answer = lambda _query, _window: 0.5
        await w.apply(lone_check("shared", suspend=True))
        await w.apply(cell(checks=[{**SHARED[0], "dryRun": True}], **QUICK))
        await w.apply(cell("api", role="api", checks=SHARED, **QUICK))
        async with w.running():
            await rolled_out(w)
            await w.phase("Failed", "api", within=300)
        assert route.weights[old]
        said = [event.message for event in w.events if event.name == "web" and event.reason.startswith("Check")]
        assert said
        assert all(message.startswith("dd: dry run, would be Failed: ") for message in said)
        verdicts = {each["cell"]: each["verdict"] for each in (await w.status("shared", CHECK))["attempts"]}
        assert verdicts == {"default/web": "Failed", "default/api": "Failed"}


async def test_a_dry_run_that_can_not_be_asked_any_more_holds_up_nothing() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(lone_check("shared", suspend=True))
        await w.apply(cell(checks=[{**SHARED[0], "dryRun": True}], **QUICK))
        async with w.running():
            await w.until(lambda s: s.get("weight") == "50%", within=300)
            await w.delete("shared", CHECK)
            await rolled_out(w)


async def test_a_named_check_that_this_process_has_not_heard_of_yet_is_asked_all_the_same() -> None:
    """It was applied a moment ago, or Okra has just been started."""
    async with world() as w:
        w.two_versions()
        await w.apply(cell(prechecks=SHARED, **QUICK))
        async with w.running():
            await w.until(lambda s: s.get("reason") == "CheckNotFound", within=300)
            w.store.watch_lag = 3600.0
            await w.apply(lone_check("shared", suspend=True))
            await rolled_out(w)


async def test_a_store_that_is_down_does_not_pass_for_a_check_that_is_missing() -> None:
    async with world(claim_settle=0.0) as w:
        route, old, _new = w.two_versions()
        await w.apply(lone_check("shared", suspend=True))
        async with w.running():
            await asyncio.sleep(1)
            w.store.fault = lambda _operation, name: Unavailable("down") if name == "shared" else None
            await w.apply(cell(checks=SHARED, **QUICK))
            await w.until(lambda s: s.get("reason") == "RolloutStarted", within=300)
            await asyncio.sleep(600)
            assert ((await w.status())["reason"], route.weights) == ("RolloutStarted", {old: 100})
            w.store.fault = lambda _operation, _name: None
            await rolled_out(w)


async def test_a_condition_may_compare_the_canary_with_the_stable_side() -> None:
    query = "errors{version:{{.Vars.version}}}"
    compares = check(
        "dd", query=query, successCondition="result <= stable * 2.0", failureCondition="result > stable * 2.0"
    )
    del compares["analysis"]["max"]
    async with world() as w:
        route, _old, new = w.two_versions()
        worse = 1.5

        def answer(query: str, _window: Window) -> float:
            return 1.0 if "1.0.0" in query else worse

        w.metrics.answer = answer
        await w.apply(cell(checks=[compares], **QUICK))
        async with w.running():
            await w.until(lambda s: s.get("step") == "2/2", within=300)
            worse = 2.5
            status = await w.phase("Failed", within=300)
            assert not route.weights.get(new)
            assert status["rollout"]["failure"]["reason"] == "CheckFailed"


async def test_prechecks_run_before_the_first_weight_and_postchecks_after_the_last() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        seen: dict[str, float] = {}

        def answer(query: str, _window: Window) -> float:
            seen.setdefault(query, route.weights.get(new, 0) / sum(route.weights.values()))
            return 0.0

        w.metrics.answer = answer
        kinds: dict[str, Any] = {kind: [check(kind[:-1], query=kind)] for kind in ("prechecks", "checks", "postchecks")}
        await w.apply(cell(**kinds, **QUICK))
        async with w.running():
            await rolled_out(w)
        assert seen == {"prechecks": 0, "checks": 0.5, "postchecks": 1}


async def test_a_failed_precheck_is_waited_for_and_ends_without_any_traffic() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        w.metrics.answer = lambda _query, _window: 0.5
        await w.apply(cell(prechecks=[check("pre")], **QUICK))
        async with w.running():
            began = w.clock.now()
            await w.until(lambda s: (s.get("rollout") or {}).get("outcome") == "Failed", within=600)
            assert w.clock.now() - began >= 60
        assert all(not weights.get(new) for weights in route.history)


async def test_a_store_that_refuses_check_objects_for_a_while_only_delays_the_series() -> None:
    async with world() as w:
        w.two_versions()
        until = w.clock.now() + 60

        def fault(operation: str, name: str) -> OkraError | None:
            return Unavailable("down") if operation == "apply" and w.clock.now() < until else None

        w.store.fault = fault
        await w.apply(cell(checks=[check("dd")], **QUICK))
        async with w.running():
            await rolled_out(w)


async def test_an_unknown_template_variable_is_said_before_any_traffic_moves() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(checks=[check("dd", query="errors{{.Vars.nonsense}}")], **QUICK))
        async with w.running():
            status = await w.until(lambda s: "nonsense" in s.get("message", ""), within=300)
            assert w.condition(status, "Ready")[0] == "False"
        assert not route.weights.get(new)
