"""Whose the routes are: nothing is written to a route that isn't surely ours (DESIGN §5.9)."""

from __future__ import annotations

from collections.abc import Iterable

from okra.rollout.effects import Claim
from okra.rollout.observation import Weights
from okra.rollout.state import RouteState
from okra.rollout.turn import Turn
from okra.rollout.weights import shares


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


def asked_whose(turn: Turn) -> bool:
    """Are the routes ours, or was at least asked, once, whose they are? No answer is one, too: what takes traffic off
    a version that failed waits for no more than that. One known to be another's has stopped the turn before."""
    return tagged(turn) or all(key in {*turn.obs.owners, *turn.obs.problems} for key in turn.route_policies)


def may_write(turn: Turn, route: RouteState, weights: Weights) -> bool:
    """May these weights be written to the route, as far as its owner is concerned? A claim that is known to settle is
    waited for; an answer that doesn't come isn't, where traffic is only taken off what failed."""
    if tagged(turn) or route.key in turn.obs.settling:
        return claimed(turn)
    return _takes_off(turn, route, weights) and asked_whose(turn)


def _takes_off(turn: Turn, route: RouteState, weights: Weights) -> bool:
    """Does this only take traffic off the canary, or off versions that failed, and give it to stable groups?"""
    now, then = shares(turn.obs.readings[route.key].weights), shares(weights)
    rises = [arn for arn, share in then.items() if share > now.get(arn, 0)]
    falls = [arn for arn, share in now.items() if share > then.get(arn, 0)]
    stable = [arn for arn in rises if arn in route.stable and arn not in route.canary]
    return bool(rises) and stable == rises and all(_failed(turn, route, a) for a in falls)


def _failed(turn: Turn, route: RouteState, arn: str) -> bool:
    version = turn.censuses[route.key].version_of(arn)
    aside = any(version == each.version for each in turn.state.set_aside)
    return arn in route.canary or aside or turn.state.is_blocked(version)


def say_settling(turn: Turn) -> None:
    """Report what the first write waits for."""
    if turn.obs.settling:
        said = "The route was tagged as ours just now; waiting until no claim of another installation can still land."
        turn.report("Claiming", said)


def _claim(turn: Turn, keys: Iterable[str]) -> None:
    refused = {key for key, problem in turn.obs.problems.items() if problem.fatal}
    wanted = [Claim(key) for key in keys if key not in refused and key not in turn.unread]
    turn.effects.extend(claim for claim in wanted if claim not in turn.effects)
