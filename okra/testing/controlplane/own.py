"""Starting a control plane: one that this process may break, or one that many processes share."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from okra.testing.child import Child
from okra.testing.controlplane.access import ControlPlane

_KEEPER = "okra.testing.controlplane.keeper"


@dataclass(frozen=True, slots=True)
class OwnControlPlane(ControlPlane):
    """One whose API server may be stopped, restarted and frozen. A context manager; ends with this process too."""

    keeper: Child = field(repr=False)

    @classmethod
    def start(
        cls,
        folder: Path,
        binaries: Mapping[str, Path],
        *,
        nodes: int = 0,
        controllers: bool = True,
        apiserver: Sequence[str] = (),
    ) -> Self:
        """`apiserver`: further flags of it. RuntimeError with a server's log if it doesn't come up.

        Without controllers (and so without nodes) objects are kept and served, and nobody acts on them.
        """
        flags = [f"--apiserver={flag}" for flag in apiserver]
        if not controllers:
            flags.append("--without-controllers")
        child = Child(_KEEPER, *_arguments(folder, binaries, nodes), *flags)
        try:
            return cls(**ControlPlane.parse(child.start()), keeper=child)
        except BaseException:  # a Ctrl-C too: no server may outlive the wait for it
            child.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.end()

    def end(self) -> None:
        self.keeper.stop()

    def stop_apiserver(self) -> None:
        """Kill it: connections are reset, new ones refused."""
        self._tell("stop")

    def start_apiserver(self) -> None:
        """Again, on the same port with the same data; returns when it is ready."""
        self._tell("start")

    def restart_apiserver(self) -> None:
        self.stop_apiserver()
        self.start_apiserver()

    def freeze_apiserver(self) -> None:
        """Its connections stay, it takes new ones, and answers nothing."""
        self._tell("freeze")

    def thaw_apiserver(self) -> None:
        """Returns when it answers again."""
        self._tell("thaw")

    def _tell(self, command: str) -> None:
        answer = json.loads(self.keeper.ask(command))
        if answer != "ok":
            raise RuntimeError(answer)


def start_shared(folder: Path, binaries: Mapping[str, Path], *, owner: int, nodes: int = 0) -> ControlPlane:
    """One that stays, whoever started it, until the process `owner` has ended. RuntimeError as above."""
    done = subprocess.run(
        [sys.executable, "-m", _KEEPER, "--until-exit-of", str(owner), *_arguments(folder, binaries, nodes)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout:
        raise RuntimeError(f"the control plane did not start:\n{done.stderr}")
    return ControlPlane(**ControlPlane.parse(done.stdout))


def _arguments(folder: Path, binaries: Mapping[str, Path], nodes: int) -> list[str]:
    paths = json.dumps({name: str(path) for name, path in binaries.items()})
    return ["--folder", str(folder), "--binaries", paths, "--nodes", str(nodes)]
