"""The real Helm against the real API server."""

from __future__ import annotations

from pathlib import Path

import pytest

from okra.testing.controlplane import OwnControlPlane
from tests.chart.conftest import CHART, IMAGE, runs
from tests.chart.objects import objects_in
from tests.scenarios.eventually import eventually

pytestmark = pytest.mark.timeout(300)

CELL = """
apiVersion: okra.mumoshu.github.io/v1alpha1
kind: Cell
metadata: {name: web}
spec:
  ingress:
    type: AWSApplicationLoadBalancer
    awsApplicationLoadBalancer:
      listenerARN: arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/web/0a/0b
      targetGroupSelector: {matchLabels: {role: web}}
  replicas: 1
  versionedBy: {label: okra.mumoshu.github.io/version}
"""


def test_install_upgrade_and_uninstall_leave_the_kinds_and_what_people_made(
    helm_binary: Path, cluster: OwnControlPlane, tmp_path: Path
) -> None:
    helm = runs(helm_binary, tmp_path, cluster.kubeconfig)
    said = helm("template", "okra", CHART, *IMAGE).stdout
    kinds = [each for each in objects_in(said) if each["kind"] == "CustomResourceDefinition"]
    release = ["okra", CHART, "--namespace", "okra", "--create-namespace", *IMAGE]
    helm("install", *release, "--wait", "--timeout", "120s")
    assert cluster.kubectl("get", "deployment/okra", "-n", "okra", "-o", "jsonpath={.status.readyReplicas}") == "2"
    cluster.kubectl("apply", "-f", "-", given=CELL)
    with pytest.raises(RuntimeError, match=r"spec\.wobble"):
        cluster.kubectl("apply", "-f", "-", given=CELL.replace("replicas", "wobble"))
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", given=said)
    people_use_the_kinds(cluster)
    helm("upgrade", *release, "--set", "settings.stepInterval=5m", "--set", "paused=true", "--wait")
    paused = cluster.kubectl("get", "configmap/okra", "-n", "okra", "-o", "jsonpath={.data.paused}")
    assert paused == "true"
    assert "5m" in cluster.kubectl("get", "deployment/okra", "-n", "okra", "-o", "yaml")
    helm("uninstall", "okra", "--namespace", "okra", "--wait")
    left = cluster.kubectl("get", "deployments,services,configmaps,roles,serviceaccounts", "-n", "okra", "-o", "name")
    assert "okra" not in left
    assert cluster.kubectl("get", "validatingadmissionpolicies", "-o", "name") == ""
    names = cluster.kubectl("get", "crds", "-o", "name").split()
    assert {name.split("/")[1] for name in names} >= {each["metadata"]["name"] for each in kinds}
    assert cluster.kubectl("get", "cells", "-o", "name").split() == ["cell.okra.mumoshu.github.io/web"]


def people_use_the_kinds(cluster: OwnControlPlane) -> None:
    """By the roles that they have anyway."""

    def may(user: str, verb: str, subresource: str = "") -> bool:
        what = {"group": "okra.mumoshu.github.io", "resource": "cells", "subresource": subresource, "verb": verb}
        spec = {"user": user, "resourceAttributes": {"namespace": "default", **what}}
        answer = cluster.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": spec})
        return bool(answer.body["status"]["allowed"])

    for role in ("view", "edit"):
        cluster.kubectl(
            "create", "rolebinding", role, "--namespace", "default", f"--clusterrole={role}", f"--user={role}"
        )
    eventually(lambda: may("view", "list") and may("edit", "list") and may("edit", "create"))  # aggregated in a moment
    assert not may("view", "create")
    assert not may("edit", "patch", "status")
