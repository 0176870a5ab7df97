"""`okra status` of a Cell of whole clusters: where each application is."""

from __future__ import annotations

from typing import Any

from okra.applications.state import AppState, Phase, Placement, Stage, State
from okra.applications.status import to_status
from okra.cli.show import lines

OLD, NEW = Placement("v1", ("web-1-v1", "web-2-v1")), Placement("v2", ("web-1-v2", "web-2-v2"))
RUN_TEST = "run-test failed. Waiting 60 seconds before starting a rollback"
CHECK = {"metadata": {"name": "mysystem-run-test"}}


def shown(*applications: AppState, phase: Phase = Phase.SYNCING, message: str = "", check: Any = CHECK) -> list[str]:
    status = to_status(State(applications, phase=phase, reason=str(phase), message=message), {}, 1, 0.0)
    cell: dict[str, Any] = {
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
