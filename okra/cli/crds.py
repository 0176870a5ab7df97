"""`okra crds`: what a cluster must have before an Okra object can be applied to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from okra.api.crd import crd
from okra.api.crd_policies import policies
from okra.api.crd_text import as_documents
from okra.api.findings import printable, remedy_for
from okra.api.kinds import KINDS, KindInfo

DONE, UNKNOWN_KIND = 0, 2


def crds(kinds: Sequence[str], output: Literal["yaml", "json"], *, with_policies: bool) -> int:
    """Print the definitions of these kinds, of all when none is named. 0, or 2 for a kind that is none of Okra's."""
    chosen: list[KindInfo] = []
    for name in kinds:
        found = [info for info in KINDS if name.lower() in _names(info)]
        if not found:
            known = {info.kind for info in KINDS}
            print(f"{printable(name)!r} is no kind of Okra's; {remedy_for(name, known)}", file=sys.stderr)
            return UNKNOWN_KIND
        chosen += found
    wanted = [info for info in KINDS if info in chosen] if kinds else list(KINDS)
    manifests = [crd(info) for info in wanted] + (policies(wanted) if with_policies else [])
    sys.stdout.write(as_documents(manifests) if output == "yaml" else _as_list(manifests))
    return DONE


def _names(info: KindInfo) -> set[str]:
    """All by which kubectl knows a kind."""
    short = (info.kind.lower(), info.plural, *info.short_names)
    return {name for each in short for name in (each, f"{each}.{info.group}")}


def _as_list(manifests: Iterable[dict[str, Any]]) -> str:
    """One JSON document that `kubectl apply` takes."""
    return (
        json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)}, ensure_ascii=False, indent=2) + "\n"
    )
