"""/metrics: what it counts, that Prometheus's own tool finds nothing wrong with it, and that it is described."""

from __future__ import annotations

import asyncio
import re
import subprocess
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from okra.actors.cell import CELL
from okra.errors import Unavailable
from okra.ports import EventRecord, Object
from okra.web.metrics import Metrics
from okra.web.restarts import Tally
from tests.actors.world import cell, check, world
from tests.support.binaries import binaries
from tests.web.site import FakeSystem, Site, site, snapshot

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
Labels = dict[str, str]


async def scraped(pages: Site) -> dict[str, list[tuple[Labels, float]]]:
    """Sample name → its (labels, value)."""
    status, text = await pages.get("/metrics")
    assert status == 200
    found: dict[str, list[tuple[Labels, float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


AT_ONCE = {
    "claim_settle": 0.0,
    "step_interval": 0.0,
    "propagation_delay": 0.0,
    "discovery_interval": 0.05,
    "poll_interval": 0.05,
}
"""Settings: these tests speak HTTP, on the real clock."""


def event(reason: str, **names: str) -> EventRecord:
    named: dict[str, Any] = {"namespace": "default", "name": "web", **names}
    return EventRecord(CELL, uid="", type="Normal", reason=reason, message="", at=datetime.now(UTC), **named)


def status(**fields: Any) -> Object:
    """A Cell in the middle of a rollout."""
    routes = [
        {
            "stable": [{"arn": "a", "weight": 1}],
            "canary": ["b"],
            "asked": [{"arn": "a", "weight": 3}, {"arn": "b", "weight": 1}],
        }
    ]
    middle = {
        "phase": "Syncing",
        "reason": "Measuring",
        "stableVersion": "1.0.0",
        "desiredVersion": "1.1.0",
        "rollout": {"number": 1, "version": "1.1.0", "outcome": "Running"},
        "routes": routes,
    }
    return {"metadata": {"namespace": "default", "name": "web"}, "status": {**middle, **fields}}


async def test_a_cell_has_its_phase_its_versions_and_the_shares_of_both_sides() -> None:
    async with site(FakeSystem(found=[status()])) as pages:
        found = await scraped(pages)
    key = {"namespace": "default", "name": "web"}
    assert found["okra_cell_phase"] == [({**key, "phase": "Syncing"}, 1.0)]
    versions = {"stable_version": "1.0.0", "desired_version": "1.1.0", "reason": "Measuring"}
    assert found["okra_cell_info"] == [({**key, **versions}, 1.0)]
    assert found["okra_cell_weight_ratio"] == [
        ({**key, "version": "1.1.0", "role": "canary"}, 0.25),
        ({**key, "version": "1.0.0", "role": "stable"}, 0.75),
    ]


async def test_an_alb_has_the_part_of_its_way_and_is_told_from_a_cell_of_its_name() -> None:
    moving = status(weight="40%")
    moving["status"]["routes"][0] |= {"goal": [{"arn": "b", "weight": 1}]}
    async with site(FakeSystem(found=[{**moving, "kind": "ALB"}])) as pages:
        found = await scraped(pages)
    key = {"namespace": "default", "name": "ALB/web"}
    assert found["okra_cell_weight_ratio"] == [
        ({**key, "version": "1.1.0", "role": "canary"}, 0.4),
        ({**key, "version": "1.0.0", "role": "stable"}, 0.6),
    ]


async def test_a_cell_without_a_status_is_pending_and_has_no_share() -> None:
    async with site(FakeSystem(found=[{"metadata": {"name": "new"}}])) as pages:
        found = await scraped(pages)
    assert found["okra_cell_phase"] == [({"namespace": "default", "name": "new", "phase": "Pending"}, 1.0)]
    assert "okra_cell_weight_ratio" not in found


async def test_when_the_cells_cannot_be_had_the_rest_is_still_there() -> None:
    async with site(FakeSystem(found=Unavailable("busy"))) as pages:
        found = await scraped(pages)
    assert "okra_cell_info" not in found
    assert found["okra_build_info"][0][1] == 1.0


async def test_a_whole_rollout_is_counted_once_with_its_checks_and_events() -> None:
    async with world(**AT_ONCE) as w:
        w.two_versions()
        await w.apply(cell(checks=[check("dd")]))
        metrics = Metrics()
        async with w.running(metrics=metrics) as system, site(system) as pages:
            await w.until(lambda s: s.get("stableVersion") == "1.1.0")
            found = await scraped(pages)
    assert ({"outcome": "Synced"}, 1.0) in found["okra_rollouts_total"]
    assert ({"outcome": "Failed"}, 0.0) in found["okra_rollouts_total"]
    assert found["okra_check_results_total"] == [({"check": "dd", "verdict": "Passed"}, 10.0)]
    steps = {"kind": "Cell", "reason": "StepStarted", "type": "Normal"}
    assert (steps, 10.0) in found["okra_events_total"]
    assert ({"actor": "CellActor", "state": "running"}, 1.0) in found["okra_actors"]


async def test_a_rollout_that_is_reverted_counts_as_failed() -> None:
    async with world(**AT_ONCE) as w:
        w.two_versions()
        w.metrics.answer = lambda _query, _window: 0.5
        await w.apply(cell(checks=[check("dd")]))
        metrics = Metrics()
        async with w.running(metrics=metrics) as system, site(system) as pages:
            await w.phase("Failed")
            found = await scraped(pages)
    assert ({"outcome": "Failed"}, 1.0) in found["okra_rollouts_total"]
    assert found["okra_check_results_total"] == [({"check": "dd", "verdict": "Failed"}, 1.0)]


def ended(metrics: Metrics) -> dict[str, float]:
    families = {family.name: family for family in metrics.registry.collect()}
    return {
        sample.labels["outcome"]: sample.value
        for sample in families["okra_rollouts"].samples
        if sample.name.endswith("_total") and sample.value
    }


def test_each_rollout_ends_once_whatever_is_told_afterwards() -> None:
    metrics = Metrics()
    for reason, number, outcome in (
        ("StepStarted", 1, "Running"),
        ("Reverted", 1, "Failed"),
        ("Detaching", 1, "Failed"),
        ("RolloutStarted", 2, "Running"),
        ("Superseded", 2, "Superseded"),
        ("RolloutStarted", 3, "Running"),
        ("RolloutCompleted", 3, "Synced"),
    ):
        metrics.event(event(reason), {"rollout": number, "outcome": outcome})
    metrics.event(event("RolloutCompleted", name="other"), {"rollout": 1, "outcome": "Synced"})
    assert ended(metrics) == {"Failed": 1.0, "Superseded": 1.0, "Synced": 2.0}


def test_a_rollout_that_ended_under_an_earlier_process_is_not_counted_again() -> None:
    metrics = Metrics()
    metrics.event(event("Detaching"), {"rollout": 7, "outcome": "Synced"})
    assert ended(metrics) == {}


async def test_aws_calls_are_counted_and_timed_by_operation_and_outcome() -> None:
    view = FakeSystem()
    view.metrics.aws_call("elasticloadbalancing:ModifyRule", 0.02, "ok")
    view.metrics.aws_call("elasticloadbalancing:ModifyRule", 6.0, "Throttled")
    async with site(view) as pages:
        found = await scraped(pages)
    operation = {"operation": "elasticloadbalancing:ModifyRule"}
    assert sorted(found["okra_aws_calls_total"], key=str) == [
        ({**operation, "outcome": "Throttled"}, 1.0),
        ({**operation, "outcome": "ok"}, 1.0),
    ]
    assert found["okra_aws_call_duration_seconds_count"] == [(operation, 2.0)]
    assert ({**operation, "le": "0.025"}, 1.0) in found["okra_aws_call_duration_seconds_bucket"]


async def test_restarts_never_fall_though_actors_come_and_go() -> None:
    view = FakeSystem(root=snapshot("okra", children=(snapshot("web", path="okra/web", restarts=3, refused=1),)))
    async with site(view) as pages:
        first = await scraped(pages)
        view.root = snapshot("okra")
        second = await scraped(pages)
        view.root = snapshot("okra", children=(snapshot("web", path="okra/web", restarts=1),))
        third = await scraped(pages)
    totals = [
        {labels["actor"]: value for labels, value in each["okra_actor_restarts_total"]}
        for each in (first, second, third)
    ]
    assert [each["Web"] for each in totals] == [3.0, 3.0, 4.0]
    assert ({"actor": "Web"}, 1.0) in first["okra_mailbox_refused_total"]


def test_two_systems_share_nothing_and_nothing_is_global() -> None:
    before = {family.name for family in REGISTRY.collect()}
    one, other = Metrics(), Metrics()
    one.event(event("RolloutCompleted"), {"rollout": 1, "outcome": "Synced"})
    assert ended(one) == {"Synced": 1.0}
    assert ended(other) == {}
    assert {family.name for family in REGISTRY.collect()} == before


async def test_a_name_that_somebody_chose_badly_does_not_break_the_format() -> None:
    view = FakeSystem(found=[status(reason='a"b\\c\nd')], events={("Cell", 'x"y', "Normal"): 1})
    async with site(view) as pages:
        found = await scraped(pages)
    assert found["okra_cell_info"][0][0]["reason"] == 'a"b\\c\nd'


async def busy() -> FakeSystem:
    """One in which every metric has a value."""
    view = FakeSystem(found=[status()], events={("Cell", "StepStarted", "Normal"): 1})
    view.metrics.aws_call("elasticloadbalancing:ModifyRule", 0.02, "ok")
    view.metrics.event(event("CheckPassed"), {"check": "dd"})
    view.metrics.event(event("RolloutCompleted"), {"rollout": 1, "outcome": "Synced"})
    return view


async def test_promtool_finds_nothing_wrong() -> None:
    promtool = await asyncio.to_thread(binaries, "prometheus") / "promtool"
    async with site(await busy()) as pages:
        text = (await pages.get("/metrics"))[1]
    check = partial(subprocess.run, [promtool, "check", "metrics"], capture_output=True, text=True, check=False)
    done = await asyncio.to_thread(check, input=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=1.0.0", "text/plain"])
async def test_both_formats_of_prometheus_are_spoken(accept: str) -> None:
    async with site(await busy()) as pages:
        text = (await pages.get("/metrics", Accept=accept))[1]
    assert text.endswith("# EOF\n") is accept.startswith("application/openmetrics")
    assert "_created" not in text


async def test_every_metric_is_described_in_the_docs_and_nothing_else_is() -> None:
    async with site(await busy()) as pages:
        text = (await pages.get("/metrics"))[1]
    served = set(re.findall(r"^# TYPE (okra_\w+)", text, re.MULTILINE))
    documented = set(re.findall(r"^\| `(okra_\w+)`", await asyncio.to_thread(DOCS.read_text), re.MULTILINE))
    assert documented == served


def test_a_figure_that_fell_belongs_to_a_new_actor_and_adds_to_the_total() -> None:
    tally = Tally()
    totals = [tally.look(iter([("okra/web", "Web", figure)])) for figure in (3, 1, 2)]
    assert totals == [{"Web": 3}, {"Web": 4}, {"Web": 5}]
