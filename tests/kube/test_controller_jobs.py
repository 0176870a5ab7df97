"""Checks that run Jobs, on an API server with its real controller of Jobs: pods succeed, fail, hang and are evicted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from okra.testing.aws_world import AwsWorld, Route
from okra.testing.kube_proxy import KubeFault
from tests.chaos.shielded import shields
from tests.kube.controller_process import GROUP, Controllers
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import cell
from tests.scenarios.observer import Observer

pytestmark = [pytest.mark.timeout(400)]

BLUE_GREEN: dict[str, Any] = {"replicas": 2, "updateStrategy": {"type": "BlueGreen"}}
HANGS, FAILS = {"okra.test/pod": "hangs"}, {"okra.test/pod": "fails"}
PLURALS = {"jobs": "batch/v1", "pods": "v1"}


def smoke(name: str = "smoke", *, pod: dict[str, str] | None = None, **job: Any) -> dict[str, Any]:
    """A check in short form. `pod`: its annotations, by which it hangs or fails."""
    spec = {"image": "smoke:1", "command": ["/smoke"], "args": ["--version={{.Vars.version}}"]}
    return {"name": name, "job": {"template": {"metadata": {"annotations": pod or {}}, "spec": spec}, **job}}


def lone(**job: Any) -> dict[str, Any]:
    """A Check of a person's."""
    spec = {"job": {"template": {"spec": {"image": "smoke:1"}}, **job}}
    return {"apiVersion": GROUP, "kind": "Check", "metadata": {"name": "lone"}, "spec": spec}


def of(controllers: Controllers, plural: str = "jobs") -> list[dict[str, Any]]:
    """All Jobs (or pods) of the namespace, the oldest first."""
    root = "api" if plural == "pods" else "apis"
    path = f"/{root}/{PLURALS[plural]}/namespaces/{controllers.namespace}/{plural}"
    found: list[dict[str, Any]] = controllers.cluster.call("GET", path).body["items"]
    return sorted(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))


def check(controllers: Controllers, name: str = "web-smoke") -> dict[str, Any]:
    return dict(controllers.find(name, "checks").get("status") or {})


def runs(controllers: Controllers, name: str = "web-smoke") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (check(controllers, name).get("job") or {}).get("runs", [])
    return found


def let_go(controllers: Controllers) -> None:
    """Whatever hangs succeeds now."""
    controllers.kubectl("annotate", "pods", "--all", "--overwrite", "okra.test/pod=succeeds")


def ends(condition: str, job: dict[str, Any]) -> bool:
    return any(each["type"] == condition and each["status"] == "True" for each in job["status"].get("conditions", ()))


@pytest.fixture
def route(aws_world: AwsWorld) -> Route:
    return aws_world.route(tags={"role": "web"})


def test_jobs_before_at_and_after_the_weights_let_a_rollout_through(route: Route, controllers: Controllers) -> None:
    controllers.start("--no-leader-elect")
    pod = {"containers": [{"name": "load", "image": "load:1", "env": [{"name": "V", "value": "{{.Vars.version}}"}]}]}
    load = {"name": "load", "job": {"template": {"spec": pod}, "backoffLimit": 1}}
    given: dict[str, Any] = {"prechecks": [smoke()], "checks": [load], "postchecks": [smoke("after")]}
    controllers.apply(cell("web", route, **BLUE_GREEN, **given))
    controllers.until(lambda status: status.get("stableVersion") == "1.1.0")
    jobs = {job["metadata"]["labels"][f"{GROUP.partition('/')[0]}/check"]: job for job in of(controllers)}
    assert list(jobs) == ["web-smoke", "web-load", "web-after"]
    assert all(ends("Complete", job) for job in jobs.values())
    for name, job in jobs.items():
        owner = controllers.find(name, "checks")
        assert [each["uid"] for each in job["metadata"]["ownerReferences"]] == [owner["metadata"]["uid"]]
        assert (owner["status"]["lastPassed"], owner["status"]["job"]["runs"][0]["phase"]) == (True, "Passed")
    [container] = jobs["web-smoke"]["spec"]["template"]["spec"]["containers"]
    assert (container["name"], container["args"]) == ("web-smoke", ["--version=1.1.0"])
    assert jobs["web-load"]["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "V", "value": "1.1.0"}]
    reasons = [each["reason"] for each in controllers.events("web-smoke")]
    assert reasons == ["JobCreated", "JobPassed"]


def test_a_job_that_fails_keeps_all_traffic_away_and_its_log_is_named(
    aws_world: AwsWorld, route: Route, controllers: Controllers
) -> None:
    seen = Observer(aws_world.url, route)
    controllers.start("--no-leader-elect", OKRA_ON_FAILURE_DELAY="0s")
    controllers.apply(cell("web", route, **BLUE_GREEN, prechecks=[smoke(pod=FAILS)]))
    status = controllers.until(lambda status: status.get("phase") == "Failed")
    [job] = of(controllers)
    assert ends("Failed", job)
    said = status["rollout"]["failure"]["message"]
    assert f"Job {job['metadata']['name']} failed: BackoffLimitExceeded" in said
    assert f"kubectl logs -n {controllers.namespace} job/{job['metadata']['name']}" in said
    assert seen.percents("1.1.0") == [0]


def test_a_controller_that_is_killed_leaves_its_job_to_the_next_one(route: Route, controllers: Controllers) -> None:
    controllers.apply(cell("web", route, **BLUE_GREEN, prechecks=[smoke(pod=HANGS)]))
    for _ in range(2):
        controller = controllers.start("--no-leader-elect")
        eventually(lambda: runs(controllers), lambda found: found and found[0]["phase"] == "Running")
        controller.kill()
    [before] = of(controllers)
    controllers.start("--no-leader-elect")
    let_go(controllers)
    controllers.until(lambda status: status.get("stableVersion") == "1.1.0")
    [after] = of(controllers)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert len(of(controllers, "pods")) == 1


@pytest.mark.parametrize("applied", [True, False], ids=["its answer is lost", "it never arrives"])
def test_a_call_that_creates_a_job_and_is_cut_creates_one(
    route: Route, controllers: Controllers, tmp_path: Path, applied: bool
) -> None:
    with shields(controllers.cluster, tmp_path) as shielded:
        shield = shielded.make(controllers.namespace)
        lost = KubeFault(code=0, method="POST", path="/jobs", applied=applied, times=2)
        shield.add(lost)
        controllers.apply(cell("web", route, **BLUE_GREEN, prechecks=[smoke()]))
        controllers.start("--no-leader-elect", kubeconfig=shield.kubeconfig)
        controllers.until(lambda status: status.get("stableVersion") == "1.1.0")
        assert lost.hits == (1 if applied else 2)
        assert len(of(controllers)) == 1
        controllers.close()


def test_a_controller_that_is_killed_before_it_knows_that_it_made_a_job_leaves_it_to_the_next_one(
    route: Route, controllers: Controllers, tmp_path: Path
) -> None:
    with shields(controllers.cluster, tmp_path) as shielded:
        shield = shielded.make(controllers.namespace)
        shield.add(KubeFault(code=0, method="POST", path="/jobs", applied=True))
        shield.add(KubeFault(code=503, reason="ServiceUnavailable", method="GET", path="/jobs", skip=2))
        controllers.apply(cell("web", route, **BLUE_GREEN, prechecks=[smoke(pod=HANGS)]))
        first = controllers.start("--no-leader-elect", kubeconfig=shield.kubeconfig)
        eventually(lambda: of(controllers, "pods"))
        first.until("Retrying", kind="Check")
        assert {each["phase"] for each in runs(controllers)} <= {"Withheld"}  # for all that it knows
        first.kill()
    controllers.start("--no-leader-elect")
    let_go(controllers)
    controllers.until(lambda status: status.get("stableVersion") == "1.1.0")
    assert len(of(controllers)) == 1


def test_a_job_that_takes_too_long_is_ended_and_fails(route: Route, controllers: Controllers) -> None:
    controllers.start("--no-leader-elect", OKRA_ON_FAILURE_DELAY="0s")
    controllers.apply(cell("web", route, **BLUE_GREEN, prechecks=[smoke(pod=HANGS, activeDeadlineSeconds=2)]))
    status = controllers.until(lambda status: status.get("phase") == "Failed")
    said = status["rollout"]["failure"]["message"]
    assert "DeadlineExceeded" in said
    assert "activeDeadlineSeconds: 2" in said


def test_an_evicted_pod_is_replaced_and_says_nothing_about_the_app(route: Route, controllers: Controllers) -> None:
    controllers.start("--no-leader-elect")
    controllers.apply(cell("web", route, **BLUE_GREEN, prechecks=[smoke(pod=HANGS)]))
    [pod] = eventually(lambda: of(controllers, "pods"), lambda pods: [p for p in pods if p["status"].get("startTime")])
    name = pod["metadata"]["name"]
    path = f"/api/v1/namespaces/{controllers.namespace}/pods/{name}/eviction"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    assert controllers.cluster.call("POST", path, eviction).status == 201
    eventually(lambda: {each["metadata"]["name"] for each in of(controllers, "pods")} - {name})
    let_go(controllers)
    controllers.until(lambda status: status.get("stableVersion") == "1.1.0")
    assert len(of(controllers)) == 1


def test_a_job_that_is_deleted_by_hand_is_inconclusive_until_somebody_retries(
    route: Route, controllers: Controllers
) -> None:
    controllers.start("--no-leader-elect")
    controllers.apply(cell("web", route, **BLUE_GREEN, prechecks=[smoke(pod=HANGS)]))
    [job] = eventually(lambda: of(controllers))
    eventually(lambda: runs(controllers))
    controllers.kubectl("delete", "job", job["metadata"]["name"])
    status = controllers.until(lambda status: status.get("phase") == "Paused")
    assert "was deleted before it was over" in status["message"]
    controllers.command("retry")
    eventually(lambda: of(controllers, "pods"))
    let_go(controllers)
    controllers.until(lambda status: status.get("stableVersion") == "1.1.0")


def test_a_precheck_whose_job_the_api_server_refuses_fails_in_the_end_and_says_what_is_wrong(
    aws_world: AwsWorld, route: Route, controllers: Controllers
) -> None:
    """By a field that it doesn't know, by one that is wrong, and by a quota."""
    seen = Observer(aws_world.url, route)
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "no-jobs"}}
    controllers.apply({**quota, "spec": {"hard": {"count/jobs.batch": "0"}}})
    unknown, wrong = smoke("unknown"), smoke("wrong")
    unknown["job"]["template"]["spec"]["comand"] = ["/smoke"]
    wrong["job"]["template"]["spec"]["restartPolicy"] = "Always"
    controllers.start("--no-leader-elect", OKRA_ON_FAILURE_DELAY="2s")
    controllers.apply(cell("web", route, **BLUE_GREEN, prechecks=[unknown, wrong, smoke()]))
    status = controllers.until(lambda status: status.get("phase") == "Failed")
    assert 'strict decoding error: unknown field "job.template.spec.comand"' in status["message"]
    assert "okra crds" not in status["message"]
    said = {each: runs(controllers, f"web-{each}")[-1] for each in ("unknown", "wrong", "smoke")}
    assert {each["phase"] for each in said.values()} == {"Error"}
    for name, words in (("unknown", "comand"), ("wrong", "restartPolicy"), ("smoke", "quota")):
        assert words in said[name]["reason"]
        assert said[name]["name"] in said[name]["reason"]
    assert of(controllers) == []
    assert seen.percents("1.1.0") == [0]


def test_read_only_makes_no_job(route: Route, controllers: Controllers) -> None:
    controllers.start("--no-leader-elect", "--read-only")
    controllers.apply(lone())
    [found] = eventually(lambda: runs(controllers, "lone"))
    assert (found["phase"], "--read-only" in found["reason"]) == ("Withheld", True)
    assert of(controllers) == []


def test_a_check_of_a_persons_runs_at_its_interval_and_leaves_three_jobs(controllers: Controllers) -> None:
    controllers.start("--no-leader-elect")
    controllers.apply(lone(interval="1s"))
    eventually(lambda: runs(controllers, "lone"), lambda found: len(found) >= 6)
    kept = {job["metadata"]["name"] for job in of(controllers) if not job["metadata"].get("deletionTimestamp")}
    assert len(kept) <= 3
    assert check(controllers, "lone")["lastPassed"] is True
    controllers.kubectl("delete", f"checks.{GROUP.partition('/')[0]}", "lone")
    eventually(lambda: of(controllers), lambda found: found == [])
