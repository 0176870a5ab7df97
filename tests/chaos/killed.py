"""`okra controller` that kills itself with SIGKILL after its N-th effect, and says each effect first: see Killing."""

from __future__ import annotations

import os
import sys

from tests.kube.controller_entry import main as control
from tests.scenarios.killed import AFTER, EFFECTS, Killing

NEVER = -1


def main() -> int:
    """The exit code, of one that isn't killed. Its settings come from the environment."""
    file = os.open(os.environ[EFFECTS], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return control(wrap=lambda executor: Killing(executor, int(os.environ[AFTER]), file))


if __name__ == "__main__":
    sys.exit(main())
