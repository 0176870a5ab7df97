"""`okra status` of a Cell of whole clusters: where each application is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from okra.actors.check_objects import CELL_LABEL
from okra.actors.kinds import HOTSWAP
from okra.api.meta import PARENT_LABEL
from okra.applications.state import AppState, Phase, Placement, RolledBack, Stage, State
from okra.applications.status import to_status
from okra.cli.show import lines
from okra.embedded.store import EmbeddedStore
from tests.actors.world import lone_check
from tests.cli.test_commands import okra

OLD, NEW = Placement("v1", ("web-1-v1", "web-2-v1")), Placement("v2", ("web-1-v2", "web-2-v2"))
RUN_TEST = "run-test failed. Waiting 60 seconds before starting a rollback"
CHECK = {"metadata": {"name": "mysystem-run-test"}}


def shown(*applications: AppState, phase: Phase = Phase.SYNCING, message: str = "", check: Any = CHECK) -> list[str]:
    status = to_status(State(applications, phase=phase, reason=str(phase), message=message), {}, 1, 0.0)
    cell: dict[str, Any] = {
        "kind": "Cell",
        "metadata": {"namespace": "default", "name": "mysystem"},
        "spec": {"clusters": [], "applications": []},
        "status": status,
    }
    return list(lines(cell, [check]))


def test_each_application_is_shown_with_where_it_is_and_where_it_goes() -> None:
    assert shown(
        AppState("web", Phase.SYNCED, Stage.COMPLETED, synced=NEW, former=OLD.clusters),
        AppState("api", Phase.SYNCING, Stage.MIGRATING, "v2 has 30 % of the traffic.", NEW, OLD, former=OLD.clusters),
        AppState("jobs", Phase.PENDING, message="Waits for api."),
        message="api: v2 has 30 % of the traffic.",
    ) == [
        "Cell      default/mysystem",
        "Phase     Syncing (Syncing)",
        "          api: v2 has 30 % of the traffic.",
        "App       web: Synced (Completed), on web-1-v2, web-2-v2",
        "          not left yet: web-1-v1, web-2-v1",
        "App       api: Syncing (Migrating), on web-1-v1, web-2-v1 -> web-1-v2, web-2-v2",
        "          v2 has 30 % of the traffic.",
        "App       jobs: Pending, on -",
        "          Waits for api.",
        "Check     mysystem-run-test  not run yet",
    ]


def test_why_one_failed_is_shown_with_what_is_blocked() -> None:
    found = AppState("web", Phase.FAILED, Stage.ERROR, "dd failed", synced=OLD, blocked=("v2",))
    assert shown(found, phase=Phase.FAILED)[2:5] == [
        "App       web: Failed (Error), on web-1-v1, web-2-v1",
        "          dd failed",
        "          blocked: v2",
    ]
    waiting = AppState("jobs", Phase.PRECHECK_FAILED, Stage.INIT, RUN_TEST, NEW, OLD)
    assert shown(waiting)[3] == f"          {RUN_TEST}"


def test_a_rollback_is_shown_for_as_long_as_it_holds() -> None:
    state = State(rolled_back=RolledBack("mysystem-0123456789", 3, 7, "ann", 0.0), message="Waits.")
    cell = {"kind": "Cell", "metadata": {"namespace": "default", "name": "mysystem"}, "spec": {"applications": []}}
    said = "Spec      of revision 3 (mysystem-0123456789), since a rollback"
    assert [*lines({**cell, "status": to_status(state, {}, 1, 0.0)}, [])][3:] == [
        f"{said} by ann at 1970-01-01T00:00:00.000000Z"
    ]
    assert state.rolled_back is not None
    nobody = replace(state, rolled_back=replace(state.rolled_back, by=""))
    assert [*lines({**cell, "status": to_status(nobody, {}, 1, 0.0)}, [])][3:] == [
        f"{said} at 1970-01-01T00:00:00.000000Z"
    ]


def test_each_cluster_is_shown_with_why_it_isnt_ready() -> None:
    cell = {"kind": "Cell", "metadata": {"namespace": "default", "name": "sys"}, "spec": {"applications": []}}
    why = {"type": "Ready", "status": "False", "reason": "ClusterNotActive", "message": "EKS says CREATING."}
    clusters: list[Any] = [
        {"metadata": {"name": "sys-v1"}, "status": {"phase": "Running", "ready": True, "conditions": [why]}},
        {"metadata": {"name": "sys-v2"}, "status": {"phase": "Pending", "ready": False, "conditions": [why]}},
        {"metadata": {"name": "sys-v3"}},
    ]
    assert [*lines(cell, [], clusters)][2:] == [
        "Cluster   sys-v1: Running",
        "Cluster   sys-v2: Pending",
        "          EKS says CREATING.",
        "Cluster   sys-v3: Pending",
    ]


def test_a_check_that_runs_a_job_is_shown_with_its_last_run() -> None:
    past = {
        "name": "a",
        "phase": "Passed",
        "since": "2026-11-21T15:00:00Z",
        "time": "2026-11-21T15:01:00Z",
        "reason": "x",
    }
    now = {"name": "b", "phase": "Running", "since": "2026-11-21T16:00:00Z", "time": None, "reason": "Job b runs."}
    check = {**CHECK, "status": {"job": {"runs": [past, now]}}}
    assert shown(check=check)[-1] == "Check     mysystem-run-test  Running: Job b runs."


def test_a_system_of_hotswaps_is_found_by_its_name_and_takes_commands(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    check = {**lone_check("shop-run-test"), "apiVersion": HOTSWAP.check.api_version}
    check["metadata"]["labels"] = {CELL_LABEL: "shop"}
    clusters, sets = [{"name": "a"}], {"clusterSecret": {"labels": {"role": "web"}}, "applicationSet": {"name": "web"}}
    system = {
        "apiVersion": HOTSWAP.cell.api_version,
        "kind": "System",
        "metadata": {"namespace": "default", "name": "shop"},
        "spec": {"clusters": clusters, "applications": [{"name": "web", "argocd": sets}]},
    }

    cluster = {
        "apiVersion": HOTSWAP.cluster.api_version,
        "kind": "ArgoCDCluster",
        "metadata": {"namespace": "default", "name": "shop-a", "labels": {PARENT_LABEL: "shop"}},
        "spec": {"eks": {"clusterName": "a"}},
    }

    async def fill() -> None:
        async with await EmbeddedStore.open(state) as store:
            await store.create(HOTSWAP.cell, system)
            await store.create(HOTSWAP.check, check)
            await store.create(HOTSWAP.cluster, cluster)

    asyncio.run(fill())
    found = okra("status", "shop", "--state", state)
    assert found.output.startswith("System    default/shop\n")
    assert "Check     shop-run-test  not run yet" in found.output
    assert okra("get", "shop", "--state", state).output.splitlines()[1].split()[:3] == ["default", "shop", "Pending"]
    assert okra("get", "web", "--state", state).exit_code == 2
    assert "Cluster   shop-a: Pending" in found.output
    said = okra("retry", "shop", "--state", state)
    assert (said.exit_code, said.stdout.startswith("retry is recorded for system/shop:")) == (0, True)
    assert "A command waits for system/shop: retry" in okra("status", "shop", "--state", state).output
    assert "There is no Cell web" in okra("retry", "web", "--state", state).output
