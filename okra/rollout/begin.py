"""Before anything else: can the Cell be acted on at all, and what does its route do now? (DESIGN §5.2, §5.9)"""

from __future__ import annotations

from fractions import Fraction

from okra.rollout import late, verify
from okra.rollout.census import wanted
from okra.rollout.creating import create_absent
from okra.rollout.distribution import version_of
from okra.rollout.effects import Release
from okra.rollout.looking import keep_watching, look_later
from okra.rollout.observation import RouteReading
from okra.rollout.reach import out_of_reach, say_away
from okra.rollout.start import adopt_canary, place_first
from okra.rollout.state import Phase, RouteState
from okra.rollout.turn import Turn
from okra.rollout.versions import UNKNOWN, ranks
from okra.rollout.weights import same_shares, shares


def invalid(turn: Turn) -> bool:
    """An invalid spec: said, and nothing else done, but that a Cell at rest may be deleted. What is being put back, or
    has to be since the Cell is deleted, needs no spec: status knows the routes and their stable weights."""
    if turn.policy.problem is None or (turn.state.moving and (turn.obs.deleting or turn.state.phase is Phase.REVERT)):
        return False
    turn.report(turn.policy.problem.reason, turn.policy.problem.message, permanent=True)
    if turn.obs.deleting and not turn.state.moving:
        turn.effects.append(Release())
    return True


def rerouted(turn: Turn) -> bool:
    """At rest, the spec names other routes than before: those that it left concern the Cell no more."""
    known = {route.key for route in turn.state.routes}
    if turn.state.phase is not Phase.IDLE or not known or known == {route.key for route in turn.policy.routes}:
        return False
    if late.may_land(turn.state, turn.now):
        turn.wake_at(turn.now + turn.policy.poll_interval)
        return False
    _begin_with(turn, ())
    return False


def _begin_with(turn: Turn, routes: tuple[RouteState, ...]) -> None:
    turn.set(stable_version=None, rollout=None, hold=None)
    turn.set_routes(routes)


def held_up(turn: Turn) -> bool:
    """A route that can't be read or written holds up what comes next on all. What is within reach is still checked, put
    right, and brought back by a revert. True where nothing is left to do."""
    turn.away = out_of_reach(turn)
    if not turn.away:
        return False
    say_away(turn)
    create_absent(turn)
    if turn.state.moving:
        keep_watching(turn)
    return not turn.within_reach and turn.state.phase is not Phase.REVERT


def adopt(turn: Turn) -> bool:
    """First sight of a route, or all of its stable groups gone or relabelled: take what it does now as it is."""
    if turn.state.phase is not Phase.IDLE:
        return False
    if not turn.state.routes:
        _begin_with(turn, tuple(RouteState(route.key) for route in turn.policy.routes))
        held_up(turn)
    if turn.obs.groups is None:
        return True
    if turn.away:
        return turn.state.stable_version is None
    _call_by_its_name(turn)
    if turn.state.stable_version is not None and not _relabelled(turn):
        return False
    if not all(verify.agree(turn.obs, route.key, route.lands_by) for route in turn.state.routes):
        look_later(turn, max(reading.began_at for _, _, reading in turn.routes))
        return True
    _take(turn)
    return True


def _call_by_its_name(turn: Turn) -> None:
    """Stable is what the spec's goal says, by another name: `unknown`, while the spec named another route for a moment,
    or that of a distribution of which a group is gone. Nobody gains, so no rollout would ever end this."""
    goals = [(turn.route_policies[route.key].goal, route.stable) for route in turn.state.routes]
    if turn.state.stable_version is not None and all(goal and same_shares(goal, stable) for goal, stable in goals):
        turn.set(stable_version=turn.policy.pin)


def _relabelled(turn: Turn) -> bool:
    """Does no stable group carry the stable version's label any more?"""
    stable = [
        turn.censuses[route.key].version_of(arn)
        for route in turn.state.routes
        for arn, weight in route.stable.items()
        if weight and not turn.censuses[route.key].goal
    ]
    return bool(stable) and turn.state.stable_version not in stable


def _take(turn: Turn) -> None:
    found = [_traffic(turn, route, reading) for _, route, reading in turn.routes]
    carrying = found[0]
    order = ranks(carrying)
    if not any(found):
        if turn.held:
            turn.report("Paused", "Paused by a person, before the first placement.")
        else:
            for _, route, _ in turn.routes:
                turn.set_route(route.key, stable={})
            place_first(turn, wanted(turn.policy, turn.state, turn.censuses.values(), turn.obs))
    elif turn.distributes:
        _take_as_stable(turn, version_of(turn.obs.readings[turn.state.routes[0].key].weights))
    elif len(carrying) > 2 or order is None or any(other != carrying for other in found):
        names = ", ".join(sorted({version for each in found for version in each}))
        alike = ", alike on every route" if len(found) > 1 else ""
        said = f"The traffic goes to {names}: give it to one version{alike}, or to two with an order, and Okra goes on."
        turn.report("AmbiguousTraffic", said)
    else:
        older, *rest = sorted(carrying, key=lambda version: order[version])
        _take_as_stable(turn, older)
        if rest and not turn.state.is_blocked(rest[0]):
            adopt_canary(turn, rest[0], carrying[rest[0]])


def _traffic(turn: Turn, route: RouteState, reading: RouteReading) -> dict[str, Fraction]:
    """Each version's share of a route's traffic."""
    census = turn.censuses[route.key]
    found: dict[str, Fraction] = {}
    for arn, share in shares(reading.weights).items():
        if share:
            version = census.version_of(arn)
            found[version] = found.get(version, Fraction(0)) + share
    return found


def _take_as_stable(turn: Turn, version: str) -> None:
    """Record what the routes do now as stable, as it is, without a write."""
    for _, route, reading in turn.routes:
        census = turn.censuses[route.key]
        everybody = turn.distributes
        stable = {a: w for a, w in reading.weights.items() if w and (everybody or census.version_of(a) == version)}
        others = [a for a, w in reading.weights.items() if not w and census.version_of(a) != UNKNOWN]
        others = [] if everybody else others
        turn.set_route(
            route.key,
            arn=reading.arn,
            stable=stable,
            canary=(),
            goal={},
            asked=dict(reading.weights),
            basis=dict(reading.weights),
            confirmed_at=turn.now,
            unacknowledged=(),
            lands_by=None,
            retained={**dict.fromkeys(others, turn.now + turn.policy.retain_for), **route.retained},
        )
    turn.set(stable_version=version, hold=None)
    turn.report("Synced", f"Adopted {version} as it is.")
    turn.emit("Adopted", f"The routes send their traffic to {version}; its weights are kept as they are.")
