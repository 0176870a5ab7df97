"""Rules of the way forward, each taken out: a scenario notices."""

from __future__ import annotations

from fractions import Fraction

from okra.rollout import (
    advance,
    census,
    checks,
    clocks,
    guard,
    health,
    policy,
    revert,
    safety,
    start,
    verify,
)
from okra.rollout.observation import Verdict
from tests.rollout import test_census, test_commands, test_gate, test_records, test_revert, test_steps, test_weights
from tests.rollout.mutating import rewritten

# -- the gate, the guard, health -----------------------------------------------------------------------------------

rewritten(
    "raised_though_not_attached",
    guard.guard,
    "arn not in shown or ",
    "",
    test_weights.test_the_guard_names_what_would_rise_unattached_or_unhealthy,
)
rewritten(
    "min_healthy_targets_rounded_down",
    health.needed,
    "ceil(",
    "int(",
    test_gate.test_min_healthy_targets_is_a_number_or_a_part_of_stables_mean,
    Fraction(1, 3),
    False,
)
rewritten(
    "a_canary_judged_by_a_health_that_nobody_knows",
    health.needed,
    "None if stable else 1",
    "1",
    test_gate.test_a_canary_is_not_judged_by_a_stable_health_that_nobody_knows,
)
rewritten(
    "a_failed_gate_blocks_the_version",
    advance.lose_patience,
    "block=False",
    "block=True",
    test_gate.test_an_unhealthy_group_gets_no_weight_and_is_detached_after_health_timeout,
)
rewritten(
    "what_failed_its_gate_is_never_tried_again",
    census._other_targets,
    "now != then",
    "now == ()",
    test_gate.test_what_failed_its_gate_starts_again_when_other_targets_register,
)

# -- steps, checks, time -------------------------------------------------------------------------------------------

rewritten(
    "weights_not_read_again_after_a_series",
    checks.passed,
    "return look(turn, max((found[name].at for name in checks), default=0.0))",
    "return True",
    test_steps.test_a_series_counts_only_with_a_read_that_begins_after_it,
)
rewritten(
    "nobody_is_told_of_an_inconclusive_check",
    checks.judged,
    "if unclear and",
    "if False and",
    test_steps.test_what_says_nothing_about_the_app_pauses_and_measures_again_on_retry,
    Verdict.INCONCLUSIVE,
)
rewritten(
    "a_failed_precheck_is_not_tried_again",
    checks._tries_again,
    "turn.now >= ends",
    "True",
    test_gate.test_a_precheck_that_passes_in_time_lets_the_rollout_go_on,
)
rewritten(
    "a_person_uses_up_the_deadline",
    clocks._counts,
    "not held and ",
    "",
    test_steps.test_the_deadline_stands_still_while_a_person_is_awaited,
)
rewritten(
    "time_that_nobody_watched_uses_up_the_deadline",
    clocks.advance,
    "elapsed if seen else 0.0",
    "max(elapsed, 0.0)",
    test_steps.test_the_deadline_counts_only_time_in_which_okra_watched,
)
rewritten(
    "a_newer_version_restarts_at_any_share",
    safety.superseded,
    "present_share(turn) < Fraction(1, 2)",
    "True",
    test_revert.test_a_newer_version_from_one_half_on_or_with_finish_waits,
    False,
)
rewritten(
    "an_older_version_is_checked",
    start.start_wanted,
    "RolloutKind.ROLLBACK if want.older else RolloutKind.CANARY",
    "RolloutKind.CANARY",
    test_commands.test_pinning_an_older_version_goes_there_in_one_step_without_checks,
)
rewritten(
    "a_joiner_is_blocked",
    safety.unhealthy,
    "turn.rollout.kind is RolloutKind.CANARY",
    "True",
    test_census.test_a_joiner_that_turns_unhealthy_under_traffic_blocks_nothing,
)
rewritten(
    "a_canary_that_vanished_is_blocked",
    safety._withdraw,
    "block=False",
    "block=True",
    test_revert.test_a_canary_group_that_vanishes_or_loses_its_tag_withdraws_without_a_block,
)

# -- records -------------------------------------------------------------------------------------------------------

rewritten(
    "a_weight_counts_before_all_servers_have_it",
    verify.classify,
    "here and newest.pending",
    "False",
    test_records.test_a_weight_counts_only_when_all_servers_answer_it,
)
rewritten(
    "a_revert_is_written_again_while_it_spreads",
    revert._stale,
    "return spreads or ",
    "return ",
    test_records.test_a_revert_waits_for_all_servers_and_writes_nothing_again_meanwhile,
)
rewritten(
    "records_weighed_as_target_groups",
    policy.bare,
    "if is_record(key) else",
    "if not key else",
    test_records.test_weights_stay_within_255_and_the_nearest_share_is_taken,
)
