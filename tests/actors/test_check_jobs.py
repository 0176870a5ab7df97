"""Checks that run a Job: one Job a run, whatever befalls who asks for it; its end is the verdict."""

import asyncio
from functools import partial

import pytest

from okra.actors.cell_checks import CHECK
from okra.actors.check_jobs import KEPT
from okra.errors import OkraError, Unavailable
from okra.ports import Object
from okra.rollout.observation import Token, Verdict
from tests.actors.job_world import applied, check, job_world, lone, prechecked, runs
from tests.actors.test_cell_checks import cluster, rolled_out
from tests.actors.test_check_alone import Asked
from tests.actors.world import QUICK, cell

pytestmark = pytest.mark.looptime


async def test_a_precheck_runs_one_job_of_its_check_before_the_first_weight() -> None:
    async with job_world() as jobs:
        w = jobs.w
        route, _old, new = w.two_versions()
        shares: list[int] = []

        def outcome(_: Object) -> str:
            shares.append(route.weights.get(new, 0))
            return "Complete"

        jobs.outcome = outcome
        await w.apply(cell(prechecks=[check("smoke", "--of", "{{.Vars.version}}")], **QUICK))
        async with w.running():
            await rolled_out(w)
        [found] = (await jobs.present()).values()
        owner = await w.get("web-smoke", CHECK)
        reference = {"apiVersion": CHECK.api_version, "kind": "Check", "name": "web-smoke", "controller": True}
        assert found["metadata"]["ownerReferences"] == [{**reference, "uid": owner["metadata"]["uid"]}]
        assert (found["spec"]["backoffLimit"], found["spec"]["activeDeadlineSeconds"]) == (0, 1800)
        [container] = found["spec"]["template"]["spec"]["containers"]
        command = {"image": "smoke", "command": ["/smoke"], "args": ["--of", "1.1.0"]}
        assert container == {"name": "web-smoke", **command}
        assert found["spec"]["template"]["spec"]["restartPolicy"] == "Never"
        assert shares == [0]


async def test_its_end_stands_in_the_checks_status_and_in_events() -> None:
    async with prechecked() as jobs:
        w = jobs.w
        async with w.running():
            status = await w.until(lambda s: s.get("job"), "web-smoke", kind=CHECK)
            assert status["job"]["runs"][0]["phase"] in ("Pending", "Running")
            assert "may take 1800 s" in status["job"]["runs"][0]["reason"]
            await rolled_out(w)
        status = await w.status("web-smoke", CHECK)
        [name] = jobs.seen
        assert [(each["name"], each["phase"], each["cell"]) for each in await runs(jobs)] == [
            (name, "Passed", "default/web")
        ]
        assert (status["lastPassed"], status["lastRunTime"] is not None) == (True, True)
        assert w.condition(status, "Ready") == ("True", "Passed")
        assert [(each["cell"], each["verdict"]) for each in status["attempts"]] == [("default/web", "Passed")]
        assert w.reasons("web-smoke") == ["JobCreated", "JobPassed"]


async def test_a_pod_in_full_is_run_as_it_is_written() -> None:
    pod = {
        "serviceAccountName": "tester",
        "restartPolicy": "OnFailure",
        "containers": [{"name": "a", "image": "a", "env": [{"name": "V", "value": "{{.Vars.version}}"}]}],
    }
    async with job_world() as jobs:
        w = jobs.w
        w.two_versions()
        template = {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "{{b}}"}}, "spec": pod}
        asked = {"name": "smoke", "job": {"template": template, "backoffLimit": 2, "activeDeadlineSeconds": 60}}
        await w.apply(cell(postchecks=[asked], **QUICK))
        async with w.running():
            await rolled_out(w)
        [found] = (await jobs.present()).values()
        container = {"name": "a", "image": "a", "env": [{"name": "V", "value": "1.1.0"}]}
        assert found["spec"]["template"]["spec"] == {**pod, "containers": [container]}
        assert (found["spec"]["backoffLimit"], found["spec"]["activeDeadlineSeconds"]) == (2, 60)
        metadata = found["spec"]["template"]["metadata"]
        assert (metadata["labels"]["team"], metadata["annotations"]) == ("a", {"note": "{{b}}"})


async def test_a_check_at_a_step_runs_a_job_a_series_and_one_that_fails_takes_the_traffic_back() -> None:
    async with job_world() as jobs:
        w = jobs.w
        route, old, new = w.two_versions()
        jobs.outcome = lambda _: "Failed" if route.weights.get(old) == 0 else "Complete"
        await w.apply(cell(checks=[check()], **QUICK))
        async with w.running():
            status = await w.phase("Failed", within=600)
            assert not route.weights.get(new)
        said = status["rollout"]["failure"]["message"]
        assert "BackoffLimitExceeded" in said
        failed = (await runs(jobs))[-1]["name"]
        assert f"kubectl logs -n default job/{failed}" in said
        assert [each["phase"] for each in await runs(jobs)] == ["Passed", "Failed"]
        assert len(jobs.seen) == 2


async def test_a_failed_precheck_is_tried_again_with_a_new_job_until_its_time_is_over() -> None:
    async with job_world(on_failure_delay=60.0) as jobs:
        w = jobs.w
        route, _old, new = w.two_versions()
        jobs.outcome = lambda _: "Failed"
        await w.apply(cell(prechecks=[check()], **QUICK))
        async with w.running():
            await w.until(lambda s: (s.get("rollout") or {}).get("outcome") == "Failed", within=600)
        assert all(not weights.get(new) for weights in route.history)
        assert len(jobs.seen) >= 3
        assert len(await jobs.present()) == KEPT


async def test_clusters_with_words_of_their_own_have_jobs_of_their_own() -> None:
    async with job_world() as jobs:
        w = jobs.w
        old = [w.group("1.0.0", name=f"old-{n}") for n in "ab"]
        for n in "ab":
            w.group("1.1.0", name=f"new-{n}", **cluster(f"eu-{n}"))
        w.route(dict.fromkeys(old, 1))
        await w.apply(cell(replicas=2, prechecks=[check("smoke", "{{.Vars.clusterName}}")], **QUICK))
        async with w.running():
            await rolled_out(w)
        assert await w.names(CHECK) == {"web-smoke-eu-a", "web-smoke-eu-b"}
        words = [each["spec"]["template"]["spec"]["containers"][0]["args"] for each in jobs.seen.values()]
        assert sorted(words) == [["eu-a"], ["eu-b"]]


async def test_a_tag_that_would_be_an_option_is_refused() -> None:
    async with job_world() as jobs:
        w = jobs.w
        w.group("1.1.0", name="new", **cluster("--rm"))
        w.route({w.group("1.0.0"): 1})
        await w.apply(cell(prechecks=[check("smoke", "{{.Vars.clusterName}}")], **QUICK))
        async with w.running():
            status = await w.phase("Paused", within=300)
        assert "the value of clusterName holds '--rm'" in status["message"]
        assert not jobs.seen


# -- one Job a run -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("calls", range(5, 17))
async def test_a_process_that_ends_after_any_call_about_jobs_leaves_one_job_to_the_next(calls: int) -> None:
    async with prechecked() as jobs:
        w = jobs.w
        left = calls

        def fault(operation: str, _name: str) -> OkraError | None:
            nonlocal left
            about = operation in ("create", "delete", "list", "get", "patch_status") and bool(w.aws.calls)
            left -= about
            return Unavailable("the process is no more") if left < 0 else None

        w.store.fault = fault
        async with w.running():
            await w.when(lambda: left < 0 or "RolloutCompleted" in w.reasons("web"), within=300)
        w.store.fault = lambda _operation, _name: None
        async with w.running():
            await rolled_out(w)
        assert len(jobs.uids) == 1


async def test_a_lost_answer_creates_no_second_job() -> None:
    async with prechecked() as jobs:
        w = jobs.w
        lost = 2

        def loses(operation: str, _name: str) -> OkraError | None:
            nonlocal lost
            if operation != "create" or not lost:
                return None
            lost -= 1
            return Unavailable("reset by peer")

        w.store.lost = loses
        async with w.running():
            await rolled_out(w)
        assert (len(jobs.uids), lost) == (1, 1)


async def test_a_process_that_is_started_again_goes_on_with_the_job_that_runs() -> None:
    async with prechecked() as jobs:
        w = jobs.w
        hangs = True
        jobs.outcome = lambda _: None if hangs else "Complete"
        for _ in range(3):
            async with w.running():
                await w.when(lambda: jobs.seen)
                await asyncio.sleep(20)
        hangs = False
        async with w.running():
            await rolled_out(w)
        assert len(jobs.uids) == 1


async def test_two_processes_at_once_make_one_job() -> None:
    async with applied(suspend=True) as jobs:
        w, token = jobs.w, Token(1, 0, 1)
        async with w.running() as one, w.running() as other:
            await asyncio.sleep(1)
            asked = [Asked(each, "smoke") for each in (one, other)]
            for each in asked:
                each.ask(token)
            await w.when(lambda: all(each.heard for each in asked), within=60)
        assert [each.verdicts for each in asked] == [[(token, Verdict.PASSED)]] * 2
        assert len(jobs.uids) == 1


async def test_an_actor_that_has_its_answer_recorded_makes_no_job_when_it_is_asked_again() -> None:
    async with applied(suspend=True) as jobs:
        w, token = jobs.w, Token(3, 1, 2, 4)
        for _ in range(2):
            async with w.running() as system:
                await asyncio.sleep(1)
                asked = Asked(system, "smoke")
                asked.ask(token)
                await w.when(partial(bool, asked.heard), within=60)
                assert asked.verdicts == [(token, Verdict.PASSED)]
            for name in await jobs.present():
                await jobs.delete(name)
        assert len(jobs.uids) == 1


async def test_a_newer_attempt_ends_the_job_of_an_older_one_also_of_a_process_before() -> None:
    async with applied(suspend=True) as jobs:
        w = jobs.w
        jobs.outcome = lambda _: None
        for attempt in (1, 2, 3):
            async with w.running() as system:
                await asyncio.sleep(1)
                Asked(system, "smoke").ask(Token(1, 0, attempt))
                await w.when(partial(lambda count: len(jobs.seen) == count, attempt), within=60)
                await asyncio.sleep(1)
                assert list(await jobs.present()) == list(jobs.seen)[-1:]


async def test_two_cells_that_ask_one_check_have_a_job_each() -> None:
    async with job_world() as jobs:
        w = jobs.w
        await w.apply(lone(suspend=True))
        shared = [{"name": "smoke", "from": {"checkName": "smoke"}}]
        for role in ("web", "api"):
            w.two_versions(role)
            await w.apply(cell(role, role=role, prechecks=shared, **QUICK))
        async with w.running():
            for role in ("web", "api"):
                await rolled_out(w, role)
        assert sorted(each["cell"] for each in await runs(jobs, "smoke")) == ["default/api", "default/web"]
        assert len(jobs.uids) == 2


async def test_a_changed_check_is_run_as_it_is_now_however_late_the_watch_tells_of_it() -> None:
    async with job_world() as jobs:
        w = jobs.w
        w.two_versions()
        await w.apply(cell(prechecks=[check("smoke", "{{.Vars.version}}")], **QUICK))
        async with w.running():
            await rolled_out(w)
            w.store.watch_lag = 30.0
            w.group("1.2.0")
            await rolled_out(w, version="1.2.0")
        words = [each["spec"]["template"]["spec"]["containers"][0]["args"] for each in jobs.seen.values()]
        assert words == [["1.1.0"], ["1.2.0"]]
