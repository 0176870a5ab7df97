"""`okra rollback` of a Cell of whole clusters at rest: to a spec that was kept, until the spec is edited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Any

import pytest

from okra.actors.cell import CELL
from okra.actors.complex_revisions import REVISION
from okra.actors.kinds import HOTSWAP, OKRA, Family
from okra.errors import AccessDenied, NotFound, OkraError, Unavailable
from tests.actors.complex_world import DEPLOYMENT, ComplexWorld, check, complex_world
from tests.actors.test_argocd_crashes import TrippingWrites
from tests.actors.test_cell_crashes import Tripwire

pytestmark = pytest.mark.looptime

SAID = "Rolled back to revision 1 by me; an edit of the spec ends that."


async def on_v2(w: ComplexWorld) -> None:
    """web went from v1 to v2, by other checks, and has left v1."""
    await w.application_set("web")
    found = w.cluster("v1", "web")
    w.route("v1")
    await w.cell([found], w.app("web", prechecks=[check("first")], checks=[check("dd", query="old")]), bakeTime="1m")
    async with w.running():
        await w.phase("Synced")
        await w.cell([w.cluster("v2", "web")], w.app("web", checks=[check("dd", query="new")]))
        await w.phase("Synced")
        await w.until(lambda s: not s["applications"][0]["former"])
        await asyncio.sleep(60)
    w.aws.routes[next(iter(w.aws.routes))].history.clear()


async def edit(w: ComplexWorld, **spec: Any) -> None:
    """Something of the spec that moves nothing."""
    await w.store.real.patch(w.family.cell, "default", "sys", {"spec": spec})
    w.store.changed.set()


def shares(w: ComplexWorld, cluster: str) -> list[int]:
    """Its parts of the traffic, in percent, one after the other."""
    route = next(iter(w.aws.routes.values()))
    found = [round(100 * each.get(w.groups[cluster], 0) / sum(each.values())) for each in route.history]
    return [share for share, _ in groupby(found)]


async def rolled_back(w: ComplexWorld) -> dict[str, Any]:
    return await w.until(lambda s: (s["phase"], s["reason"]) == ("Synced", "RolledBack"))


async def outcome(w: ComplexWorld, id_: str = "1") -> str:
    status = await w.until(lambda s: any(each["id"] == id_ for each in s["commands"]))
    found: str = next(each["outcome"] for each in status["commands"] if each["id"] == id_)
    return found


@pytest.mark.parametrize("family", [OKRA, HOTSWAP], ids=["Cell", "System"])
async def test_it_goes_back_in_one_step_without_checks_and_stays_there(family: Family) -> None:
    async with complex_world(family) as w:
        await on_v2(w)
        w.metrics.answer = lambda *_: 1.0  # whoever asked would fail
        async with w.running():
            await w.command("rollback")
            status = await rolled_back(w)
            assert status["message"] == SAID
            assert status["commands"][-1]["outcome"] == "Rolling back to revision 1 (web v1). Left: web v2; blocked."
            back = status["rolledBackTo"]
            assert (back["revision"], back["generation"], back["by"]) == (1, 2, "me")
            assert back["name"] in await w.names(REVISION)
            ready = {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}
            assert ready["Ready"] == ("False", "RolledBack")
            assert (set(w.traffic()), shares(w, "v1")) == ({"v1"}, [0, 100])
            await w.until(lambda s: not s["applications"][0]["former"])
            await asyncio.sleep(600)
            assert (await w.status())["applications"][0]["blockedVersions"] == ["v2"]
            w.store.writes.clear()
            await asyncio.sleep(600)
        assert not w.store.writes, "it is at rest"
        assert (set(w.traffic()), await w.published(), await w.revisions()) == ({"v1"}, {"v1"}, [1, 2])
        cell = await w.get()
        assert cell is not None
        assert (cell["spec"]["clusters"][0]["name"], cell["metadata"]["generation"]) == ("v2", 2), "Okra writes no spec"
        assert (cell["kind"], await w.names(family.cell)) == (family.cell.kind, {"sys", "sys-web"})
        (kept, _) = (await w.store.real.list(REVISION)).items
        assert kept["metadata"]["ownerReferences"][0]["apiVersion"] == family.cell.api_version
        assert w.argo.orphans == set()


async def test_a_process_that_begins_in_any_stage_goes_back_by_the_same_spec() -> None:
    async with complex_world() as w:
        await on_v2(w)
        await w.command("rollback")
        where: list[tuple[Any, ...]] = []

        def moved(status: dict[str, Any]) -> bool:
            return _where(status) != (where[-1] if where else None) and bool(status.get("rolledBackTo"))

        while not where or where[-1][0] != "RolledBack":
            async with w.running():
                where.append(_where(await w.until(moved)))
        async with w.running():
            await w.until(lambda s: not s["applications"][0]["former"])
            await asyncio.sleep(60)
        assert {stage for _, _, stage, _ in where} >= {"Migrating", "Completed"}, where
        assert (set(w.traffic()), shares(w, "v1"), await w.published()) == ({"v1"}, [0, 100], {"v1"})
        assert (await w.status())["message"] == SAID
        assert len((await w.status())["commands"]) == 1


def _where(status: dict[str, Any]) -> tuple[Any, ...]:
    app = status["applications"][0]
    return status["reason"], app["phase"], app["stage"], app["attempt"]


async def test_while_the_former_clusters_are_attached_it_is_one_write() -> None:
    async with complex_world() as w:
        route = await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("v2", "web")], w.app("web"), retainFor="1h")
            await w.phase("Synced")
            route.history.clear()
            await w.command("rollback")
            await rolled_back(w)
            assert (set(w.traffic()), len(route.history)) == ({"v1"}, 1)
            assert await w.published() == {"v1", "v2"}, "nor is the one that was left gone yet"


async def test_an_edit_ends_it_and_does_not_lead_where_it_came_from() -> None:
    async with complex_world() as w:
        await on_v2(w)
        async with w.running():
            await w.command("rollback")
            await rolled_back(w)
            await edit(w, retainFor="3m")
            status = await w.phase("Failed")
            assert (
                "v2 is blocked: it failed, or was rolled back from. To try it again: okra retry sys v2"
                in status["message"]
            )
            await asyncio.sleep(300)
            status = await w.status()
            assert (set(w.traffic()), status.get("rolledBackTo")) == ({"v1"}, None)
            assert w.reasons().count("RollbackEnded") == 1
            await w.cell([w.cluster("v3", "web")], w.app("web"))
            await w.phase("Synced")
        assert set(w.traffic()) == {"v3"}


@asynccontextmanager
async def waits_for_argo_cd() -> AsyncIterator[ComplexWorld]:
    """Rolled back, and on its way until Argo CD generates anything."""
    async with complex_world() as w:
        await on_v2(w)
        w.argo.generates = False
        async with w.running():
            await w.command("rollback")
            await w.until(lambda s: s["applications"][0]["stage"] == "Migrating")
            yield w


async def test_an_edit_in_the_middle_of_it_turns_nothing_around() -> None:
    async with waits_for_argo_cd() as w:
        await edit(w, paused=True)
        await asyncio.sleep(60)
        assert (await w.status())["rolledBackTo"] is not None
        await edit(w, paused=False)
        w.argo.generates = True
        await w.phase("Failed")
        assert set(w.traffic()) == {"v1"}
        status = await w.status()
        assert (status.get("rolledBackTo"), status["applications"][0]["attempt"]) == (None, 3)


async def deleted_in_a_pause(w: ComplexWorld) -> None:
    await edit(w, paused=True)
    await w.until(lambda s: s["phase"] == "Paused", "sys-web")
    await w.store.real.delete(CELL, "default", "sys")
    w.store.changed.set()


async def test_a_paused_cell_that_is_deleted_before_any_traffic_was_sent_back_goes() -> None:
    async with complex_world() as w:
        await on_v2(w)
        w.argo.slow["web-sys-v1"] = 45
        async with w.running():
            await w.command("rollback")
            await w.until(lambda s: s["applications"][0]["stage"] == "Migrating")
            await deleted_in_a_pause(w)
            await w.gone(CELL)
        assert (set(w.traffic()), await w.published()) == ({"v2"}, {"v2"})


async def test_a_paused_cell_that_is_deleted_in_a_rollback_says_what_it_waits_for_and_goes_on_with_it() -> None:
    async with complex_world() as w:
        await on_v2(w)
        async with w.running():
            await w.command("rollback")
            await w.until(lambda s: s.get("machine") == "Gate", "sys-web")
            await deleted_in_a_pause(w)
            status = await w.until(lambda s: s["phase"] == "Paused")
            assert status["message"] == (
                "web: The Cell is being deleted, and paused in a rollback: it goes when v1 has all traffic."
                " Paused by a person; to go on: set spec.paused to false"
            )
            await asyncio.sleep(600)
            assert set(w.traffic()) == {"v2"}
            await edit(w, paused=False)
            await w.gone(CELL)
        assert (set(w.traffic()), await w.published()) == ({"v1"}, {"v1", "v2"})


async def back_on_v1(w: ComplexWorld) -> None:
    """Rolled back as far as all traffic goes: nothing is said of it yet."""
    await w.command("rollback")
    await w.until(lambda _: "v1" in w.traffic(), name="sys-web")
    assert (await w.app_status())["target"] is not None


async def test_a_third_version_in_the_middle_of_it_waits_until_it_has_arrived() -> None:
    async with complex_world() as w:
        await on_v2(w)
        async with w.running():
            await back_on_v1(w)
            await w.cell([w.cluster("v3", "web")], w.app("web"))
            await w.until(lambda s: s["reason"] == "Synced")
            assert (set(w.traffic()), (await w.status()).get("rolledBackTo")) == ({"v3"}, None)
            assert shares(w, "v2") == [100, 0], "nothing went back to what was left"
            assert shares(w, "v3") == [0, 50, 100]


async def test_a_third_version_before_any_traffic_went_back_waits_for_it() -> None:
    async with waits_for_argo_cd() as w:
        await w.cell([w.cluster("v3", "web")], w.app("web"))
        await asyncio.sleep(60)
        w.argo.generates = True
        await w.until(lambda s: s["reason"] == "Synced")
        assert (shares(w, "v1"), shares(w, "v2")) == ([0, 100, 50, 0], [100, 0])


@pytest.mark.parametrize("readable", [True, False])
async def test_a_deletion_in_the_middle_of_it_lets_it_arrive(readable: bool) -> None:
    async with complex_world() as w:
        await on_v2(w)
        async with w.running():
            await back_on_v1(w)
            if not readable:
                w.store.fault = lambda operation, name: (
                    AccessDenied("no") if (operation, name) == ("list", "controllerrevisions") else None
                )
            await w.store.real.delete(CELL, "default", "sys")
            await w.gone(CELL)
            await asyncio.sleep(60)
        assert (set(w.traffic()), shares(w, "v2")) == ({"v1"}, [100, 0])


async def test_retry_goes_by_the_spec_again_and_a_second_rollback_goes_the_other_way_by_its_number() -> None:
    async with complex_world() as w:
        await on_v2(w)
        async with w.running():
            await w.command("rollback")
            await rolled_back(w)
            await w.command("retry", "2")
            assert await outcome(w, "2") == "It goes by its own spec again."
            await w.until(lambda s: s["reason"] == "Synced")
            assert set(w.traffic()) == {"v2"}
            await w.command("rollback", "3")
            await rolled_back(w)
            assert set(w.traffic()) == {"v1"}
            assert "is blocked: it failed, or was rolled back from" in await numbered(w, "", "4")
            assert set(w.traffic()) == {"v1"}
            await numbered(w, "2", "5")
            await w.until(lambda s: s["rolledBackTo"]["revision"] == 2 and s["reason"] == "RolledBack")
            assert set(w.traffic()) == {"v2"}
            status = await w.status()
        assert status["applications"][0]["blockedVersions"] == ["v1"]


async def test_a_rollback_that_fails_leaves_the_traffic_where_it_was() -> None:
    async with complex_world(health_timeout=60.0) as w:
        await on_v2(w)
        w.argo.broken["web-sys-v1"] = {"sync": {"status": "Synced"}, "health": {"status": "Degraded"}}
        async with w.running():
            await w.command("rollback")
            await w.phase("Failed")
            await asyncio.sleep(60)
            assert (set(w.traffic()), await w.published()) == ({"v2"}, {"v2"})
            del w.argo.broken["web-sys-v1"]
            await w.command("retry", "2")
            await rolled_back(w)
        assert set(w.traffic()) == {"v1"}


async def test_a_failed_spec_is_left_for_good_by_a_rollback() -> None:
    """Everything is back already: from then on the Cell isn't Failed."""
    async with complex_world() as w:
        await w.application_set("web")
        w.route(w.cluster("v1", "web")["name"])
        await w.cell([w.cluster("v1", "web")], w.app("web"))
        async with w.running():
            await w.phase("Synced")
            w.metrics.answer = lambda *_: 1.0
            await w.cell([w.cluster("v2", "web")], w.app("web", checks=[check("dd")]))
            await w.phase("Failed")
            await w.command("rollback")
            assert await outcome(w) == "Rolling back to revision 1 (web v1). Left: web v2; blocked."
            await rolled_back(w)
        assert set(w.traffic()) == {"v1"}


async def test_workers_go_back_too_and_never_run_twice() -> None:
    async with complex_world() as w:
        await w.application_set("jobs")
        worker = w.worker("jobs", postchecks=[check("alive")])
        worker["argocd"] |= {"updateStrategy": {"type": "DeleteBeforeCreate"}}
        await w.cell([w.cluster("j1", "jobs")], worker)
        seen: list[int] = []
        w.argo.watch = lambda: seen.append(len({server for server, _ in w.argo.workloads}))
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("j2", "jobs")], worker)
            await w.phase("Synced")
            w.metrics.answer = lambda *_: 1.0
            await w.command("rollback")
            await rolled_back(w)
            assert await w.published("jobs") == {"j1"}
        assert max(seen) == 1


# -- what can't be -----------------------------------------------------------------------------------------------------


async def numbered(w: ComplexWorld, arg: str, id_: str) -> str:
    text = f'{{"id": "{id_}", "verb": "rollback", "arg": "{arg}", "by": "me"}}'
    await w.store.real.patch(
        CELL, "default", "sys", {"metadata": {"annotations": {"okra.mumoshu.github.io/command": text}}}
    )
    return await outcome(w, id_)


async def test_what_there_is_not_is_refused_and_what_there_is_said() -> None:
    held = "Revisions: 2 (web v2; in effect); 1 (web v1)."
    async with complex_world() as w:
        await on_v2(w)
        async with w.running():
            assert await numbered(w, "7", "1") == f"Refused: there is no revision 7. {held}"
            assert await numbered(w, "2", "2") == f"Refused: revision 2 is in effect. {held}"
            w.eks.infos.pop("v1")
            gone = "Refused: revision 1 can't be gone back to: its clusters are gone: v1."
            assert await numbered(w, "1", "3") == f"{gone} {held}"
            assert await numbered(w, "", "4") == f"{gone} {held}"
            w.eks.refuses = Unavailable("down")  # nobody knows: then it may be there
            assert (await numbered(w, "1", "5")).startswith("Rolling back to revision 1")
        assert set(w.traffic()) == {"v2"}


async def test_a_spec_that_is_valid_no_more_or_that_nobody_can_place_is_refused() -> None:
    async with complex_world() as w:
        await on_v2(w)
        cell = await w.get()
        assert cell is not None
        spec = cell["spec"]
        tagged = {**spec["applications"][0], "clusterSelector": {"matchEKSTags": {"role": "web"}}}
        unasked = {**spec["applications"][0], "checks": [{"name": "dd", "analysis": {"query": "q", "max": 1}}]}
        for number, changed in (
            (3, {"applications": []}),
            (4, {"applications": [tagged]}),
            (5, {"applications": [unasked]}),
        ):
            first = (await w.store.real.list(REVISION)).items[0]
            metadata = {key: first["metadata"][key] for key in ("namespace", "labels", "ownerReferences")}
            data = {"spec": {**spec, "clusters": [{"name": "v9"}], **changed}}
            if number == 5:
                data["spec"]["clusters"] = spec["clusters"]
            body = {**first, "metadata": {**metadata, "name": f"sys-{number}"}, "data": data, "revision": number}
            await w.store.real.create(REVISION, body)
        async with w.running():
            assert "its spec isn't valid any more: spec.applications: " in await numbered(w, "3", "1")
            assert "the tags of its clusters aren't known." in await numbered(w, "4", "2")
            assert "checks[0].analysis.provider: is required" in await numbered(w, "5", "3")
        assert set(w.traffic()) == {"v2"}


async def test_without_the_right_to_read_them_it_is_refused_and_with_an_api_server_that_is_down_tried_again() -> None:
    def fails(error: type[OkraError]) -> Any:
        return lambda operation, name: error("no") if (operation, name) == ("list", "controllerrevisions") else None

    async with complex_world() as w:
        await on_v2(w)
        async with w.running():
            await asyncio.sleep(60)
            w.store.fault = fails(AccessDenied)
            assert await numbered(w, "", "1") == "Refused: the specs that were kept can't be read: no"
            w.store.fault = fails(Unavailable)
            await w.command("rollback", "2")
            await asyncio.sleep(120)
            assert len((await w.status())["commands"]) == 1
            w.store.fault = lambda _operation, _name: None
            await rolled_back(w)
        assert set(w.traffic()) == {"v1"}


async def test_a_spec_that_somebody_deleted_in_the_middle_moves_nothing_and_is_said() -> None:
    async with complex_world() as w:
        await on_v2(w)
        async with w.running():
            await w.command("rollback")
            status = await rolled_back(w)
        await w.store.real.delete(REVISION, "default", status["rolledBackTo"]["name"])
        async with w.running():
            status = await w.until(lambda s: s["reason"] == "RevisionGone")
            assert "an edit of the spec ends that" in status["message"]
            await asyncio.sleep(300)
            assert (set(w.traffic()), (await w.status())["rolledBackTo"]["revision"]) == ({"v1"}, 1)
            await w.cell([w.cluster("v1", "web")], w.app("web"))
            await w.phase("Synced")
        assert set(w.traffic()) == {"v1"}


@pytest.mark.parametrize(
    ("there", "reason", "says"),
    [
        (False, "RevisionGone", "is gone: an edit"),
        (True, "RevisionInvalid", "isn't valid any more (spec.applications: "),
    ],
)
async def test_one_that_is_gone_or_valid_no_more_in_mid_move_is_said_and_any_edit_ends_it(
    there: bool, reason: str, says: str
) -> None:
    async with complex_world() as w:
        await on_v2(w)
        w.argo.generates = False
        async with w.running():
            await w.command("rollback")
            status = await w.until(lambda s: s["applications"][0]["stage"] == "Migrating")
        found = next(each for each in (await w.store.real.list(REVISION)).items if each["revision"] == 1)
        await w.store.real.delete(REVISION, "default", status["rolledBackTo"]["name"])
        if there:  # as an upgrade would leave it
            metadata = {key: found["metadata"][key] for key in ("namespace", "name", "labels", "ownerReferences")}
            spec = {**found["data"]["spec"], "applications": []}
            await w.store.real.create(REVISION, {**found, "metadata": metadata, "data": {"spec": spec}})
        w.argo.generates = True
        async with w.running():
            status = await w.until(lambda s: s["reason"] == reason)
            assert says in status["message"]
            await asyncio.sleep(300)
            assert (await w.status())["rolledBackTo"] is not None
            await edit(w, retainFor="7m")
            await w.phase("Failed")
            status = await w.status()
        assert (status.get("rolledBackTo"), status["applications"][0]["target"]) == (None, None)
        assert set(w.traffic()) == {"v2"}


async def test_a_cell_whose_spec_cannot_be_read_goes_on_and_goes_all_the_same() -> None:
    async with complex_world() as w:
        await on_v2(w)
        w.metrics.answer = lambda *_: 1.0  # whoever asked would fail
        await w.command("rollback")
        async with w.running():
            await w.until(lambda s: s["applications"][0]["stage"] == "Migrating")
        w.store.fault = lambda operation, name: (
            AccessDenied("no") if (operation, name) == ("list", "controllerrevisions") else None
        )
        async with w.running():
            await w.store.real.delete(CELL, "default", "sys")
            await w.gone(CELL)
        assert (set(w.traffic()), shares(w, "v1")) == ({"v1"}, [0, 100])
        with pytest.raises(NotFound):
            await w.store.real.get(DEPLOYMENT, "default", "sys-web")


async def test_while_it_moves_a_rollback_is_for_the_child() -> None:
    async with complex_world() as w:
        await on_v2(w)
        async with w.running():
            await w.cell([w.cluster("v3", "web")], w.app("web"))
            await w.until(lambda s: s.get("machine") == "Step", name="sys-web")
            await w.command("rollback")
            await w.phase("Failed")
            status = await w.status()
        assert status["commands"][0]["outcome"].startswith("web: reverting")
        assert (set(w.traffic()), status.get("rolledBackTo")) == ({"v2"}, None)


async def test_a_crash_between_any_two_effects_ends_where_none_does() -> None:
    at, wire = 1, Tripwire()
    while wire.passed >= wire.at:
        async with complex_world() as w:
            await on_v2(w)
            wire = Tripwire(at)
            w.own_store = TrippingWrites(w.store, wire)
            async with w.running():
                await w.command("rollback")
                await rolled_back(w)
                await w.until(lambda s: not s["applications"][0]["former"])
            assert (set(w.traffic()), shares(w, "v1"), await w.published()) == ({"v1"}, [0, 100], {"v1"})
            assert (await w.app_status())["attempt"] == 3
        at += 3
    assert at > 15, "there are many effects"


async def test_workers_that_got_another_strategy_with_the_move_run_once_in_a_rollback_too() -> None:
    async with complex_world() as w:
        await w.application_set("jobs")
        worker = w.worker("jobs")
        await w.cell([w.cluster("j1", "jobs")], worker)
        seen: list[set[str]] = []
        async with w.running():
            await w.phase("Synced")
            w.argo.watch = lambda: seen.append({server for server, _ in w.argo.workloads})
            worker["argocd"] |= {"updateStrategy": {"type": "DeleteBeforeCreate"}}
            await w.cell([w.cluster("j2", "jobs")], worker)
            await w.phase("Synced")
            await w.command("rollback")
            await rolled_back(w)
            assert await w.published("jobs") == {"j1"}
        assert max(map(len, seen)) == 1
