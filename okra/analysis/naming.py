"""From a Cell's checks to the Check objects it creates: one for all clusters if they would ask the same, else one each.

Names are the seeds': `{cell}-{check}` and `{cell}-{check}-{cluster}`. What isn't a DNS-1123 label, or is too long, is
made one and gets a hash of what it stands for, so that two clusters never share a name by accident.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from okra.analysis.conditions import mentions
from okra.analysis.templates import Place, render_all
from okra.api.job import templated
from okra.errors import Invalid

ANNOTATION = "analysis-hash"
LONGEST_NAME = 63
IN_CELL_INTERVAL = "10s"
"""What a Cell's check is measured at unless it says otherwise."""

Variables = Mapping[str, str]
"""Template variable → value, for one target group. `clusterName` is always there."""

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_HASH_LENGTH = 10


@dataclass(frozen=True, slots=True)
class CheckObject:
    """One Check to create."""

    name: str
    check: str
    """The check's name in the Cell."""
    cluster: str
    """Whose queries these are; `""` when every cluster's are the same."""
    spec: dict[str, Any]
    hash: str
    """Of `spec.analysis`, for the annotation `analysis-hash` and `status.analysis.observedHash`; `""` for a job."""
    stable: dict[str, Any] | None = None
    """The same analysis as it is asked for the stable side, when a condition compares the two."""


def checks_for(
    cell: str,
    checks: Sequence[Mapping[str, Any]],
    groups: Sequence[Variables],
    stable: Sequence[Variables] = (),
    *,
    path: str = "spec.checks",
) -> list[CheckObject]:
    """The Checks of a Cell, in the order of `checks` and `groups`.

    checks: CellChecks as JSON, `{name, analysis | job, dryRun?, …}`, as a person wrote them or with the controller's
    provider added; one with neither (a `from`) makes none. groups: the variables of each canary target group.
    stable: of each stable one, for checks that compare both sides, with `version` being that side's; the n-th canary
    group is compared with the n-th stable one, and round again.
    Raises Invalid, with the field path, for an unknown variable, a refused value, or two checks of one name.
    """
    objects: list[CheckObject] = []
    for index, check in enumerate(checks):
        kind = next((kind for kind in ("analysis", "job") if check.get(kind) is not None), None)
        if kind is None:
            continue
        try:
            objects += _objects(cell, check, kind, groups, stable)
        except Invalid as error:
            raise Invalid(f"{path}[{index}].{kind}.{error}") from error
    names = Counter(item.name for item in objects)
    if shared := [item for item in objects if names[item.name] > 1]:
        whose = " and ".join(f"check {item.check}" + f" for {item.cluster}" * bool(item.cluster) for item in shared[:2])
        raise Invalid(f"{path}: {whose} would share the name {shared[0].name}; rename one of the checks")
    return objects


def analysis_hash(analysis: Mapping[str, Any]) -> str:
    """Equal for equal analyses, whatever the order of their keys."""
    return _hash(json.dumps(analysis, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def check_name(*parts: str) -> str:
    """The parts joined to a DNS-1123 label; with a hash of them when they don't make one as they are."""
    name = "-".join(part for part in parts if part)
    if len(name) <= LONGEST_NAME and _LABEL.fullmatch(name):
        return name
    clean = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[: LONGEST_NAME - _HASH_LENGTH - 1].rstrip("-")
    return f"{clean}-{_hash('/'.join(parts))}".lstrip("-")


def rendered(analysis: Mapping[str, Any], variables: Variables) -> dict[str, Any]:
    """The analysis with the variables filled in, and the interval that a Cell's check has by default."""
    in_query = Place.DATADOG if "datadog" in (analysis.get("provider") or {}) else Place.QUERY

    def place(path: tuple[str, ...]) -> Place | None:
        if "secretRef" in path or path[:1] not in ((), ("query",), ("provider",)):
            return None
        return Place.URL if path[-1:] in (("url",), ("address",)) else in_query

    return {"interval": IN_CELL_INTERVAL, **render_all(dict(analysis), variables, place)}


def rendered_job(job: Mapping[str, Any], variables: Variables) -> dict[str, Any]:
    """The job with the variables filled in where a pod's spec may hold them."""
    spec = ("template", "spec")
    places = {(*spec, *map(str, loc)) for loc, _ in templated(job["template"]["spec"])}
    above = {path[:length] for path in places for length in range(len(path))}

    def place(path: tuple[str, ...]) -> Place | None:
        return Place.ARGUMENT if path in places or path in above else None

    found: dict[str, Any] = render_all(dict(job), variables, place)
    return found


def _objects(
    cell: str, check: Mapping[str, Any], kind: str, groups: Sequence[Variables], stable: Sequence[Variables]
) -> Iterator[CheckObject]:
    render, asked = {"analysis": rendered, "job": rendered_job}[kind], check[kind]
    others = stable if kind == "analysis" and _compares(asked) else ()
    distinct: dict[str, tuple[dict[str, Any], dict[str, Any] | None, Variables]] = {}
    for index, variables in enumerate(groups):
        this = render(asked, variables)
        other = render(asked, others[index % len(others)]) if others else None
        distinct.setdefault(analysis_hash({"": this, "stable": other}), (this, other, variables))
    several = Counter(variables["clusterName"] for *_, variables in distinct.values())
    for this, other, variables in distinct.values():
        cluster = variables["clusterName"] if len(distinct) > 1 else ""
        beside = variables.get("targetGroupName", "") if several[cluster] > 1 else ""
        name = check_name(cell, check["name"], cluster, beside)
        spec = {kind: this} | ({"dryRun": True} if check.get("dryRun") else {})
        digest = analysis_hash(this) if kind == "analysis" else ""
        yield CheckObject(name, check["name"], cluster, spec, digest, other)


def _compares(analysis: Mapping[str, Any]) -> bool:
    conditions = (analysis.get("successCondition"), analysis.get("failureCondition"))
    return any(condition is not None and mentions(condition, "stable") for condition in conditions)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
