"""Okra as the chart installs it: its controller may do what the chart's roles allow, with a pod's own kind of token.

People are somebody else: they use kubectl, as administrators of the namespace.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.kube.controller_process import ROOT, Controller, Controllers

CHART = ROOT / "charts" / "okra"
RELEASE = "okra"
"""Also the name of its service account, its Lease and its ConfigMap."""
RIGHTS = ("ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ConfigMap")
PATIENCE = 150
"""Seconds for kubectl to wait. Far more than it takes: only a failing test waits so long."""

Manifest = dict[str, Any]


def rendered(helm: Path, namespace: str, *values: str) -> list[Manifest]:
    """What of the chart a controller needs before it starts: who it is, what it may do, and the pause of everything."""
    sets = [part for value in ("image.repository=okra", "rbac.aggregate=false", *values) for part in ("--set", value)]
    command = [str(helm), "template", RELEASE, str(CHART), "--namespace", namespace, *sets]
    environ = {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=120).stdout
    return [each for each in yaml.load_all(said, yaml.CSafeLoader) if each and each["kind"] in RIGHTS]


@dataclass
class Installed:
    """The chart in a namespace, and the controllers that run as its service account."""

    controllers: Controllers
    chart: Sequence[Manifest]

    def __post_init__(self) -> None:
        self.settings["OKRA_AWS_RATE_SHARE"] = "100"  # there is nobody else in the account
        argocd = [
            each for each in self.chart if each["kind"] == "Role" and each["metadata"]["name"].endswith("-argocd")
        ]
        self.settings["OKRA_ARGOCD"] = str(bool(argocd)).lower()
        self.settings["OKRA_HOTSWAP"] = str("hotswap.mumoshu.github.io" in json.dumps(self.chart)).lower()
        for each in argocd:
            self.settings["OKRA_ARGOCD_NAMESPACE"] = each["metadata"]["namespace"]
        self.controllers.apply(*self.chart)
        self.kubeconfig = self.controllers.service_account(RELEASE)

    @property
    def namespace(self) -> str:
        return self.controllers.namespace

    @property
    def settings(self) -> dict[str, str]:
        return self.controllers.settings

    def start(self, *arguments: str, **settings: str) -> Controller:
        return self.controllers.start(*arguments, kubeconfig=self.kubeconfig, **settings)

    # What people do, and see

    def kubectl(self, *arguments: str, given: str = "") -> str:
        return self.controllers.kubectl(*arguments, given=given, timeout=PATIENCE + 30)

    def apply(self, *objects: Mapping[str, Any]) -> None:
        self.controllers.apply(*objects)

    def wait(self, what: str, condition: str) -> None:
        """`kubectl wait`. It says what there is when that doesn't come, or nobody is left who could bring it about."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.kubectl("wait", what, f"--for={condition}", "--timeout=10s")
                return
            except RuntimeError as error:
                lives = any(each.life.poll() is None for each in self.controllers.started)
                if not lives or time.monotonic() > deadline:
                    logs = "\n\n".join(each.text[-6000:] for each in self.controllers.started)
                    found = self.controllers.cluster.kubectl("get", what, "-n", self.namespace, "-o", "yaml")
                    raise AssertionError(f"{error}\n{found}\n{logs}") from None

    def table(self, *arguments: str) -> list[dict[str, str]]:
        """`kubectl get …`, a line each: head of the column → what is there."""
        head, *lines = self.kubectl("get", *arguments).splitlines()
        starts = [match.start() for match in re.finditer(r"(?<!\S)(?<!\S )\S", head)]
        spans = list(zip(starts, [*starts[1:], None], strict=True))
        return [{head[a:b].strip(): line[a:b].strip() for a, b in spans} for line in lines]

    def condition(self, name: str, kind: str, plural: str = "cells") -> dict[str, Any]:
        """A condition of an object; empty when it has none of this kind."""
        status = self.controllers.find(name, plural).get("status") or {}
        found: list[dict[str, Any]] = [each for each in status.get("conditions", ()) if each["type"] == kind]
        return found[0] if found else {}

    def reasons(self, name: str) -> list[str]:
        """Of the Events about a Cell, as `kubectl get events` lists them."""
        selector = f"--field-selector=involvedObject.kind=Cell,involvedObject.name={name}"
        listed = json.loads(self.kubectl("get", "events", selector, "-o", "json"))
        return [each["reason"] for each in listed["items"]]
