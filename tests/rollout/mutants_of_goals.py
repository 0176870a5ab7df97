"""Small breakages of the way from one distribution to another, and for each the scenario that must notice."""

from __future__ import annotations

from okra.rollout import completion, distribution, edits, retreat, revert, safety, weights
from tests.rollout import test_goals
from tests.rollout.mutating import rewritten

rewritten(
    "a_goal_is_reached_at_once",
    weights.blend,
    "first * (ONE - way) + last * way",
    "last",
    test_goals.test_each_step_is_a_part_of_the_way_and_the_end_is_exact,
)
rewritten(
    "shares_are_rounded_beyond_their_ends",
    weights.bounded,
    "return whole",
    "return exact",
    test_goals.test_where_the_nearest_integers_would_go_beyond_an_end_others_are_taken,
)
rewritten(
    "a_revert_leaves_what_stable_groups_gained",
    distribution.raised,
    "(arn in route.canary or arn not in route.stable)",
    "arn not in route.stable",
    test_goals.test_where_only_groups_that_gained_can_serve_the_traffic_stays_and_is_watched,
)
rewritten(
    "what_failed_gets_what_the_dead_had",
    retreat._none_gains,
    "if not others or (",
    "if others or (",
    test_goals.test_what_one_that_cannot_serve_had_goes_to_the_others_and_none_that_failed_gets_more,
)
rewritten(
    "a_group_of_both_sides_is_detached",
    retreat.leaves,
    "or route.stable.get(arn)",
    "",
    test_goals.test_a_group_of_both_sides_is_not_detached_for_being_dead,
)
rewritten(
    "destinations_of_weight_0_are_let_go",
    completion.complete,
    "if weight or arn in route.goal",
    "if weight",
    test_goals.test_a_group_of_weight_0_in_the_end_is_attached_and_stays,
)
rewritten(
    "an_edit_on_the_way_counts_as_withdrawn",
    safety.withdrawn,
    "turn.distributes and",
    "False and",
    test_goals.test_an_edit_on_the_way_goes_back_and_then_to_what_is_wanted_now,
)
rewritten(
    "somebodys_weights_become_the_wish",
    edits.respect,
    "and not turn.distributes",
    "",
    test_goals.test_somebodys_weights_at_rest_are_kept_until_somebody_says_to_go_on,
)
rewritten(
    "weight_on_what_failed_is_kept",
    edits._may_feed,
    "not failed",
    "True",
    test_goals.test_weight_on_what_failed_or_on_nobodys_is_put_back,
)
rewritten(
    "the_goal_is_kept_after_a_revert",
    revert.finish,
    "turn.set_route(route.key, canary=(), goal={}, retained=retained, asked=shown)",
    "turn.set_route(route.key, canary=(), retained=retained, asked=shown)",
    test_goals.test_a_failed_check_puts_back_exactly_what_was_there_and_blocks_the_distribution,
)
