"""The servers of one control plane: started in order, each watched until it answers, and ended all at once."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from okra.testing.controlplane.access import ControlPlane, Unreachable
from okra.testing.controlplane.commands import Command, Commands, Ports

_PATIENCE = 140.0
"""Seconds until a start has failed: four is usual, and a machine may be busy."""
_POLL = 0.05
_LOG_LINES = 20
_PR_SET_PDEATHSIG = 1


class Servers:
    """`pause(seconds)` lets time pass, and raises when the servers are no longer wanted."""

    def __init__(
        self,
        folder: Path,
        binaries: Mapping[str, Path],
        *,
        nodes: int,
        controllers: bool = True,
        pause: Callable[[float], None],
        apiserver: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._nodes = nodes
        self._controllers = controllers
        self._pause = pause
        self._apiserver = apiserver
        self._commands = Commands(folder, binaries, Ports(*_free_ports(2)))
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._access = ControlPlane(
            url=self._commands.url,
            ca=self._commands.authority,
            kubeconfig=self._commands.kubeconfig,
            certificate=self._commands.admin.certificate,
            key=self._commands.admin.key,
            binaries=binaries,
            folder=folder,
        )

    def start(self) -> ControlPlane:
        """All of them. RuntimeError with the log of the one that didn't come up."""
        self._run("etcd", self._commands.etcd())
        self.start_apiserver()
        if not self._controllers:
            return self._access
        self._run("kube-controller-manager", self._commands.controller_manager())
        if self._nodes:
            self._run("kube-scheduler", self._commands.scheduler())
            self._run("kwok", self._commands.kwok())
            for number in range(self._nodes):
                self._make_node(f"node-{number}")
        # Made by a controller, so they run.
        self._until("kube-controller-manager", "/api/v1/namespaces/default/serviceaccounts/default")
        return self._access

    def start_apiserver(self) -> None:
        """On the same port, with the same data."""
        self._run("kube-apiserver", [*self._commands.apiserver(), *self._apiserver])
        self._until("kube-apiserver", "/readyz")

    def stop_apiserver(self) -> None:
        """As if its machine had lost power: nothing is said to clients."""
        process = self._running["kube-apiserver"]
        process.kill()
        process.wait()

    def freeze_apiserver(self) -> None:
        """It keeps its connections, takes new ones and answers nothing."""
        process = self._running["kube-apiserver"]
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw_apiserver(self) -> None:
        self._running["kube-apiserver"].send_signal(signal.SIGCONT)
        self._until("kube-apiserver", "/readyz")

    def end(self) -> None:
        """Nobody needs what they hold. Logs stay."""
        for process in self._running.values():
            process.kill()
        for process in self._running.values():
            process.wait()
        shutil.rmtree(self._commands.etcd_data, ignore_errors=True)

    def _run(self, name: str, command: Command) -> None:
        with self._log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                process_group=0,  # a terminal's Ctrl-C is the owner's
                preexec_fn=ending_with(os.getpid()),
            )

    def _until(self, name: str, path: str) -> None:
        """This path answers 200."""
        deadline = time.monotonic() + _PATIENCE
        while not self._answers(path):
            for each, process in self._running.items():  # what the one waits for may be the other's fault
                if (code := process.poll()) is not None:
                    raise RuntimeError(f"{each} ended with {code}:\n{self._tail(each)}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not answer {path}:\n{self._tail(name)}")
            self._pause(_POLL)

    def _answers(self, path: str) -> bool:
        try:
            return self._access.call("GET", path, timeout=5).status == 200
        except Unreachable:
            return False

    def _make_node(self, name: str) -> None:
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        }
        made = self._access.call("POST", "/api/v1/nodes", node)
        if made.status != 201:
            raise RuntimeError(f"can't make a node: {made}")

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _tail(self, name: str) -> str:
        return "\n".join(self._log(name).read_text(errors="replace").splitlines()[-_LOG_LINES:])


def ending_with(parent: int) -> Callable[[], None] | None:
    """For a new process, before it becomes the server: the kernel kills it when this one ends."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def set_death_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended just before
            os._exit(1)

    return set_death_signal


def _free_ports(count: int) -> list[int]:
    """Below those that the kernel gives to outgoing connections: none may take one while its server restarts."""
    found: list[int] = []
    while len(found) < count:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found
