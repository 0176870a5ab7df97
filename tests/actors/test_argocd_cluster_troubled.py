"""One ArgoCDCluster, and an AWS or a store that refuses, is slow, or says something else the next time."""

import asyncio

import pytest

from okra.actors.messages import Describe, Lookup
from okra.errors import (
    AlreadyExists,
    Conflict,
    Unavailable,
)
from okra.testing.fake_argocd import SECRET
from tests.actors.argo_clusters import not_ready, ready
from tests.actors.argo_world import argo_world, condition
from tests.actors.doubles import no_fault

pytestmark = pytest.mark.looptime


async def test_an_aws_that_never_answers_is_told_and_holds_up_nobody_else() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        await w.cluster("c2")
        w.clusters.hangs.add("c1")
        async with w.running():
            await w.cluster_until(ready, "c2")
            status = await w.cluster_until(not_ready)
            assert condition(status, "Ready") == ("False", "Unavailable")
            w.clusters.hangs.clear()
            await w.cluster_until(ready)


async def test_whoever_was_quicker_to_create_a_secret_is_seen_at_the_next_look() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        failures = [AlreadyExists("c1 is there")]
        w.store.fault = lambda operation, name: failures.pop() if operation == "create" and failures else None
        async with w.running():
            await w.cluster_until(ready)
        assert await w.names(SECRET) == {"c1"}
        assert w.reasons("c1") == ["SecretCreated", "Running"]


async def test_a_status_that_the_store_doesnt_take_is_written_later() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        w.store.fault = lambda operation, _: Unavailable("down") if operation == "patch_status" else None
        async with w.running():
            await asyncio.sleep(60)
            assert await w.status(w.kinds[0], "c1") == {}
            w.store.fault = no_fault
            await w.cluster_until(ready)


async def test_whoever_else_writes_the_object_meanwhile_is_heeded() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        conflicts = [Conflict("changed"), Conflict("changed")]
        w.store.fault = lambda operation, _: conflicts.pop() if operation == "patch_status" and conflicts else None
        async with w.running():
            await asyncio.sleep(5)
            assert ready(await w.status(w.kinds[0], "c1"))


async def test_what_it_knows_can_be_asked() -> None:
    async with argo_world() as w:
        await w.cluster("c1")
        async with w.running() as root:
            await w.cluster_until(ready)
            directory = root.get("clusters")
            assert directory is not None
            ref = await directory.ask(Lookup(("default", "c1")), timeout=1)
            assert ref is not None
            assert (await ref.ask(Describe(), timeout=1))["status"]["phase"] == "Running"
