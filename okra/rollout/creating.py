"""Rules that aren't there, of which the spec says enough to make them: a copy of the listener's default action, so that
what such a rule takes goes on as before. Then it is adopted as any other, and the rest is an ordinary rollout. Where
another rule may have these requests now nothing is made: the copy would send them elsewhere.

Only at rest, and never while a person is waited for. What is made carries the owner tag from its first moment on, and
AWS makes no second rule at a priority: so nobody has to be asked before, and an answer that is lost costs no more than
another look.
"""

from __future__ import annotations

from dataclasses import replace

from okra.rollout import late, verify
from okra.rollout.asking import READ_BEFORE, may_retry, say_problem
from okra.rollout.effects import CreateRule
from okra.rollout.looking import just_swept, look_later
from okra.rollout.observation import ABSENT, OVERLAPS
from okra.rollout.policy import RoutePolicy
from okra.rollout.state import RouteState
from okra.rollout.turn import Turn
from okra.rollout.verify import STALE_FOR


def absent(turn: Turn) -> list[str]:
    """The routes that aren't there and could be made, were it not for other rules."""
    return [key for key in turn.route_policies if (p := turn.obs.problems.get(key)) and p.reason in (ABSENT, OVERLAPS)]


def create_absent(turn: Turn) -> None:
    """At rest, make the rules that aren't there."""
    keys = absent(turn)
    if not keys or turn.state.moving:
        return
    overlaps = [p for key in keys if (p := turn.obs.problems[key]).reason == OVERLAPS]
    if overlaps:
        turn.report(OVERLAPS, overlaps[0].message, permanent=True)
    else:
        turn.report("CreatingRule", f"{', '.join(keys)} isn't there yet: making it.")
    others = tuple(route for route in turn.state.routes if route.key not in keys)
    if (hold := turn.state.hold) is not None:
        said = f"{', '.join(keys)} isn't there, and is made after: okra resume {turn.policy.name}"
        turn.report(hold.reason, f"{said} ({hold.message})")
    elif turn.state.paused or turn.policy.paused:
        turn.report("Paused", f"Paused by a person; {', '.join(keys)} isn't there yet.")
    elif late.may_land(replace(turn.state, routes=others), turn.now):
        turn.wake_at(turn.now + turn.policy.poll_interval)
    elif just_swept(turn, READ_BEFORE):
        for key in keys:
            _create(turn, turn.route_policies[key])


def _create(turn: Turn, policy: RoutePolicy) -> None:
    key = policy.key
    known = next((route for route in turn.state.routes if route.key == key), RouteState(key))
    answered = verify.acknowledged(known, turn.obs)
    if turn.obs.problems[key].reason == OVERLAPS:
        if known.arn:
            _begin_anew(turn)  # with the one that a person makes
    elif not may_retry(turn, known):
        say_problem(turn, known)
    elif answered is not None and turn.now - answered < STALE_FOR:
        look_later(turn, answered)
    elif not turn.obs.may_write:
        if not turn.opens_later():
            turn.report("ReadOnly", f"Would create the rule {key}, but this Okra only looks (--read-only).")
    else:
        if known.arn or not turn.state.routes:
            _begin_anew(turn)
        turn.set_route(key, serial=known.serial + 1)
        turn.effects.append(CreateRule(key, known.serial + 1, policy.take_over))
        just_swept(turn, 0.0)  # then see what came of it


def _begin_anew(turn: Turn) -> None:
    """Nothing that was known of a rule that is gone holds of its successor; nor of the routes that moved with it."""
    serials = {route.key: route.serial for route in turn.state.routes}
    turn.set_routes(tuple(RouteState(p.key, serial=serials.get(p.key, 0)) for p in turn.policy.routes))
    turn.set(stable_version=None, rollout=None)
