"""Weights that somebody else has set: respected, or put back (DESIGN §5.8)."""

from __future__ import annotations

from fractions import Fraction

from okra.rollout.asking import ask, say_unfit, unfit, unfit_message
from okra.rollout.claims import may_write
from okra.rollout.guard import rising
from okra.rollout.looking import look_at_health
from okra.rollout.members import existing, remaining
from okra.rollout.moves import approach
from okra.rollout.observation import RouteReading, Weights
from okra.rollout.policy import OnDrift, RoutePolicy
from okra.rollout.retreat import is_exact, retreat
from okra.rollout.state import DRIFTED, Phase, RouteState
from okra.rollout.turn import Turn
from okra.rollout.weights import portion, same_shares, share_of
from okra.rollout.words import describe


def keep_or_put_back(turn: Turn, policy: RoutePolicy, route: RouteState, reading: RouteReading) -> bool:
    """Somebody else changed the shares. True: they are to be put back, and aren't yet."""
    before, after = (share_of(weights, route.canary) for weights in (route.asked, reading.weights))
    fed = [arn for arn in rising(reading.weights, route.asked) if arn not in route.canary or after > before]
    if turn.policy.on_drift is OnDrift.REASSERT and not (before > after and turn.state.phase is Phase.STOPPED):
        return _put_back(turn, policy, route, reading, with_foreign(policy, route, reading, route.asked))
    back = route.asked if before <= after else _without_canary(turn, policy, route, reading, after)
    if back and not all(_may_feed(turn, route, arn) for arn in fed):
        return _put_back(turn, policy, route, reading, with_foreign(policy, route, reading, back))
    respect(turn, route, reading, fed)
    return False


def _without_canary(
    turn: Turn, policy: RoutePolicy, route: RouteState, reading: RouteReading, share: Fraction
) -> Weights | None:
    """What was asked for, with only `share` left on the canary, as a person wants. None: nobody takes the rest."""
    asked = existing(turn, route, route.asked)
    attached = {arn: weight for arn, weight in route.stable.items() if arn in reading.weights}
    rest = _beside(route, asked) or _beside(route, attached)
    canary = {arn: weight if route.goal else 1 for arn in route.canary if (weight := reading.weights.get(arn))}
    return portion(share, rest, canary, policy.limit) if rest else None


def _beside(route: RouteState, weights: Weights) -> dict[str, int]:
    """What these weights give to others than the canary."""
    return {arn: weight for arn, weight in weights.items() if arn not in route.canary and weight}


def with_foreign(policy: RoutePolicy, route: RouteState, reading: RouteReading, weights: Weights) -> dict[str, int]:
    """Weights that leave groups attached, at 0, that somebody else has put there since; while there is room."""
    ours = {*weights, *route.basis, *route.stable, *route.canary, *route.goal, *route.retained}
    foreign = [arn for arn in reading.weights if arn not in ours]
    return {**weights, **dict.fromkeys(foreign[: max(0, policy.places - len(weights))], 0)}


def respect(turn: Turn, route: RouteState, reading: RouteReading, fed: list[str]) -> None:
    """Keep a person's edit. In a rollout it is an abort; at rest, among the stable groups, their new weights."""
    said = f"Somebody set {describe(reading.weights)} on {reading.arn}; it is kept as it is."
    turn.set_route(route.key, asked=dict(reading.weights), basis={}, confirmed_at=turn.now)
    at_rest = turn.state.phase is Phase.IDLE and not turn.distributes  # a goal is what the spec says, not a person
    if at_rest and any(reading.weights.values()) and all(arn in route.stable for arn in fed):
        turn.set_route(route.key, stable={arn: reading.weights.get(arn, 0) for arn in route.stable})
        turn.emit("WeightsAdopted", said)
        return
    turn.measure_anew()
    if not turn.drifted:
        turn.hold(DRIFTED, f"{said} {_what_now(turn, route, reading)}")


def _what_now(turn: Turn, route: RouteState, reading: RouteReading) -> str:
    """What a person may do about it. A process that has begun and finds the exact stable weights may see a revert
    of its predecessor, which ended before `status` said so: whoever resumes should know how the canary does."""
    resume = f"To go on from here: okra resume {turn.policy.name}"
    if not turn.state.moving or route.key in turn.obs.writes or not is_exact(route, reading):
        return resume
    own = "It may have been Okra's own revert: these are the stable weights, and the process before this one has ended."
    if stuck := [arn for arn in route.canary if not turn.can_serve(route, arn, fresh=False)]:
        return f"{own} {unfit_message(turn, route, stuck)} To stay here: okra abort {turn.policy.name}"
    return f"{own} Look at the canary before you go on: okra resume {turn.policy.name}"


def _may_feed(turn: Turn, route: RouteState, arn: str) -> bool:
    """May a person give this group more traffic, and Okra leave it? Stable ones, and the attached previous version: of
    a goal, whose groups have no versions of their own, whatever it left attached and hasn't failed."""
    census = turn.censuses[route.key]
    version = census.version_of(arn)
    if arn in route.stable or (census.goal and arn in route.retained):
        failed = turn.state.is_blocked(version) and arn in census.newcomers(version, route.stable)
        return arn not in route.canary and not failed
    return arn in route.retained and version == turn.state.previous_version and not turn.state.is_blocked(version)


def _put_back(turn: Turn, policy: RoutePolicy, route: RouteState, reading: RouteReading, weights: Weights) -> bool:
    """Somebody's edit that Okra doesn't keep. What a person took off the canary stays off."""
    weights = remaining(turn, route, weights)
    if not may_write(turn, route, weights):
        return True
    if not any(weights.values()) or same_shares(weights, reading.weights):  # what it would go back to exists no more
        respect(turn, route, reading, list(reading.weights))
        return False
    if turn.state.phase is Phase.IDLE and any(w and arn not in reading.weights for arn, w in weights.items()):
        _attach(turn, policy, route, reading, weights)
        return True
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
        turn.emit("WeightsPutBack", said, "Warning", of=route.key)
        if lowered and not turn.drifted:
            turn.hold(DRIFTED, f"{said} To go on from here: okra resume {turn.policy.name}")
    return True


def _attach(turn: Turn, policy: RoutePolicy, route: RouteState, reading: RouteReading, weights: Weights) -> None:
    """Nobody knows the health of a group that no listener uses: back at 0 first, and at rest its traffic follows."""
    move = approach(turn, policy, route, {arn: weight for arn, weight in weights.items() if weight})
    if move.weights is None:
        turn.report(move.waits, move.message)
        turn.wake_at(turn.now + turn.policy.poll_interval)
    elif ask(turn, route, move.weights, urgent=True):
        said = f"Somebody set {describe(reading.weights)}; attaching {describe(move.weights)} to put it back."
        turn.emit("Attaching", said, "Warning", of=route.key)
