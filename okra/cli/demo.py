"""`okra demo`: the main job, to look at. It needs the extra `okra[demo]`, and nothing else but Python."""

from __future__ import annotations

import sys
from importlib.util import find_spec

NEEDED = ("moto", "flask", "boto3")
BAD_INPUT, INTERRUPTED = 2, 130


def demo(*, plain: bool, keep: bool, quick: bool, sabotage: bool) -> int:
    """The exit code: 0 when everything really happened, 1 when it didn't, 2 without the extra, 130 interrupted."""
    if any(find_spec(name) is None for name in NEEDED):
        print("The demo needs its extra: pip install 'okra[demo]'", file=sys.stderr)
        return BAD_INPUT
    try:
        from okra.demo.perform import Options, perform

        return perform(Options(plain=plain, keep=keep, quick=quick, sabotage=sabotage))
    except KeyboardInterrupt:
        return INTERRUPTED
