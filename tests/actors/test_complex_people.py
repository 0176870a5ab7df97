"""What a person, or another process, does to a complex Cell."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from okra.actors.cell import CELL
from okra.actors.cell_checks import CHECK
from okra.actors.cell_finalizer import FINALIZER
from okra.actors.complex_record import FOREGROUND
from okra.actors.messages import Describe, Lookup
from okra.api.meta import COMMAND_ANNOTATION
from okra.errors import AccessDenied, OkraError, Unavailable
from tests.actors.complex_world import CLUSTER, DEPLOYMENT, ComplexWorld, check, complex_world

pytestmark = pytest.mark.looptime


async def move(w: ComplexWorld, **more: Any) -> None:
    await w.cell([w.cluster("v2", "web")], w.app("web", **more))


async def move_on_the_way(w: ComplexWorld) -> None:
    """Its child Cell has begun to move the traffic."""
    await move(w)
    await w.until(lambda s: s.get("machine") == "Step", name="sys-web")


async def finalizers(w: ComplexWorld, name: str = "sys") -> list[str]:
    found = await w.get(name)
    return [] if found is None else found["metadata"].get("finalizers", [])


async def test_a_cell_at_rest_is_deleted_at_once_with_its_children_and_its_traffic_stays() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            await w.store.real.delete(CELL, "default", "sys")
            await w.gone(CELL, within=60)
            await asyncio.sleep(60)
        assert (await w.names(CLUSTER), await w.names(DEPLOYMENT)) == (set(), set())
        assert (set(w.traffic()), await w.published()) == ({"v1"}, {"v1"})
        assert w.argo.orphans == set()


async def test_a_cell_that_moves_holds_itself_and_no_longer_than_that() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            assert FINALIZER not in await finalizers(w)
            await move_on_the_way(w)
            assert FINALIZER in await finalizers(w)
            await w.phase("Synced")
            await asyncio.sleep(30)
            assert FINALIZER not in await finalizers(w)


async def test_what_moves_under_a_cell_that_is_deleted_in_the_foreground_is_its_childs_to_put_back() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            await move_on_the_way(w)
            present = await finalizers(w)
            await w.store.real.patch(CELL, "default", "sys", {"metadata": {"finalizers": [*present, FOREGROUND]}})
            await w.store.real.delete(CELL, "default", "sys")
            for kind, name in ((CELL, "sys-web"), (DEPLOYMENT, "sys-web"), (CLUSTER, "sys-v2")):
                await w.store.real.delete(kind, "default", name)  # as the garbage collector does
            await asyncio.sleep(120)
            assert (await w.names(CELL), await finalizers(w)) == ({"sys"}, [FOREGROUND])
            assert (await w.names(CLUSTER), await w.names(DEPLOYMENT)) == ({"sys-v1"}, set())
        assert set(w.traffic()) == {"v1"}


async def test_a_cell_whose_spec_is_broken_can_be_deleted_in_mid_move() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            await move_on_the_way(w)
            await w.cell([], {**w.app("web"), "argocd": None, "alb": None})
            await w.phase("Invalid")
            await w.store.real.delete(CELL, "default", "sys")
            await w.gone(CELL)
        assert set(w.traffic()) == {"v1"}


async def test_a_cell_that_is_another_okras_is_let_go_as_it_is() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        w.cells = "team=a"
        await w.store.real.patch(CELL, "default", "sys", {"metadata": {"labels": {"team": "a"}}})
        async with w.running():
            await w.phase("Synced")
            child = await w.get("sys-web")
            assert child is not None
            assert child["metadata"]["labels"]["team"] == "a"
            await w.store.real.patch(CELL, "default", "sys", {"metadata": {"labels": {"team": "b"}}})
            await move(w)
            await asyncio.sleep(120)
        assert await w.names(CLUSTER) == {"sys-v1"}
        assert set(w.traffic()) == {"v1"}


async def test_an_okra_that_holds_every_cell_begins_nothing_here_either() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            w.held = "Somebody pauses all."
            await move(w)
            await w.phase("Paused")
            await asyncio.sleep(120)
            assert set(w.traffic()) == {"v1"}
            w.held = ""
            await w.phase("Synced")
        assert set(w.traffic()) == {"v2"}


async def test_a_process_that_may_not_write_yet_waits_until_it_may() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        w.gate.open, w.gate.opens = False, w.clock.now() + 30.0
        async with w.running():
            await asyncio.sleep(20)
            assert (await w.names(CLUSTER), await w.status()) == (set(), {})
            w.gate.open = True
            await w.phase("Synced")


async def test_a_store_that_is_down_for_a_while_holds_up_and_breaks_nothing() -> None:
    def down(operation: str, name: str) -> OkraError | None:
        return Unavailable("down")

    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            await move_on_the_way(w)
            up, w.store.fault = w.store.fault, down
            await asyncio.sleep(120)
            w.store.fault = up
            await w.phase("Synced")
        assert set(w.traffic()) == {"v2"}


async def test_a_permission_that_is_missing_is_said_and_tried_again() -> None:
    def refuses(operation: str, name: str) -> OkraError | None:
        return AccessDenied("may not write deployments") if (operation, name) == ("apply", "sys-web") else None

    async with complex_world() as w:
        await w.web_on("v1")
        w.store.fault = refuses
        async with w.running():
            status = await w.phase("Failed")
            assert (status["reason"], status["message"]) == ("AccessDenied", "may not write deployments")
            stalled = {each["type"]: each["status"] for each in status["conditions"]}
            assert (stalled["Ready"], stalled["Stalled"]) == ("False", "True")
            w.store.fault = lambda _operation, _name: None
            await w.phase("Synced")


async def test_a_route_that_cannot_be_read_holds_up_the_prechecks_and_is_said() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            listener = next(iter(w.aws.routes))
            w.aws.fault = lambda operation, arn: (
                AccessDenied("may not read") if (operation, arn) == ("DescribeListeners", listener) else None
            )
            await move(w, prechecks=[check("first")])
            await w.until(lambda s: s.get("message") == "may not read")
            w.aws.fault = lambda _operation, _arn: None
            await w.phase("Synced")
        assert set(w.traffic()) == {"v2"}


async def test_a_newer_set_of_clusters_in_the_middle_of_a_move_goes_back_first() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            await move_on_the_way(w)
            await w.cell([w.cluster("v3", "web")], w.app("web"))
            await w.phase("Synced")
            await w.until(lambda s: not s["applications"][0]["former"])
            await asyncio.sleep(60)
        assert (set(w.traffic()), await w.published()) == ({"v3"}, {"v3"})
        assert await w.names(CLUSTER) == {"sys-v3"}
        assert w.argo.orphans == set()


async def test_an_inconclusive_precheck_is_tried_again_and_one_without_its_check_is_said() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            w.metrics.answer = lambda *_: None
            job = {"name": "run", "job": {"template": {"spec": {"image": "busybox"}}}}
            await move(w, prechecks=[check("first"), {"name": "mine", "from": {"checkName": "nobody"}}, job])
            await w.until(lambda s: "Tried again." in s["applications"][0]["message"])
            said = (await w.app_status())["message"]
            await asyncio.sleep(300)
            assert set(w.traffic()) == {"v1"}
            w.metrics.answer = lambda *_: 0.0
            await move(w, prechecks=[check("first")])
            await w.phase("Synced")
        assert "There is no Check nobody" in said
        assert set(w.traffic()) == {"v2"}


async def test_what_an_actor_knows_can_be_asked_for() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running() as root:
            await w.phase("Synced")
            found = await described(root)
        assert found["state"].phase == "Synced"
        assert found["policy"].name == "sys"
        assert set(found["observation"].clusters) == {"v1"}


async def described(root: Any) -> dict[str, Any]:
    ref = await root.get("cells").ask(Lookup(("default", "sys")), timeout=5.0)
    found: dict[str, Any] = await ref.ask(Describe(), timeout=5.0)
    return found


async def test_a_check_that_says_nothing_holds_the_traffic_until_a_person_goes_on() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            w.metrics.answer = lambda *_: None
            await move(w, checks=[check("dd")])
            await w.until(lambda s: s.get("held"), name="sys-web")
            w.metrics.answer = lambda *_: 0.0
            await w.command("retry")
            await w.phase("Synced")
            status = await w.status()
        assert status["commands"][0]["outcome"].startswith("web: resumed")
        assert set(w.traffic()) == {"v2"}


async def test_a_set_of_clusters_that_keeps_one_of_the_old_is_refused_and_nothing_moves() -> None:
    async with complex_world() as w:
        route = await w.web_on("a", "b")
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("b", "web"), w.cluster("c", "web")], w.app("web"))
            await w.until(lambda s: "b has the traffic already" in s["message"])
            await asyncio.sleep(300)
            assert (await w.published(), route.history) == ({"a", "b"}, [])
            await w.cell([w.cluster("c", "web"), w.cluster("d", "web")], w.app("web"))
            await w.phase("Synced")
        assert set(w.traffic()) == {"c", "d"}


async def test_the_checks_of_clusters_that_were_left_go_and_one_that_a_person_applied_is_asked() -> None:
    async with complex_world() as w:
        await w.web_on("v1", prechecks=[check("first", query="{{.Vars.eksClusterName}} {{.Vars.version}}")])
        asked = check("first", query="{{.Vars.eksClusterName}} {{.Vars.version}} {{.Vars.stableVersion}}")
        mine = {"apiVersion": CHECK.api_version, "kind": "Check", "metadata": {"namespace": "default", "name": "mine"}}
        await w.store.real.create(CHECK, {**mine, "spec": {"analysis": check("mine")["analysis"]}})
        async with w.running():
            await w.phase("Synced")
            assert await w.names(CHECK) == {"mine", "sys-first"}
            clusters = [w.cluster(name, "web") for name in ("v2", "v3")]
            await w.cell(clusters, w.app("web", prechecks=[asked, {"name": "theirs", "from": {"checkName": "mine"}}]))
            await w.phase("Synced")
            names = await w.names(CHECK)
            found = await w.get("sys-first-v2", CHECK)
        assert names == {"mine", "sys-first-v2", "sys-first-v3"}
        assert found is not None
        assert found["spec"]["analysis"]["query"] == "v2 v2+v3 v1"
        assert set(w.traffic()) == {"v2", "v3"}


async def test_a_check_is_asked_by_the_name_that_a_cluster_has_in_eks_before_and_under_traffic() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        query = "{{.Vars.clusterName}} {{.Vars.eksClusterName}}"
        compared = {"successCondition": "result <= stable", "max": None}
        async with w.running():
            await w.phase("Synced")
            for name, eks in (("v2", "eks-2"), ("v3", "eks-3")):
                body = w.cluster(name, "web", up=False)
                w.eks.add(eks)
                app = w.app(
                    "web", prechecks=[check("first", query=query)], checks=[check("dd", query=query, **compared)]
                )
                w.metrics.opened.clear()
                await w.cell([{**body, "eks": {"clusterName": eks}}], app)
                await w.phase("Synced")
            for name in ("sys-first", "sys-dd"):
                found = await w.get(name, CHECK)
                assert found is not None
                assert found["spec"]["analysis"]["query"] == "v3 eks-3"
        assert {asked for _, asked, _, _ in w.metrics.opened} == {"v3 eks-3", "v2 eks-2"}, "of the stable side, too"


async def test_two_applications_may_have_a_check_of_one_name_and_each_is_asked_its_own() -> None:
    def app(w: ComplexWorld, role: str, priority: int) -> dict[str, Any]:
        return w.app(role, priority, checks=[check("dd", query=f"of {role}")])

    async with complex_world() as w:
        for role, priority in (("web", 10), ("api", 11)):
            await w.application_set(role)
            w.cluster(f"{role}-1", role)
            w.route(f"{role}-1", priority=priority)
        for number in (1, 2):
            clusters = [w.cluster(f"{role}-{number}", role) for role in ("web", "api")]
            await w.cell(clusters, app(w, "web", 10), app(w, "api", 11))
            if number == 1:
                async with w.running():
                    await w.phase("Synced")
        async with w.running():
            await w.phase("Synced")
        made = {name: await w.get(name, CHECK) for name in await w.names(CHECK)}
        queries = {name: each["spec"]["analysis"]["query"] for name, each in made.items() if each is not None}
        assert queries == {"sys-dd": "of web", "sys-api-dd": "of api"}


async def waits_for_argo_cd(w: ComplexWorld) -> None:
    """web has moved from v1 to v2, and goes on to v3, where Argo CD deploys nothing yet."""
    await w.phase("Synced")
    await move(w)
    await w.phase("Synced")
    w.argo.generates = False
    await w.cell([w.cluster("v3", "web")], w.app("web"))
    await w.until(lambda s: s["applications"][0]["stage"] == "Migrating")


async def test_a_command_before_the_traffic_moves_is_not_taken_for_one_about_the_move_before() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await waits_for_argo_cd(w)
            for verb in ("rollback", "pause"):
                refused = await given(w, verb, verb)
                assert refused.startswith("Refused: no traffic moves. To hold everything, set spec.paused.")
            assert await given(w, "retry", "1", "v9") == "Refused: v9 isn't blocked."
            assert await given(w, "unblock", "2") == "Refused: nothing is blocked."
            await asyncio.sleep(60)
            assert set(w.traffic()) == {"v2"}
            w.argo.generates = True
            await w.phase("Synced")
        assert set(w.traffic()) == {"v3"}


async def test_an_abort_before_the_traffic_moves_takes_the_application_off_its_new_clusters() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await waits_for_argo_cd(w)
            await w.command("abort")
            status = await w.phase("Failed")
            assert status["commands"][0]["outcome"] == "web: put back."
            assert "aborted by me, before any traffic" in status["message"]
            assert status["applications"][0]["blockedVersions"] == ["v3"]
            assert (set(w.traffic()), "v3" in await w.published()) == ({"v2"}, False)
            w.argo.generates = True
            await w.command("retry", "2")
            await w.phase("Synced")
        assert set(w.traffic()) == {"v3"}


async def test_what_a_child_refuses_its_cell_says_to_be_refused() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            await move_on_the_way(w)
            assert await given(w, "approve", "1") == "Refused: web: no approval is awaited."


async def test_a_command_that_is_none_is_refused_with_those_there_are() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            assert (await given(w, "explode", "1")).startswith("Refused: There is no verb 'explode'; there are abort, ")
            patch = {"metadata": {"annotations": {COMMAND_ANNOTATION: "abort"}}}
            await w.store.real.patch(CELL, "default", "sys", patch)
            status = await w.until(lambda s: len(s["commands"]) == 2)
        assert status["commands"][1]["outcome"].startswith("Refused: a command is a JSON object, such as ")


async def test_a_rollback_by_number_in_the_middle_of_a_move_is_of_a_revision_and_waits() -> None:
    async with complex_world() as w:
        await w.web_on("1")
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("2", "web")], w.app("web"))
            await w.until(lambda s: s.get("machine") == "Step", name="sys-web")
            said = await given(w, "rollback", "1", "1")
            assert said == "Refused: an application moves. To put it back first: okra abort sys"
            await w.phase("Synced")
        assert set(w.traffic()) == {"2"}


async def test_a_cell_at_rest_writes_nothing() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            await asyncio.sleep(60)
            w.store.writes.clear()
            await asyncio.sleep(3600)
        assert not w.store.writes


async def test_a_cell_that_waits_writes_nothing_either() -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("v2", "web", up=False)], w.app("web"))
            await w.phase("Pending")
            await asyncio.sleep(200)
            w.store.writes.clear()
            await asyncio.sleep(3600)
        assert not w.store.writes


async def test_another_version_for_the_same_clusters_moves_nothing_and_is_their_name_from_then_on() -> None:
    def labelled(version: str) -> dict[str, Any]:
        found = w.cluster("v1", "web")
        return {**found, "labels": {**found["labels"], "okra.mumoshu.github.io/version": version}}

    async with complex_world() as w:
        await w.application_set("web")
        w.cluster("v1", "web")
        route = w.route("v1")
        await w.cell([labelled("1.0")], w.app("web"))
        async with w.running():
            await w.phase("Synced")
            await w.cell([labelled("1.1")], w.app("web", prechecks=[check("first")]))
            status = await w.phase("Synced")
            assert status["applications"][0]["synced"]["version"] == "1.1"
            await w.until(lambda s: s["stableVersion"] == "1.1", "sys-web")
            await asyncio.sleep(60)
            assert (route.history, await w.published()) == ([], {"v1"})
            await w.cell([w.cluster("v2", "web")], w.app("web"))
            await w.phase("Synced")
        assert set(w.traffic()) == {"v2"}


async def given(w: ComplexWorld, verb: str, id_: str, version: str = "") -> str:
    """What has come of a command."""
    await w.command(verb, id_, arg=version)
    status = await w.until(lambda s: any(each["id"] == id_ for each in s["commands"]))
    found: str = next(each["outcome"] for each in status["commands"] if each["id"] == id_)
    return found


LIFTED = "Not blocked any more: web v3."


@pytest.mark.parametrize(
    ("verb", "version", "outcome"),
    [
        ("retry", "v9", "Refused: v9 isn't blocked."),
        ("retry", "v3", LIFTED),
        ("unblock", "v3", LIFTED),
    ],
)
async def test_a_retry_goes_to_a_child_that_is_held_unless_it_names_what_is_blocked(
    verb: str, version: str, outcome: str
) -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await waits_for_argo_cd(w)
            await w.command("abort")
            await w.phase("Failed")
            w.argo.generates = True
            w.metrics.answer = lambda *_: None
            await w.cell([w.cluster("v4", "web")], w.app("web", checks=[check("dd")]))
            await w.until(lambda s: s.get("held"), name="sys-web")
            assert await given(w, verb, "2", version) == outcome
            left = [] if outcome == LIFTED else ["v3"]
            assert (await w.app_status())["blockedVersions"] == left
            w.metrics.answer = lambda *_: 0.0
            assert (await given(w, "retry", "3", "" if left else "v4")).startswith("web: resumed")
            await w.phase("Synced")
            assert (await w.app_status())["blockedVersions"] == left
        assert set(w.traffic()) == {"v4"}


async def test_what_is_being_put_back_is_not_tried_again_before_it_is() -> None:
    def stuck(operation: str, _: str) -> OkraError | None:
        return Unavailable("down") if operation.startswith("Modify") else None

    async with complex_world() as w:
        await w.application_set("web")
        w.cluster("v1", "web")
        w.route("v1")
        await w.cell([w.cluster("v2", "web")], w.app("web", checks=[check("dd")]))
        async with w.running():
            await w.until(lambda _: any(said.endswith("shows v1=1, v2=1.") for _, _, said in w.told()), "sys-web")
            w.aws.fault, up = stuck, w.aws.fault
            w.metrics.answer = lambda *_: 1.0
            await w.until(lambda s: s["phase"] == "FailedReverting", within=600.0)
            for id_, verb in enumerate(("retry", "unblock")):
                assert await given(w, verb, str(id_)) == "Refused: web is being put back first."
            w.aws.fault = up
            await w.phase("Failed")
            await asyncio.sleep(600)
            assert ((await w.app_status())["blockedVersions"], set(w.traffic())) == (["v2"], {"v1"})
            w.metrics.answer = lambda *_: 0.0
            assert await given(w, "retry", "again") == "Begins again: web."
            await w.phase("Synced")
        assert set(w.traffic()) == {"v2"}


@pytest.mark.parametrize("action", ["Rollback", "Stop"])
async def test_an_abort_while_the_child_is_paused_before_its_traffic_puts_back(action: str) -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("v1", "web")], w.app("web"), onFailure={"action": action})
            await w.phase("Synced")
            w.argo.generates = False
            await w.cell([w.cluster("v2", "web")], w.app("web"), onFailure={"action": action})
            await w.until(lambda s: s["applications"][0]["stage"] == "Migrating")
            await w.command("pause", "0", "sys-web")
            await w.until(lambda s: s["commands"], "sys-web")
            w.argo.generates = True
            await w.until(lambda s: "Paused by a person" in s["message"])
            refused = await given(w, "rollback", "1")
            assert refused.endswith("To take web off its new clusters: okra abort sys")
            assert await given(w, "abort", "2") == "web: put back."
            await w.phase("Failed")
            assert (await w.app_status())["blockedVersions"] == ["v2"]
            await w.command("resume", "3", "sys-web")
            await asyncio.sleep(600)
        assert (set(w.traffic()), await w.published()) == ({"v1"}, {"v1"})


async def test_an_abort_of_a_first_move_that_its_child_cannot_begin_keeps_the_traffic_where_it_was() -> None:
    async with complex_world() as w:
        await w.application_set("web")
        w.cluster("v1", "web")
        route = w.route("v1")
        await w.cell([w.cluster("v2", "web")], w.app("web"))
        w.aws.fault, up = (
            lambda operation, _: AccessDenied("no") if operation == "DescribeListeners" else None,
            w.aws.fault,
        )
        async with w.running():
            said = await w.phase("Failed")
            assert (said["reason"], said["message"]) == ("AccessDenied", "web: no")
            assert {each["type"]: each["status"] for each in said["conditions"]}["Stalled"] == "True"
            assert not said["applications"][0]["blockedVersions"]
            assert await given(w, "abort", "1") == "web: put back."
            await w.until(lambda s: s["applications"][0]["blockedVersions"])
            await w.phase("Failed")
            w.aws.fault = up
            await asyncio.sleep(600)
            assert (set(w.traffic()), route.history) == ({"v1"}, [])
            assert await given(w, "retry", "3") == "Begins again: web."
            await w.phase("Synced")
        assert set(w.traffic()) == {"v2"}
