"""Kinds outlive releases, and come without one too: how a release takes over what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from okra.testing.controlplane import OwnControlPlane
from tests.chart.conftest import CHART, IMAGE, runs
from tests.chart.held import HELD

pytestmark = pytest.mark.timeout(400)

KINDS = "\n".join(text for files in HELD.values() for text in files.values())
"""What `okra crds` prints."""
NEW, OLD = "What Okra found and did.", "What Okra did."
TAKE = ("--take-ownership", "--force-conflicts")


def test_a_release_takes_over_kinds_that_kubectl_applied_and_those_that_another_release_left(
    helm_binary: Path, cluster: OwnControlPlane, tmp_path: Path
) -> None:
    helm = runs(helm_binary, tmp_path, cluster.kubeconfig)
    release = ["okra", CHART, "--namespace", "okra", "--create-namespace", *IMAGE]

    def text_of_a_kind() -> str:
        path = "{.spec.versions[0].schema.openAPIV3Schema.properties.status.description}"
        return cluster.kubectl("get", "crd", "cells.okra.mumoshu.github.io", "-o", f"jsonpath={path}")

    assert NEW in KINDS
    cluster.kubectl("apply", "--server-side", "-f", "-", given=KINDS.replace(NEW, OLD))
    assert "invalid ownership metadata" in helm("install", *release, check=False).stderr
    helm("upgrade", "--install", *release, *TAKE)
    assert NEW in text_of_a_kind()
    helm("upgrade", *release, "--set", "readOnly=true")

    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=KINDS.replace(NEW, OLD))
    assert "conflict" in helm("upgrade", *release, check=False).stderr
    helm("upgrade", *release, "--force-conflicts")
    assert NEW in text_of_a_kind()

    helm("uninstall", "okra", "--namespace", "okra", "--wait")
    elsewhere = ["okra", CHART, "--namespace", "platform", "--create-namespace", *IMAGE]
    assert "invalid ownership metadata" in helm("install", *elsewhere, check=False).stderr
    helm("install", *elsewhere, "--take-ownership")
    helm("upgrade", *elsewhere, "--set", "readOnly=true")
