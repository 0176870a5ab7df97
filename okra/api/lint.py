"""The lint engine: text in, findings out, each with its file and line. `okra lint` is its command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from okra.api.alb import ALB
from okra.api.base import Loc
from okra.api.cell import Cell
from okra.api.check import Check
from okra.api.checks import Analysis
from okra.api.findings import did_you_mean, path_of, printable
from okra.api.kinds import GROUPS
from okra.api.lint_clusters import cluster_findings, cluster_notes, route_findings
from okra.api.lint_records import record_notes
from okra.api.objects import LoadedObject, TextProblem, read_objects
from okra.api.parse import parse
from okra.api.secret import parse_secret

PROVIDER_REQUIRED = (
    "is required: name one of datadog, cloudWatch, prometheus, web, or set OKRA_CHECK_PROVIDER for all checks"
)


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding or a note, and where. `kind` and `name` are empty when the text itself can't be read."""

    file: str
    line: int
    message: str
    path: str = ""
    kind: str = ""
    name: str = ""

    def __str__(self) -> str:
        what = f"{self.kind}/{self.name}" if self.kind or self.name else "YAML"
        return f"{self.file}:{self.line} {what}{' ' if self.path else ''}{self.path}: {self.message}"


@dataclass(slots=True)
class Report:
    """All that a run found. Notes are no faults; what is unreadable couldn't be judged."""

    files: int = 0
    objects: int = 0
    unreadable: list[Placed] = field(default_factory=list)
    findings: list[Placed] = field(default_factory=list)
    notes: list[Placed] = field(default_factory=list)
    foreign: Counter[str] = field(default_factory=Counter)
    """Objects of other products, which are passed over, by kind."""

    @property
    def passed_over(self) -> str:
        """What was, in a line; empty: nothing."""
        kinds = [f"{kind} ({many})" if many > 1 else kind for kind, many in sorted(self.foreign.items())]
        return f"passed over, as they are no kinds of Okra's: {', '.join(kinds)}" if kinds else ""


@dataclass(frozen=True, slots=True)
class _Entry:
    file: str
    loaded: LoadedObject
    model: object

    def place(self, loc: Loc, message: str) -> Placed:
        loaded = self.loaded
        kind, name = printable(loaded.kind) or "?", printable(loaded.name) or "?"
        return Placed(self.file, loaded.line_of(loc), message, path_of(loc), kind, name)


def lint(sources: Iterable[tuple[str, str]], *, provider_is_set: bool = True) -> Report:
    """Judge texts, given as (name of the file, text), each object by itself and all of them together.

    `provider_is_set`: does the setting OKRA_CHECK_PROVIDER give checks without a provider one? If not, the controller
    finds such a check invalid, and so does this.
    """
    report = Report()
    entries: list[_Entry] = []
    for file, text in sources:
        report.files += 1
        objects, problems = read_objects(text)
        report.objects += len(objects)
        report.unreadable += [_text_problem(file, problem) for problem in problems if problem.unread]
        here = [_text_problem(file, problem) for problem in problems if not problem.unread]
        for loaded in objects:
            if _is_foreign(loaded):
                report.foreign[printable(loaded.kind)] += 1
                entries.append(_Entry(file, loaded, None))
                continue
            entry, findings = _judge(file, loaded)
            entries.append(entry)
            here += findings
        report.findings += sorted(here, key=lambda placed: placed.line)
    report.findings += _duplicates(entries)
    if not provider_is_set:
        report.findings += _without_provider(entries)
    report.notes += [*_unknown_checks(entries), *_unknown_labels(entries), *_unknown_health(entries)]
    return report


def _text_problem(file: str, problem: TextProblem) -> Placed:
    return Placed(file, problem.line, problem.message, path_of(problem.loc), problem.kind, printable(problem.name))


def _judge(file: str, loaded: LoadedObject) -> tuple[_Entry, list[Placed]]:
    model, findings = parse_secret(loaded.object) if _is_secret(loaded) else parse(loaded.object)
    entry = _Entry(file, loaded, model)
    found = [replace(entry.place(each.loc, each.message), line=each.line) for each in loaded.duplicates]
    found += [entry.place(finding.loc, finding.message) for finding in findings]
    if isinstance(model, Cell):
        unlikely = (*route_findings(model.spec), *cluster_findings(model.spec))
        found += [entry.place(("spec", *loc), message) for loc, message in unlikely]
    return entry, found


def _is_secret(loaded: LoadedObject) -> bool:
    return loaded.api_version == "v1" and loaded.kind == "Secret"


def _is_foreign(loaded: LoadedObject) -> bool:
    """Another product's object, as opposed to one of Okra's with a typo in its apiVersion or kind."""
    if not loaded.api_version or not loaded.kind or _is_secret(loaded):
        return False
    group = loaded.api_version.partition("/")[0]
    if group in GROUPS:
        return False
    return did_you_mean(group, GROUPS, likeness=0.8) is None


def _duplicates(entries: list[_Entry]) -> Iterator[Placed]:
    first: dict[tuple[str, ...], _Entry] = {}
    for entry in entries:
        loaded = entry.loaded
        key = (loaded.api_version.partition("/")[0], loaded.kind, loaded.namespace, loaded.name)
        if not loaded.name:
            continue
        if key in first:
            other = first[key]
            message = f"is defined twice, first at {other.file}:{other.loaded.line}: remove or rename one"
            yield entry.place(("metadata", "name"), message)
        first.setdefault(key, entry)


def _without_provider(entries: list[_Entry]) -> Iterator[Placed]:
    """Checks that nobody could be asked for."""
    for entry in entries:
        if isinstance(entry.model, Check):
            found: list[tuple[Loc, Analysis | None]] = [((), entry.model.spec.analysis)]
        elif isinstance(entry.model, Cell | ALB):
            found = [(loc, check.analysis) for loc, check in entry.model.spec.all_checks]
        else:
            continue
        for loc, analysis in found:
            if analysis is not None and analysis.provider is None:
                yield entry.place(("spec", *loc, "analysis", "provider"), PROVIDER_REQUIRED)


def _unknown_checks(entries: list[_Entry]) -> Iterator[Placed]:
    """A Check may well be on the cluster already, so this is for information."""
    known = {(entry.loaded.namespace, entry.loaded.name) for entry in entries if isinstance(entry.model, Check)}
    for entry in entries:
        if not isinstance(entry.model, Cell | ALB):
            continue
        for loc, check in entry.model.spec.all_checks:
            if check.from_ is None or (entry.loaded.namespace, check.from_.check_name) in known:
                continue
            named, runs = check.from_.check_name, entry.loaded.kind if isinstance(entry.model, ALB) else "Cell"
            message = f"the Check {named} is not in the given files: it must exist when the {runs} runs"
            yield entry.place(("spec", *loc, "from", "checkName"), message)


def _unknown_labels(entries: list[_Entry]) -> Iterator[Placed]:
    for entry in entries:
        if isinstance(entry.model, Cell):
            for loc, message in cluster_notes(entry.model.spec):
                yield entry.place(("spec", *loc), message)


def _unknown_health(entries: list[_Entry]) -> Iterator[Placed]:
    for entry in entries:
        if isinstance(entry.model, Cell):
            yield from (entry.place(("spec", *loc), said) for loc, said in record_notes(entry.model.spec))
