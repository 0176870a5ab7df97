"""A state file that is there but empty: new, or the rest of one. Looked at before SQLite does, which drops its log."""

from __future__ import annotations

from pathlib import Path

from okra.errors import Invalid

EMPTIED = (
    "the state file {path} is empty, but its log {log} is not: something has cut it off, and opening it would drop the "
    "log too. Put a copy back, or move both away: Okra then adopts the weights that the load balancer has"
)


def is_empty(path: Path) -> bool:
    """Is there a file without a byte in it? Invalid when it held something once."""
    log = path.with_name(f"{path.name}-wal")
    if _size(path) != 0:
        return False
    if _size(log):
        raise Invalid(EMPTIED.format(path=path, log=log), reason="StateUnusable")
    return True


def _size(path: Path) -> int | None:
    """None: there is no such file, or it may not be looked at, which whoever opens it will say."""
    try:
        return path.stat().st_size
    except OSError:
        return None
