"""Whose the routes are: nothing is written to a route that isn't surely ours (DESIGN §5.9)."""

from __future__ import annotations

from collections.abc import Iterable

from okra.rollout.effects import Claim
from okra.rollout.turn import Turn


def tagged(turn: Turn) -> bool:
    """Are the routes tagged as ours? If not, ask for it, but not where that was just refused.

    Who may only look sees whose they are; a route of nobody's is claimed as soon as it may be.
    """
    unclaimed = ("",) if turn.obs.may_write else ()
    missing = [key for key in turn.route_policies if turn.obs.owners.get(key) in (None, *unclaimed)]
    _claim(turn, missing)
    return not missing


def claimed(turn: Turn) -> bool:
    """May the routes be written: are they tagged as ours, and so long that no claim of another's can still land?"""
    if not tagged(turn):
        return False
    settling = {key: until for key, until in turn.obs.settling.items() if key in turn.route_policies}
    _claim(turn, [key for key, until in settling.items() if until <= turn.now])
    for until in settling.values():
        turn.wake_at(until)
    return not settling


def say_settling(turn: Turn) -> None:
    """Report what the first write waits for."""
    if turn.obs.settling:
        said = "The route was tagged as ours just now; waiting until no claim of another installation can still land."
        turn.report("Claiming", said)


def _claim(turn: Turn, keys: Iterable[str]) -> None:
    refused = {key for key, problem in turn.obs.problems.items() if problem.fatal}
    wanted = [Claim(key) for key in keys if key not in refused]
    turn.effects.extend(claim for claim in wanted if claim not in turn.effects)
