"""The Jobs of a Check that a person applied, and what they have in common with those of a Cell."""

import asyncio

import pytest

from okra.actors.cell_checks import CHECK
from okra.actors.check_jobs import KEPT
from okra.rollout.observation import Token, Verdict
from tests.actors.job_world import TAKES, applied, begun, check, job, job_world, lone, runs
from tests.actors.test_cell_checks import rolled_out
from tests.actors.test_check_alone import Asked
from tests.actors.world import QUICK, cell

pytestmark = pytest.mark.looptime


async def test_a_check_that_a_person_applied_runs_once_however_often_okra_is_started() -> None:
    async with applied() as jobs:
        w = jobs.w
        for _ in range(3):
            async with w.running():
                await w.until(lambda s: s.get("lastPassed"), "smoke", kind=CHECK, within=60)
                await asyncio.sleep(600)
        assert len(jobs.uids) == 1
        assert w.reasons("smoke").count("JobPassed") == 1


async def test_with_an_interval_it_runs_again_and_again_and_keeps_a_few_jobs() -> None:
    async with applied(job=job(interval="1m")) as jobs:
        w = jobs.w
        async with w.running():
            await asyncio.sleep(300)
        async with w.running():
            await asyncio.sleep(300)
        starts = [each["metadata"]["creationTimestamp"] for each in jobs.seen.values()]
        assert len(starts) == len(set(starts)) in (8, 9, 10), "a minute after the end of the one before"
        assert len(await jobs.present()) == KEPT
        assert len(await runs(jobs, "smoke")) == len(starts)


async def test_it_says_failed_and_passed_again_as_its_jobs_end() -> None:
    async with applied(job=job(interval="1m")) as jobs:
        w = jobs.w
        jobs.outcome = lambda _: "Failed"
        async with w.running():
            status = await w.until(lambda s: s.get("lastPassed") is False, "smoke", kind=CHECK, within=60)
            assert w.condition(status, "Ready") == ("False", "Failed")
            jobs.outcome = lambda _: "Complete"
            await w.until(lambda s: s.get("lastPassed"), "smoke", kind=CHECK, within=120)


async def test_a_changed_spec_runs_anew_and_ends_the_job_of_the_old_one() -> None:
    async with applied() as jobs:
        w = jobs.w
        jobs.outcome = lambda each: "Complete" if "new" in str(each["spec"]) else None
        async with w.running():
            await w.when(lambda: jobs.seen)
            await w.apply(lone(job=job("new")))
            await w.until(lambda s: s.get("lastPassed"), "smoke", kind=CHECK, within=60)
        assert list(await jobs.present()) == list(jobs.seen)[1:]


async def test_one_of_its_own_that_is_deleted_is_made_again() -> None:
    async with begun(applied()) as (jobs, name):
        await jobs.delete(name)
        jobs.outcome = lambda _: "Complete"
        await jobs.w.until(lambda s: s.get("lastPassed"), "smoke", kind=CHECK, within=60)
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
    async with applied() as jobs:
        w = jobs.w
        async with w.running():
            await w.until(lambda s: s.get("lastPassed"), "smoke", kind=CHECK, within=TAKES + 60)
            await w.delete("smoke", CHECK)
        assert await jobs.present() == {}


async def test_without_kubernetes_a_check_that_runs_a_job_is_invalid() -> None:
    async with applied() as jobs:
        w = jobs.w
        async with w.running(jobs=False) as system:
            status = await w.until(lambda s: s.get("conditions"), "smoke", kind=CHECK, within=60)
            assert w.condition(status, "Stalled") == ("True", "InvalidSpec")
            asked = Asked(system, "smoke")
            asked.ask(Token(1, 0, 1))
            await w.when(lambda: asked.heard, within=60)
        assert (asked.verdicts, jobs.seen) == ([(Token(1, 0, 1), Verdict.ERROR)], {})
        assert "needs Kubernetes" in asked.heard[0].message
