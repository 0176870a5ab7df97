"""A check that runs a Job: what the Job is, how it is called, and what its state says. Pure.

A Job's name is made of who asked for which run. So whoever asks for the same run again, after a crash, a lost answer or
a change of leaders, finds the Job that is there, and no run has two.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from okra.analysis.naming import check_name
from okra.api.job import Job
from okra.api.meta import OKRA_GROUP
from okra.ports import Kind, Object
from okra.rollout.observation import Token, Verdict

JOB = Kind("batch", "v1", "Job", "jobs")
LABEL = f"{OKRA_GROUP}/check"
"""On a Job and its pods: the Check's name, shortened where it is longer than a label's value."""
ASKER, RUN = f"{OKRA_GROUP}/asked-by", f"{OKRA_GROUP}/run"
"""Annotations of a Job."""
ITSELF = "interval"
"""Who asks for the runs of a Check that a person applied: nobody."""

NEVER = "Never"
EVICTED = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
"""A pod that was evicted, or whose node went away, says nothing about the app: it is replaced and doesn't count."""
OF_A_CONTAINER = (
    *("name", "image", "command", "args", "env", "envFrom", "workingDir", "resources", "imagePullPolicy"),
    *("volumeMounts", "volumeDevices", "ports", "securityContext", "lifecycle", "stdin", "stdinOnce", "tty"),
    *("livenessProbe", "readinessProbe", "startupProbe", "terminationMessagePath", "terminationMessagePolicy"),
)
"""What of the short form is its container's, a securityContext included; the rest is the pod's."""
_VERDICTS = {
    "Complete": Verdict.PASSED,
    "SuccessCriteriaMet": Verdict.PASSED,
    "Failed": Verdict.FAILED,
    "FailureTarget": Verdict.FAILED,
}
"""Conditions that decide how a Job ends; two of them before its last pod has, which on a lost node may take long."""


@dataclass(frozen=True, slots=True)
class AskedRun:
    """One run of a Check's Job: equal ones are the same Job."""

    asker: str
    """`namespace/name uid` of a Cell, or ITSELF."""
    token: Token
    """The Cell's; of the Check's own the generation as `rollout`, the run's number as `attempt`."""

    @property
    def text(self) -> str:
        """Later runs of an asker have greater numbers."""
        token = self.token
        return f"{token.rollout}.{token.step}.{token.attempt}.{token.series}"

    @property
    def whose(self) -> str:
        """The asker without a uid: a Cell that was made anew takes the place of the one before it."""
        return self.asker.partition(" ")[0]


def job_name(check: Object, run: AskedRun) -> str:
    """A DNS label, so that the Job's pods can be told by it, too."""
    metadata = check["metadata"]
    digest = hashlib.sha256(f"{metadata['uid']} {run.asker} {run.text}".encode()).hexdigest()[:10]
    return check_name(metadata["name"], digest)


def job_for(check: Object, job: Job, run: AskedRun) -> Object:
    """The Job to create. The Check owns it, and it goes with it."""
    metadata, labels = check["metadata"], {LABEL: check_name(check["metadata"]["name"])}
    pod, template = pod_spec(job.template.spec, labels[LABEL]), job.template.metadata
    owner = {field: metadata[field] for field in ("name", "uid")}
    spec: dict[str, Any] = {
        "backoffLimit": job.backoff_limit,
        "activeDeadlineSeconds": job.active_deadline_seconds,
        "template": {
            "metadata": {"labels": {**template.labels, **labels}, "annotations": dict(template.annotations)},
            "spec": pod,
        },
    }
    if pod["restartPolicy"] == NEVER:  # where its containers start again in place, Kubernetes takes no such policy
        spec["podFailurePolicy"] = {"rules": [EVICTED]}
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.kind,
        "metadata": {
            "namespace": metadata.get("namespace", "default"),
            "name": job_name(check, run),
            "labels": labels,
            "annotations": {ASKER: run.asker, RUN: run.text},
            "ownerReferences": [
                {"apiVersion": check["apiVersion"], "kind": check["kind"], **owner, "controller": True}
            ],
        },
        "spec": spec,
    }


def pod_spec(spec: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A pod's spec; of the short form one with a single container of this name."""
    pod = {"restartPolicy": NEVER, **spec}
    if "containers" not in pod:
        container = {field: pod.pop(field) for field in OF_A_CONTAINER if field in pod}
        pod["containers"] = [{"name": name, **container}]
    return pod


def in_check(job: Job, message: str) -> str:
    """What the API server says of a Job, with the fields' paths in the check that it was made of."""
    if "containers" not in job.template.spec:
        message = message.replace("spec.template.spec.containers[0]", "spec.template.spec")
    return re.sub(r"(?<![\w.])spec\.template\.", "job.template.", message)


@dataclass(frozen=True, slots=True)
class JobState:
    """What a Job's status says."""

    phase: str
    """Pending, Suspended or Running; in the end the verdict."""
    message: str
    verdict: Verdict | None = None
    """None: it isn't over."""
    ended_at: float | None = None
    """Epoch seconds."""


def read_job(job: Object) -> JobState:
    metadata, spec, status = job["metadata"], job.get("spec") or {}, job.get("status") or {}
    name, place = metadata["name"], f"-n {metadata.get('namespace', 'default')} job/{metadata['name']}"
    for condition in status.get("conditions") or ():
        verdict = _VERDICTS.get(condition["type"])
        if verdict is not None and condition["status"] == "True":
            said = "completed." if verdict is Verdict.PASSED else f"failed: {_why(condition, spec)}"
            logs = "" if verdict is Verdict.PASSED else f" Its log: kubectl logs {place}"
            ended_at = _seconds(condition.get("lastTransitionTime"))
            return JobState(verdict.value, f"Job {name} {said}{logs}", verdict, ended_at)
    deadline = f"It may take {spec.get('activeDeadlineSeconds')} s."
    if spec.get("suspend"):
        return JobState("Suspended", f"Job {name} is suspended: it runs when somebody resumes it.")
    if not (status.get("active") and status.get("ready", 1)):
        return JobState("Pending", f"Job {name} waits for its pod (why: kubectl describe {place}). {deadline}")
    return JobState("Running", f"Job {name} runs. {deadline}")


def _why(condition: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    said = [condition.get("reason") or "Failed", str(condition.get("message") or "").rstrip(".")]
    if said[0] == "DeadlineExceeded":
        said[1] += f" (activeDeadlineSeconds: {spec.get('activeDeadlineSeconds')})"
    return f"{': '.join(filter(None, said))}."


def is_of(check: Object, job: Object) -> bool:
    """Does the Check own the Job?"""
    owners = job["metadata"].get("ownerReferences") or ()
    return any(owner.get("controller") and owner.get("uid") == check["metadata"]["uid"] for owner in owners)


def is_leaving(job: Object) -> bool:
    return bool(job["metadata"].get("deletionTimestamp"))


def asked_by(job: Object) -> str:
    """See `AskedRun.whose`; empty when nobody says."""
    return str((job["metadata"].get("annotations") or {}).get(ASKER, "")).partition(" ")[0]


def run_of(job: Object) -> tuple[int, ...]:
    """See `AskedRun.text`; empty when nobody says."""
    text = str((job["metadata"].get("annotations") or {}).get(RUN, ""))
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


def _seconds(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None
