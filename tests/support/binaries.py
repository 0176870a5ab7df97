"""External binaries, for tests against the real thing.

`ensure-NAME.sh` beside this file knows one set each: it prints the folder that holds them, and gets them into the cache
(`$XDG_CACHE_HOME/okra/NAME`) first if they are nowhere.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PATIENCE = 240.0
"""Seconds; the first run on a machine has to fetch them."""


def binaries(name: str) -> Path:
    """The folder of the binaries `name`. Without them: a failure in CI, elsewhere a skip that says so."""
    script = HERE / f"ensure-{name}.sh"
    done = subprocess.run([script], capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode == 0:
        return Path(done.stdout.strip())
    reason = f"real {name}: {done.stderr.strip().splitlines()[-1]}"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
