"""Rules of the way back, of edits by others and of routes that aren't ours, each taken out: a scenario notices."""

from __future__ import annotations

from okra.rollout import (
    claims,
    edits,
    idle,
    late,
    reach,
    rest,
    retreat,
    revert,
    safety,
    status,
    turn,
)
from okra.rollout.policy import OnDrift
from tests.rollout import (
    test_adoption,
    test_at_rest,
    test_drift,
    test_late_writes,
    test_one_of_two,
    test_revert,
    test_settling,
    test_status,
    test_unread_tags,
)
from tests.rollout.mutating import rewritten

# -- reverts -------------------------------------------------------------------------------------------------------

rewritten(
    "a_revert_onto_groups_that_cannot_serve",
    retreat.serving_stable,
    "if health.serves(turn.obs, arn)",
    "if arn",
    test_revert.test_the_first_write_goes_to_the_stable_groups_that_can_serve_and_the_last_is_exact,
)
rewritten(
    "failed_outranks_cannot_serve",
    retreat.retreat,
    "anything_serves(turn, reading.weights)",
    "False",
    test_revert.test_without_a_healthy_stable_group_the_traffic_stays_where_it_is_served,
)
rewritten(
    "sticky_clients_stay_on_what_failed",
    retreat.leaves,
    "reading.sticky and",
    "False and",
    test_revert.test_stickiness_of_groups_detaches_the_canary,
    False,
    True,
)
rewritten(
    "a_revert_ends_without_the_stable_groups_that_waves_detached",
    retreat.is_exact,
    "same_shares(route.stable, reading.weights)",
    "True",
    test_revert.test_a_stable_group_that_stays_unhealthy_is_reverted_without_and_restored_later,
)
rewritten(
    "a_late_write_after_a_revert_is_never_looked_for",
    idle._read_again_after_revert,
    "turn.now < due",
    "False",
    test_at_rest.test_after_a_revert_the_route_is_read_again_after_ten_and_sixty_seconds,
)
rewritten(
    "a_revert_ends_without_the_routes_out_of_reach",
    revert._let_go,
    "gone(turn, turn.route(key)) or",
    "True or",
    test_one_of_two.test_the_revert_ends_when_the_last_route_can_be_read_again,
)
rewritten(
    "a_revert_waits_for_a_route_that_exists_no_more",
    reach.gone,
    "problem.reason in ROUTE_GONE",
    "False",
    test_one_of_two.test_a_route_that_exists_no_more_counts_as_back,
    True,
)

# -- drift ---------------------------------------------------------------------------------------------------------

rewritten(
    "a_blocked_version_may_be_fed",
    edits._may_feed,
    "and not turn.state.is_blocked(version)",
    "",
    test_drift.test_traffic_given_back_to_a_version_that_was_rolled_back_from_is_put_back,
)
rewritten(
    "reassert_feeds_what_was_stopped",
    edits.keep_or_put_back,
    "and not (before > after and turn.state.phase is Phase.STOPPED)",
    "",
    test_drift.test_a_stopped_canary_that_a_person_lowers_stays_there,
    OnDrift.REASSERT,
)
rewritten(
    "a_detached_stable_group_gets_traffic_at_once",
    edits._put_back,
    "turn.state.phase is Phase.IDLE and any(",
    "False and any(",
    test_drift.test_a_stable_group_that_somebody_detached_is_attached_again_before_it_gets_its_traffic_back,
    {},
)

# -- whose the route is, and leaving -------------------------------------------------------------------------------

rewritten(
    "another_owner_is_ignored",
    reach.untouchable,
    'owner not in ("", turn.policy.owner)',
    "False",
    test_unread_tags.test_a_known_other_owner_stops_it,
)
rewritten(
    "another_rule_with_the_priority_is_written",
    reach.untouchable,
    "route.arn and reading.arn != route.arn",
    "False",
    test_adoption.test_a_priority_that_names_another_rule_later_is_not_written,
)
rewritten(
    "written_while_another_claim_may_land",
    claims.claimed,
    "return not settling",
    "return True",
    test_settling.test_a_rollout_begins_and_says_what_its_first_write_waits_for,
)
rewritten(
    "restored_while_another_claim_may_land",
    claims.claimed,
    "return not settling",
    "return True",
    test_settling.test_stable_weights_are_restored_only_when_the_route_is_surely_ours,
)
rewritten(
    "every_write_waits_for_the_owner",
    claims._takes_off,
    "bool(rises) and",
    "False and",
    test_unread_tags.test_weight_on_a_blocked_version_is_put_back_though_the_owner_cannot_be_read,
)
rewritten(
    "traffic_is_taken_off_what_did_not_fail_without_the_owner",
    claims._failed,
    "arn in route.canary or",
    "True or",
    test_unread_tags.test_traffic_that_somebody_gave_to_a_version_that_did_not_fail_waits_for_the_answer,
)
rewritten(
    "let_go_in_mid_rollout",
    safety.deleted,
    "turn.state.phase is not Phase.IDLE",
    "False",
    test_at_rest.test_deletion_in_mid_rollout_reverts_first_and_then_lets_go,
)
rewritten(
    "let_go_while_a_write_may_land",
    safety.deleted,
    "late.may_land(turn.state, turn.now)",
    "False",
    test_late_writes.test_a_deleted_cell_goes_when_nothing_can_land_any_more,
)

# -- writes that may land ------------------------------------------------------------------------------------------

rewritten(
    "a_new_process_knows_of_no_write_that_may_land",
    status._read_route,
    "_read_maybe(route.lands_by)",
    "None",
    test_status.test_a_state_survives_the_way_through_status,
    test_status.FULL,
)
rewritten(
    "done_while_a_write_may_land",
    late.settled,
    "and route.lands_by is None",
    "",
    test_late_writes.test_where_nothing_lands_the_cell_is_done_after_the_window_and_its_own_books_are_closed,
)
rewritten(
    "the_next_rollout_begins_while_a_write_may_land",
    late.may_land,
    "now < route.lands_by + PATIENCE",
    "False",
    test_late_writes.test_the_next_version_waits_until_nothing_of_the_last_can_land,
)
rewritten(
    "done_before_the_last_look_after_a_revert",
    rest._quiet,
    "began_at >= due",
    "began_at >= 0",
    test_at_rest.test_a_cell_that_reverted_is_done_only_after_the_last_look,
)
rewritten(
    "written_before_it_is_recorded",
    turn.Turn.decision,
    "(*persist, *happened, *writes, *looks, *others)",
    "(*happened, *writes, *persist, *looks, *others)",
    test_revert.test_the_verdict_is_persisted_before_the_revert_is_written,
)
