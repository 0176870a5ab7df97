"""How weights are asked for: behind the guard, recorded first, then written (DESIGN §3)."""

from __future__ import annotations

from collections.abc import Collection

from okra.rollout import clocks, health, verify
from okra.rollout.claims import claimed
from okra.rollout.distribution import progress
from okra.rollout.effects import SetWeights
from okra.rollout.guard import guard
from okra.rollout.looking import look, look_at_health
from okra.rollout.observation import TargetHealth, Weights, WriteOutcome
from okra.rollout.state import Phase, RouteState
from okra.rollout.turn import Turn
from okra.rollout.words import describe, sentence, short

MOST_UNACKNOWLEDGED = 8
READ_BEFORE = 1.0
"""Seconds before a write in which its route was read: a write replaces all, also what a person has just set."""
RETRY_AFTER = 1.0
"""Seconds before a write that was refused or not answered is tried again; doubles each time."""
RETRY_AT_MOST = 30.0
UNTIL_IT_SUCCEEDS = f"The weights stay as they are; it is tried again, at most every {RETRY_AT_MOST:g} s."
"""Said where AWS refuses a weight for good and traffic has moved: nobody is told to go, nothing is given up."""


def ask(turn: Turn, route: RouteState, weights: Weights, *, urgent: bool = False) -> bool:
    """Ask for weights on one route. False, and why in the condition, when they may not be written now.

    `urgent`: takes traffic off what failed: the newest readings do, however old, and the store isn't waited for.
    """
    if not may_retry(turn, route):
        say_problem(turn, route)
        return False
    if not urgent and not (claimed(turn) and just_read(turn)):
        return False
    if stuck := unfit(turn, route, weights, urgent=urgent):
        look_at_health(turn, stuck)
        say_unfit(turn, route, stuck)
        return False
    if not turn.obs.may_write:
        if not turn.opens_later():
            turn.report("ReadOnly", f"Would set {describe(weights)}, but this Okra only looks (--read-only).")
        return False
    serial = route.serial + 1
    turn.set_route(
        route.key,
        asked=dict(weights),
        basis=dict(turn.obs.readings[route.key].weights),
        serial=serial,
        confirmed_at=None,
        unacknowledged=unacknowledged(turn, route),
    )
    turn.restart_watch()
    token = turn.rollout.token if turn.state.moving else None
    turn.effects.append(SetWeights(route.key, dict(weights), serial, token, urgent))
    turn.urgent = turn.urgent or urgent
    return True


def just_read(turn: Turn) -> bool:
    """Were the routes read just now? What a person set a moment ago must not be written over.

    A slow AWS takes longer than that for one read: then it is the newest there is when it has just ended.
    """
    swept = turn.obs.swept_at
    ended = swept is not None and swept > turn.now - READ_BEFORE
    return look(turn, turn.now - (turn.policy.fresh_for if ended else READ_BEFORE))


def unfit(turn: Turn, route: RouteState, weights: Weights, *, urgent: bool = False) -> list[str]:
    """The groups that the guard stops at. It lets pass what goes where nothing carries traffic, and what is urgent
    where nothing is known to serve: nothing can be lost there."""
    shown = turn.obs.readings[route.key].weights
    if not any(shown.values()) or (urgent and not anything_serves(turn, shown)):
        return []
    return guard(weights, shown, lambda arn: turn.can_serve(route, arn, fresh=not urgent))


def anything_serves(turn: Turn, shown: Weights) -> bool:
    """Is any group that carries traffic known to serve?"""
    return any(health.serves(turn.obs, arn) for arn, weight in shown.items() if weight)


def unacknowledged(turn: Turn, route: RouteState) -> tuple[Weights, ...]:
    """Asks of this rollout that may still land. One without canary traffic isn't kept: it would pass for an abort."""
    write = verify.write_of(route, turn.obs)
    known = route.confirmed_at is not None or (write is not None and write.outcome is not WriteOutcome.UNKNOWN)
    if known or not progress(route, route.asked):
        return route.unacknowledged
    return (*(late for late in route.unacknowledged if late != route.asked), route.asked)[-MOST_UNACKNOWLEDGED:]


def may_retry(turn: Turn, route: RouteState) -> bool:
    """Has the backoff of the last unanswered or refused write on this route passed? If not, wake when it has."""
    write = turn.obs.writes.get(route.key)
    if write is None or write.outcome is WriteOutcome.ACKNOWLEDGED:
        return True
    due = write.at + min(RETRY_AT_MOST, RETRY_AFTER * 2.0 ** min(write.failures - 1, 10))
    if turn.now >= due:
        return True
    turn.wake_at(due)
    return False


def say_problem(turn: Turn, route: RouteState) -> None:
    write = turn.obs.writes.get(route.key)
    if write is not None and (problem := write.problem) is not None:
        refused = problem.fatal and turn.state.phase in (Phase.STEP, Phase.BAKE) and not turn.first
        then = f" {UNTIL_IT_SUCCEEDS}" if refused else ""
        turn.report(problem.reason, sentence(problem.message) + then, permanent=problem.fatal)


def say_unfit(turn: Turn, route: RouteState, unfit: Collection[str]) -> None:
    """Report what is waited for, unless a read that is on its way may settle it."""
    fresh = turn.now - turn.policy.fresh_for
    if all((reading := known(turn, arn)) is None or reading.began_at > fresh for arn in unfit):
        turn.report("WaitingForHealth", unfit_message(turn, route, unfit))


def unfit_message(turn: Turn, route: RouteState, unfit: Collection[str]) -> str:
    """Which groups can't take traffic yet, with their counts."""
    parts = []
    for arn in unfit:
        reading = known(turn, arn)
        need = (turn.need(route, arn) or "?") if arn in route.canary else 1
        counts = f"{reading.healthy} of {reading.registered} targets healthy" if reading else "health unknown"
        parts.append(f"{short(arn)} ({counts}, {need} needed)")
    return "Waiting for " + ", ".join(parts) + "."


def known(turn: Turn, arn: str) -> TargetHealth | None:
    """What is known of a group's health: older than two polls is too old to say."""
    reading = health.newest(turn.obs, arn)
    oldest = turn.now - 2 * clocks.poll(turn.policy, turn.state, turn.obs)
    return reading if reading and reading.began_at >= oldest else None
