"""`okra get` and `okra status`: what a person reads at night, beside a run and without one."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from okra.actors.cell import CELL
from okra.actors.cell_checks import CHECK
from okra.actors.kinds import ALB
from okra.cli.show import lines
from okra.embedded.lock import run_lock
from okra.embedded.store import EmbeddedStore
from okra.ports import EventRecord
from tests.actors.albs import alb
from tests.actors.world import cell, lone_check
from tests.cli.test_commands import okra

GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web-2/0123456789abcdef"
STATUS: dict[str, Any] = {
    "phase": "Failed",
    "reason": "RolledBack",
    "message": f"1.0.0 holds the traffic. {GROUP} failed. To try 1.1.0 again: okra retry web",
    "stableVersion": "1.0.0",
    "setAside": [{"version": "1.1.0", "groups": [GROUP], "reason": "Not healthy within 300 s."}],
    "routes": [{"key": "r", "asked": [], "extras": [{"arn": GROUP, "until": "2026-11-21T15:47:02Z"}]}],
    "rollouts": 2,
    "rollout": {"number": 2, "version": "1.1.0", "kind": "Canary", "outcome": "Failed"},
}


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """A state with one Cell, its events (rollout, reason, message), and a command that nobody has executed."""
    path = tmp_path / "state.db"

    def make(
        *events: tuple[int | None, str, str],
        command: dict[str, str] | None = None,
        outcome: str = "Failed",
        **spec: Any,
    ) -> Path:
        status = {**STATUS, "rollout": {**STATUS["rollout"], "outcome": outcome}}

        async def fill() -> None:
            async with await EmbeddedStore.open(path) as store:
                created = await store.create(CELL, cell("web", **spec))
                await store.patch_status(CELL, "default", "web", status)
                for rollout, reason, message in events:
                    at, uid = datetime.now(UTC), created["metadata"]["uid"]
                    await store.emit(
                        EventRecord(CELL, "default", "web", uid, "Normal", reason, message, at, rollout=rollout)
                    )
                if command is not None:
                    annotations = {"okra.mumoshu.github.io/command": json.dumps({"id": "1", **command})}
                    await store.patch(CELL, "default", "web", {"metadata": {"annotations": annotations}})

        asyncio.run(fill())
        return path

    return make


def test_status_and_get_say_that_nobody_runs_on_the_state(make: Callable[..., Path]) -> None:
    state = make()
    for found in (okra("status", "web", "--state", state), okra("get", "--state", state)):
        assert "No `okra run` is running on this state" in found.output
    with run_lock(state):
        for found in (okra("status", "web", "--state", state), okra("get", "--state", state)):
            assert "okra run" not in found.output


@pytest.mark.parametrize(("outcome", "goes_on"), [("Running", True), ("Failed", False)])
def test_after_a_run_that_was_interrupted_it_is_said_how_the_rollout_goes_on(
    make: Callable[..., Path], outcome: str, goes_on: bool
) -> None:
    state, said = make(outcome=outcome), "The rollout goes on from here when the same `okra run` is called again."
    for found in (okra("status", "web", "--state", state), okra("get", "--state", state)):
        assert (said in found.output) is goes_on


def test_what_is_for_programs_holds_the_object_only(make: Callable[..., Path]) -> None:
    state = make(command={"verb": "retry"})
    for args in (("status", "web"), ("get", "web")):
        assert json.loads(okra(*args, "-o", "json", "--state", state).output)["kind"] == "Cell"


def test_cells_of_one_name_in_several_namespaces_are_a_list_to_programs_and_one_is_an_object(tmp_path: Path) -> None:
    state = tmp_path / "state.db"

    async def fill() -> None:
        async with await EmbeddedStore.open(state) as store:
            for namespace in ("blue", "green"):
                await store.create(CELL, {**cell("web"), "metadata": {"namespace": namespace, "name": "web"}})

    asyncio.run(fill())
    both = json.loads(okra("get", "web", "-o", "json", "--state", state).stdout)
    assert [each["metadata"]["namespace"] for each in both] == ["blue", "green"]
    one = json.loads(okra("get", "web", "-n", "green", "-o", "json", "--state", state).stdout)
    assert one["metadata"]["namespace"] == "green"


def test_a_command_that_waits_is_said_with_who_executes_it(make: Callable[..., Path]) -> None:
    state = make(command={"verb": "rollback", "arg": "0.9.0", "by": "ann"})
    for args in (("status", "web"), ("get",)):
        found = okra(*args, "--state", state)
        said = "A command waits for cell/web: rollback 0.9.0 by ann; it will be executed when `okra run` runs."
        assert said in found.output
        with run_lock(state):
            assert "rollback 0.9.0 by ann; it is about to be executed." in okra(*args, "--state", state).output


def test_groups_that_were_set_aside_are_shown_with_the_reason(make: Callable[..., Path]) -> None:
    found = okra("status", "web", "--state", make())
    assert "Set aside 1.1.0 (web-2): Not healthy within 300 s." in found.stdout


def test_groups_that_stay_attached_are_shown_with_their_end(make: Callable[..., Path]) -> None:
    found = okra("status", "web", "--state", make())
    assert "web-2 stays attached at weight 0 until 2026-11-21T15:47:02Z" in found.stdout


def test_messages_have_names_for_arns_and_commands_that_can_be_pasted(make: Callable[..., Path]) -> None:
    state = make()
    found = okra("status", "web", "--state", state)
    assert "targetgroup/web-2 failed." in found.stdout
    assert f"okra retry web --state {state}" in found.stdout
    assert GROUP not in found.stdout


@pytest.mark.parametrize(("pin", "said"), [("1.1.0", "Pinned    1.1.0, not reached\n"), ("1.0.0", "Pinned    1.0.0\n")])
def test_a_pin_says_whether_it_was_reached(make: Callable[..., Path], pin: str, said: str) -> None:
    state = make(version=pin)
    assert said in okra("status", "web", "--state", state).stdout
    assert okra("get", "--state", state).stdout.splitlines()[1].split()[3:5] == ["1.0.0", pin]


def test_events_stand_in_the_order_of_time_under_their_rollouts(make: Callable[..., Path]) -> None:
    step = "Step 1 of 10: 1.1.0 to 10 % of the traffic."
    state = make(
        (None, "Adopted", "as it is"),
        (1, "StepStarted", step),
        (1, "Command", "abort by ann: reverting"),
        (1, "Aborted", "Rollout of 1.1.0 aborted by ann."),
        (2, "StepStarted", step),
        (2, "CheckPassed", "errors: 0"),
        (2, "CheckPassed", "errors: 0"),
    )
    shown = okra("status", "web", "--state", state).stdout.splitlines()
    first = shown.index("Events")
    said = [" ".join(line.split()[2:]) if "Normal" in line else line.strip() for line in shown[first + 1 : first + 9]]
    assert said == [
        "Adopted: as it is",
        "rollout 1",
        f"StepStarted: {step}",
        "Command: abort by ann: reverting",
        "Aborted: Rollout of 1.1.0 aborted by ann.",
        "rollout 2",
        f"StepStarted: {step}",
        "CheckPassed: errors: 0 (2 times)",
    ]


def at(minute: int) -> str:
    return f"2026-11-21T15:{minute}:00Z"


MEASURED = {
    "attempts": [
        {"cell": "default/web", "rollout": 2, "step": 1, "attempt": 1, "verdict": "Failed", "time": at(20)},
        {"cell": "default/web", "rollout": 3, "step": 0, "attempt": 1, "verdict": "Inconclusive", "time": at(31)},
    ],
    "analysis": {"results": [{"verdict": "Failed", "reason": "0.9 > 0.1", "time": at(31)}]},
}


@pytest.mark.parametrize(
    ("rollout", "said"),
    [
        ({"number": 3, "startedAt": at(32)}, "not measured yet in this rollout"),
        ({"number": 3, "startedAt": at(30), "attempt": 2}, "not measured yet in this attempt"),
        ({"number": 3, "startedAt": at(30)}, "Failed: 0.9 > 0.1"),
        ({"number": 3, "startedAt": at(30), "step": 1, "attempt": 2}, "Failed: 0.9 > 0.1"),
        (None, "Failed: 0.9 > 0.1"),
    ],
)
def test_a_checks_verdict_is_of_the_present_rollout_and_attempt(rollout: dict[str, Any] | None, said: str) -> None:
    known = rollout and {"version": "1.1.0", "kind": "Canary", "outcome": "Running", **rollout}
    shown = {**cell("web"), "status": {**STATUS, "rollout": known}}
    check = {"metadata": {"name": "web-errors"}, "status": MEASURED}
    assert f"Check     web-errors  {said}" in lines(shown, [check])


def test_a_check_that_never_ran_says_so() -> None:
    check = {"metadata": {"name": "web-errors"}}
    assert "Check     web-errors  not run yet" in lines({**cell("web"), "status": {}}, [check])


@pytest.mark.parametrize("args", [("get",), ("status", "web"), ("abort", "web")])
def test_an_empty_state_file_is_named_and_left_as_it_is(tmp_path: Path, args: tuple[str, ...]) -> None:
    state = tmp_path / "state.db"
    state.touch()
    found = okra(*args, "--state", state)
    assert found.exit_code == 2
    assert found.stderr == f"the state file {state} is empty: `okra run` hasn't written to it yet\n"
    assert [(each.name, each.stat().st_size) for each in tmp_path.iterdir()] == [("state.db", 0)]


@pytest.mark.parametrize("args", [("get",), ("status", "web"), ("run", "-f", "cell.yaml")])
def test_a_state_file_that_was_cut_off_is_refused_and_its_log_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cell.yaml").write_text(json.dumps(cell()))
    state, log = Path("state.db"), Path("state.db-wal")
    state.touch()
    log.write_bytes(os.urandom(4152))
    found = okra(*args, "--state", state)
    assert found.exit_code == 2
    assert "state.db is empty, but its log state.db-wal is not" in found.stderr
    assert (state.stat().st_size, log.stat().st_size) == (0, 4152)


def test_a_cell_and_an_alb_of_one_name_are_told_apart_by_the_kind(tmp_path: Path) -> None:
    state = tmp_path / "state.db"

    async def fill() -> None:
        async with await EmbeddedStore.open(state) as store:
            await store.create(CELL, cell("web"))
            await store.create(ALB, alb({GROUP: 1}, "web"))
            made = await store.create(ALB, alb({GROUP: 1}, "alone"))
            owner = {"apiVersion": ALB.api_version, "kind": "ALB", "name": "alone", "uid": made["metadata"]["uid"]}
            check = lone_check("alb-alone-errors")
            check["metadata"] |= {
                "labels": {"okra.mumoshu.github.io/cell": "alone"},
                "ownerReferences": [{**owner, "controller": True}],
            }
            await store.create(CHECK, check)

    asyncio.run(fill())
    kinds = {
        name: json.loads(okra("status", name, "-o", "json", "--state", state).stdout)["kind"]
        for name in ("web", "cell/web", "alb/web", "ALB/web", "alone")
    }
    assert kinds == {"web": "Cell", "cell/web": "Cell", "alb/web": "ALB", "ALB/web": "ALB", "alone": "ALB"}
    assert "alb-alone-errors" in okra("status", "alone", "--state", state).stdout
    assert {"web", "alb/web", "alb/alone"} <= set(okra("get", "--state", state).stdout.split())
    assert json.loads(okra("get", "alb/web", "-o", "json", "--state", state).stdout)["kind"] == "ALB"
    paused = okra("pause", "alb/web", "--state", state)
    assert "pause is recorded for alb/web" in paused.stdout
    assert "A command waits for alb/web: pause" in okra("get", "--state", state).output
    assert okra("status", "alb/nobody", "--state", state).exit_code == 2
