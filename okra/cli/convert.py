"""`okra convert`: other tools' files in, Okra's objects on standard output."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Literal

from okra.app.manifests import SUFFIXES, read_all
from okra.convert.document import Document
from okra.convert.files import Conversion, converted
from okra.convert.rendering import rendered

CLEAN, FINDINGS, UNREADABLE = 0, 1, 2
_SUFFIXES = SUFFIXES | {".tf", ".tfvars"}
_WANTED = "Go okra's objects, or terraform's couriers,"


def convert(files: list[Path], values: list[str], output: Literal["yaml", "json"] = "yaml") -> int:
    """Objects go to standard output, with comments; what a person must settle goes to standard error, too.

    Returns 0 when all was converted, 1 when something needs a person, 2 when something couldn't be read (the rest is
    converted all the same).
    """
    if wrong := [each for each in values if "=" not in each.lstrip("=")]:
        print(f"--value {wrong[0]}: write REFERENCE=VALUE, as in var.zone_id=Z2FDTNDATAQYW2", file=sys.stderr)
        return UNREADABLE
    sources, unreadable = read_all(files, _SUFFIXES, wanted=_WANTED)
    found = converted(sources, dict(each.split("=", 1) for each in values))
    unreadable += found.unreadable
    if not found.documents and not unreadable:
        unreadable.append(f"nothing to convert: the files hold no object of {_KINDS}")
    say(found, unreadable)
    print(as_json(found) if output == "json" else rendered(found.documents), end="\n" if output == "json" else "")
    if unreadable:
        return UNREADABLE
    return FINDINGS if found.problems else CLEAN


_KINDS = "okra.mumo.co/v1alpha1, no eksctl_courier_alb and no eksctl_courier_route53_record"


def say(found: Conversion, unreadable: list[str]) -> None:
    for message in (*unreadable, *found.problems):
        print(message, file=sys.stderr)
    if found.passed_over:
        kinds = ", ".join(f"{kind} ({many})" if many > 1 else kind for kind, many in sorted(found.passed_over.items()))
        print(f"note: passed over, as it is nothing to convert: {kinds}", file=sys.stderr)


def as_json(found: Conversion) -> str:
    return json.dumps([_entry(each) for each in found.documents], indent=2, ensure_ascii=False)


def _entry(document: Document) -> dict[str, object]:
    comments = [{"at": list(each.loc), "text": each.text} for each in document.remarks.comments]
    return {"from": str(document.source), "object": document.object, "comments": comments}
