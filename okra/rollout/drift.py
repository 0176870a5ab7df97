"""What the routes show against what was asked: confirm, write again, respect, or put back (DESIGN §3, §5.8)."""

from __future__ import annotations

from okra.rollout import verify
from okra.rollout.begin import hold
from okra.rollout.moves import guard, unfit_message
from okra.rollout.observation import RouteReading
from okra.rollout.policy import OnDrift
from okra.rollout.retreat import retreat
from okra.rollout.state import Phase, RolloutKind, RouteState
from okra.rollout.turn import Turn, describe
from okra.rollout.verify import Seen
from okra.rollout.weights import ZERO, same_shares, share_of, shares

BETWEEN_READS = 1.0
"""Seconds between two reads that are to agree."""


def check_routes(turn: Turn) -> bool:
    """Hold every route against what was asked of it. True while one of them isn't there."""
    if turn.state.phase is Phase.REVERT:
        return False
    pending = False
    for _, route, _reading in turn.routes:
        match verify.classify(route, turn.obs, turn.now):
            case Seen.CONFIRMED:
                if route.confirmed_at is None:
                    confirm(turn, route)
            case Seen.REREAD:
                pending = True
                look_again(turn, route)
            case Seen.LOST:
                pending = True
                _again(turn, route)
            case Seen.MEMBERS:
                turn.set_route(route.key, asked=dict(turn.obs.readings[route.key].weights), confirmed_at=turn.now)
                turn.restart_watch()
            case Seen.DRIFT:
                pending = _drifted(turn, route) or pending
    return pending


def look_again(turn: Turn, route: RouteState) -> None:
    """Read once more: at once after AWS's answer to our write, else a second later, or two stale reads agree."""
    write = verify.write_of(route, turn.obs)
    read_at = turn.obs.readings[route.key].began_at
    if write is not None and read_at <= write.at:
        turn.look(write.at)
    elif turn.now - read_at >= BETWEEN_READS:
        turn.look(read_at)
    else:
        turn.wake_at(read_at + BETWEEN_READS)


def confirm(turn: Turn, route: RouteState) -> None:
    """A read begun after AWS's success shows the weights."""
    turn.set_route(route.key, confirmed_at=turn.now, basis={})
    turn.restart_watch()
    turn.emit("WeightsConfirmed", f"{route.arn} shows {describe(route.asked)}.")


def _again(turn: Turn, route: RouteState) -> None:
    """Our write isn't known to have arrived. Whether it may still be made is a new question."""
    reading = turn.obs.readings[route.key]
    if not turn.may_retry(route) or not turn.look(turn.now - turn.policy.fresh_for):
        _say_problem(turn, route)
        return
    first = turn.state.moving and turn.rollout.kind is RolloutKind.FIRST
    unfit = [] if first else guard(route.asked, reading, lambda arn: turn.can_serve(route, arn))
    if [arn for arn in unfit if arn in reading.weights or route.asked[arn]]:
        turn.look_at_health(unfit)
        turn.report("WaitingForHealth", unfit_message(turn, route, unfit))
        turn.keep_watching()
    elif turn.waiting_for_person and share_of(route.asked, route.canary) > share_of(reading.weights, route.canary):
        # Paused between the ask and its write: what the route shows is what holds now.
        turn.set_route(route.key, asked=dict(reading.weights), confirmed_at=turn.now)
    else:
        turn.ask(route, route.asked)
        _say_problem(turn, route)


def _say_problem(turn: Turn, route: RouteState) -> None:
    write = turn.obs.writes.get(route.key)
    if write is not None and write.problem is not None:
        turn.report(write.problem.reason, write.problem.message)


def _drifted(turn: Turn, route: RouteState) -> bool:
    """Somebody else changed the shares. True if it is to be put back."""
    reading = turn.obs.readings[route.key]
    before, after = shares(route.asked), shares(reading.weights)
    fed = [arn for arn, share in after.items() if share > before.get(arn, ZERO)]
    raises = share_of(route.asked, route.canary) > share_of(reading.weights, route.canary)
    reasserts = turn.policy.on_drift is OnDrift.REASSERT and not (raises and turn.state.phase is Phase.STOPPED)
    if reasserts or not all(_may_feed(turn, route, arn) for arn in fed):
        return _put_back(turn, route, reading)
    said = f"Somebody set {describe(reading.weights)} on {reading.arn}; it is kept as it is."
    turn.set_route(route.key, asked=dict(reading.weights), basis={}, confirmed_at=turn.now)
    turn.restart_watch()
    if turn.state.phase is Phase.IDLE and all(arn in route.stable for arn in fed):
        turn.set_route(route.key, stable={arn: reading.weights.get(arn, 0) for arn in route.stable})
        turn.emit("WeightsAdopted", said)
    elif turn.state.hold is None or turn.state.hold.reason != "WeightsDrifted":
        if turn.state.moving:
            turn.set_rollout(attempt=turn.rollout.attempt + 1, series=0)
        hold(turn, "WeightsDrifted", f"{said} To go on from here: okra resume {turn.policy.name}")
    return False


def _may_feed(turn: Turn, route: RouteState, arn: str) -> bool:
    """May a person give this group more traffic, and Okra leave it? Stable ones, and the attached previous version."""
    if arn in route.stable:
        return True
    version = turn.censuses[route.key].version_of(arn)
    return arn in route.retained and version == turn.state.previous_version and not turn.state.is_blocked(version)


def _put_back(turn: Turn, route: RouteState, reading: RouteReading) -> bool:
    if not turn.may_retry(route):
        return True
    if not turn.look(turn.now - turn.policy.fresh_for):
        return True
    weights = dict(route.asked)
    rising = guard(weights, reading, lambda _: False)
    if not turn.look_at_health(rising):
        return True
    if turn.state.moving:
        turn.set_rollout(attempt=turn.rollout.attempt + 1, series=0)
    unfit = guard(weights, reading, lambda arn: turn.can_serve(route, arn))
    if unfit:
        weights = retreat(turn, route) or {}
        if not weights or same_shares(weights, reading.weights):
            turn.report("NoHealthyStable", unfit_message(turn, route, unfit))
            turn.wake_in(turn.policy.poll_interval)
            return True
    turn.emit(
        "WeightsPutBack", f"Somebody set {describe(reading.weights)}; putting {describe(weights)} back.", "Warning"
    )
    return turn.ask(route, weights, urgent=True)
