"""Any one permission that Cells of whole clusters need is missing for a while: it is said, nobody crashes, no cluster
with traffic loses its Applications; and once it is granted everything goes on to the same end."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import structlog

from okra.actors.cell import CELL
from okra.actors.complex_revisions import KEPT, REVISION
from okra.api.meta import PARENT_LABEL
from okra.argocd.names import APPLICATION, APPLICATION_SET, SECRET
from okra.errors import AccessDenied
from okra.ports import Kind
from tests.actors.complex_world import CLUSTER, DEPLOYMENT, ComplexWorld, complex_world
from tests.actors.doubles import FragileStore
from tests.actors.test_complex_crashes import watch

pytestmark = pytest.mark.looptime

ALL = ("get", "list", "watch", "create", "patch", "delete")
PERMISSIONS: dict[Kind, tuple[str, ...]] = {
    CELL: ("create", "delete"),
    CLUSTER: (*ALL, "patch_status"),
    DEPLOYMENT: (*ALL, "patch_status"),
    REVISION: ("list", "create", "patch", "delete"),
    SECRET: ALL,
    APPLICATION: ("list",),
    APPLICATION_SET: ("get", "list"),
}
"""Those that the chart grants with Argo CD."""
SEVERAL = 100
OLD = 9
"""Former specs: with the story's own more than are kept."""


class ForbiddingStore(FragileStore):
    """An apply is what it is on an API server: a look, and then either a creation or a patch."""

    missing: tuple[str, Kind] | None = None

    async def _pass(self, operation: str, kind: Kind, name: str) -> None:
        await super()._pass(operation, kind, name)
        if (
            self.missing is not None
            and self.missing[1] == kind
            and self.missing[0] in await self._verbs(operation, kind, name)
        ):
            raise AccessDenied(f"Okra may not {self.missing[0]} {kind.plural}")

    async def _verbs(self, operation: str, kind: Kind, name: str) -> tuple[str, ...]:
        if operation != "apply":
            return (operation,)
        found = [each for each in (await self.real.list(kind)).items if each["metadata"]["name"] == name]
        return ("get", "patch" if found else "create")


class Story:
    """The same for every permission."""

    def __init__(self, w: ComplexWorld) -> None:
        self.w = w
        self.nearly_over = False

    async def steps(self) -> AsyncIterator[object]:
        w = self.w
        await w.application_set("web")
        await w.application_set("jobs")
        old, jobs = w.cluster("v1", "web"), w.cluster("j1", "jobs")
        w.route("v1")
        web, worker = w.app("web"), w.worker("jobs")
        worker["argocd"] = {**worker["argocd"], "applicationSet": {"selector": "app=jobs"}}
        yield await self._cell([old, jobs], web, worker)
        gold = {**old, "labels": {**old["labels"], "tier": "gold"}}
        yield await self._cell([gold, jobs], web, worker)
        yield await self._cell([gold, jobs], web, worker, retain="30s")
        yield await self._cell([gold, jobs], web, worker)  # a spec that is kept already
        await self._revisions()
        new, others = w.cluster("v2", "web"), w.cluster("j2", "jobs")
        yield await self._cell([new, others], web, worker)
        self.nearly_over = True
        yield await self._cell([others], worker)
        yield await self._cell([{**others, "labels": {**others["labels"], "tier": "gold"}}], worker)

    async def _cell(self, *what: Any, retain: str = "20s") -> object:
        return await self.w.cell(*what, retainFor=retain, deletionPolicy="Delete")

    async def _revisions(self) -> None:
        cell = await self.w.get()
        assert cell is not None
        owner = {"apiVersion": cell["apiVersion"], "kind": "Cell", "name": "sys", "controller": True}
        owner["uid"] = cell["metadata"]["uid"]
        for number in range(OLD):
            metadata: dict[str, Any] = {"namespace": "default", "name": f"former-{number}", "ownerReferences": [owner]}
            metadata["labels"] = {PARENT_LABEL: "sys"}
            body = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata}
            await self.w.store.real.create(REVISION, {**body, "data": {"number": number}, "revision": 0})

    async def over(self) -> bool:
        """The present step is: there is what is named, and nothing else but what waits for a person."""
        cell = await self.w.get()
        assert cell is not None
        status, spec = cell.get("status") or {}, cell["spec"]
        revisions = sorted((await self.w.store.real.list(REVISION)).items, key=lambda each: int(each["revision"]))
        done = status.get("phase") == "Synced" and status["observedGeneration"] == cell["metadata"]["generation"]
        if not done or not revisions or revisions[-1]["data"] != {"spec": spec}:
            return False
        applications = {f"sys-{each['name']}" for each in spec["applications"]}
        clusters = {f"sys-{each['name']}": each["labels"] for each in spec["clusters"]}
        secrets = {each["metadata"]["name"]: each for each in (await self.w.store.real.list(SECRET)).items}
        labelled = [
            secrets[name]["metadata"]["labels"].get("tier") == labels.get("tier")
            for name, labels in clusters.items()
            if name in secrets
        ]
        kept = secrets.keys() - ({"sys-v2"} if len(applications) == 1 else set())  # published by who is gone
        routed = {f"sys-{each['name']}" for each in spec["applications"] if "alb" in each}
        return (
            kept == clusters.keys()
            and all(labelled)
            and await self.w.names(DEPLOYMENT) == applications
            and await self.w.names(CELL) == {"sys"} | routed
        )


def ids(case: tuple[Kind, str]) -> str:
    return f"{case[1]}-{case[0].plural}"


@pytest.mark.parametrize("case", [(kind, verb) for kind, verbs in PERMISSIONS.items() for verb in verbs], ids=ids)
async def test_a_missing_permission_is_said_and_all_goes_on_once_it_is_granted(case: tuple[Kind, str]) -> None:
    kind, verb = case
    said_so = f"Okra may not {verb} {kind.plural}"
    async with complex_world() as w:
        w.store = store = ForbiddingStore(w.store.real)
        with structlog.testing.capture_logs() as logs:

            async def said() -> bool:
                there = [each for kind in (CELL, CLUSTER, DEPLOYMENT) for each in (await w.store.real.list(kind)).items]
                return said_so in json.dumps([logs, there, w.told()], default=str)

            story, missed = Story(w), False
            watch(w)
            async with w.running():
                store.missing = verb, kind
                async for _ in story.steps():
                    missed = await until(story.over, said) or missed
                    await asyncio.sleep(120)
                    store.missing = None
                    await until(story.over)
                    store.missing = None if story.nearly_over else (verb, kind)
        assert missed, "nobody missed it"
        assert len(await w.revisions()) <= KEPT
        assert [each for each in logs if each["event"] == "ActorFailed"] == []
        assert len([each for each in logs if said_so in str(each)]) < SEVERAL, "it is said, not repeated with each look"
        assert w.argo.orphans == set()


async def until(over: Callable[[], Any], said: Callable[[], Any] | None = None) -> bool:
    """True: `said` came first."""
    try:
        async with asyncio.timeout(3600):
            while not await over():
                if said is not None and await said():
                    return True
                await asyncio.sleep(1)
    except TimeoutError:
        raise AssertionError("neither over nor said") from None
    return said is not None and bool(await said())
