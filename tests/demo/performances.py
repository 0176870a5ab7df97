"""`okra demo` in a process of its own, looked at from outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from okra.testing.controlplane.servers import ending_with

ROOT = Path(__file__).parents[2]
DEV_ONLY = (
    "pytest", "pytest_asyncio", "hypothesis", "looptime", "blockbuster", "towncrier", "importlinter", "mypy", "xdist",
    "coverage", "hatchling",
)  # fmt: skip
PATIENCE = 170.0


@pytest.fixture
def demo_environ(tmp_path: Path) -> dict[str, str]:
    """One in which nothing of the dev extra can be imported, by the demo or its children, and temporary files show."""
    blocking = "import sys\n" + "".join(f"sys.modules[{name!r}] = None\n" for name in DEV_ONLY)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(blocking)
    (tmp_path / "tmp").mkdir()
    path = os.pathsep.join([str(tmp_path / "site"), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path / "tmp"), "PYTHONWARNINGS": "error"}


@contextmanager
def performance(environ: Mapping[str, str], *options: str) -> Iterator[subprocess.Popen[str]]:
    """`okra demo` in a process of its own, as leader of a session of its own: so its children can be counted."""
    process = subprocess.Popen(
        [sys.executable, "-m", "okra", "demo", "--quick", *options],
        env=dict(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=ending_with(os.getpid()),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def left_of(process: subprocess.Popen[str]) -> list[str]:
    """Command lines of the session's processes."""
    found = subprocess.run(["ps", "-s", str(process.pid), "-o", "args="], capture_output=True, text=True, check=False)
    return found.stdout.splitlines()


def assert_all_of_it_happened(said: str) -> None:
    """The last words of a demo: traffic was moved, and the bad version caught."""
    figures = dict(re.findall(r"│ (.+?) +│ +(.+?) │", said))
    assert int(figures["requests served"].replace(",", "")) > 500
    assert 0 < int(figures["requests failed"]) < int(figures["requests seen by 1.2.0"].replace(",", ""))
    assert figures["largest share that 1.2.0 had"] == "20%"
    assert figures["failing verdict to confirmed revert"].endswith(" ms")
    assert "1.1.0 got all of the traffic. 1.2.0 was caught, put back and blocked." in said


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """The next line that holds it."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    pytest.fail(f"never said {text!r}")
