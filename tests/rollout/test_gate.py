"""The health gate: attached at 0, healthy, prechecks passed; only then the first weight."""

from __future__ import annotations

from fractions import Fraction

import pytest

from okra.rollout.observation import Problem, Verdict
from okra.rollout.policy import OnFailure
from okra.rollout.start import TO_ALL
from okra.rollout.state import Condition, Outcome, Phase
from tests.rollout.cases import (
    NEW,
    OLD,
    at,
    cell,
    ended,
    failing,
    failure,
    reasons,
    rollout,
    say,
    share,
    shown,
    writes,
)
from tests.rollout.world import tg


def test_new_groups_are_attached_at_0_before_they_get_weight() -> None:
    p = at(cell(), Fraction(1, 4))
    assert writes(p) == [{"a1": 1, "b1": 0}, {"a1": 3, "b1": 1}]


def test_an_unhealthy_group_gets_no_weight_and_is_detached_after_health_timeout() -> None:
    p = cell(2, 2, health_timeout=60.0)
    p.world.groups[tg("b2")].healthy = 0
    ended(p)
    assert (rollout(p).outcome, failure(p)) == (Outcome.FAILED, "HealthTimeout")
    assert all(not w.get("b1") and not w.get("b2") for w in writes(p))
    p.run(120)
    assert "b2" not in shown(p)
    assert not p.state.blocked
    assert p.state.condition.reason == "RolledBack"


def test_what_failed_its_gate_starts_again_when_other_targets_register() -> None:
    p = cell(health_timeout=60.0)
    p.world.groups[tg("b1")].healthy = 0
    ended(p)
    p.run(1000)
    assert rollout(p).number == 1
    group = p.world.groups[tg("b1")]
    group.healthy, group.revision = 2, 1
    p.run(200)
    assert rollout(p).number == 2
    at(p, 1)


def test_what_failed_its_gate_starts_again_on_retry() -> None:
    p = cell(health_timeout=60.0)
    p.world.groups[tg("b1")].healthy = 0
    ended(p)
    p.world.groups[tg("b1")].healthy = 2
    p.run(300)
    assert rollout(p).number == 1
    say(p, "retry")
    at(p, 1)


def test_a_check_that_is_missing_is_waited_for_without_a_write_and_without_a_deadline() -> None:
    p = cell(health_timeout=60.0, checks=("dd",))
    p.see(missing_check=Problem("CheckNotFound", "There is no Check dd."))
    p.run(10_000)
    assert (p.state.condition, writes(p)) == (Condition("CheckNotFound", "There is no Check dd."), [])
    p.see(missing_check=None)
    p.run(50)
    assert (rollout(p).number, "b1" in shown(p)) == (1, True)
    at(p, 1)


def test_a_check_that_is_missing_holds_up_nothing_that_goes_without_checks() -> None:
    p = cell(checks=("dd",))
    p.see(missing_check=Problem("CheckNotFound", "There is no Check dd."))
    p.run(60)
    say(p, "promote")
    ended(p)
    assert share(p) == 1
    say(p, "rollback")
    at(p, 1, OLD)


def test_a_group_without_enough_registered_targets_is_not_attached() -> None:
    p = cell(min_healthy=2)
    p.world.groups[tg("b1")].registered = 1
    p.run(600)
    assert (p.state.condition.reason, writes(p)) == ("WaitingForTargets", [])
    p.world.groups[tg("b1")].registered = 2
    at(p, 1)


@pytest.mark.parametrize(
    ("least", "passes"),
    [(2, False), (1, True), (Fraction(1, 2), False), (Fraction(1, 3), False), (Fraction(1, 4), True)],
)
def test_min_healthy_targets_is_a_number_or_a_part_of_stables_mean(least: int | Fraction, passes: bool) -> None:
    p = cell(2, 2, min_healthy=least)
    for name, healthy in {"a1": 4, "a2": 4, "b1": 1, "b2": 1}.items():
        p.world.groups[tg(name)].healthy = p.world.groups[tg(name)].registered = healthy
        if name.startswith("b"):
            p.world.groups[tg(name)].registered = 4
    p.run(60)
    assert (share(p) > 0) == passes


def test_a_canary_is_not_judged_by_a_stable_health_that_nobody_knows() -> None:
    """Half of an unknown number may be more than one."""
    p = cell(min_healthy=Fraction(1, 2), poll_interval=1000.0)
    for name, healthy in {"a1": 4, "b1": 1}.items():
        p.world.groups[tg(name)].healthy = p.world.groups[tg(name)].registered = healthy
        p.world.groups[tg("b1")].registered = 4
    p.until(lambda: p.state.phase is Phase.GATE and "b1" in shown(p))
    p.restart()
    p.discover()
    p.read_health([tg("b1")])
    p.see(swept_at=p.world.tick())
    p.settle()
    assert p.state.phase is Phase.GATE


def test_too_few_groups_are_waited_for_and_counted() -> None:
    p = cell(3, 2)
    p.run(60)
    assert p.state.condition.message == "Version 1.1.0 has 2 of 3 target groups."
    p.world.add(NEW, "b3")
    at(p, 1)


def test_prechecks_pass_before_anything_is_attached() -> None:
    p = cell(prechecks=("pre",))
    p.world.verdicts = lambda check, token: None
    p.run(60)
    assert (p.state.condition.reason, writes(p)) == ("Prechecking", [])


def test_a_failed_precheck_is_tried_again_until_the_delay_is_over() -> None:
    p = cell(prechecks=("pre",), failure_delay=60.0)
    failing(NEW, check="pre")(p)
    p.run(40)
    assert p.state.condition.reason == "PrecheckFailed"
    assert "Waiting 60 seconds before starting a rollback" in p.state.condition.message
    ended(p)
    assert p.world.now >= 1_000_060
    assert p.state.is_blocked(NEW)
    assert len(reasons(p)) > 1


def test_a_precheck_that_passes_in_time_lets_the_rollout_go_on() -> None:
    p = cell(prechecks=("pre",), failure_delay=60.0)
    p.world.verdicts = lambda check, token: Verdict.FAILED if token.attempt < 3 else Verdict.PASSED
    at(p, 1)
    assert not p.state.blocked


def test_onfailure_stop_does_not_stop_at_a_precheck() -> None:
    p = cell(prechecks=("pre",), failure_delay=5.0, on_failure=OnFailure.STOP)
    failing(NEW, check="pre")(p)
    ended(p)
    assert rollout(p).outcome is Outcome.FAILED


def test_a_later_wave_gates_its_own_groups() -> None:
    p = cell(3, 3, health_timeout=120.0)
    p.world.groups[tg("b3")].healthy = 0
    p.run(1.0)
    p.until(lambda: "b3" in shown(p))
    assert share(p) > 0
    assert shown(p)["b3"] == 0
    ended(p)
    assert rollout(p).failure is not None
    assert (shown(p)["a1"], shown(p)["a2"], shown(p)["a3"]) == (1, 1, 1)
    assert (share(p), p.state.stable_version) == (0, OLD)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_all_groups_are_exchanged_in_waves_and_none_is_overloaded(size: int) -> None:
    p = cell(size, size)
    ended(p)
    assert shown(p) | dict.fromkeys((f"b{i + 1}" for i in range(size)), 1) == shown(p)
    for weights in writes(p):
        assert len(weights) <= 5
        assert max(Fraction(weight, sum(weights.values())) for weight in weights.values()) <= Fraction(1, size)


def test_one_step_of_100_goes_in_waves_too() -> None:
    p = cell(3, 3, plan=(TO_ALL,))
    ended(p)
    assert share(p) == 1
    for weights in writes(p):
        assert max(Fraction(weight, sum(weights.values())) for weight in weights.values()) <= Fraction(1, 3)


def test_an_old_group_is_detached_only_when_its_traffic_has_drained() -> None:
    p = cell(3, 3, drain_timeout=100.0)
    p.run(1.0)
    p.until(lambda: p.state.condition.reason == "Draining")
    assert len(shown(p)) == 5
    p.see(active_flows={tg(f"a{i}"): 0.0 for i in (1, 2, 3)})
    p.run(12.0)
    assert p.state.condition.reason != "Draining"
    at(p, 1)


def test_a_foreign_group_that_takes_the_last_place_is_named() -> None:
    p = cell(4, 4, weights={tg(f"a{i}"): 1 for i in (1, 2, 3, 4)} | {tg("z"): 0})
    p.world.add(None, "z")
    p.run(120)
    assert p.state.condition.reason == "NoRoomOnRoute"
    assert "z" in p.state.condition.message
    p.world.write("r", {arn: w for arn, w in p.world.routes["r"].items() if arn != tg("z")}, "person")
    at(p, 1)


@pytest.mark.parametrize("away", [0.0, 20_000.0], ids=["before its end", "long after it: nobody ran meanwhile"])
def test_a_retained_group_gives_way_to_a_new_one(away: float) -> None:
    p = cell(2, 2, retain_for=10_000.0)
    ended(p)
    assert set(shown(p)) == {"a1", "a2", "b1", "b2"}
    p.world.now += away
    p.world.add("2.0.0", "c1", "c2")
    p.restart()
    p.run(200)
    assert share(p, "2.0.0") == 1
    assert set(shown(p)) == {*([] if away else ["a2"]), "b1", "b2", "c1", "c2"}
