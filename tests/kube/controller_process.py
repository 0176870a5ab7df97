"""`okra controller` as a cluster runs it: processes of their own, one namespace, and whatever befalls them.

    controllers = Controllers(control_plane, kube_namespace, tmp_path, aws_server.environ)
    first, second = controllers.start(), controllers.start()      # two replicas
    first.until("TermBegun"); first.freeze(); …; first.thaw(); first.kill()
    controllers.apply(cell); controllers.until(lambda status: status.get("phase") == "Synced")

A controller looks after its test's namespace only, and keeps its Lease and its ConfigMap there: tests run side by side.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import okra
from okra.api.meta import COMMAND_ANNOTATION
from okra.testing.controlplane import MERGE, ControlPlane
from tests.scenarios.eventually import eventually
from tests.scenarios.okra_process import QUICK
from tests.support.nursery import Life, begin

ROOT = Path(okra.__file__).parents[1]
PATIENCE = 90.0
"""Seconds. Far more than it takes on a free machine: only a failing test waits so long."""
GROUP = "okra.mumoshu.github.io/v1alpha1"
SETTINGS = {**QUICK, "OKRA_LEASE_DURATION": "2s"}


@dataclass
class Controller:
    """One started process. Its log goes to a file: nothing waits on a full pipe."""

    life: Life
    may_crash: bool = False

    @property
    def text(self) -> str:
        return self.life.text

    @property
    def log(self) -> list[dict[str, Any]]:
        """The JSON lines so far; the last may be half written."""
        whole = self.text.rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def entries(self, event: str) -> list[dict[str, Any]]:
        return [entry for entry in self.log if entry["event"] == event]

    def until(self, event: str, *, count: int = 1, within: float = PATIENCE, **fields: Any) -> dict[str, Any]:
        """The entry of its log, once it said so for so many times."""

        def look() -> list[dict[str, Any]]:
            found = [e for e in self.entries(event) if fields.items() <= e.items()]
            assert len(found) >= count or self.life.poll() is None, self.text
            return found

        return eventually(look, lambda found: len(found) >= count, within=within)[count - 1]

    def get(self, path: str) -> tuple[int, str]:
        """A page of its web server."""
        try:
            with urllib.request.urlopen(f"http://{self.until('Started')['listen']}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def ready(self, *, leads: bool | None = None, within: float = PATIENCE) -> str:
        """What /readyz says, once it is ready (and works, or stands by)."""

        def so(page: tuple[int, str]) -> bool:
            return page[0] == 200 and leads in (None, "standby" not in page[1])

        return eventually(lambda: self.get("/readyz"), so, within=within)[1]

    def leads(self) -> bool:
        return "okra_leader 1.0" in self.get("/metrics")[1]

    def wait(self, within: float = PATIENCE) -> int:
        """The exit code, once it ended."""
        code = eventually(self.life.poll, lambda code: code is not None, within=within)
        assert self.may_crash or not self.entries("ActorFailed"), self.text
        assert code is not None
        return code

    def terminate(self) -> None:
        """SIGTERM, as kubelet sends it."""
        self.life.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.life.kill()

    def freeze(self) -> None:
        """SIGSTOP: it stands still, its connections stay."""
        self.life.freeze()

    def thaw(self) -> None:
        self.life.send_signal(signal.SIGCONT)


@dataclass
class Controllers:
    """A namespace with Cells, and the controllers that look after it, one after the other or at once."""

    cluster: ControlPlane
    namespace: str
    folder: Path
    aws: Mapping[str, str]
    """The environment in which SDKs find the double: `MotoServer.environ`, or `environ_for(proxy.url)`."""
    settings: dict[str, str] = field(default_factory=lambda: dict(SETTINGS))
    started: list[Controller] = field(default_factory=list)

    # -- processes -------------------------------------------------------------------------------------------------

    def start(
        self,
        *arguments: str,
        kubeconfig: Path | None = None,
        module: Sequence[str] = ("okra", "controller"),
        **settings: str,
    ) -> Controller:
        """Another replica; it is up when it logs `Started`. `module`: what is run instead, and its first words."""
        file = self.folder / f"controller-{len(self.started)}.log"
        known = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OKRA_", "KUBE"))}
        nobody = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        own = {**self.settings, "OKRA_NAMESPACE": self.namespace, **settings, "PYTHONPATH": str(ROOT)}
        config = {"KUBECONFIG": str(kubeconfig or self.admin())}
        environ = {**known, **nobody, **self.aws, **own, **config}
        controller = Controller(begin([*module, *arguments], environ, self.folder, file))
        self.started.append(controller)
        return controller

    def cli(self, *arguments: str, within: float = 60, **environ: str) -> subprocess.CompletedProcess[str]:
        """`okra ARGUMENTS` in this folder, with the administrator's kubeconfig of this namespace."""
        known = {name: value for name, value in os.environ.items() if not name.startswith("OKRA_")}
        return subprocess.run(
            [sys.executable, "-m", "okra", *arguments],
            env={**known, "PYTHONPATH": str(ROOT), "KUBECONFIG": str(self.admin()), **environ},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )

    def close(self) -> None:
        """Kill what still runs."""
        for controller in self.started:
            if controller.life.poll() is None:
                controller.kill()

    # -- who they are ----------------------------------------------------------------------------------------------

    def admin(self) -> Path:
        """The administrator's kubeconfig, whose namespace is this one."""
        file = self.folder / "admin.kubeconfig"
        if not file.exists():
            content = json.loads(self.cluster.kubeconfig.read_text())
            for each in content["contexts"]:
                each["context"]["namespace"] = self.namespace
            file.write_text(json.dumps(content))
        return file

    def service_account(self, name: str, seconds: int = 3600) -> Path:
        """The kubeconfig of a service account of this namespace, with a token as a pod gets it (TokenRequest)."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{name}/token"
        made = self.cluster.call("POST", path, {"spec": {"expirationSeconds": seconds}})
        assert made.status == 201, made
        file = self.folder / f"{name}.kubeconfig"
        return self.cluster.kubeconfig_for(made.body["status"]["token"], file, namespace=self.namespace)

    # -- objects ---------------------------------------------------------------------------------------------------

    def kubectl(self, *arguments: str, given: str = "", timeout: float = 60) -> str:
        return self.cluster.kubectl("--namespace", self.namespace, *arguments, given=given, timeout=timeout)

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """kubectl apply, each in its own namespace if it names one."""
        for_here = {"namespace": self.namespace}
        whole = [{**each, "metadata": {**for_here, **each["metadata"]}} for each in objects]
        self.cluster.kubectl("apply", "-f", "-", given="\n---\n".join(json.dumps(each) for each in whole))

    def find(self, name: str = "web", plural: str = "cells", group: str = GROUP) -> dict[str, Any]:
        """The object; empty when there is none."""
        answer = self.cluster.call("GET", f"/apis/{group}/namespaces/{self.namespace}/{plural}/{name}")
        assert answer.status in (200, 404), answer
        return answer.body if answer.status == 200 else {}

    def status(self, name: str = "web") -> dict[str, Any]:
        return dict(self.find(name).get("status") or {})

    def until(self, holds: Callable[[dict[str, Any]], object], *, name: str = "web", within: float = PATIENCE) -> Any:
        """The Cell's status, once this holds for it."""
        try:
            return eventually(lambda: self.status(name), holds, within=within)
        except AssertionError as error:
            logs = "\n\n".join(controller.text[-5000:] for controller in self.started)
            raise AssertionError(f"{error}\n{logs}") from None

    def command(self, verb: str, arg: str = "", *, id: str = "1", name: str = "web") -> None:
        """A person's command, through the annotation."""
        text = json.dumps({"id": id, "verb": verb, "arg": arg, "by": "tester"})
        self.kubectl("annotate", "cell", name, "--overwrite", f"{COMMAND_ANNOTATION}={text}")

    def pause(self, value: str | None, name: str = "okra") -> None:
        """Make, or change, the ConfigMap that pauses every Cell; None: delete it."""
        path = f"/api/v1/namespaces/{self.namespace}/configmaps"
        if value is None:
            assert self.cluster.call("DELETE", f"{path}/{name}").status == 200
            return
        data = {"data": {"paused": value}}
        if self.cluster.call("PATCH", f"{path}/{name}", data, content=MERGE).status == 404:
            assert self.cluster.call("POST", path, {"metadata": {"name": name}, **data}).status == 201

    def lease(self, name: str = "okra") -> dict[str, Any]:
        """Of the Lease; empty when there is none."""
        return dict(self.find(name, "leases", "coordination.k8s.io/v1"))

    def events(self, name: str = "web") -> list[dict[str, Any]]:
        """About the Cell, in the order of time."""
        found = self.cluster.call("GET", f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events").body["items"]
        mine = [event for event in found if event["regarding"].get("name") == name]
        return sorted(mine, key=lambda event: event["eventTime"])


def shows(weight: str) -> Callable[[dict[str, Any]], bool]:
    """For `until`: the rollout is at this share, and every route shows it."""
    return lambda status: status.get("weight") == weight and all("confirmedAt" in each for each in status["routes"])
