"""Jobs that judge the applications of whole clusters: before they move, at each weight, and of each cluster its own."""

import asyncio

import pytest

from okra.actors.cell_checks import CHECK
from okra.errors import Invalid, OkraError, Refused
from tests.actors.complex_world import ComplexWorld, complex_world
from tests.actors.job_world import Jobs, check, jobs_of

pytestmark = pytest.mark.looptime

RUN_TEST = check("run-test", "--cluster={{.Vars.clusterName}}")


def words(jobs: Jobs[ComplexWorld]) -> list[str]:
    """What each Job was called with, in the order in which they were made."""
    return [each["spec"]["template"]["spec"]["containers"][0]["args"][0] for each in jobs.seen.values()]


async def test_each_new_cluster_has_a_job_of_its_own_before_anything_is_published_there() -> None:
    async with complex_world() as w, jobs_of(w) as jobs:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            published: list[set[str]] = []
            pair = [w.cluster(name, "web") for name in ("v2-a", "v2-b")]
            hang = True
            jobs.outcome = lambda _: None if hang else "Complete"
            await w.cell(pair, w.app("web", prechecks=[RUN_TEST]))
            await w.until(lambda _: len(jobs.seen) == 2)
            await asyncio.sleep(60)
            published.append(await w.published())
            hang = False
            await w.phase("Synced")
        assert published == [{"v1"}]
        assert sorted(words(jobs)) == ["--cluster=v2-a", "--cluster=v2-b"]
        assert {"sys-run-test-v2-a", "sys-run-test-v2-b"} <= await w.names(CHECK)
        assert set(w.traffic()) == {"v2-a", "v2-b"}


async def test_a_job_that_fails_is_the_precheck_that_failed_and_counts_down() -> None:
    async with complex_world(on_failure_delay=60.0) as w, jobs_of(w) as jobs:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            jobs.outcome = lambda _: "Failed"
            await w.cell([w.cluster("v2", "web")], w.app("web", prechecks=[RUN_TEST]))
            status = await w.until(lambda s: s["applications"][0]["phase"] == "PrecheckFailed")
            await w.phase("Failed")
        message = status["applications"][0]["message"]
        assert "run-test" in message
        assert "seconds before starting a rollback" in message
        assert (set(w.traffic()), await w.published()) == ({"v1"}, {"v1"})


@pytest.mark.parametrize("error", [Invalid("spec.backoffLimit: no"), Refused("exceeded quota: jobs")])
async def test_a_precheck_whose_job_the_api_server_refuses_counts_down_and_fails(error: OkraError) -> None:
    async with complex_world(on_failure_delay=60.0) as w, jobs_of(w):
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            w.store.fault = lambda operation, name: error if operation == "create" and "run-test" in name else None
            await w.cell([w.cluster("v2", "web")], w.app("web", prechecks=[RUN_TEST]))
            status = await w.until(lambda s: s["applications"][0]["phase"] == "PrecheckFailed")
            await w.phase("Failed")
        said = "run-test failed. Waiting 60 seconds before starting a rollback"
        assert status["applications"][0]["message"] == said
        assert str(error) in (await w.status("sys-run-test", CHECK))["attempts"][-1]["message"]
        assert (set(w.traffic()), await w.published()) == ({"v1"}, {"v1"})


async def test_a_check_of_an_application_runs_a_job_at_each_weight_and_one_that_fails_takes_it_back() -> None:
    async with complex_world() as w, jobs_of(w) as jobs:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            jobs.outcome = lambda _: "Failed" if set(w.traffic()) == {"v2"} else "Complete"
            await w.cell([w.cluster("v2", "web")], w.app("web", checks=[RUN_TEST]))
            status = await w.phase("Failed")
        assert "kubectl logs" in status["applications"][0]["message"]
        assert set(w.traffic()) == {"v1"}
        assert len(jobs.uids) >= 2


async def test_a_failed_precheck_ends_with_what_it_said() -> None:
    async with complex_world(on_failure_delay=60.0) as w, jobs_of(w):
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            error = Refused("exceeded quota: jobs")
            w.store.fault = lambda operation, name: error if operation == "create" and "run-test" in name else None
            await w.cell([w.cluster("v2", "web")], w.app("web", prechecks=[RUN_TEST]))
            status = await w.phase("Failed")
        assert "exceeded quota" in status["message"]


async def test_a_postcheck_that_cannot_run_says_why_while_it_is_tried_again() -> None:
    async with complex_world() as w, jobs_of(w):
        await w.application_set("jobs")
        await w.cell([w.cluster("v1", "jobs")], w.worker("jobs"))
        async with w.running():
            await w.phase("Synced")
            error = Refused("exceeded quota: jobs")
            w.store.fault = lambda operation, name: error if operation == "create" and "after" in name else None
            await w.cell([w.cluster("v2", "jobs")], w.worker("jobs", postchecks=[check("after")]))
            await asyncio.sleep(1800)
            status = await w.status()
        assert "exceeded quota" in status["applications"][0]["message"]
