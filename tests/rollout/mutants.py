"""Small breakages of the core, and for each the scenario that must notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from okra.rollout import (
    asking,
    census,
    checks,
    clocks,
    creating,
    drift,
    dwell,
    edits,
    gate,
    health,
    idle,
    late,
    looking,
    machine,
    members,
    moves,
    placing,
    reach,
    safety,
    steps,
    turn,
    verdicts,
    verify,
    weights,
)
from okra.rollout import commands as commanding
from okra.rollout.effects import Emit, Persist, SetWeights
from okra.rollout.moves import Move
from okra.rollout.observation import Observation, RouteReading, SeriesResult, Verdict
from okra.rollout.policy import Policy, RoutePolicy
from okra.rollout.state import Condition, Phase, RouteState, State
from okra.rollout.turn import Turn
from okra.rollout.verify import Seen
from tests.rollout import (
    test_adoption,
    test_at_rest,
    test_commands,
    test_corners,
    test_creating,
    test_drift,
    test_gate,
    test_late_writes,
    test_revert,
    test_steps,
    test_telling,
    test_write_protocol,
)
from tests.rollout.mutating import killed_by


@killed_by(test_gate.test_an_unhealthy_group_gets_no_weight_and_is_detached_after_health_timeout)
def gate_ignores_health(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Turn, "can_serve", lambda *_, **__: True)


@killed_by(test_corners.test_a_late_write_is_not_put_right_onto_a_group_that_cannot_serve)
def guard_off(patch: pytest.MonkeyPatch) -> None:
    for module in (asking, moves):
        patch.setattr(module, "guard", lambda *_: [])


@killed_by(
    test_write_protocol.test_a_new_process_begins_the_interval_and_the_series_again_where_its_write_was_not_answered
)
def confirms_without_an_answer(patch: pytest.MonkeyPatch) -> None:
    classify = verify.classify

    def hasty(route: RouteState, obs: Any) -> Seen:
        here = verify.present(route.asked, obs.readings[route.key].weights)
        return Seen.CONFIRMED if here else classify(route, obs)

    patch.setattr(verify, "classify", hasty)


@killed_by(test_revert.test_a_failed_check_takes_all_weight_off_in_one_write_and_blocks_the_version)
def block_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verdicts, "blocked", lambda state, *_: state)


@killed_by(test_drift.test_what_was_measured_before_a_drift_is_no_evidence_after_it)
def evidence_kept_over_drift(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Turn, "measure_anew", lambda self: None)


@killed_by(test_drift.test_traffic_given_to_the_canary_is_put_back)
def drift_always_respected(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(edits, "_may_feed", lambda *_: True)


@killed_by(test_drift.test_traffic_that_a_person_takes_off_the_canary_stays_off, {"a1": 9, "b1": 1})
def drift_always_reasserted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        drift, "keep_or_put_back", lambda t, p, route, reading: edits._put_back(t, p, route, reading, route.asked)
    )


@killed_by(test_drift.test_traffic_that_a_person_takes_off_the_canary_stays_off, {"a1": 9, "b1": 1})
def aborts_undone_as_if_our_write_was_lost(patch: pytest.MonkeyPatch) -> None:
    classify = verify.classify
    patch.setattr(verify, "classify", lambda *a: Seen.LOST if (s := classify(*a)) is Seen.DRIFT else s)


@killed_by(test_adoption.test_nothing_is_adopted_on_a_single_read)
def single_read_adopted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verify, "agree", lambda *_: True)


@killed_by(test_write_protocol.test_drift_needs_two_reads_that_agree, (test_write_protocol.OTHER, 18.0), Seen.REREAD)
def two_stale_reads_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(verify, "STALE_FOR", 0.0)


@killed_by(test_drift.test_our_own_write_that_lands_late_is_not_taken_for_a_persons)
def late_write_taken_for_drift(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(asking, "unacknowledged", lambda *_: ())


@killed_by(test_drift.test_a_recorded_failure_outranks_drift)
def drift_outranks_a_recorded_failure(patch: pytest.MonkeyPatch) -> None:
    def respectful(t: Turn) -> bool:
        return t.state.phase is Phase.REVERT and any(
            verify.agree(t.obs, route.key) and verify.classify(route, t.obs) is not Seen.CONFIRMED
            for _, route, _ in t.routes
        )

    patch.setattr(machine, "INTERRUPTS", (*machine.INTERRUPTS, respectful))


@killed_by(test_steps.test_a_verdict_of_another_attempt_is_ignored, {"attempt": 9}, Verdict.FAILED)
def stale_results_accepted(patch: pytest.MonkeyPatch) -> None:
    def all_of_them(t: Turn) -> dict[str, SeriesResult]:
        return {result.check: result for result in t.obs.results}

    patch.setattr(checks, "results", all_of_them)


@killed_by(test_steps.test_all_routes_move_together_and_wait_for_the_slowest)
def lockstep_broken(patch: pytest.MonkeyPatch) -> None:
    def go(t: Turn, found: dict[str, Move]) -> None:
        for key, move in found.items():
            if move.weights is not None:
                asking.ask(t, t.route(key), move.weights)

    for module in (gate, steps):
        patch.setattr(module, "go", go)
        patch.setattr(module, "all_arrived", lambda t, found: t.confirmed and any(m.arrived for m in found.values()))
    patch.setattr(gate, "_healthy", lambda _: True)


@killed_by(test_gate.test_one_step_of_100_goes_in_waves_too)
def waves_over_the_cap(patch: pytest.MonkeyPatch) -> None:
    for module in (weights, moves):
        patch.setattr(module, "fair", lambda *_: True)


@killed_by(test_revert.test_an_unhealthy_canary_under_traffic_reverts_on_the_third_read)
def unhealthy_on_one_read(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(health, "UNHEALTHY_READS", 1)


@killed_by(test_at_rest.test_old_groups_stay_at_0_for_retain_for_and_then_leave)
def retained_groups_never_detached(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(idle, "_leaves", lambda *_: False)


@killed_by(test_revert.test_a_store_that_is_down_does_not_hold_up_a_revert)
def a_revert_waits_for_the_store(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(turn, "Persist", lambda state, _: Persist(state, False))


@killed_by(test_commands.test_promote_skips_pauses_approvals_and_checks_but_not_health)
def promote_skips_health(patch: pytest.MonkeyPatch) -> None:
    can_serve = Turn.can_serve

    def lenient(self: Turn, route: RouteState, arn: str, *, fresh: bool = True) -> bool:
        return (self.state.moving and self.rollout.promoted) or can_serve(self, route, arn, fresh=fresh)

    patch.setattr(Turn, "can_serve", lenient)


@killed_by(test_write_protocol.test_every_ask_is_persisted_before_it_is_written_with_a_serial_of_its_own)
def serials_not_unique(patch: pytest.MonkeyPatch) -> None:
    set_route = Turn.set_route

    def same(self: Turn, key: str, **changes: Any) -> None:
        set_route(self, key, **(changes | ({"serial": 1} if "serial" in changes else {})))

    patch.setattr(Turn, "set_route", same)
    patch.setattr(asking, "SetWeights", lambda key, asked, _, *rest: SetWeights(key, asked, 1, *rest))


@killed_by(test_gate.test_an_old_group_is_detached_only_when_its_traffic_has_drained)
def nothing_is_drained(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(moves, "drained", lambda *_: True)


@killed_by(test_commands.test_pause_stops_progress_and_not_safety)
def pause_ignored(patch: pytest.MonkeyPatch) -> None:
    for module in (gate, steps, dwell, placing):
        patch.setattr(module, "stands_still", lambda _: False)


@killed_by(test_steps.test_time_in_which_nobody_watched_does_not_count)
def unwatched_time_counts(patch: pytest.MonkeyPatch) -> None:
    advance = clocks.advance

    def all_of_it(policy: Policy, state: State, obs: Observation, now: float) -> Any:
        watch = advance(policy, state, obs, now)
        confirmed = max((route.confirmed_at or now for route in state.routes), default=now)
        return replace(watch, step=now - confirmed)

    patch.setattr(clocks, "advance", all_of_it)


@killed_by(test_commands.test_unblock_only_unblocks)
def unblock_starts_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(commanding, "put_aside", lambda *_: None)


@killed_by(test_commands.test_rollback_goes_to_the_previous_version_in_one_write_and_blocks_what_it_leaves)
def rollback_blocks_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(commanding, "_passed_over", lambda *_: [])


@killed_by(test_steps.test_nothing_goes_on_without_a_verdict)
def one_verdict_is_enough(patch: pytest.MonkeyPatch) -> None:
    passed = checks.passed
    patch.setattr(checks, "passed", lambda t, names, since: passed(t, names[:1], since))


@killed_by(test_adoption.test_foreign_groups_at_0_are_kept)
def foreign_groups_detached(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(moves, "with_bystanders", lambda final, _: dict(final))


@killed_by(test_gate.test_too_few_groups_are_waited_for_and_counted)
def too_few_groups_are_enough(patch: pytest.MonkeyPatch) -> None:
    complete = census._complete
    patch.setattr(census, "_complete", lambda policy, *rest: complete(replace(policy, replicas=1), *rest))


@killed_by(test_write_protocol.test_a_write_rests_on_a_route_that_was_just_read)
def writes_on_an_old_reading(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(asking, "READ_BEFORE", 60.0)


@killed_by(test_late_writes.test_what_lands_after_the_last_step_is_put_right_before_the_cell_is_done)
def nobody_waits_for_a_late_write(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(late, "in_doubt", lambda was, asked, *_: asked)


@killed_by(test_late_writes.test_a_process_that_begins_takes_what_its_predecessor_asked_for_as_of_unknown_outcome)
def a_new_process_takes_every_write_as_answered(patch: pytest.MonkeyPatch) -> None:
    in_doubt = late.in_doubt

    def trusting(was: RouteState, asked: RouteState, obs: Observation, now: float) -> RouteState:
        return asked if verify.write_of(was, obs) is None else in_doubt(was, asked, obs, now)

    patch.setattr(late, "in_doubt", trusting)


@killed_by(test_late_writes.test_what_lands_after_a_revert_is_put_right_before_the_cell_is_done)
def a_late_write_is_over_without_a_look(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(drift, "read_once_more", lambda t, route, _: t.set_route(route.key, lands_by=None))


@killed_by(test_telling.test_a_write_that_is_not_made_is_not_told)
def writes_told_before_they_are_made(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        Turn, "emit", lambda self, reason, message, type="Normal", **_: self.effects.append(Emit(reason, message, type))
    )


@killed_by(test_at_rest.test_weight_on_a_blocked_version_is_put_back_as_soon_as_two_reads_agree, False)
def where_the_traffic_can_go_is_asked_last(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(looking, "of_interest", lambda _: set())


@killed_by(test_steps.test_a_revert_is_looked_at_as_often_as_ever_while_the_budget_is_short)
def a_revert_waits_for_the_budget(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(clocks, "poll", lambda policy, _, obs: policy.poll_interval + min(obs.read_wait, clocks.MOST_STRETCH))


@killed_by(test_drift.test_the_canary_does_not_gain_what_a_vanished_stable_group_had_when_weights_are_put_back, False)
def the_canary_inherits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(edits, "remaining", members.existing)


@killed_by(test_creating.test_a_read_from_before_it_was_made_makes_no_second_one)
def a_rule_is_made_on_any_reading(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(creating, "STALE_FOR", 0.0)


@killed_by(test_creating.test_one_that_vanishes_in_mid_rollout_takes_it_back_and_lets_it_begin_anew)
def a_rule_that_is_gone_is_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(machine, "INTERRUPTS", tuple(each for each in machine.INTERRUPTS if each is not safety.vanished))


@killed_by(test_creating.test_a_rule_for_other_requests_is_left_alone_and_said)
def any_rule_at_the_priority_will_do(patch: pytest.MonkeyPatch) -> None:
    real = reach.untouchable

    def untouchable(turn: Turn, policy: RoutePolicy, route: RouteState, reading: RouteReading) -> Condition | None:
        return real(turn, policy, route, replace(reading, differs=""))

    patch.setattr(reach, "untouchable", untouchable)
