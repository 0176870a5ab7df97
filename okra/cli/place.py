"""Where a command finds its Cells: a state file of `okra run`, or a cluster. All else about it is the same."""

from __future__ import annotations

import asyncio
import shlex
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from okra.actors.cell import CELL
from okra.actors.kinds import ALB, HOTSWAP, kind_of
from okra.api.meta import PARENT_LABEL
from okra.app.state_file import is_empty
from okra.app.wording import STATE, option_for
from okra.cli.options import Place
from okra.embedded.events import RecordedEvent
from okra.embedded.lock import runs
from okra.embedded.store import EmbeddedStore
from okra.errors import AccessDenied, CredentialsInvalid, Invalid, KindNotInstalled, NotFound, OkraError
from okra.ports import Object, ObjectStore

if TYPE_CHECKING:
    from okra.kube.store import KubeStore

NOT_THERE = 2
LISTED = 12
"""So many Cells are named when one isn't there."""


class Opened(ABC):
    """A store, and what there is to know about it. `namespace` is the one that is meant where none was given."""

    def __init__(self, store: ObjectStore, namespace: str, option: str) -> None:
        self.store, self.namespace, self.option = store, namespace, option

    waits_for = "a controller executes it as soon as one leads; `okra status` shows what came of it"
    """Who executes a command that nobody has executed yet."""

    async def cell(self, name: str) -> Object:
        """The Cell in the namespace that is meant, or hotswap's System, or the ALB; `alb/NAME` is only that. NotFound
        says which Cells there are."""
        wanted, _, plain = name.rpartition("/")
        if wanted.lower() in ("", "cell"):
            with suppress(NotFound):
                return await self.store.get(CELL, self.namespace, plain)
        for kind in (HOTSWAP.cell, ALB):
            if wanted.lower() in ("", kind.kind.lower()):
                with suppress(NotFound, KindNotInstalled, AccessDenied):
                    return await self.store.get(kind, self.namespace, plain)
        raise no_cell(name, self.namespace, await self._cells())

    async def _cells(self) -> Sequence[Object]:
        """As many as one may see: of all namespaces, or of this one."""
        try:
            return (await self.store.list(CELL)).items
        except AccessDenied:
            return (await self.store.list(CELL, self.namespace)).items

    @abstractmethod
    async def events(self, cell: Object) -> Sequence[RecordedEvent]:
        """About this object, the newest last."""

    async def runs(self) -> bool | None:
        """Does an Okra work on it? None: who knows."""
        return None


class OpenedFile(Opened):
    waits_for = "the `okra run` that works on this state executes it; `okra status` shows what came of it"

    def __init__(self, store: EmbeddedStore, namespace: str, path: Path) -> None:
        super().__init__(store, namespace, option_for(path))
        self._embedded, self._path = store, path

    async def events(self, cell: Object) -> Sequence[RecordedEvent]:
        metadata = cell["metadata"]
        events = await self._embedded.events(kind_of(cell), metadata["namespace"], metadata["name"])
        return [event for event in events if event.uid in ("", metadata["uid"])]

    async def runs(self) -> bool | None:
        return await asyncio.to_thread(runs, self._path)


class OpenedCluster(Opened):
    def __init__(self, store: KubeStore, namespace: str, option: str) -> None:
        super().__init__(store, namespace, option)
        self._kube = store

    async def events(self, cell: Object) -> Sequence[RecordedEvent]:
        from okra.app.recorded import recorded_events

        return await recorded_events(self._kube, cell)


def commanded(cell: Object) -> str:
    """Whom the commands in a Cell's messages are for: of a complex Cell's child the parent, which moves it."""
    name: str = cell["metadata"].get("labels", {}).get(PARENT_LABEL) or cell["metadata"]["name"]
    return f"alb/{name}" if cell["kind"] == ALB.kind else name


def no_cell(name: str, namespace: str | None, there_are: Iterable[Object]) -> NotFound:
    """What to say of a Cell that isn't there; `namespace` None: anywhere."""
    names = [(each["metadata"]["namespace"], each["metadata"]["name"]) for each in there_are]
    where = "" if namespace is None else f" in namespace {namespace}"
    if not names:
        return NotFound(f"There is no Cell {name}{where}, and no other.")
    listed = ", ".join("/".join(each) for each in names[:LISTED]) + (", …" if len(names) > LISTED else "")
    elsewhere = namespace is not None and any(each != namespace for each, _ in names)
    return NotFound(
        f"There is no Cell {name}{where}. There are: {listed}{' (-n names a namespace)' if elsewhere else ''}."
    )


def within(place: Place, act: Callable[[Opened], Awaitable[int]]) -> int:
    """Open the place, and act there. Errors are said on standard error: exit code 2."""

    async def opened() -> int:
        async with _opened(place) as found:
            return await act(found)

    try:
        return asyncio.run(opened())
    except OkraError as error:
        print(str(error), file=sys.stderr)
        return NOT_THERE


@asynccontextmanager
async def _opened(place: Place) -> AsyncIterator[Opened]:
    if place.state is not None and place.in_cluster:
        raise Invalid("--state names a file, --kubeconfig and --context a cluster: give one of them")
    if place.state is not None or not (place.in_cluster or not _there(STATE)):
        async with _file(place) as opened:
            yield opened
    else:
        async with _cluster(place) as opened:
            yield opened


@asynccontextmanager
async def _file(place: Place) -> AsyncIterator[Opened]:
    """The state file that `okra run` works on."""
    path = place.state or STATE
    if is_empty(path):
        raise NotFound(f"the state file {path} is empty: `okra run` hasn't written to it yet")
    if not place.named:
        print(f"State file: {path} (another: --state; a cluster: --context)", file=sys.stderr)
    async with await EmbeddedStore.open(path, create=False) as store:
        yield OpenedFile(store, place.namespace or "default", path)


@asynccontextmanager
async def _cluster(place: Place) -> AsyncIterator[Opened]:
    from okra.kube.client import KubeClient
    from okra.kube.store import KubeStore
    from okra.kube.target import find_target

    try:
        target = await find_target(str(place.kubeconfig) if place.kubeconfig else None, place.context)
    except CredentialsInvalid as error:
        if place.named:
            raise
        no_file = f"There is no {STATE} here: name the state file of `okra run` with --state"
        raise CredentialsInvalid(f"{no_file}. Nor is there a cluster: {error}") from None
    namespace = place.namespace or target.namespace
    if not place.named:
        where = "all namespaces" if place.everywhere and place.namespace is None else f"namespace {namespace}"
        print(f"Cluster: {target.origin}, {where} (a state file: --state)", file=sys.stderr)
    async with KubeStore(await KubeClient.open(target), instance="okra-cli") as store:
        yield OpenedCluster(store, namespace, _options(place))


def _options(place: Place) -> str:
    """The options by which another command finds this cluster."""
    config = f" --kubeconfig {shlex.quote(str(place.kubeconfig))}" if place.kubeconfig else ""
    return config + (f" --context {shlex.quote(place.context)}" if place.context else "")


def _there(path: Path) -> bool:
    return path.exists() or path.with_name(f"{path.name}-wal").exists()
