"""`helm upgrade`, and what people did by hand in between."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from okra.testing.controlplane import ControlPlane
from tests.chart.conftest import WITHOUT_KINDS, Run, runs

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def helm(helm_binary: Path, control_plane: ControlPlane, kube_namespace: str, tmp_path: Path) -> Run:
    run = runs(helm_binary, tmp_path, control_plane.kubeconfig)
    return lambda verb, *arguments: run(verb, "okra", *WITHOUT_KINDS, "--namespace", kube_namespace, *arguments)


@pytest.fixture
def paused(control_plane: ControlPlane, kube_namespace: str) -> Callable[[str], str]:
    """Patch the pause of every Cell, as a person does; empty: only read it."""

    def patch(value: str = "") -> str:
        config = ("configmap/okra", "--namespace", kube_namespace)
        if value:
            control_plane.kubectl("patch", *config, "--type", "merge", "-p", f'{{"data":{{"paused":{value}}}}}')
        return control_plane.kubectl("get", *config, "-o", "jsonpath={.data.paused}")

    return patch


@pytest.mark.parametrize("how", ["--server-side=true", "--server-side=false"])
def test_a_pause_by_hand_outlasts_upgrades_and_refuses_none(helm: Run, paused: Callable[..., str], how: str) -> None:
    helm("install", how)
    assert paused() == ""
    assert paused('"true"') == "true"
    helm("upgrade", how, "--set", "readOnly=true")
    assert paused() == "true"
    assert paused("null") == ""
    helm("upgrade", how, "--set", "paused=true")
    assert paused() == "true"
    helm("upgrade", how)
    assert paused() == ""


def test_an_installation_can_do_without_an_election_later(
    helm: Run, control_plane: ControlPlane, kube_namespace: str
) -> None:
    """The server has filled in for a rolling update what it refuses beside another strategy."""

    def strategy() -> str:
        where = ("deployment/okra", "--namespace", kube_namespace)
        return control_plane.kubectl("get", *where, "-o", "jsonpath={.spec.strategy.type}")

    helm("install")
    assert strategy() == "RollingUpdate"
    helm("upgrade", "--set", "leaderElection.enabled=false,replicaCount=1")
    assert strategy() == "Recreate"
    helm("upgrade")
    assert strategy() == "RollingUpdate"


def test_an_upgrade_that_changes_the_installations_name_warns_of_its_routes(helm: Run) -> None:
    """They are signed by the former name: nobody would write them any more, reverts included."""

    def former(*values: str) -> str:
        """The name that is warned of; empty: none."""
        found = re.search(r"WARNING: until now it signed them as (\S+)/NAMESPACE/NAME", helm("upgrade", *values).stdout)
        return found[1] if found else ""

    helm("install")
    assert former() == ""
    assert former("--set", "settings.install=blue") == "okra"
    assert former("--set", "settings.install=blue") == ""
    assert former() == "blue"
