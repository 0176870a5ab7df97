"""What the routes show against what was asked: confirm, read again, write again (DESIGN §3)."""

from __future__ import annotations

from okra.rollout import late, verify
from okra.rollout.asking import ask, just_read, say_problem, unacknowledged, unfit
from okra.rollout.claims import may_write, tagged
from okra.rollout.edits import keep_or_put_back, respect, with_foreign
from okra.rollout.guard import rising
from okra.rollout.looking import RETRY_AFTER, keep_watching, look, look_at_health, look_later
from okra.rollout.members import remaining
from okra.rollout.observation import RouteReading
from okra.rollout.policy import RoutePolicy
from okra.rollout.state import Outcome, Phase, RouteState
from okra.rollout.turn import Turn
from okra.rollout.verify import STALE_FOR, Seen
from okra.rollout.weights import share_of
from okra.rollout.words import describe


def check_routes(turn: Turn) -> bool:
    """Hold every route against what was asked of it. True while one of them isn't there."""
    if turn.state.phase is Phase.REVERT:
        return False
    pending = False
    for policy, route, reading in turn.within_reach:
        match verify.classify(route, turn.obs):
            case Seen.CONFIRMED:
                if route.confirmed_at is None:
                    confirm(turn, route)
                read_once_more(turn, turn.route(route.key), reading)
            case Seen.REREAD:
                pending = True
                look_again(turn, route)
            case Seen.LOST:
                pending = _again(turn, policy, route, reading) or pending
            case Seen.MEMBERS:
                turn.set_route(route.key, asked=dict(reading.weights), confirmed_at=turn.now)
                turn.restart_watch()
            case _:  # DRIFT
                pending = keep_or_put_back(turn, policy, route, reading) or pending
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


def read_once_more(turn: Turn, route: RouteState, reading: RouteReading) -> None:
    """A write of unknown outcome may land after all that was asked since: the read that begins when none can any more
    shows what stays."""
    clear_at = late.clear_at(route)
    if clear_at is None:
        return
    if reading.began_at > clear_at:
        over = not turn.state.moving and turn.state.rollout is not None and turn.state.rollout.outcome is Outcome.SYNCED
        turn.set_route(route.key, lands_by=None, unacknowledged=() if over else route.unacknowledged)
    elif turn.now > clear_at:
        look(turn, clear_at)
    else:
        turn.wake_at(clear_at)


def confirm(turn: Turn, route: RouteState) -> None:
    """A read begun after AWS's success shows the weights."""
    turn.set_route(route.key, confirmed_at=turn.now, basis={})
    turn.restart_watch()
    turn.emit("WeightsConfirmed", f"{route.arn} shows {describe(route.asked)}.")


def _again(turn: Turn, policy: RoutePolicy, route: RouteState, reading: RouteReading) -> bool:
    """Our write isn't known to have arrived, or an older one did late. Whether it may be made now is a new question:
    a raise that may not is given up, and what the route shows is what holds. True while it isn't there."""
    weights = with_foreign(policy, route, reading, remaining(turn, route, route.asked))
    if not may_write(turn, route, weights) or (tagged(turn) and not just_read(turn)):
        said = f"That {describe(route.asked)} arrived on {reading.arn} isn't known; it is written again after a look."
        turn.report("WritingAgain", said)
        return True
    if not any(weights.values()):
        respect(turn, route, reading, list(reading.weights))
        return False
    raises = share_of(weights, route.canary) > share_of(reading.weights, route.canary)
    halted = turn.held or turn.state.phase is Phase.STOPPED
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
        turn.emit("WritingAgain", f"Setting {describe(weights)} once more: that it arrived isn't known.", of=route.key)
        say_problem(turn, route)
    return True
