"""Whose the routes are: nothing is written to a route that isn't tagged as ours (DESIGN §5.9)."""

from __future__ import annotations

from okra.rollout.effects import Claim
from okra.rollout.turn import Turn


def claimed(turn: Turn) -> bool:
    """Are the routes tagged as ours? If not, ask for it, but not where that was just refused.

    Who may only look sees whose they are; a route of nobody's is claimed as soon as it may be.
    """
    unclaimed = ("",) if turn.obs.may_write else ()
    missing = [key for key in turn.route_policies if turn.obs.owners.get(key) in (None, *unclaimed)]
    refused = {key for key, problem in turn.obs.problems.items() if problem.fatal}
    wanted = [Claim(key) for key in missing if key not in refused]
    turn.effects.extend(claim for claim in wanted if claim not in turn.effects)
    return not missing
