"""`okra get` and `okra status`: where the Cells are, for people and for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from okra.actors.cell import CELL
from okra.actors.check_objects import CELL_LABEL
from okra.actors.kinds import ALB, HOTSWAP, kind_named, kind_of
from okra.api.meta import PARENT_LABEL
from okra.app.command import pending
from okra.app.wording import addressed, shortened
from okra.cli.options import Place
from okra.cli.place import Opened, commanded, no_cell, within
from okra.embedded.events import RecordedEvent
from okra.errors import AccessDenied, KindNotInstalled, NotFound
from okra.ports import Kind, Object, ObjectStore
from okra.rollout.status import read_time
from okra.rollout.words import short

EVENTS_SHOWN = 15
COLUMNS = ("NAMESPACE", "NAME", "PHASE", "STABLE", "DESIRED", "WEIGHT", "STEP", "AGE")


def get(name: str | None, place: Place, output: str) -> int:
    """List Cells, or those of one name, of the place's namespace, or of all. 2 when there is none of that name."""

    async def act(opened: Opened) -> int:
        cells = [*(await opened.store.list(CELL, place.namespace)).items, *await _others(opened, ALB, place.namespace)]
        if name is not None:
            everything, cells = cells, [cell for cell in cells if name in (cell["metadata"]["name"], commanded(cell))]
            if not cells:  # as status and the verbs do, where there is no Cell
                systems = await _others(opened, HOTSWAP.cell, place.namespace)
                cells = [each for each in systems if each["metadata"]["name"] == name]
            if not cells:
                raise no_cell(name, place.namespace, everything)
        if output in ("json", "yaml"):
            _dump(cells[0] if name is not None and len(cells) == 1 else cells, output)
        elif not cells:
            print("No Cells.", file=sys.stderr)
        else:
            _table(cells, wide=output == "wide")
            for note in notes(cells, running=await opened.runs()):
                print(note, file=sys.stderr)
        return 0

    return within(place, act)


async def _others(opened: Opened, kind: Kind, namespace: str | None) -> Sequence[Object]:
    """Those that move traffic, too, as far as they are there and may be seen."""
    with suppress(NotFound, KindNotInstalled, AccessDenied):
        return (await opened.store.list(kind, namespace)).items
    return []


def status(name: str, place: Place, output: str) -> int:
    """Everything about one Cell that a person may want to know at night."""

    async def act(opened: Opened) -> int:
        store, namespace = opened.store, opened.namespace
        cell = await opened.cell(name)
        if output in ("json", "yaml"):
            _dump(cell, output)
            return 0
        check = kind_named(kind_of(cell).group, "Check")
        plain = cell["metadata"]["name"]
        checks = [c for c in (await store.list(check, namespace, f"{CELL_LABEL}={plain}")).items if _is_of(c, cell)]
        clusters = await _clusters(store, cell) if "applications" in cell["spec"] else []
        for line in (*lines(cell, checks, clusters), *event_lines(await opened.events(cell))):
            print(addressed(line, namespace, commanded(cell), opened.option))
        for note in notes([cell], running=await opened.runs()):
            print(f"\n{note}")
        return 0

    return within(place, act)


def _is_of(check: Object, cell: Object) -> bool:
    """Not of an object of another kind that has the same name."""
    return all(owner["kind"] == cell["kind"] for owner in check["metadata"].get("ownerReferences") or ())


async def _clusters(store: ObjectStore, cell: Object) -> Sequence[Object]:
    """The ArgoCDClusters of a Cell of whole clusters, as far as who asks may see them."""
    kind, metadata = kind_named(kind_of(cell).group, "ArgoCDCluster"), cell["metadata"]
    try:
        return (await store.list(kind, metadata["namespace"], f"{PARENT_LABEL}={metadata['name']}")).items
    except AccessDenied:
        return []


def lines(cell: Object, checks: Iterable[Object], clusters: Iterable[Object] = ()) -> Iterable[str]:
    """A Cell as text."""
    found = cell.get("status") or {}
    yield f"{cell['kind']:<9} {cell['metadata']['namespace']}/{cell['metadata']['name']}"
    yield f"Phase     {found.get('phase', 'Pending')} ({found.get('reason', 'Pending')})"
    if found.get("message"):
        yield f"          {shortened(found['message'])}"
    if "applications" in cell["spec"]:
        if (back := found.get("rolledBackTo")) is not None:
            by = f" by {back['by']}" if back.get("by") else ""
            yield f"Spec      of revision {back['revision']} ({back['name']}), since a rollback{by} at {back['time']}"
        for each in found.get("applications", ()):
            yield from _application(each)
        for each in clusters:
            yield from _cluster(each)
    else:
        yield from _traffic(cell["spec"], found)
    for check in checks:
        yield f"Check     {check['metadata']['name']}  {_verdict(check.get('status') or {}, found.get('rollout'))}"


def _application(found: Object) -> Iterable[str]:
    """Of a Cell of whole clusters: where it is, where it goes, and which clusters it hasn't left."""
    synced, target = (", ".join((found.get(each) or {}).get("clusters", ())) for each in ("synced", "target"))
    stage = f" ({found['stage']})" if found.get("stage") else ""
    yield f"App       {found['name']}: {found['phase']}{stage}, on {synced or '-'}{f' -> {target}' if target else ''}"
    if found.get("message"):
        yield f"          {shortened(found['message'])}"
    if found.get("former") and not target:
        yield f"          not left yet: {', '.join(found['former'])}"
    if found.get("blockedVersions"):
        yield f"          blocked: {', '.join(found['blockedVersions'])}"


def _cluster(cluster: Object) -> Iterable[str]:
    found = cluster.get("status") or {}
    yield f"Cluster   {cluster['metadata']['name']}: {found.get('phase', 'Pending')}"
    ready = next((each for each in found.get("conditions", ()) if each["type"] == "Ready"), None)
    if ready is not None and not found.get("ready"):
        yield f"          {ready['message']}"


def _traffic(spec: Object, found: Object) -> Iterable[str]:
    """Of a Cell with routes."""
    stable, pin = found.get("stableVersion"), spec.get("version")
    yield f"Stable    {stable or '-'}   previous: {found.get('previousVersion') or '-'}"
    if pin is not None:
        yield f"Pinned    {pin}{'' if pin == stable else ', not reached'}"
    rollout = found.get("rollout")
    if rollout:
        where = f"step {found['step']}, {found['weight']} of the traffic" if found.get("step") else rollout["outcome"]
        yield f"Rollout   {rollout['number']}: {rollout['version']} ({rollout['kind']}), {where}"
        if rollout.get("failure"):
            yield f"          {rollout['failure']['reason']}: {shortened(rollout['failure']['message'])}"
    for route in found.get("routes", ()):
        weights = ", ".join(f"{short(each['arn'])}={each['weight']}" for each in route.get("asked", ()))
        confirmed = "confirmed" if route.get("confirmedAt") else "not confirmed yet"
        yield f"Route     {route.get('arn') or route['key']}"
        yield f"          {weights or 'nothing asked yet'} ({confirmed})"
        for extra in route.get("extras", ()):
            yield f"          {short(extra['arn'])} stays attached at weight 0 until {extra['until']}"
    for blocked in found.get("blockedVersions", ()):
        yield f"Blocked   {blocked['version']}: {shortened(blocked['reason'])}"
    for aside in found.get("setAside", ()):
        groups = ", ".join(short(arn) for arn in aside["groups"])
        yield f"Set aside {aside['version']} ({groups or 'no groups'}): {shortened(aside.get('reason') or '-')}"
    for warning in found.get("warnings", ()):
        yield f"Warning   {shortened(warning)}"


def _verdict(check: Object, rollout: Object | None) -> str:
    """The last result of the present rollout and attempt: an earlier one would pass for a verdict on what moves now."""
    since, span = (read_time(rollout["startedAt"]), "rollout") if rollout else (0.0, "")
    present = (rollout["number"], rollout.get("step", 0)) if rollout else None
    for each in check.get("attempts", ()):
        if rollout and (each["rollout"], each["step"]) == present and each["attempt"] < rollout.get("attempt", 1):
            since, span = max((since, span), (read_time(each["time"]), "attempt"))
    results = (check.get("analysis") or {}).get("results") or []
    found = [(each["time"], each["verdict"], each["reason"]) for each in results[-1:]]
    runs = (check.get("job") or {}).get("runs") or []
    found += [(each.get("time") or each["since"], each["phase"], each["reason"]) for each in runs[-1:]]
    if found and read_time(found[-1][0]) > since:
        return f"{found[-1][1]}: {found[-1][2]}"
    return f"not measured yet in this {span}" if span else "not run yet"


def event_lines(events: Sequence[RecordedEvent]) -> Iterable[str]:
    """The last events in the order of time, under the rollout that they belong to."""
    if events:
        yield ""
        yield "Events"
    rollout: int | None = None
    for event in events[-EVENTS_SHOWN:]:
        if event.rollout != rollout:
            rollout = event.rollout
            yield f"  {'no rollout' if rollout is None else f'rollout {rollout}'}"
        times = f" ({event.count} times)" if event.count > 1 else ""
        yield f"  {ago(event.last):>5}  {event.type:<7}  {event.reason}: {shortened(event.message)}{times}"


def notes(cells: Sequence[Object], *, running: bool | None) -> Iterable[str]:
    """What the status can't say: whether anybody works on it (None: in a cluster), and which commands wait for that."""
    when = "it will be executed when a controller leads" if running is None else "it is about to be executed"
    for cell in cells:
        if (command := pending(cell)) is not None:
            said = " ".join(filter(None, (command.verb, command.arg, f"by {command.by}" if command.by else "")))
            when = "it will be executed when `okra run` runs" if running is False else when
            which = f"{cell['kind'].lower()}/{cell['metadata']['name']}"
            yield f"A command waits for {which}: {said}; {when}."
    if running is False:
        yield "No `okra run` is running on this state: this is how the last one left it, and the weights may differ."
        if any(((cell.get("status") or {}).get("rollout") or {}).get("outcome") == "Running" for cell in cells):
            yield "The rollout goes on from here when the same `okra run` is called again."


def _table(cells: Iterable[Object], *, wide: bool) -> None:
    table = Table(box=None, pad_edge=False, header_style="")
    for column in (*COLUMNS, *(("MESSAGE",) if wide else ())):
        table.add_column(column, no_wrap=True, overflow="ignore")
    for cell in cells:
        found, metadata = cell.get("status") or {}, cell["metadata"]
        row = [
            metadata["namespace"],
            commanded(cell) if cell["kind"] == ALB.kind else metadata["name"],
            found.get("phase", "Pending"),
            found.get("stableVersion"),
            cell["spec"].get("version") or found.get("desiredVersion"),
            found.get("weight"),
            found.get("step"),
            age(metadata.get("creationTimestamp")),
        ]
        table.add_row(*(value or "-" for value in row), *((shortened(found.get("message", "")),) if wide else ()))
    Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 500).print(table)


def _dump(value: Any, output: str) -> None:
    if output == "json":
        print(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        print(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), end="")


def age(timestamp: str | None) -> str:
    """The age of an object, as kubectl says it."""
    return ago(datetime.fromisoformat(timestamp)) if timestamp else "-"


def ago(then: datetime) -> str:
    seconds = int((datetime.now(UTC) - then).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"
