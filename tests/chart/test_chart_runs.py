"""Okra runs with what the Deployment says: its arguments, its variables, and the pages that kubelet asks for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from tests.chart.conftest import WITHOUT_KINDS, Run
from tests.chart.objects import container, objects_in
from tests.chart.settings_table import rows
from tests.e2e.installed import RELEASE, RIGHTS
from tests.kube.controller_process import ROOT, Controller, Controllers
from tests.support.nursery import begin

pytestmark = pytest.mark.timeout(300)


def test_okra_runs_with_what_the_deployment_gives_it_and_answers_the_probes(
    helm: Run, controllers: Controllers, tmp_path: Path
) -> None:
    """Only the port and the way to the API server and to AWS are the test's."""
    (tmp_path / "values.yaml").write_text(yaml.safe_dump({"settings": rows(0)[0]}))
    sets = [f"scope.namespace={controllers.namespace}", "scope.selector=team in (a\\,b)", "aws.region=us-east-1"]
    asked = [part for value in (*sets, "readOnly=true") for part in ("--set", value)]
    place = ("--namespace", controllers.namespace, "--values", tmp_path / "values.yaml")
    chart = objects_in(helm("template", RELEASE, *WITHOUT_KINDS, *place, *asked).stdout)
    controllers.apply(*(each for each in chart if each["kind"] in RIGHTS))
    okra = container(chart)
    pod = {"metadata.name": "okra-0", "metadata.namespace": controllers.namespace}
    environ = {
        each["name"]: each.get("value") or pod[each["valueFrom"]["fieldRef"]["fieldPath"]] for each in okra["env"]
    }
    assert environ["OKRA_LISTEN"] == f":{okra['ports'][0]['containerPort']}"
    tests_own = {
        **controllers.aws,
        "OKRA_LISTEN": ":0",
        "KUBECONFIG": str(controllers.service_account(RELEASE)),
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ["PATH"],
    }
    life = begin(["okra", *okra["args"]], {**environ, **tests_own}, tmp_path, tmp_path / "okra.log", cold=True)
    controller = Controller(life)
    controllers.started.append(controller)  # who ends it, should the test fail
    controller.ready(leads=True)
    for probe in ("livenessProbe", "readinessProbe"):
        assert controller.get(okra[probe]["httpGet"]["path"])[0] == 200
    controller.terminate()
    assert controller.wait() == 0
    assert [line for line in controller.text.splitlines() if not line.startswith("{")] == [], "each variable is known"
