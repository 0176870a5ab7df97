"""Put the stable weights back (DESIGN §5.6): first all weight off the canary, in one write a route, then exactness."""

from __future__ import annotations

from okra.rollout import verify
from okra.rollout.asking import ask, say_problem
from okra.rollout.claims import asked_whose
from okra.rollout.commands import put_aside
from okra.rollout.distribution import raised
from okra.rollout.drift import confirm, look_again
from okra.rollout.looking import keep_watching, look_at_health
from okra.rollout.members import existing
from okra.rollout.moves import approach
from okra.rollout.observation import RouteReading, Weights
from okra.rollout.policy import RoutePolicy
from okra.rollout.reach import gone
from okra.rollout.retreat import is_exact, leaves, retreat
from okra.rollout.state import Outcome, Phase, RouteState
from okra.rollout.turn import Turn
from okra.rollout.verify import STALE_FOR, Seen
from okra.rollout.words import describe, retry


def revert(turn: Turn) -> None:
    """One turn of a revert; retried forever, with a capped backoff."""
    failure = turn.rollout.failure
    turn.report("Reverting", failure.message if failure else "Reverting.")
    if not asked_whose(turn):
        return
    done = [_route_back(turn, *each) for each in turn.within_reach]  # each has its turn, whatever the others do
    back = all(done)
    left = [why for key, why in turn.away.items() if not _let_go(turn, key)]
    if back and not left:
        finish(turn)
        return
    if back:
        turn.set(condition=left[0])
    keep_watching(turn)


def _let_go(turn: Turn, key: str) -> bool:
    """Does the revert end without this route? There is no traffic on one that exists no more; one that isn't ours to
    write any more keeps no deleted Cell."""
    return gone(turn, turn.route(key)) or (turn.obs.deleting and key not in turn.unread)


def _route_back(turn: Turn, policy: RoutePolicy, route: RouteState, reading: RouteReading) -> bool:
    """Bring one route back. True when it shows the exact stable weights, confirmed."""
    seen = verify.classify(route, turn.obs)
    if route.confirmed_at is None and seen is Seen.CONFIRMED:
        confirm(turn, route)
        route = turn.route(route.key)
    strangers, feeds = raised(route, reading.weights), raised(route, route.asked)
    if not feeds and _stale(turn, route, reading, seen):
        look_again(turn, route)
        return False
    if strangers or (feeds and route.confirmed_at is None):
        _take_off(turn, route)
        return False
    return _make_exact(turn, policy, route, reading)


def _stale(turn: Turn, route: RouteState, reading: RouteReading, seen: Seen) -> bool:
    """Our revert was acknowledged: may the newest read still be one from before, or not all of AWS have heard of it?"""
    answered = verify.acknowledged(route, turn.obs)
    if answered is None or seen is not Seen.REREAD:
        return False
    spreads = reading.pending and verify.present(route.asked, reading.weights, route.basis)
    return spreads or reading.began_at <= answered + STALE_FOR


def _take_off(turn: Turn, route: RouteState) -> None:
    """The first write: nothing on the canary, everything on the stable groups that can serve."""
    if turn.obs.swept_at is None and not look_at_health(turn, route.stable, within=float("inf")):
        return  # a process that has just begun knows no health yet: one read, then the write, whatever it brought
    weights = retreat(turn, route)
    if weights is None:
        said = "No stable group has a healthy target, so the traffic stays where it can be served. Watching."
        turn.report("NoHealthyStable", said)
        look_at_health(turn, route.stable)
    else:
        _write(turn, route, weights)


def _write(turn: Turn, route: RouteState, weights: Weights) -> None:
    if ask(turn, route, weights, urgent=True):
        turn.emit("Reverting", f"Setting {describe(weights)}.", "Warning", of=route.key)
    last = turn.obs.writes.get(route.key)
    if last is not None and last.problem is not None:
        say_problem(turn, route)
        turn.report("FailedReverting", f"The revert can't be written yet: {last.problem.message}")


def _make_exact(turn: Turn, policy: RoutePolicy, route: RouteState, reading: RouteReading) -> bool:
    """The canary holds nothing: now the exact stable weights, of the members that still exist."""
    final = existing(turn, route, route.stable)
    final = final if any(final.values()) else dict(route.stable)
    if final != dict(route.stable):
        turn.set_route(route.key, stable=final)
    move = approach(turn, policy, turn.route(route.key), final)
    if move.arrived and route.confirmed_at is not None:
        return True
    if move.weights is not None:
        _write(turn, turn.route(route.key), move.weights)
    elif route.confirmed_at is None:
        _write(turn, turn.route(route.key), reading.weights)  # an older write may be on its way: this one is the last
    else:
        if move.message:
            turn.report(move.waits, move.message)
        look_at_health(turn, final)
        turn.wake_after_watching(turn.policy.health_timeout - turn.watch.step)
        return turn.watch.step >= turn.policy.health_timeout
    return False


def finish(turn: Turn) -> None:
    """The stable weights are confirmed; the failed groups stay at 0 for a while, unless they do harm there."""
    rollout, until = turn.rollout, turn.now + turn.policy.retain_for
    failure = rollout.failure
    if failure is not None and failure.set_aside:
        put_aside(turn, rollout.version, failure.message)
    for route in turn.state.routes:
        if route.key in turn.away:  # should it come back, it has to show what is stable
            turn.set_route(route.key, canary=(), goal={}, asked=dict(route.stable), confirmed_at=turn.now)
    for _, route, reading in turn.within_reach:
        if not is_exact(route, reading):
            said = f"{route.arn} shows {describe(reading.weights)}, not yet {describe(route.stable)}."
            turn.emit("StableDegraded", said, "Warning")
        idle = {
            arn: (turn.now if leaves(turn, route, reading, arn) else until)
            for arn in {*route.canary, *route.goal}
            if reading.weights.get(arn) == 0 and not route.stable.get(arn)
        }
        retained, shown = {**route.retained, **idle}, dict(reading.weights)
        turn.set_route(route.key, canary=(), goal={}, retained=retained, asked=shown)
    turn.set(phase=Phase.IDLE)
    turn.set_rollout(outcome=failure.outcome if failure else Outcome.FAILED, ended_at=turn.now)
    turn.emit("Reverted", f"{turn.holds(turn.state.stable_version)} again.", "Warning")
    if not says_rolled_back(turn):
        turn.report("Synced", f"{turn.holds(turn.state.stable_version)}.")


def says_rolled_back(turn: Turn) -> bool:
    """After a failure, for as long as its version may not start again: with the end of the revert, never later.

    Nobody who waits for `Ready` may see the moment between the two. A goal that has become what is stable is reached.
    """
    if turn.distributes and turn.policy.pin == turn.state.stable_version:
        return False
    last = turn.state.rollout
    if last is None or last.outcome not in (Outcome.FAILED, Outcome.STOPPED) or last.failure is None:
        return False
    still = turn.state.is_blocked(last.version) or any(a.version == last.version for a in turn.state.set_aside)
    if not still or last.version == turn.state.stable_version:
        return False
    said = f"{turn.holds(turn.state.stable_version)}. {last.failure.message}"
    turn.report("RolledBack", f"{said} To try it again: {retry(turn.policy.name, last.version)}")
    return True
