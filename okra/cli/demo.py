"""`okra demo`: the main job, to look at. It needs the extra `okra[demo]`, and nothing else but Python.

On Kubernetes it needs the programs of a control plane too.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

NEEDED = ("moto", "flask", "boto3", "cryptography")
BAD_INPUT, INTERRUPTED = 2, 130
WITHOUT_BINARIES = """\
{} no {}. `make controlplane` in a checkout builds what the demo on Kubernetes needs (with Go, in minutes);
or set KUBEBUILDER_ASSETS to a folder that holds them."""


def demo(*, plain: bool, keep: bool, quick: bool, sabotage: bool, kubernetes: bool = False) -> int:
    """The exit code: 0 when everything really happened, 1 when it didn't, 2 without what it needs, 130 interrupted."""
    if any(find_spec(name) is None for name in NEEDED):
        print("The demo needs its extra: pip install 'okra[demo]'", file=sys.stderr)
        return BAD_INPUT
    try:
        from okra.demo.binaries import find_binaries
        from okra.demo.perform import Options, perform

        binaries, absent = find_binaries(os.environ) if kubernetes else (None, [])
        if absent:
            assets = os.environ.get("KUBEBUILDER_ASSETS")
            where = f"{assets} (KUBEBUILDER_ASSETS) has" if assets else "Here is"
            print(WITHOUT_BINARIES.format(where, ", ".join(absent)), file=sys.stderr)
            return BAD_INPUT
        return perform(Options(plain=plain, keep=keep, quick=quick, sabotage=sabotage, binaries=binaries))
    except KeyboardInterrupt:
        return INTERRUPTED
