"""`okra lint`: is what these files say right? Needs neither AWS nor a cluster."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from okra.api.lint import Report
from okra.api.lint import lint as judge
from okra.app.manifests import read_all
from okra.cli.settings import settings_of_environment
from okra.errors import OkraError

CLEAN, FINDINGS, UNREADABLE = 0, 1, 2


def lint(files: list[Path], output: Literal["text", "json"] = "text") -> int:
    """Judge files, folders (every .yaml, .yml, .json below) and `-` (standard input).

    Findings go to standard output, notes and what is unreadable to standard error. Returns 0 when nothing was found, 1
    for findings, 2 when something couldn't be read (findings in the rest are shown all the same).
    """
    try:
        provider_is_set = settings_of_environment().check_provider is not None
    except OkraError as error:
        print(error, file=sys.stderr)
        return UNREADABLE
    sources, unreadable = read_all(files)
    report = judge(sources, provider_is_set=provider_is_set)
    unreadable += map(str, report.unreadable)
    if not report.objects and not report.findings and not unreadable:
        unreadable.append("nothing to judge: the files hold no object; give a file with a Cell or a Check")
    for message in unreadable:
        print(message, file=sys.stderr)
    if output == "json":
        print(_as_json(report, unreadable))
    else:
        _print_text(report, complete=not unreadable)
    if unreadable:
        return UNREADABLE
    return FINDINGS if report.findings else CLEAN


def _print_text(report: Report, *, complete: bool) -> None:
    for note in (*report.notes, *filter(None, [report.passed_over])):
        print(f"note: {note}", file=sys.stderr)
    for finding in report.findings:
        print(finding)
    found = [_count(len(report.findings), "finding")] if report.findings else []
    found += [] if complete else ["not all could be read"]
    print(f"{_count(report.files, 'file')}, {_count(report.objects, 'object')}: {'; '.join(found) or 'no findings'}")


def _as_json(report: Report, unreadable: list[str]) -> str:
    return json.dumps(
        {
            "files": report.files,
            "objects": report.objects,
            "findings": [asdict(finding) for finding in report.findings],
            "notes": [asdict(note) for note in report.notes],
            "passedOver": report.foreign,
            "unreadable": unreadable,
        },
        indent=2,
        ensure_ascii=False,
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
