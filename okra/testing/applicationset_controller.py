"""Argo CD's real ApplicationSet controller, for one namespace of a running control plane.

    with ApplicationSetController.start(binary, control_plane, "argocd", folder) as controller:
        controller.freeze(); …; controller.thaw()

`argocd_install` makes the namespace Argo CD's. There is no repo server: generators that need none, such as the one of
clusters, do their work. It listens on free ports of the loopback interface only, keeps its log in `folder`, and ends
with this process however that ends: like a control plane it is held by a process of its own, which this module is, too.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Self

from okra.testing.child import WITH_PARENT, Child
from okra.testing.controlplane.access import ControlPlane
from okra.testing.controlplane.owner import OwnerGone, Parent
from okra.testing.controlplane.servers import ending_with

_NOWHERE = "127.0.0.1:1"
_FREE = "127.0.0.1:0"
_WORKS = "Starting workers"
_PATIENCE = 140.0
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class ApplicationSetController:
    """A context manager."""

    namespace: str
    log: Path
    keeper: Child = field(repr=False)

    @classmethod
    def start(cls, binary: Path, plane: ControlPlane, namespace: str, folder: Path) -> Self:
        """Returns when its workers have started; RuntimeError with its log if they don't."""
        log = folder / f"applicationsets-{namespace}.log"
        paths = ["--binary", str(binary), "--kubeconfig", str(plane.kubeconfig), "--log", str(log)]
        child = Child("okra.testing.applicationset_controller", *paths, "--namespace", namespace)
        child.start()
        return cls(namespace, log, child)

    def freeze(self) -> None:
        """From now on it reconciles nothing."""
        self.keeper.ask("freeze")

    def thaw(self) -> None:
        self.keeper.ask("thaw")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.keeper.stop()


# -- the process that holds it ---------------------------------------------------------------------------------------


def _command(arguments: argparse.Namespace) -> list[str]:
    return [
        str(arguments.binary),
        f"--namespace={arguments.namespace}",
        f"--argocd-repo-server={_NOWHERE}",
        f"--metrics-addr={_FREE}",
        f"--probe-addr={_FREE}",
        f"--webhook-addr={_FREE}",
        "--enable-progressive-syncs",
        "--logformat=json",
    ]


def _environ(arguments: argparse.Namespace) -> dict[str, str]:
    """Nothing of what a developer set for another Argo CD."""
    known = {name: value for name, value in os.environ.items() if not name.startswith(("ARGOCD_", "KUBE"))}
    return {**known, "KUBECONFIG": str(arguments.kubeconfig)}


def _hold(arguments: argparse.Namespace, owner: Parent) -> None:
    with arguments.log.open("ab") as log:
        process = subprocess.Popen(
            _command(arguments),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environ(arguments),
            process_group=0,  # a terminal's Ctrl-C is the owner's
            preexec_fn=ending_with(os.getpid()),
        )
    try:
        _until_it_works(process, arguments.log, owner)
        print("ready", flush=True)
        while True:
            process.send_signal({"freeze": signal.SIGSTOP, "thaw": signal.SIGCONT}[owner.command()])
            print("ok", flush=True)
    finally:
        process.kill()
        process.wait()


def _until_it_works(process: subprocess.Popen[bytes], log: Path, owner: Parent) -> None:
    deadline = time.monotonic() + _PATIENCE
    while _WORKS not in (said := log.read_text(errors="replace")):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the ApplicationSet controller did not start:\n{said[-4000:]}")
        owner.wait(_POLL)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m okra.testing.applicationset_controller")
    parser.add_argument(WITH_PARENT, action="store_true", required=True)
    for path in ("binary", "kubeconfig", "log"):
        parser.add_argument(f"--{path}", type=Path, required=True)
    parser.add_argument("--namespace", required=True)
    arguments = parser.parse_args()

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise OwnerGone

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _hold(arguments, Parent())
    except OwnerGone:
        return 0
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
