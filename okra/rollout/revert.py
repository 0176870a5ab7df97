"""Put the stable weights back (DESIGN §5.6): first all weight off the canary, in one write a route, then exactness."""

from __future__ import annotations

from okra.rollout import verify
from okra.rollout.commands import put_aside
from okra.rollout.drift import confirm, look_again
from okra.rollout.moves import approach
from okra.rollout.observation import RouteReading, Weights, WriteOutcome
from okra.rollout.policy import RoutePolicy
from okra.rollout.retreat import leaves, retreat
from okra.rollout.state import Outcome, Phase, RouteState
from okra.rollout.turn import Turn, describe
from okra.rollout.verify import Seen
from okra.rollout.versions import UNKNOWN
from okra.rollout.weights import share_of


def revert(turn: Turn) -> None:
    """One turn of a revert; retried forever, with a capped backoff."""
    failure = turn.rollout.failure
    turn.report("Reverting", failure.message if failure else "Reverting.")
    back = [_route_back(turn, policy, route, reading) for policy, route, reading in list(turn.routes)]
    if len(back) == len(turn.state.routes) and all(back):
        finish(turn)
    else:
        turn.keep_watching()


def _route_back(turn: Turn, policy: RoutePolicy, route: RouteState, reading: RouteReading) -> bool:
    """Bring one route back. True when it shows the exact stable weights, confirmed."""
    if route.confirmed_at is None and verify.classify(route, turn.obs, turn.now) is Seen.CONFIRMED:
        confirm(turn, route)
        route = next(r for r in turn.state.routes if r.key == route.key)
    if _awaits_read(turn, route, reading):
        return False
    if any(weight and arn not in route.stable for arn, weight in reading.weights.items()):
        _take_off(turn, route)
        return False
    if route.confirmed_at is None:
        _write(turn, route, retreat(turn, route) if _feeds_canary(route) else route.asked)
        return False
    return _make_exact(turn, policy, route, reading)


def _feeds_canary(route: RouteState) -> bool:
    """Does the present ask give the canary weight? Then it was made before the verdict."""
    return share_of(route.asked, route.canary) > 0


def _awaits_read(turn: Turn, route: RouteState, reading: RouteReading) -> bool:
    """Our revert was acknowledged: has a read since then shown it, or may the newest still be a stale one?"""
    write = verify.write_of(route, turn.obs)
    if write is None or write.outcome is not WriteOutcome.ACKNOWLEDGED or _feeds_canary(route):
        return False
    if reading.began_at <= write.at:
        turn.look(write.at)
        return True
    stale = route.confirmed_at is None and verify.classify(route, turn.obs, turn.now) is Seen.REREAD
    if stale and turn.now - write.at < verify.PATIENCE:
        look_again(turn, route)
        return True
    return False


def _take_off(turn: Turn, route: RouteState) -> None:
    """The first write: nothing on the canary, everything on the stable groups that can serve."""
    weights = retreat(turn, route)
    if weights is None:
        said = "No stable group has a healthy target, so the traffic stays where it can be served. Watching."
        turn.report("NoHealthyStable", said)
        turn.look_at_health(route.stable)
        return
    _write(turn, route, weights)


def _write(turn: Turn, route: RouteState, weights: Weights | None) -> None:
    last = turn.obs.writes.get(route.key)
    if last is not None and last.failures and last.problem is not None:
        turn.report("FailedReverting", f"The revert can't be written yet: {last.problem.message}")
    if weights and turn.may_retry(route) and turn.ask(route, weights, urgent=True):
        turn.emit("Reverting", f"Setting {describe(weights)}.", "Warning")


def _make_exact(turn: Turn, policy: RoutePolicy, route: RouteState, reading: RouteReading) -> bool:
    """The canary holds nothing: now the exact stable weights, of the members that still exist."""
    final = existing(turn, route, reading)
    if final != dict(route.stable):
        turn.set_route(route.key, stable=final)
    move = approach(turn, policy, route, final)
    if move.arrived:
        return True
    if move.weights is not None:
        if turn.may_retry(route) and turn.look(turn.now - turn.policy.fresh_for):
            turn.ask(route, move.weights, urgent=True)
        return False
    turn.report(move.waits, move.message)
    turn.look_at_health(final)
    if turn.state.watch.step >= turn.policy.health_timeout:
        turn.emit("StableDegraded", f"Reverted without {move.message}", "Warning")
        return True
    return False


def existing(turn: Turn, route: RouteState, reading: RouteReading) -> dict[str, int]:
    """The stable weights of groups that still exist. Groups without the label are only known by the route."""
    if turn.obs.groups is None or turn.state.stable_version == UNKNOWN:
        return dict(route.stable)
    known = {group.arn for group in turn.obs.groups} | set(reading.weights)
    left = {arn: weight for arn, weight in route.stable.items() if arn in known}
    return left if any(left.values()) else dict(route.stable)


def finish(turn: Turn) -> None:
    """The stable weights are confirmed; the failed groups stay at 0 for a while, unless they do harm there."""
    rollout, until = turn.rollout, turn.now + turn.policy.retain_for
    failure = rollout.failure
    outcome = failure.outcome if failure else Outcome.FAILED
    if failure is not None and failure.set_aside:
        put_aside(turn, rollout.version, failure.message)
    for _, route, reading in list(turn.routes):
        idle = {
            arn: (turn.now if leaves(turn, route, reading, arn) else until)
            for arn in route.canary
            if reading.weights.get(arn) == 0
        }
        turn.set_route(route.key, canary=(), retained={**route.retained, **idle}, asked=dict(reading.weights))
    turn.set(phase=Phase.IDLE)
    turn.set_rollout(outcome=outcome, ended_at=turn.now)
    turn.emit("Reverted", f"{turn.state.stable_version} holds the traffic again.", "Warning")
