"""At rest: watch the route, let retained groups go, and begin what is wanted (DESIGN §5.1, §5.9, §5.12)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from okra.rollout import health, late
from okra.rollout.advance import paused, say_paused
from okra.rollout.asking import ask
from okra.rollout.census import Wanted, joiners, wanted
from okra.rollout.claims import may_write, tagged
from okra.rollout.looking import keep_watching, look, look_at_health
from okra.rollout.moves import approach, foreign
from okra.rollout.observation import RouteReading
from okra.rollout.policy import RoutePolicy
from okra.rollout.retreat import is_exact, retreat
from okra.rollout.revert import says_rolled_back
from okra.rollout.start import start, start_wanted
from okra.rollout.state import MOST_WARNINGS, Outcome, RolloutKind, RouteState, Step, StepKind
from okra.rollout.turn import Turn
from okra.rollout.words import short

LOOK_AT_SET_ASIDE = 60.0
"""Seconds between two reads of the targets of groups that failed their gate."""


def idle(turn: Turn) -> None:
    """Synced, failed, or waiting for a person; nothing moves."""
    _read_again_after_revert(turn)
    may_land = late.may_land(turn.state, turn.now)
    if _restores(turn) or turn.away or not tagged(turn) or (not may_land and _retires(turn)):
        return
    if turn.state.hold is not None:
        turn.report(turn.state.hold.reason, turn.state.hold.message)
        return
    _watch_set_aside(turn)
    want = wanted(turn.policy, turn.state, turn.censuses.values(), turn.obs)
    turn.set(warnings=tuple(said for census in turn.censuses.values() for said in census.ignored)[:MOST_WARNINGS])
    if turn.held:
        _report_paused(turn)
    elif may_land:
        _report_rest(turn, *_waits(want))
    elif want.version is not None:
        start_wanted(turn, want)
        look(turn, turn.now)
    elif not _joins(turn):
        _report_rest(turn, want.reason, want.message)
        _report_draining(turn)


def _waits(want: Wanted) -> tuple[str, str]:
    """What the last rollout wrote may still land, and would pass for a person's edit in the next."""
    if want.version is None:
        return want.reason, want.message
    return "WaitingForLateWrite", f"{want.version} starts when no earlier write can land any more."


def _report_rest(turn: Turn, reason: str, message: str) -> None:
    if says_rolled_back(turn):
        return
    if reason:
        turn.report(reason, message)
    else:
        turn.report("Synced", f"{turn.holds(turn.state.stable_version)}.")


def _report_paused(turn: Turn) -> None:
    """A failure stays to be seen: a pause ends none."""
    if says_rolled_back(turn):
        turn.report("RolledBack", f"{turn.state.condition.message} ({paused(turn)})")
    else:
        say_paused(turn)


def _report_draining(turn: Turn) -> None:
    """Groups whose time is over, but that still have traffic in flight."""
    over = [arn for _, route, _ in turn.routes for arn, until in route.retained.items() if until <= turn.now]
    if over:
        names = ", ".join(map(short, over))
        turn.report("Draining", f"Waiting until {names} has no more traffic to detach it.")


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
            look(turn, due)


def _restores(turn: Turn) -> bool:
    """After a revert that could not end exactly, or weight on a blocked version: bring the stable weights back."""
    if turn.state.hold is not None:
        return False
    for policy, route, reading in turn.within_reach:
        if is_exact(route, reading) or not any(route.stable.values()):
            continue
        strangers = [arn for arn, weight in reading.weights.items() if weight and arn not in route.stable]
        if not look_at_health(turn, [*route.stable, *strangers]):
            return bool(strangers)
        members = {arn: weight for arn, weight in route.stable.items() if weight}
        weights = retreat(turn, route) if strangers else approach(turn, policy, route, members).weights
        if weights is not None and dict(weights) != dict(reading.weights):
            return may_write(turn, route, weights) and ask(turn, route, weights, urgent=True)
    return False


def _retires(turn: Turn) -> bool:
    """Detach retained groups when their time is over and they are drained, or when they have no healthy target."""
    for _, route, reading in turn.routes:
        there = {arn: until for arn, until in route.retained.items() if arn in reading.weights}
        if there != dict(route.retained):
            turn.set_route(route.key, retained=there)
            route = turn.route(route.key)
        if there and look_at_health(turn, there):
            turn.wake_at(turn.now + turn.policy.poll_interval)
        leaving = [arn for arn, until in there.items() if not reading.weights[arn] and _leaves(turn, arn, until)]
        weights = {arn: weight for arn, weight in reading.weights.items() if arn not in leaving}
        if leaving and ask(turn, route, weights):
            turn.emit("Detaching", f"Detaching {', '.join(map(short, leaving))}.", of=route.key)
            return True
    return False


def _leaves(turn: Turn, arn: str, until: float) -> bool:
    if health.unhealthy(turn.obs, arn):
        return True
    drained_by = until - turn.policy.retain_for + turn.policy.drain_timeout
    if until > turn.now:
        turn.wake_at(until)
    elif turn.obs.active_flows.get(arn) == 0 or drained_by <= turn.now:
        return True
    else:
        turn.wake_at(min(drained_by, turn.now + turn.policy.poll_interval))
        keep_watching(turn)
    return False


def _watch_set_aside(turn: Turn) -> None:
    """Other registered targets are a reason to try again; what they were when it was set aside is learned once."""
    there = {group.arn for group in turn.obs.groups or ()}
    for aside in turn.state.set_aside:
        if not there.issuperset(aside.groups):
            continue
        if not look_at_health(turn, aside.groups, within=LOOK_AT_SET_ASIDE):
            continue
        read_at = [reading.began_at for arn in aside.groups if (reading := health.newest(turn.obs, arn))]
        turn.wake_at(min(read_at, default=turn.now) + LOOK_AT_SET_ASIDE)
        if not aside.targets:
            learned = replace(aside, targets=health.targets(turn.obs, aside.groups))
            turn.set(set_aside=tuple(learned if other is aside else other for other in turn.state.set_aside))


def _has_room(policy: RoutePolicy, route: RouteState, reading: RouteReading, more: int) -> bool:
    """Beside all stable groups and what others put there: nobody is displaced by a joiner."""
    return more + len(route.stable) + len(foreign(route, reading)) <= policy.places


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
    if len(shares) > 1 or not all(_has_room(p, r, shown, len(found[p.key])) for p, r, shown in turn.routes):
        return False
    start(turn, stable, RolloutKind.JOIN, found, (Step(StepKind.SET_WEIGHT, shares.pop()),))
    look(turn, turn.now)
    return True
