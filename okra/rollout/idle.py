"""At rest: watch the route, let retained groups go, and begin what is wanted (DESIGN §5.1, §5.9, §5.12)."""

from __future__ import annotations

from fractions import Fraction

from okra.rollout import health
from okra.rollout.begin import claimed
from okra.rollout.census import joiners, wanted
from okra.rollout.moves import approach, drained
from okra.rollout.policy import RoutePolicy
from okra.rollout.retreat import is_exact, retreat
from okra.rollout.start import start, start_wanted
from okra.rollout.state import Outcome, RolloutKind, RouteState, Step, StepKind
from okra.rollout.turn import Turn, short


def idle(turn: Turn) -> None:
    """Synced, failed, or waiting for a person; nothing moves."""
    _read_again_after_revert(turn)
    if not claimed(turn) or _restores(turn) or _retires(turn):
        return
    if turn.state.hold is not None:
        turn.report(turn.state.hold.reason, turn.state.hold.message)
        return
    want = wanted(turn.policy, turn.state, turn.censuses.values(), turn.obs)
    turn.set(warnings=tuple(said for census in turn.censuses.values() for said in census.ignored)[:10])
    if turn.waiting_for_person:
        how = "spec.paused is true" if turn.policy.paused else f"to go on: okra resume {turn.policy.name}"
        turn.report("Paused", f"Paused by a person; {how}.")
    elif want.version is not None:
        start_wanted(turn, want)
        turn.look(turn.now)
    elif not _joins(turn):
        _report_rest(turn, want.reason, want.message)


def _report_rest(turn: Turn, reason: str, message: str) -> None:
    last = turn.state.rollout
    if last is not None and last.outcome in (Outcome.FAILED, Outcome.STOPPED) and last.failure is not None:
        still = turn.state.is_blocked(last.version) or any(a.version == last.version for a in turn.state.set_aside)
        if still and last.version != turn.state.stable_version:
            said = f"{turn.state.stable_version} holds the traffic. {last.failure.message}"
            turn.report("RolledBack", f"{said} To try {last.version} again: okra retry {turn.policy.name}")
            return
    if reason:
        turn.report(reason, message)
    else:
        turn.report("Synced", f"{turn.state.stable_version} holds the traffic.")


def _read_again_after_revert(turn: Turn) -> None:
    """A lost earlier write, or a frozen former leader, may land late: look again after 10 s and 60 s."""
    last = turn.state.rollout
    if last is None or last.ended_at is None or last.outcome is Outcome.SYNCED:
        return
    for delay in turn.policy.reread_after_revert:
        due = last.ended_at + delay
        if turn.now < due:
            turn.wake_at(due)
        elif any(reading.began_at < due for _, _, reading in turn.routes):
            turn.look(due)


def reread_done(ended_at: float, delays: tuple[float, ...], oldest_reading: float) -> bool:
    """Has every re-read after a revert been made?"""
    return all(oldest_reading >= ended_at + delay for delay in delays)


def _restores(turn: Turn) -> bool:
    """After a revert that could not end exactly, or weight on a blocked version: bring the stable weights back."""
    if turn.state.hold is not None:
        return False
    for policy, route, reading in turn.routes:
        if is_exact(route, reading) or not any(route.stable.values()):
            continue
        strangers = [a for a, w in reading.weights.items() if w and a not in route.stable]
        if not turn.look_at_health([*route.stable, *strangers]) or not turn.may_retry(route):
            return bool(strangers)
        weights = _restored(turn, policy, route, bool(strangers))
        if weights is not None and dict(weights) != dict(reading.weights):
            return turn.ask(route, weights, urgent=True)
    return False


def _restored(turn: Turn, policy: RoutePolicy, route: RouteState, strangers: bool) -> dict[str, int] | None:
    if strangers:
        return retreat(turn, route)
    move = approach(turn, policy, route, {arn: w for arn, w in route.stable.items() if w})
    return dict(move.weights) if move.weights is not None else None


def _retires(turn: Turn) -> bool:
    """Detach retained groups when their time is over and they are drained, or when they have no healthy target."""
    for _, route, reading in turn.routes:
        gone = {arn: until for arn, until in route.retained.items() if arn in reading.weights}
        if gone != dict(route.retained):
            turn.set_route(route.key, retained=gone)
        leaving = [arn for arn, until in gone.items() if not reading.weights[arn] and _leaves(turn, arn, until)]
        for until in gone.values():
            if until > turn.now:
                turn.wake_at(until)
        if gone:
            turn.look_at_health(gone)
        if leaving and turn.may_retry(route) and turn.look(turn.now - turn.policy.fresh_for):
            weights = {arn: weight for arn, weight in reading.weights.items() if arn not in leaving}
            turn.emit("Detaching", f"Detaching {', '.join(map(short, leaving))}.")
            return turn.ask(route, weights)
    return False


def _leaves(turn: Turn, arn: str, until: float) -> bool:
    if health.unhealthy(turn.obs, arn):
        return True
    if until > turn.now:
        return False
    if drained(turn, arn):
        return True
    turn.report("Draining", f"Waiting until {short(arn)} has no more traffic to detach it.")
    turn.wake_in(turn.policy.poll_interval)
    return False


def _joins(turn: Turn) -> bool:
    """A further group of the stable version takes its even share, behind the health gate."""
    stable = turn.state.stable_version or ""
    found = {route.key: joiners(route, turn.censuses[route.key], stable) for route in turn.state.routes}
    groups = {arn for of_route in found.values() for arn in of_route}
    aside = any(set(a.groups) >= groups for a in turn.state.set_aside if a.version == stable)
    if not groups or aside or any(not of_route for of_route in found.values()):
        return False
    shares = {
        Fraction(len(found[r.key]), len(found[r.key]) + sum(1 for w in r.stable.values() if w))
        for r in turn.state.routes
    }
    if len(shares) > 1 or any(len(found[p.key]) + len(r.stable) > p.places for p, r, _ in turn.routes):
        return False
    start(turn, stable, RolloutKind.JOIN, found, (Step(StepKind.SET_WEIGHT, shares.pop()),))
    turn.look(turn.now)
    return True
