"""Okra as a cluster runs it: `okra controller` in a process of its own, on a real control plane on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from okra.demo.cluster_events import follow_events
from okra.demo.controller import controller_running
from okra.demo.failure import CantGoOn
from okra.demo.ledger import Ledger
from okra.demo.manifest import CELL_NAME, cell_yaml
from okra.demo.okra_side import OkraSide
from okra.demo.script import BAD, FIRST, Script
from okra.kube.client import KubeClient
from okra.kube.store import KubeStore
from okra.kube.target import find_target
from okra.testing.controlplane import ControlPlane, OwnControlPlane

Say = Callable[[str], None]
WATCH = (
    "kubectl get cells -w",
    f"kubectl describe cell {CELL_NAME}",
    f"kubectl events --for cell/{CELL_NAME}",
    "kubectl get chk",
)
"""`chk` and not `checks`: of the two kinds whose plural that is, kubectl takes the other, which is older."""


class ClusterHome:
    """Valid inside `on_kubernetes`."""

    def __init__(self, folder: Path, plane: ControlPlane) -> None:
        self._folder, self._plane = folder, plane

    @asynccontextmanager
    async def okra(self, listener_arn: str, script: Script, ledger: Ledger) -> AsyncIterator[OkraSide]:
        kubeconfig = self._plane.kubeconfig
        async with contextlib.AsyncExitStack() as stack:
            pages = await stack.enter_async_context(controller_running(kubeconfig, self._folder))
            await asyncio.to_thread(_kubectl, self._plane, "apply", "-f", "-", given=cell_yaml(listener_arn, script))
            client = await KubeClient.open(await find_target(str(kubeconfig)))
            store = await stack.enter_async_context(KubeStore(client))
            async with asyncio.TaskGroup() as group:
                following = group.create_task(follow_events(store, ledger))
                yield OkraSide(store, pages)
                following.cancel()

    def to_try(self, okra: str) -> list[str]:
        config = '--kubeconfig "$KUBECONFIG"'
        return [
            *self.to_watch(),
            "",
            f"{okra} status {CELL_NAME} {config}",
            f"{okra} rollback {CELL_NAME} {FIRST} {config}",
            f"{okra} retry {CELL_NAME} {BAD} {config}",
        ]

    def to_watch(self) -> list[str]:
        """Shell lines. Nothing of the user's own kubectl is touched: not its configuration, not its cache."""
        path = shlex.quote(str(self._plane.binaries["kubectl"].parent))
        environ = {"KUBECONFIG": self._plane.kubeconfig, "KUBECACHEDIR": self._folder / "kubectl"}
        named = " ".join(f"{name}={shlex.quote(str(value))}" for name, value in environ.items())
        return [f"export {named} PATH={path}:$PATH", *WATCH]


@contextmanager
def on_kubernetes(folder: Path, binaries: Mapping[str, Path], say: Say) -> Iterator[ClusterHome]:
    """A control plane that knows Okra's kinds. CantGoOn when it doesn't come up."""
    say("Starting a Kubernetes control plane: etcd, kube-apiserver, kube-controller-manager.")
    with contextlib.ExitStack() as stack:
        try:
            plane = stack.enter_context(OwnControlPlane.start(folder / "kubernetes", binaries))
        except RuntimeError as error:
            raise CantGoOn(str(error)) from error
        say("okra crds | kubectl apply --server-side -f -")
        _install_kinds(plane)
        home = ClusterHome(folder, plane)
        lines = "\n".join(f"  {line}" for line in home.to_watch())
        say(f"It is ready. To watch from another terminal:\n\n{lines}\n")
        yield home


def _install_kinds(plane: ControlPlane) -> None:
    crds = subprocess.run(
        [sys.executable, "-m", "okra", "crds"], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    if crds.returncode != 0:
        raise CantGoOn(f"`okra crds` failed: {crds.stderr.strip()}")
    _kubectl(plane, "apply", "--server-side", "-f", "-", given=crds.stdout)
    _kubectl(plane, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


def _kubectl(plane: ControlPlane, *arguments: str, given: str = "") -> str:
    try:
        return plane.kubectl(*arguments, given=given, timeout=90)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        raise CantGoOn(str(error)) from error
