"""The processes of a control plane, as the kernel sees them."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="sees processes in /proc; only Linux kills with the parent")


def processes(folder: Path) -> dict[str, int]:
    """Of the control plane in this folder: their pids by the name of the program."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue  # it has just ended
            if any(str(folder) in argument for argument in arguments):
                name = "keeper" if "okra.testing.controlplane.keeper" in arguments else Path(arguments[0]).name
                found[name] = int(entry.name)
    return found


def none_is_left(folder: Path) -> bool:
    deadline = time.monotonic() + 60
    while processes(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
