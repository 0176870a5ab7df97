"""When a version fails: off it in one write, back to the exact stable weights, and blocked."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from okra.rollout.effects import Persist, SetWeights
from okra.rollout.observation import LoadBalancerType
from okra.rollout.policy import OnFailure, OnNewerVersion
from okra.rollout.state import Outcome, Phase
from okra.rollout.status import phase_of
from tests.rollout.cases import (
    NEW,
    NEWER,
    OLD,
    at,
    cell,
    edit,
    ended,
    failing,
    once,
    reasons,
    rollout,
    route,
    say,
    share,
    shown,
    writes,
)
from tests.rollout.process import DOWN, LATE, LOST, Process
from tests.rollout.world import canary_plan, tg

HALF = Fraction(1, 2)


SLOW = canary_plan(25, 100, 60.0)


def broken(p: Process, **healthy: int) -> Process:
    """At one half, soon the check fails; these groups have that many healthy targets now, which was seen."""
    p.policy = replace(p.policy, plan=SLOW)
    at(p, HALF)
    for name, count in healthy.items():
        p.world.groups[tg(name)].healthy = count
    p.run(12.0)
    failing(NEW)(p)
    return p


def test_between_a_revert_and_its_end_nobody_is_told_that_the_cell_is_ready() -> None:
    p = broken(cell(1, 1, checks=("c",)))
    start = len(p.trace)
    ended(p)
    p.run(5.0)
    said = [phase_of(effect.state) for effect in p.trace[start:] if isinstance(effect, Persist)]
    assert list(dict.fromkeys(said[said.index("Reverting") :])) == ["Reverting", "Failed"]


def test_a_failed_check_takes_all_weight_off_in_one_write_and_blocks_the_version() -> None:
    p = broken(cell(2, 2, weights={tg("a1"): 3, tg("a2"): 1}, checks=("c",)))
    before = len(writes(p))
    ended(p)
    assert len(writes(p)) == before + 1
    assert {k: v for k, v in writes(p)[-1].items() if v} == {"a1": 3, "a2": 1}
    assert p.state.is_blocked(NEW)
    assert rollout(p).outcome is Outcome.FAILED
    assert p.state.condition.reason == "RolledBack"
    assert f"okra retry web {NEW}" in p.state.condition.message


def test_the_verdict_is_persisted_before_the_revert_is_written() -> None:
    p = broken(cell(checks=("c",)))
    p.until(lambda: share(p) == 0)
    index = next(i for i, e in enumerate(p.trace) if isinstance(e, Persist) and e.state.phase is Phase.REVERT)
    first = p.trace[index]
    assert isinstance(first, Persist)
    assert first.urgent
    assert (first.state.rollout and first.state.rollout.failure) is not None
    assert not any(isinstance(e, SetWeights) and e.urgent for e in p.trace[:index])


def test_a_store_that_is_down_does_not_hold_up_a_revert() -> None:
    p = broken(cell(checks=("c",)))
    p.fault = lambda effect: DOWN if isinstance(effect, Persist) else None
    p.until(lambda: share(p) == 0, within=90.0)
    assert p.unsaved
    p.fault = lambda effect: None
    ended(p)
    p.restart()
    p.run(60)
    assert p.state.is_blocked(NEW)


def test_a_store_that_is_down_does_hold_up_a_raise() -> None:
    p = at(cell(), Fraction(1, 4))
    p.fault = lambda effect: DOWN if isinstance(effect, Persist) else None
    p.run(60)
    assert share(p) == Fraction(1, 4)


def test_an_unhealthy_canary_under_traffic_reverts_on_the_third_read() -> None:
    p = at(cell(plan=canary_plan(25, 100, 60.0)), Fraction(1, 4))
    p.world.groups[tg("b1")].healthy = 0
    p.run(15.0)
    assert p.state.phase is Phase.STEP
    p.run(20.0)
    assert share(p) == 0
    assert rollout(p).failure is not None
    assert p.state.is_blocked(NEW)


def test_a_failed_health_read_is_no_evidence() -> None:
    p = at(cell(plan=SLOW), Fraction(1, 4))
    p.blind = True
    p.run(120)
    assert (p.state.phase, share(p)) == (Phase.STEP, Fraction(1, 4))


def test_the_first_write_goes_to_the_stable_groups_that_can_serve_and_the_last_is_exact() -> None:
    p = broken(cell(2, 2, checks=("c",), health_timeout=10_000.0), a2=0)
    p.until(lambda: share(p) == 0)
    assert {k: v for k, v in shown(p).items() if v} == {"a1": 1}
    p.run(60)
    assert p.state.phase is Phase.REVERT
    p.world.groups[tg("a2")].healthy = 2
    ended(p)
    assert {k: v for k, v in shown(p).items() if v} == {"a1": 1, "a2": 1}


def test_a_stable_group_that_stays_unhealthy_is_reverted_without_and_restored_later() -> None:
    p = broken(cell(2, 2, checks=("c",), health_timeout=60.0), a2=0)
    ended(p)
    assert "StableDegraded" in reasons(p)
    assert {k: v for k, v in shown(p).items() if v} == {"a1": 1}
    p.world.groups[tg("a2")].healthy = 2
    p.run(120)
    assert {k: v for k, v in shown(p).items() if v} == {"a1": 1, "a2": 1}


def test_without_a_healthy_stable_group_the_traffic_stays_where_it_is_served() -> None:
    p = broken(cell(checks=("c",)), a1=0)
    p.run(100)
    assert (share(p), p.state.condition.reason) == (HALF, "NoHealthyStable")
    p.world.groups[tg("a1")].healthy = 1
    ended(p)
    assert share(p) == 0


def test_where_nothing_serves_anywhere_the_exact_stable_weights_are_put_back() -> None:
    p = broken(cell(checks=("c",)), a1=0, b1=0)
    p.until(lambda: share(p) == 0, within=90.0)
    assert shown(p)["a1"] == 1


def test_a_process_that_begins_in_a_revert_reads_health_before_it_writes() -> None:
    p = broken(cell(checks=("c",)), a1=0)
    p.run(100)
    count = len(writes(p))
    p.restart()
    p.run(30)
    assert (share(p), len(writes(p))) == (HALF, count)


def test_groups_that_waves_detached_are_attached_again_and_gated() -> None:
    p = cell(3, 3, checks=("c",))
    p.run(1.0)
    p.until(lambda: share(p) == Fraction(3, 4))
    assert "a3" not in shown(p) or "a2" not in shown(p)
    failing(NEW)(p)
    ended(p)
    assert {k: v for k, v in shown(p).items() if v} == {"a1": 1, "a2": 1, "a3": 1}


def test_stable_groups_that_no_longer_exist_are_dropped() -> None:
    p = cell(3, 3, checks=("c",))
    p.run(1.0)
    p.until(lambda: share(p) == Fraction(3, 4))
    gone = next(name for name in ("a1", "a2", "a3") if name not in shown(p))
    p.world.groups[tg(gone)].exists = False
    failing(NEW)(p)
    ended(p)
    assert {k for k, v in shown(p).items() if v} == {"a1", "a2", "a3"} - {gone}
    assert tg(gone) not in route(p).stable


@pytest.mark.parametrize(("network", "detached"), [(False, True), (True, False)])
def test_stickiness_of_groups_detaches_the_canary(network: bool, detached: bool) -> None:
    p = broken(cell(checks=("c",)))
    p.world.sticky = True
    if network:
        reading = p.world.reading
        p.world.reading = lambda key, stale=0.0: replace(  # type: ignore[method-assign]
            reading(key, stale), load_balancer_type=LoadBalancerType.NETWORK
        )
    p.until(lambda: share(p) == 0)
    assert ("b1" not in shown(p)) == detached


def test_stop_freezes_the_weights_until_a_person_aborts() -> None:
    p = broken(cell(checks=("c",), on_failure=OnFailure.STOP))
    p.run(300)
    assert (share(p), p.state.phase, rollout(p).outcome) == (HALF, Phase.STOPPED, Outcome.STOPPED)
    assert "okra abort web" in p.state.condition.message
    assert "abort it first" in say(p, "retry")
    say(p, "abort")
    ended(p)
    assert share(p) == 0


def test_a_stopped_canary_may_only_lose_share_and_unhealthy_still_reverts() -> None:
    p = broken(cell(checks=("c",), on_failure=OnFailure.STOP))
    p.until(lambda: p.state.phase is Phase.STOPPED)
    edit(p, a1=9, b1=1)
    p.run(60)
    assert share(p) == Fraction(1, 10)
    edit(p, a1=1, b1=1)
    p.run(60)
    assert share(p) == Fraction(1, 10)
    p.world.groups[tg("b1")].healthy = 0
    ended(p)
    assert share(p) == 0


def test_an_unanswered_revert_is_tried_until_it_is_confirmed() -> None:
    p = broken(cell(checks=("c",)))
    p.until(lambda: p.state.phase is Phase.REVERT or rollout(p).step == 1)
    p.fault = lambda effect: "dropped" if getattr(effect, "urgent", False) and hasattr(effect, "weights") else None
    p.run(100)
    assert (share(p), p.state.condition.reason) == (HALF, "FailedReverting")
    p.fault = lambda effect: None
    ended(p)
    assert share(p) == 0


@pytest.mark.parametrize("after", [5.0, 30.0, 300.0])
def test_a_write_that_lands_after_the_revert_is_put_back(after: float) -> None:
    p = cell(checks=("c",))
    at(p, Fraction(1, 4))
    p.fault = once(LATE)
    p.until(lambda: bool(p.late))
    at(p, HALF)
    failing(NEW)(p)
    ended(p)
    p.run(after)
    p.land()
    p.run(45)
    assert share(p) == 0
    assert p.state.hold is None


def test_a_revert_whose_answer_was_lost_is_written_again() -> None:
    p = broken(cell(checks=("c",)))
    p.fault = once(LOST)
    ended(p)
    assert share(p) == 0


def test_an_ask_that_was_on_its_way_when_the_verdict_came_is_overwritten() -> None:
    p = at(cell(), HALF)
    p.fault = once(LATE)
    p.until(lambda: bool(p.late))
    say(p, "abort")
    p.run(0.5)
    p.land()
    ended(p)
    p.run(60)
    assert share(p) == 0


def test_a_read_that_is_still_old_does_not_make_the_revert_write_twice() -> None:
    p = broken(cell(checks=("c",)))
    p.until(lambda: rollout(p).step == 1)
    p.stale_by = 2.0
    before = len(writes(p))
    p.until(lambda: p.state.phase is Phase.IDLE, within=120.0)
    assert (share(p), len(writes(p))) == (0, before + 1)


def test_a_canary_group_that_vanishes_or_loses_its_tag_withdraws_without_a_block() -> None:
    p = at(cell(), HALF)
    p.world.groups[tg("b1")].version = None
    ended(p)
    assert (share(p), rollout(p).outcome, p.state.blocked) == (0, Outcome.WITHDRAWN, ())
    p.world.groups[tg("b1")].version = NEW
    at(p, 1)


def test_a_newer_version_below_one_half_restarts_with_it() -> None:
    p = at(cell(plan=SLOW), Fraction(1, 4))
    p.world.add(NEWER, "c1")
    p.until(lambda: rollout(p).outcome is Outcome.SUPERSEDED or rollout(p).number == 2)
    assert share(p) == 0
    at(p, 1, NEWER)
    assert p.state.blocked == ()
    assert Fraction(1, 2) not in {Fraction(w.get("b1", 0), sum(w.values())) for w in writes(p)}


@pytest.mark.parametrize("finish", [True, False])
def test_a_newer_version_from_one_half_on_or_with_finish_waits(finish: bool) -> None:
    p = cell(on_newer_version=OnNewerVersion.FINISH if finish else OnNewerVersion.RESTART)
    at(p, Fraction(1, 4) if finish else HALF)
    p.world.add(NEWER, "c1")
    p.run(1.0)
    p.until(lambda: p.state.stable_version == NEW)
    at(p, 1, NEWER)
    assert p.state.previous_version in (OLD, NEW)


def test_a_stable_group_that_one_discovery_left_out_is_not_forgotten() -> None:
    """The tagging API is eventually consistent: what isn't listed may still exist."""
    p = at(cell(4, 4, plan=canary_plan(100, 100, 60.0), checks=("c",)), 1)
    gone = next(arn for arn in route(p).stable if arn not in p.world.routes["r"])
    p.missing = {gone}
    p.discover()
    p.due = p.world.now + 30
    say(p, "abort")
    ended(p)
    p.run(120)
    assert {arn for arn, weight in p.world.routes["r"].items() if weight} == set(route(p).stable)
    assert len(route(p).stable) == 4
