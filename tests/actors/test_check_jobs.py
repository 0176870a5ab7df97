"""Checks that run a Job: one Job a run, whatever befalls who asks for it; its end is the verdict."""

import asyncio
from functools import partial
from typing import Any

import pytest

from okra.actors.cell_checks import CHECK
from okra.actors.check_jobs import KEPT
from okra.analysis.jobs import JOB
from okra.errors import AccessDenied, Invalid, OkraError, Refused, Throttled, Unavailable
from okra.ports import Object
from okra.rollout.observation import Token, Verdict
from tests.actors.job_world import TAKES, Jobs, check, job, job_world
from tests.actors.test_cell_checks import cluster, rolled_out
from tests.actors.test_check_alone import Asked
from tests.actors.world import QUICK, World, cell, lone_check

pytestmark = pytest.mark.looptime

FAILING: dict[str, Any] = {"onFailure": {"delay": "0s"}}


def lone(**spec: Any) -> Object:
    return lone_check("smoke", **{"job": job(), **spec})


async def runs(jobs: Jobs[World], name: str = "web-smoke") -> list[dict[str, Any]]:
    status = await jobs.w.status(name, CHECK)
    found: list[dict[str, Any]] = (status.get("job") or {}).get("runs", [])
    return found


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
    async with job_world() as jobs:
        w = jobs.w
        w.two_versions()
        await w.apply(cell(prechecks=[check()], **QUICK))
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
    async with job_world() as jobs:
        w = jobs.w
        w.two_versions()
        left = calls

        def fault(operation: str, _name: str) -> OkraError | None:
            nonlocal left
            about = operation in ("create", "delete", "list", "get", "patch_status") and bool(w.aws.calls)
            left -= about
            return Unavailable("the process is no more") if left < 0 else None

        await w.apply(cell(prechecks=[check()], **QUICK))
        w.store.fault = fault
        async with w.running():
            await w.when(lambda: left < 0 or "RolloutCompleted" in w.reasons("web"), within=300)
        w.store.fault = lambda _operation, _name: None
        async with w.running():
            await rolled_out(w)
        assert len(jobs.uids) == 1


async def test_a_lost_answer_creates_no_second_job() -> None:
    async with job_world() as jobs:
        w = jobs.w
        w.two_versions()
        lost = 2

        def loses(operation: str, _name: str) -> OkraError | None:
            nonlocal lost
            if operation != "create" or not lost:
                return None
            lost -= 1
            return Unavailable("reset by peer")

        w.store.lost = loses
        await w.apply(cell(prechecks=[check()], **QUICK))
        async with w.running():
            await rolled_out(w)
        assert (len(jobs.uids), lost) == (1, 1)


async def test_a_process_that_is_started_again_goes_on_with_the_job_that_runs() -> None:
    async with job_world() as jobs:
        w = jobs.w
        w.two_versions()
        hangs = True
        jobs.outcome = lambda _: None if hangs else "Complete"
        await w.apply(cell(prechecks=[check()], **QUICK))
        for _ in range(3):
            async with w.running():
                await w.when(lambda: jobs.seen)
                await asyncio.sleep(20)
        hangs = False
        async with w.running():
            await rolled_out(w)
        assert len(jobs.uids) == 1


async def test_two_processes_at_once_make_one_job() -> None:
    async with job_world() as jobs:
        w, token = jobs.w, Token(1, 0, 1)
        await w.apply(lone(suspend=True))
        async with w.running() as one, w.running() as other:
            await asyncio.sleep(1)
            asked = [Asked(each, "smoke") for each in (one, other)]
            for each in asked:
                each.ask(token)
            await w.when(lambda: all(each.heard for each in asked), within=60)
        assert [each.verdicts for each in asked] == [[(token, Verdict.PASSED)]] * 2
        assert len(jobs.uids) == 1


async def test_an_actor_that_has_its_answer_recorded_makes_no_job_when_it_is_asked_again() -> None:
    async with job_world() as jobs:
        w, token = jobs.w, Token(3, 1, 2, 4)
        await w.apply(lone(suspend=True))
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
    async with job_world() as jobs:
        w = jobs.w
        jobs.outcome = lambda _: None
        await w.apply(lone(suspend=True))
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


# -- what befalls a Job ------------------------------------------------------------------------------------------------


async def test_a_job_that_a_person_deletes_says_nothing_about_the_app_and_retry_makes_another() -> None:
    async with job_world() as jobs:
        w = jobs.w
        w.two_versions()
        jobs.outcome = lambda _: None
        await w.apply(cell(prechecks=[check()], **QUICK))
        async with w.running():
            await w.when(lambda: jobs.seen)
            [name] = jobs.seen
            await jobs.delete(name)
            status = await w.phase("Paused", within=300)
            assert f"Job {name} was deleted" in status["message"]
            jobs.outcome = lambda _: "Complete"
            await w.command("web", '{"id": "1", "verb": "retry"}')
            await rolled_out(w)
        assert len(jobs.seen) == 2


async def test_a_job_that_was_deleted_while_nobody_looked_is_not_made_again() -> None:
    async with job_world() as jobs:
        w = jobs.w
        w.two_versions()
        jobs.outcome = lambda _: None
        await w.apply(cell(prechecks=[check()], **QUICK))
        async with w.running():
            await w.when(lambda: jobs.seen)
            await w.until(lambda s: s.get("job"), "web-smoke", kind=CHECK)
        await jobs.delete(next(iter(jobs.seen)))
        async with w.running():
            status = await w.phase("Paused", within=300)
        assert "was deleted" in status["message"]
        assert len(jobs.uids) == 1


async def test_a_job_that_takes_too_long_fails_and_says_what_it_may_take() -> None:
    async with job_world() as jobs:
        w = jobs.w
        w.two_versions()
        jobs.outcome = lambda _: None
        await w.apply(cell(prechecks=[check(activeDeadlineSeconds=45)], **FAILING, **QUICK))
        async with w.running():
            status = await w.until(lambda s: (s.get("rollout") or {}).get("outcome") == "Failed", within=300)
        assert "DeadlineExceeded" in status["rollout"]["failure"]["message"]
        assert "activeDeadlineSeconds: 45" in status["rollout"]["failure"]["message"]


async def test_a_suspended_job_is_said_to_be_and_goes_on_when_it_is_resumed() -> None:
    async with job_world() as jobs:
        w = jobs.w
        w.two_versions()
        jobs.outcome = lambda _: None
        await w.apply(cell(prechecks=[check()], **QUICK))
        async with w.running():
            await w.when(lambda: jobs.seen)
            [name] = jobs.seen
            await w.patch(name, {"spec": {"suspend": True}}, JOB)
            await w.until(lambda s: s["job"]["runs"][0]["phase"] == "Suspended", "web-smoke", kind=CHECK)
            jobs.outcome = lambda _: "Complete"
            await w.patch(name, {"spec": {"suspend": False}}, JOB)
            await rolled_out(w)


async def test_a_job_that_nobody_looks_after_is_given_up_and_holds_up_nothing_in_silence() -> None:
    async with job_world() as jobs:
        w = jobs.w
        w.two_versions()
        jobs.works = False
        await w.apply(cell(prechecks=[check(activeDeadlineSeconds=100)], **QUICK))
        async with w.running():
            status = await w.phase("Paused", within=300)
        assert "waits for its pod" in status["message"]
        assert "Nobody ended it within 160 s" in status["message"]


@pytest.mark.parametrize(("condition", "verdict"), [("FailureTarget", "Failed"), ("SuccessCriteriaMet", "Passed")])
async def test_how_a_job_ends_counts_before_its_last_pod_has(condition: str, verdict: str) -> None:
    async with job_world() as jobs:
        w = jobs.w
        jobs.outcome = lambda _: condition
        await w.apply(lone())
        async with w.running():
            status = await w.until(lambda s: "lastPassed" in s, "smoke", kind=CHECK, within=60)
        assert status["job"]["runs"][0]["phase"] == verdict


async def test_a_job_of_somebody_else_under_its_name_is_never_touched() -> None:
    async with job_world() as jobs:
        w, token = jobs.w, Token(1, 0, 1)
        await w.apply(lone(suspend=True))
        async with w.running() as system:
            await asyncio.sleep(1)
            Asked(system, "smoke").ask(token)
            await w.when(lambda: jobs.seen, within=60)
        [name] = jobs.seen
        await jobs.delete(name)
        await w.patch("smoke", {"status": None}, CHECK)
        await w.store.real.patch_status(CHECK, "default", "smoke", {"job": None, "attempts": None})
        theirs = {"metadata": {"namespace": "default", "name": name}, "spec": {"suspend": True}}
        made = await w.store.real.create(JOB, theirs)
        async with w.running() as system:
            await asyncio.sleep(1)
            asked = Asked(system, "smoke")
            asked.ask(token)
            await w.when(lambda: asked.heard, within=60)
        assert asked.verdicts == [(token, Verdict.ERROR)]
        assert "isn't this Check's" in asked.heard[0].message
        assert (await jobs.present())[name]["metadata"]["uid"] == made["metadata"]["uid"]


REFUSALS = [
    (Invalid("spec.template.spec.containers[0].comand: unknown field"), "job.template.spec.comand: unknown field"),
    (Refused("exceeded quota: jobs"), "exceeded quota: jobs"),
    (AccessDenied("Okra may not create jobs"), "Okra may not create jobs"),
]
"""What the API server says, and what Okra says: of a field by its path in the check."""


def refused(jobs: Jobs[World], error: OkraError) -> None:
    """No Job is made from now on."""
    jobs.w.store.fault = lambda operation, name: error if operation == "create" and "smoke" in name else None


def allowed(jobs: Jobs[World]) -> None:
    jobs.w.store.fault = lambda _operation, _name: None


@pytest.mark.parametrize(("error", "words"), REFUSALS)
async def test_a_precheck_whose_job_the_api_server_refuses_counts_down_and_fails_with_its_words(
    error: OkraError, words: str
) -> None:
    async with job_world(on_failure_delay=60.0) as jobs:
        w = jobs.w
        route, _old, new = w.two_versions()
        refused(jobs, error)
        await w.apply(cell(prechecks=[check()], **QUICK))
        async with w.running():
            status = await w.until(lambda s: s.get("reason") == "PrecheckFailed", within=60)
            assert f"{words}. Waiting 60 seconds before starting a rollback" in status["message"]
            status = await w.phase("Failed", within=600)
            assert words in status["rollout"]["failure"]["message"]
            assert all(not weights.get(new) for weights in route.history)
            assert {each["phase"] for each in await runs(jobs)} == {"Error"}
            allowed(jobs)
            await w.command("web", '{"id": "1", "verb": "retry"}')
            await rolled_out(w)


@pytest.mark.parametrize("error", [error for error, _ in REFUSALS])
async def test_a_precheck_whose_job_is_refused_for_less_than_the_delay_delays_the_rollout(error: OkraError) -> None:
    async with job_world(on_failure_delay=60.0) as jobs:
        w = jobs.w
        w.two_versions()
        refused(jobs, error)
        await w.apply(cell(prechecks=[check()], **QUICK))
        async with w.running():
            await w.until(lambda s: s.get("reason") == "PrecheckFailed", within=60)
            allowed(jobs)
            await rolled_out(w)


@pytest.mark.parametrize(("error", "words"), REFUSALS)
async def test_a_job_that_the_api_server_refuses_at_a_weight_pauses_the_rollout_and_says_why(
    error: OkraError, words: str
) -> None:
    """It says nothing about the app, which has traffic by then."""
    async with job_world() as jobs:
        w = jobs.w
        route, _old, new = w.two_versions()
        refused(jobs, error)
        await w.apply(cell(checks=[check()], **QUICK))
        async with w.running():
            status = await w.phase("Paused", within=300)
            assert words in status["message"]
            assert route.weights[new]
            allowed(jobs)
            await w.command("web", '{"id": "1", "verb": "retry"}')
            await rolled_out(w)


@pytest.mark.parametrize("error", [Throttled("HTTP 429: fewer requests"), Unavailable("HTTP 503: webhook is down")])
async def test_a_job_that_is_refused_for_now_is_tried_again_for_as_long_as_it_takes_and_the_check_says_so(
    error: OkraError,
) -> None:
    async with job_world(on_failure_delay=60.0) as jobs:
        w = jobs.w
        w.two_versions()
        refused(jobs, error)
        await w.apply(cell(prechecks=[check()], **QUICK))
        async with w.running():
            status = await w.until(lambda s: s.get("job"), "web-smoke", kind=CHECK)
            [run] = status["job"]["runs"]
            assert (run["phase"], run["reason"]) == ("Withheld", f"The Job {run['name']} isn't made yet: {error}.")
            await asyncio.sleep(600)
            assert (await w.status())["rollout"].get("failure") is None
            allowed(jobs)
            await rolled_out(w)
        assert [each["phase"] for each in await runs(jobs)] == ["Passed"]


async def test_a_process_after_one_that_was_refused_a_job_for_now_makes_it() -> None:
    async with job_world() as jobs:
        w = jobs.w
        w.two_versions()
        refused(jobs, Unavailable("HTTP 503: webhook is down"))
        await w.apply(cell(prechecks=[check()], **QUICK))
        async with w.running():
            await w.until(lambda s: s.get("job"), "web-smoke", kind=CHECK)
        allowed(jobs)
        async with w.running():
            await rolled_out(w)


async def test_a_store_that_is_down_for_a_while_only_delays_it() -> None:
    async with job_world() as jobs:
        w = jobs.w
        await w.apply(lone(suspend=True))
        until = w.clock.now() + 120
        async with w.running() as system:
            await asyncio.sleep(1)
            w.store.fault = lambda _operation, _name: Unavailable("down") if w.clock.now() < until else None
            asked = Asked(system, "smoke")
            asked.ask(Token(1, 0, 1))
            await w.when(lambda: asked.heard, within=300)
        assert asked.verdicts == [(Token(1, 0, 1), Verdict.PASSED)]


async def test_old_jobs_that_may_not_be_looked_for_are_said_and_hold_up_nothing() -> None:
    async with job_world() as jobs:
        w = jobs.w
        w.two_versions()
        said = AccessDenied("Okra may not list jobs.batch")
        w.store.fault = lambda operation, name: said if (operation, name) == ("list", "jobs") else None
        await w.apply(cell(prechecks=[check()], **QUICK))
        async with w.running():
            await rolled_out(w)
        assert [event.message for event in w.events if event.reason == "JobsNotDeleted"] == [str(said)]


# -- gates -------------------------------------------------------------------------------------------------------------


async def test_behind_a_gate_that_stays_closed_no_job_is_made_and_the_status_says_so() -> None:
    async with job_world() as jobs:
        w, token = jobs.w, Token(1, 0, 1)
        await w.apply(lone(suspend=True))
        w.gate.open = False
        async with w.running() as system:
            await asyncio.sleep(1)
            asked = Asked(system, "smoke")
            asked.ask(token)
            await w.until(lambda s: s.get("job"), "smoke", kind=CHECK, within=60)
            await asyncio.sleep(3600)
            assert (asked.heard, jobs.seen) == ([], {})
            [found] = await runs(jobs, "smoke")
            assert found["phase"] == "Withheld"
            assert "--read-only" in found["reason"]
            w.gate.open = True
            await w.when(lambda: asked.heard, within=60)
        assert asked.verdicts == [(token, Verdict.PASSED)]
        assert [each["phase"] for each in await runs(jobs, "smoke")] == ["Passed"]


async def test_behind_a_gate_that_opens_later_nothing_is_made_nor_said_until_then() -> None:
    async with job_world() as jobs:
        w = jobs.w
        await w.apply(lone())
        w.gate.open, w.gate.opens = False, w.clock.now() + 20
        async with w.running():
            await asyncio.sleep(19)
            assert (jobs.seen, (await w.status("smoke", CHECK)).get("job")) == ({}, None)
            w.gate.open = True
            await w.until(lambda s: s.get("lastPassed"), "smoke", kind=CHECK, within=60)


# -- on its own --------------------------------------------------------------------------------------------------------


async def test_a_check_that_a_person_applied_runs_once_however_often_okra_is_started() -> None:
    async with job_world() as jobs:
        w = jobs.w
        await w.apply(lone())
        for _ in range(3):
            async with w.running():
                await w.until(lambda s: s.get("lastPassed"), "smoke", kind=CHECK, within=60)
                await asyncio.sleep(600)
        assert len(jobs.uids) == 1
        assert w.reasons("smoke").count("JobPassed") == 1


async def test_with_an_interval_it_runs_again_and_again_and_keeps_a_few_jobs() -> None:
    async with job_world() as jobs:
        w = jobs.w
        await w.apply(lone(job=job(interval="1m")))
        async with w.running():
            await asyncio.sleep(300)
        async with w.running():
            await asyncio.sleep(300)
        starts = [each["metadata"]["creationTimestamp"] for each in jobs.seen.values()]
        assert len(starts) == len(set(starts)) in (8, 9, 10), "a minute after the end of the one before"
        assert len(await jobs.present()) == KEPT
        assert len(await runs(jobs, "smoke")) == len(starts)


async def test_it_says_failed_and_passed_again_as_its_jobs_end() -> None:
    async with job_world() as jobs:
        w = jobs.w
        jobs.outcome = lambda _: "Failed"
        await w.apply(lone(job=job(interval="1m")))
        async with w.running():
            status = await w.until(lambda s: s.get("lastPassed") is False, "smoke", kind=CHECK, within=60)
            assert w.condition(status, "Ready") == ("False", "Failed")
            jobs.outcome = lambda _: "Complete"
            await w.until(lambda s: s.get("lastPassed"), "smoke", kind=CHECK, within=120)


async def test_a_changed_spec_runs_anew_and_ends_the_job_of_the_old_one() -> None:
    async with job_world() as jobs:
        w = jobs.w
        jobs.outcome = lambda each: "Complete" if "new" in str(each["spec"]) else None
        await w.apply(lone())
        async with w.running():
            await w.when(lambda: jobs.seen)
            await w.apply(lone(job=job("new")))
            await w.until(lambda s: s.get("lastPassed"), "smoke", kind=CHECK, within=60)
        assert list(await jobs.present()) == list(jobs.seen)[1:]


async def test_one_of_its_own_that_is_deleted_is_made_again() -> None:
    async with job_world() as jobs:
        w = jobs.w
        jobs.outcome = lambda _: None
        await w.apply(lone())
        async with w.running():
            await w.when(lambda: jobs.seen)
            await jobs.delete(next(iter(jobs.seen)))
            jobs.outcome = lambda _: "Complete"
            await w.until(lambda s: s.get("lastPassed"), "smoke", kind=CHECK, within=60)
        assert len(jobs.uids) == 2


async def test_a_dry_run_passes_whatever_becomes_of_its_job() -> None:
    async with job_world() as jobs:
        w = jobs.w
        w.two_versions()
        jobs.outcome = lambda _: "Failed"
        await w.apply(cell(checks=[check() | {"dryRun": True}], **QUICK))
        async with w.running():
            await rolled_out(w)
        assert {each["phase"] for each in await runs(jobs)} == {"Failed"}
        attempts = (await w.status("web-smoke", CHECK))["attempts"]
        assert all(each["message"].startswith("dry run, would be Failed: ") for each in attempts)


async def test_jobs_go_with_their_check() -> None:
    async with job_world() as jobs:
        w = jobs.w
        await w.apply(lone())
        async with w.running():
            await w.until(lambda s: s.get("lastPassed"), "smoke", kind=CHECK, within=TAKES + 60)
            await w.delete("smoke", CHECK)
        assert await jobs.present() == {}


async def test_without_kubernetes_a_check_that_runs_a_job_is_invalid() -> None:
    async with job_world() as jobs:
        w = jobs.w
        await w.apply(lone())
        async with w.running(jobs=False) as system:
            status = await w.until(lambda s: s.get("conditions"), "smoke", kind=CHECK, within=60)
            assert w.condition(status, "Stalled") == ("True", "InvalidSpec")
            asked = Asked(system, "smoke")
            asked.ask(Token(1, 0, 1))
            await w.when(lambda: asked.heard, within=60)
        assert (asked.verdicts, jobs.seen) == ([(Token(1, 0, 1), Verdict.ERROR)], {})
        assert "needs Kubernetes" in asked.heard[0].message
