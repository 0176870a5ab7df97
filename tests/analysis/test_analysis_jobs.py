"""What a check's Job is, how it is called, and what its state says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okra.analysis.jobs import (
    ITSELF,
    AskedRun,
    asked_by,
    in_check,
    is_of,
    job_for,
    job_name,
    pod_spec,
    read_job,
    run_of,
)
from okra.analysis.naming import checks_for
from okra.api.job import Job, JobTemplate
from okra.errors import Invalid
from okra.rollout.observation import Token, Verdict

CHECK: dict[str, Any] = {
    "apiVersion": "okra.mumoshu.github.io/v1alpha1",
    "kind": "Check",
    "metadata": {"namespace": "shop", "name": "web-smoke", "uid": "u1", "generation": 1},
}
RUN = AskedRun("shop/web u9", Token(3, 1, 2, 4))


def job(spec: dict[str, Any], **more: Any) -> Job:
    return Job.model_validate({"template": {"spec": spec}, **more})


def made(spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    return job_for(CHECK, job(spec, **more), RUN)


def test_what_a_job_is_made_of_can_be_read_back() -> None:
    found = made({"image": "i"})
    assert (asked_by(found), run_of(found), is_of(CHECK, found)) == ("shop/web", (3, 1, 2, 4), True)
    other = {**CHECK, "metadata": {**CHECK["metadata"], "uid": "u2"}}
    assert not is_of(other, found)


def test_a_job_of_others_is_nobodys_and_no_run() -> None:
    theirs = {"metadata": {"name": "a"}}
    assert (asked_by(theirs), run_of(theirs), is_of(CHECK, theirs)) == ("", (), False)


@given(
    st.tuples(st.sampled_from(["shop/web u9", "shop/api u9", "shop/web u8", ITSELF]), *[st.integers(0, 30)] * 4),
    st.tuples(st.sampled_from(["shop/web u9", "shop/api u9", "shop/web u8", ITSELF]), *[st.integers(0, 30)] * 4),
)
def test_the_same_run_has_the_same_name_and_no_other_has_it(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    names = [job_name(CHECK, AskedRun(asker, Token(*token))) for asker, *token in (one, other)]
    assert (names[0] == names[1]) == (one == other)


@pytest.mark.parametrize("name", ["a", "x" * 253, "with.dots.in.it"])
def test_a_jobs_name_and_label_fit_its_pods_labels(name: str) -> None:
    check = {**CHECK, "metadata": {**CHECK["metadata"], "name": name}}
    found = job_for(check, job({"image": "i"}), RUN)
    labels = found["metadata"]["labels"]
    assert all(len(each) <= 63 and "." not in each for each in (found["metadata"]["name"], *labels.values()))
    assert found["spec"]["template"]["metadata"]["labels"] == labels


def test_of_the_short_form_what_a_container_has_is_its_containers_and_the_rest_the_pods() -> None:
    short = {
        "image": "i",
        "command": ["c"],
        "args": ["a"],
        "env": [{"name": "A", "value": "b"}],
        "securityContext": {"runAsNonRoot": True},
        "serviceAccountName": "tester",
        "volumes": [],
    }
    assert pod_spec(short, "web-smoke") == {
        "restartPolicy": "Never",
        "serviceAccountName": "tester",
        "volumes": [],
        "containers": [
            {
                "name": "web-smoke",
                "image": "i",
                "command": ["c"],
                "args": ["a"],
                "env": [{"name": "A", "value": "b"}],
                "securityContext": {"runAsNonRoot": True},
            }
        ],
    }


@pytest.mark.parametrize(
    ("spec", "said", "meant"),
    [
        ({"image": "i"}, "spec.template.spec.containers[0].env[0].vale", "job.template.spec.env[0].vale"),
        ({"image": "i"}, "spec.template.spec.comand", "job.template.spec.comand"),
        ({"containers": []}, "spec.template.spec.containers[1].comand", "job.template.spec.containers[1].comand"),
        ({"image": "i"}, "spec.template.metadata.labels", "job.template.metadata.labels"),
        ({"image": "i"}, "spec.podFailurePolicy", "spec.podFailurePolicy"),
    ],
)
def test_what_the_api_server_says_of_a_job_is_said_of_the_field_in_the_check(
    spec: dict[str, Any], said: str, meant: str
) -> None:
    job = Job.model_construct(template=JobTemplate.model_construct(spec=spec))
    assert in_check(job, f'unknown field "{said}"') == f'unknown field "{meant}"'


def test_a_container_of_the_short_form_may_have_a_name_of_its_own() -> None:
    assert pod_spec({"image": "i", "name": "mine"}, "web-smoke")["containers"] == [{"name": "mine", "image": "i"}]


def test_a_pod_that_was_evicted_is_no_failure_where_kubernetes_can_tell() -> None:
    [rule] = made({"image": "i"})["spec"]["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert "podFailurePolicy" not in made({"image": "i", "restartPolicy": "OnFailure"})["spec"]


def test_a_job_has_a_deadline_and_one_try_unless_its_check_says_otherwise() -> None:
    spec = made({"image": "i"})["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 1800)
    spec = made({"image": "i"}, backoffLimit=3, activeDeadlineSeconds=60)["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (3, 60)


AT = "2026-11-21T19:00:00Z"


def state(status: dict[str, Any], **spec: Any) -> Any:
    return read_job({**made({"image": "i"}), "status": status, "spec": {"activeDeadlineSeconds": 60, **spec}})


def ended(type_: str, **more: str) -> dict[str, Any]:
    return {"conditions": [{"type": type_, "status": "True", "lastTransitionTime": AT, **more}]}


@pytest.mark.parametrize(
    ("status", "spec", "phase"),
    [
        ({}, {}, "Pending"),
        ({"active": 1, "ready": 0}, {}, "Pending"),
        ({"active": 1, "ready": 1}, {}, "Running"),
        ({"active": 1}, {}, "Running"),
        ({"active": 1, "ready": 1}, {"suspend": True}, "Suspended"),
        ({"conditions": [{"type": "Failed", "status": "False"}]}, {}, "Pending"),
        ({"conditions": [{"type": "Suspended", "status": "True"}]}, {"suspend": True}, "Suspended"),
    ],
)
def test_a_job_that_is_not_over_says_what_it_waits_for(status: dict[str, Any], spec: Any, phase: str) -> None:
    found = state(status, **spec)
    assert (found.phase, found.verdict) == (phase, None)
    assert found.message.startswith("Job web-smoke-")


@pytest.mark.parametrize(
    ("status", "verdict", "said"),
    [
        (ended("Complete"), Verdict.PASSED, "completed."),
        (ended("SuccessCriteriaMet"), Verdict.PASSED, "completed."),
        (ended("Failed", reason="BackoffLimitExceeded", message="too many"), Verdict.FAILED, "Exceeded: too many. "),
        (ended("FailureTarget", reason="PodFailurePolicy", message="it."), Verdict.FAILED, "PodFailurePolicy: it. "),
        (
            ended("Failed", reason="DeadlineExceeded", message="late"),
            Verdict.FAILED,
            "late (activeDeadlineSeconds: 60)",
        ),
        (ended("Failed"), Verdict.FAILED, "failed: Failed. "),
    ],
)
def test_how_a_job_ends_is_the_verdict_and_a_failure_says_where_its_log_is(
    status: dict[str, Any], verdict: Verdict, said: str
) -> None:
    found = state(status)
    assert (found.phase, found.verdict) == (verdict, verdict)
    assert said in found.message
    assert ("kubectl logs -n shop job/web-smoke-" in found.message) == (verdict is Verdict.FAILED)
    assert found.ended_at == 1795287600.0


# -- variables ---------------------------------------------------------------------------------------------------------


def rendered(spec: dict[str, Any], **variables: str) -> dict[str, Any]:
    check = {"name": "smoke", "job": {"template": {"spec": spec}}}
    [found] = checks_for("web", [check], [{"clusterName": "eu", "version": "v2", **variables}])
    assert (found.hash, found.stable) == ("", None)
    return dict(found.spec["job"]["template"]["spec"])


def test_variables_are_filled_in_in_words_and_values_of_variables_and_nowhere_else() -> None:
    text = "on {{.Vars.clusterName}}"
    env = [{"name": "A", "value": text}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": text, "key": "k"}}}]
    container = {"name": "a", "image": text, "command": [text], "args": ["-c", text], "env": env, "workingDir": text}
    found = rendered({"containers": [container], "initContainers": [container], "nodeName": text})
    assert found["nodeName"] == text
    for each in (*found["containers"], *found["initContainers"]):
        assert (each["command"], each["args"], each["env"][0]["value"]) == (["on eu"], ["-c", "on eu"], "on eu")
        assert (each["image"], each["workingDir"], each["env"][1]) == (text, text, env[1])


def test_the_short_form_is_filled_in_as_well() -> None:
    found = rendered(
        {"image": "i", "args": ["{{.Vars.version}}"], "env": [{"name": "A", "value": "{{.Vars.version}}"}]}
    )
    assert (found["args"], found["env"]) == (["v2"], [{"name": "A", "value": "v2"}])


@pytest.mark.parametrize("value", ["a b", "$(id)", "`id`", "--help", "-x", "a;b", "a'b", 'a"b', "a|b", "", "a\nb", "*"])
def test_a_value_that_would_change_what_a_command_does_is_refused(value: str) -> None:
    with pytest.raises(Invalid, match=r"^spec\.checks\[0\]\.job\.template\.spec\.args\.0: the value of clusterName "):
        rendered({"image": "i", "args": ["{{.Vars.clusterName}}"]}, clusterName=value)


def test_what_the_api_server_will_refuse_anyway_breaks_nothing_here() -> None:
    odd = {"containers": [{"args": "{{.Vars.version}}", "env": "x", "command": [1, None]}, 7], "initContainers": {}}
    assert rendered(odd) == odd
