"""What the routes show against what was asked: confirm, write again, respect, or put back (DESIGN §3, §5.8)."""

from __future__ import annotations

from okra.rollout import verify
from okra.rollout.asking import READ_BEFORE, ask, say_problem, say_unfit, unacknowledged, unfit, unfit_message
from okra.rollout.claims import claimed
from okra.rollout.guard import rising
from okra.rollout.looking import RETRY_AFTER, keep_watching, look, look_at_health, look_later
from okra.rollout.observation import RouteReading, Weights
from okra.rollout.policy import OnDrift, RoutePolicy
from okra.rollout.retreat import existing, retreat
from okra.rollout.state import DRIFTED, Phase, RouteState
from okra.rollout.turn import Turn
from okra.rollout.verify import STALE_FOR, Seen
from okra.rollout.weights import divide, same_shares, share_of
from okra.rollout.words import describe


def check_routes(turn: Turn) -> bool:
    """Hold every route against what was asked of it. True while one of them isn't there."""
    if turn.state.phase is Phase.REVERT:
        return False
    pending = False
    for policy, route, reading in turn.routes:
        match verify.classify(route, turn.obs):
            case Seen.CONFIRMED:
                if route.confirmed_at is None:
                    confirm(turn, route)
            case Seen.REREAD:
                pending = True
                look_again(turn, route)
            case Seen.LOST:
                pending = _again(turn, policy, route, reading) or pending
            case Seen.MEMBERS:
                turn.set_route(route.key, asked=dict(reading.weights), confirmed_at=turn.now)
                turn.restart_watch()
            case _:  # DRIFT
                pending = _drifted(turn, policy, route, reading) or pending
    if pending and turn.state.moving:
        keep_watching(turn)
    return pending


def look_again(turn: Turn, route: RouteState) -> None:
    """Read once more: soon after AWS's answer to our write, else so much later that two stale reads can't agree."""
    problem = turn.obs.problems.get(route.key) or turn.obs.problems.get("")
    if problem is not None:
        turn.report(problem.reason, problem.message)
    answered = verify.acknowledged(route, turn.obs)
    read_at = turn.obs.readings[route.key].began_at
    if answered is not None and read_at <= answered:
        look(turn, answered)
    elif route.confirmed_at is None and answered is not None and turn.now - answered < STALE_FOR:
        look_later(turn, read_at, RETRY_AFTER)
    else:
        look_later(turn, read_at)


def confirm(turn: Turn, route: RouteState) -> None:
    """A read begun after AWS's success shows the weights."""
    turn.set_route(route.key, confirmed_at=turn.now, basis={})
    turn.restart_watch()
    turn.emit("WeightsConfirmed", f"{route.arn} shows {describe(route.asked)}.")


def _again(turn: Turn, policy: RoutePolicy, route: RouteState, reading: RouteReading) -> bool:
    """Our write isn't known to have arrived, or an older one did late. Whether it may be made now is a new question:
    a raise that may not is given up, and what the route shows is what holds. True while it isn't there."""
    if not claimed(turn) or not look(turn, turn.now - READ_BEFORE):
        return True
    weights = _with_foreign(policy, route, reading, existing(turn, route, route.asked))
    if not any(weights.values()):
        _respect(turn, route, reading, list(reading.weights))
        return False
    raises = share_of(weights, route.canary) > share_of(reading.weights, route.canary)
    halted = turn.waiting_for_person or turn.state.phase is Phase.STOPPED
    stuck = unfit(turn, route, weights)
    if raises and (halted or (stuck and look_at_health(turn, stuck))):
        turn.set_route(
            route.key,
            asked=dict(reading.weights),
            unacknowledged=unacknowledged(turn, route),
            confirmed_at=turn.now,
        )
        turn.measure_anew()
        return False
    if ask(turn, route, weights, urgent=bool(rising(weights, reading.weights)) and not raises):
        turn.measure_anew()
        say_problem(turn, route)
    return True


def _drifted(turn: Turn, policy: RoutePolicy, route: RouteState, reading: RouteReading) -> bool:
    """Somebody else changed the shares. True if it is to be put back."""
    before, after = (share_of(weights, route.canary) for weights in (route.asked, reading.weights))
    fed = [arn for arn in rising(reading.weights, route.asked) if arn not in route.canary or after > before]
    if turn.policy.on_drift is OnDrift.REASSERT and not (before > after and turn.state.phase is Phase.STOPPED):
        return _put_back(turn, route, reading, _with_foreign(policy, route, reading, route.asked))
    if not all(_may_feed(turn, route, arn) for arn in fed):
        others = {arn: weight for arn, weight in route.asked.items() if arn not in route.canary and weight}
        rest = others or {arn: weight for arn, weight in route.stable.items() if arn in reading.weights and weight}
        canary = [arn for arn in route.canary if reading.weights.get(arn)]
        back = divide(after, rest, canary, policy.limit) if before > after and rest else route.asked
        return _put_back(turn, route, reading, _with_foreign(policy, route, reading, back))
    _respect(turn, route, reading, fed)
    return False


def _with_foreign(policy: RoutePolicy, route: RouteState, reading: RouteReading, weights: Weights) -> dict[str, int]:
    """Weights that leave groups attached, at 0, that somebody else has put there since; while there is room."""
    ours = {*weights, *route.basis, *route.stable, *route.canary, *route.retained}
    foreign = [arn for arn in reading.weights if arn not in ours]
    return {**weights, **dict.fromkeys(foreign[: max(0, policy.places - len(weights))], 0)}


def _respect(turn: Turn, route: RouteState, reading: RouteReading, fed: list[str]) -> None:
    """Keep a person's edit. In a rollout it is an abort; at rest, among the stable groups, their new weights."""
    said = f"Somebody set {describe(reading.weights)} on {reading.arn}; it is kept as it is."
    turn.set_route(route.key, asked=dict(reading.weights), basis={}, confirmed_at=turn.now)
    if turn.state.phase is Phase.IDLE and any(reading.weights.values()) and all(arn in route.stable for arn in fed):
        turn.set_route(route.key, stable={arn: reading.weights.get(arn, 0) for arn in route.stable})
        turn.emit("WeightsAdopted", said)
        return
    turn.measure_anew()
    if not turn.drifted:
        turn.hold(DRIFTED, f"{said} To go on from here: okra resume {turn.policy.name}")


def _may_feed(turn: Turn, route: RouteState, arn: str) -> bool:
    """May a person give this group more traffic, and Okra leave it? Stable ones, and the attached previous version."""
    if arn in route.stable:
        return True
    version = turn.censuses[route.key].version_of(arn)
    return arn in route.retained and version == turn.state.previous_version and not turn.state.is_blocked(version)


def _put_back(turn: Turn, route: RouteState, reading: RouteReading, weights: Weights) -> bool:
    """Somebody's edit that Okra doesn't keep. What a person took off the canary stays off."""
    if not claimed(turn):
        return True
    weights = existing(turn, route, weights)
    if not any(weights.values()) or same_shares(weights, reading.weights):  # what it would go back to exists no more
        _respect(turn, route, reading, list(reading.weights))
        return False
    rises = rising(weights, reading.weights)
    if not look_at_health(turn, rises):
        say_unfit(turn, route, rises)
        return True
    if stuck := unfit(turn, route, weights):
        weights = retreat(turn, route) or reading.weights
        if same_shares(weights, reading.weights):
            turn.report("NoHealthyStable", unfit_message(turn, route, stuck))
            turn.wake_at(turn.now + turn.policy.poll_interval)
            return True
    said = f"Somebody set {describe(reading.weights)}; putting {describe(weights)} back."
    lowered = share_of(weights, route.canary) < share_of(route.asked, route.canary)
    if ask(turn, route, weights, urgent=True):
        turn.measure_anew()
        turn.emit("WeightsPutBack", said, "Warning")
        if lowered and not turn.drifted:
            turn.hold(DRIFTED, f"{said} To go on from here: okra resume {turn.policy.name}")
    return True
