"""The ApplicationSet controller of a test: it doesn't outlive those it runs for, and says why it doesn't start."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from okra.testing.applicationset_controller import ApplicationSetController
from okra.testing.controlplane import ControlPlane
from tests.kube.processes import linux, none_is_left, processes

BINARY = "argocd-applicationset-controller"


@linux
@pytest.mark.parametrize("frozen", [False, True])
def test_it_ends_when_its_keeper_is_killed(applicationsets: ApplicationSetController, frozen: bool) -> None:
    mark = Path(applicationsets.namespace)
    if frozen:
        applicationsets.freeze()
    (keeper,) = (pid for name, pid in processes(mark).items() if name != BINARY)
    assert BINARY in processes(mark)
    os.kill(keeper, signal.SIGKILL)
    assert none_is_left(mark)


def test_one_that_does_not_start_is_told_with_its_log(
    argocd_crds: ControlPlane, argocd_namespace: str, tmp_path: Path
) -> None:
    broken = tmp_path / BINARY
    broken.write_text("#!/bin/sh\necho no such cluster\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(RuntimeError, match="no such cluster"):
        ApplicationSetController.start(broken, argocd_crds, argocd_namespace, tmp_path)
