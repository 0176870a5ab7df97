"""What befalls a Job on its way, or keeps it from being made: it is said, and no run has two."""

import asyncio
from typing import Any

import pytest

from okra.actors.cell_checks import CHECK
from okra.analysis.jobs import JOB
from okra.errors import AccessDenied, Invalid, OkraError, Refused, Throttled, Unavailable
from okra.rollout.observation import Token, Verdict
from tests.actors.job_world import Jobs, applied, begun, check, job_world, prechecked, runs
from tests.actors.test_cell_checks import rolled_out
from tests.actors.test_check_alone import Asked
from tests.actors.world import QUICK, World, cell

pytestmark = pytest.mark.looptime

FAILING: dict[str, Any] = {"onFailure": {"delay": "0s"}}


async def test_a_job_that_a_person_deletes_says_nothing_about_the_app_and_retry_makes_another() -> None:
    async with begun(prechecked()) as (jobs, name):
        w = jobs.w
        await jobs.delete(name)
        status = await w.phase("Paused", within=300)
        assert f"Job {name} was deleted" in status["message"]
        jobs.outcome = lambda _: "Complete"
        await w.command("web", '{"id": "1", "verb": "retry"}')
        await rolled_out(w)
        assert len(jobs.seen) == 2


async def test_a_job_that_was_deleted_while_nobody_looked_is_not_made_again() -> None:
    async with prechecked() as jobs:
        w = jobs.w
        jobs.outcome = lambda _: None
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
    async with begun(prechecked()) as (jobs, name):
        w = jobs.w
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
    async with applied() as jobs:
        w = jobs.w
        jobs.outcome = lambda _: condition
        async with w.running():
            status = await w.until(lambda s: "lastPassed" in s, "smoke", kind=CHECK, within=60)
        assert status["job"]["runs"][0]["phase"] == verdict


async def test_a_job_of_somebody_else_under_its_name_is_never_touched() -> None:
    async with applied(suspend=True) as jobs:
        w, token = jobs.w, Token(1, 0, 1)
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
    async with prechecked(on_failure_delay=60.0) as jobs:
        w = jobs.w
        refused(jobs, error)
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
    async with prechecked(on_failure_delay=60.0) as jobs:
        w = jobs.w
        refused(jobs, error)
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
    async with prechecked() as jobs:
        w = jobs.w
        refused(jobs, Unavailable("HTTP 503: webhook is down"))
        async with w.running():
            await w.until(lambda s: s.get("job"), "web-smoke", kind=CHECK)
        allowed(jobs)
        async with w.running():
            await rolled_out(w)


async def test_a_store_that_is_down_for_a_while_only_delays_it() -> None:
    async with applied(suspend=True) as jobs:
        w = jobs.w
        until = w.clock.now() + 120
        async with w.running() as system:
            await asyncio.sleep(1)
            w.store.fault = lambda _operation, _name: Unavailable("down") if w.clock.now() < until else None
            asked = Asked(system, "smoke")
            asked.ask(Token(1, 0, 1))
            await w.when(lambda: asked.heard, within=300)
        assert asked.verdicts == [(Token(1, 0, 1), Verdict.PASSED)]


async def test_old_jobs_that_may_not_be_looked_for_are_said_and_hold_up_nothing() -> None:
    async with prechecked() as jobs:
        w = jobs.w
        said = AccessDenied("Okra may not list jobs.batch")
        w.store.fault = lambda operation, name: said if (operation, name) == ("list", "jobs") else None
        async with w.running():
            await rolled_out(w)
        assert [event.message for event in w.events if event.reason == "JobsNotDeleted"] == [str(said)]


# -- gates -------------------------------------------------------------------------------------------------------------


async def test_behind_a_gate_that_stays_closed_no_job_is_made_and_the_status_says_so() -> None:
    async with applied(suspend=True) as jobs:
        w, token = jobs.w, Token(1, 0, 1)
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
    async with applied() as jobs:
        w = jobs.w
        w.gate.open, w.gate.opens = False, w.clock.now() + 20
        async with w.running():
            await asyncio.sleep(19)
            assert (jobs.seen, (await w.status("smoke", CHECK)).get("job")) == ({}, None)
            w.gate.open = True
            await w.until(lambda s: s.get("lastPassed"), "smoke", kind=CHECK, within=60)
