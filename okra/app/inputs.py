"""The input of `okra run`: files → objects for the store, and Secrets for memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from okra.actors.kinds import seat
from okra.api.kinds import ALB_KIND, BY_NAME, CELL, CHECK, KindInfo
from okra.api.lint import lint
from okra.api.objects import read_objects
from okra.api.secret import parse_secret
from okra.app.manifests import read_all
from okra.ports import Kind, Object


class BadInput(Exception):
    """The input can't be run; one line a problem."""


@dataclass(slots=True)
class Input:
    objects: list[tuple[Kind, Object]] = field(default_factory=list)
    secrets: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict, repr=False)
    notes: list[str] = field(default_factory=list)
    stamp: tuple[object, ...] = ()
    """Of the files before they were read: what has changed since then must be read again."""

    @property
    def cells(self) -> list[tuple[str, str]]:
        """Cells and ALBs: what comes to rest."""
        return [seat(kind, *_key(obj)) for kind, obj in self.objects if kind.kind in ("Cell", "System", "ALB")]


def read_input(paths: Sequence[Path], *, provider_is_set: bool = True) -> Input:
    """Read and judge everything. BadInput names each problem, as `okra lint` does under the same settings."""
    before = stamp(paths)
    sources, unreadable = read_all(list(paths))
    report = lint(sources, provider_is_set=provider_is_set)
    if wrong := [*unreadable, *map(str, report.unreadable), *map(str, report.findings)]:
        raise BadInput("\n".join(wrong))
    found = Input(notes=[*map(str, report.notes), *filter(None, [report.passed_over])], stamp=before)
    elsewhere: list[str] = []
    for path, text in sources:
        for loaded in read_objects(text)[0]:
            info = BY_NAME.get((loaded.api_version, loaded.kind))
            if info is not None:
                place = f"{path}:{loaded.line} {loaded.kind}/{loaded.name}"
                elsewhere += [f"{place}{why}" for why in _needs_kubernetes(info, loaded.object)]
                metadata = {**loaded.object["metadata"], "namespace": loaded.namespace}
                kind = Kind(info.group, info.version, info.kind, info.plural)
                found.objects.append((kind, {**loaded.object, "metadata": metadata}))
            elif loaded.kind == "Secret" and (secret := parse_secret(loaded.object)[0]) is not None:
                data = {key: value.decode("utf-8", "replace") for key, value in secret.values().items()}
                found.secrets[loaded.namespace, loaded.name] = data
    if elsewhere:
        raise BadInput("\n".join(elsewhere))
    if not found.objects:
        raise BadInput("nothing to run: the input holds no Cell, no ALB and no Check")
    return found


def _key(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _needs_kubernetes(info: KindInfo, obj: Object) -> Iterator[str]:
    """What of an object only a cluster can do."""
    if info not in (CELL, ALB_KIND, CHECK):
        here = "here are Cells of routes, ALBs and Checks"
        yield f": a {info.kind} needs Kubernetes, and `okra controller` there; {here}"
        return
    spec = obj.get("spec") or {}
    if "applications" in spec:
        yield " spec.applications: needs Kubernetes: `okra controller` with Argo CD; give a Cell an ingress here"
    if "job" in spec:
        yield " spec.job: a job needs Kubernetes; judge by an analysis here"
    for kind in ("prechecks", "checks", "postchecks"):
        for index, check in enumerate(spec.get(kind) or ()):
            if check.get("job") is not None:
                yield f" spec.{kind}[{index}].job: a job needs Kubernetes; judge by an analysis here"


def stamp(paths: Sequence[Path]) -> tuple[object, ...]:
    """Changes when a file of the input does. Standard input doesn't."""
    found: list[tuple[object, ...]] = []
    for path in (path for path in paths if str(path) != "-"):
        for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
            try:
                status = each.stat()
            except OSError:
                found.append((str(each), None))
            else:
                found.append((str(each), (status.st_mtime_ns, status.st_size)))
    return tuple(found)
