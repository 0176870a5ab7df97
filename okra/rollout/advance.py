"""How all routes of a Cell move together (DESIGN §5.3–§5.5): attachments one by one, shares in lockstep."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from okra.rollout.asking import ask, unfit_message
from okra.rollout.distribution import progress, raised
from okra.rollout.looking import keep_watching
from okra.rollout.moves import Move, toward
from okra.rollout.observation import RouteReading
from okra.rollout.reach import say_away
from okra.rollout.state import Failure, Phase, RouteState
from okra.rollout.turn import Turn
from okra.rollout.words import percent


def moves_toward(turn: Turn, share: Fraction) -> dict[str, Move]:
    """Each route's next move toward a share of the canary. One out of reach makes none: it is there, or waited for."""
    behind = [key for key in turn.away if progress((route := turn.route(key)), route.asked) != share]
    moves = {route.key: toward(turn, policy, route, share) for policy, route, _ in turn.within_reach}
    return moves | {key: Move(waits=turn.away[key].reason) for key in behind}


def all_arrived(turn: Turn, moves: Mapping[str, Move]) -> bool:
    return turn.confirmed and all(move.arrived for move in moves.values())


def go(turn: Turn, moves: Mapping[str, Move]) -> None:
    """Write what may be written: attachments one by one, shares only when every route is ready for its own."""
    waiting = next((move for move in moves.values() if move.waits), None)
    if waiting is not None and waiting.message:
        turn.report(waiting.waits, waiting.message)
    attaching = {key: move for key, move in moves.items() if move.attaches}
    if waiting is not None and not attaching:
        lose_patience(turn)
        return
    for key, move in (attaching or moves).items():
        if move.weights is not None and ask(turn, turn.route(key), move.weights):
            _say(turn, key, move)


def lose_patience(turn: Turn) -> None:
    """Attached at 0 and not healthy within `healthTimeout`: a failed gate. The version isn't blocked."""
    idle = {
        route.key: arns
        for _, route, reading in turn.routes
        if (arns := [arn for arn in _waiting(route, reading) if not turn.can_serve(route, arn)])
    }
    if not idle:
        return
    left = turn.policy.health_timeout - turn.watch.step
    if left > 0:
        turn.wake_after_watching(left)
        return
    said = " ".join(unfit_message(turn, turn.route(key), arns) for key, arns in idle.items())
    said = f"Not healthy within {turn.policy.health_timeout:g} s. {said}"
    turn.fail(Failure("HealthTimeout", said, turn.now, block=False, set_aside=True))


def _waiting(route: RouteState, reading: RouteReading) -> list[str]:
    """Groups of the canary that are attached, and have got nothing more yet."""
    more = raised(route, reading.weights)
    return [arn for arn in route.canary if arn in reading.weights and arn not in more]


def stands_still(turn: Turn) -> bool:
    """A person paused, or is awaited, or a route is out of reach: nothing is raised. Safety goes on elsewhere."""
    if turn.away:
        say_away(turn)
    elif turn.state.hold is not None:
        turn.report(turn.state.hold.reason, turn.state.hold.message)
    elif turn.state.paused or turn.policy.paused:
        say_paused(turn)
    else:
        return False
    if turn.state.phase is Phase.GATE:
        turn.restart_watch()  # deadlines stand still while a person is awaited
    keep_watching(turn)
    return True


def say_paused(turn: Turn) -> None:
    turn.report("Paused", paused(turn))


def paused(turn: Turn) -> str:
    """Who pauses, and how that ends."""
    how = "set spec.paused to false" if turn.policy.paused else f"okra resume {turn.policy.name}"
    return turn.policy.held_by or f"Paused by a person; to go on: {how}"


def _say(turn: Turn, route: str, move: Move) -> None:
    version, share = turn.rollout.version, percent(turn.rollout.current.share)
    if move.attaches:
        turn.emit("Attaching", f"Attaching groups of {version} at weight 0.", of=route)
    else:
        number, steps = turn.rollout.step + 1, len(turn.rollout.plan)
        to = f"{share} of the way to {version}" if turn.distributes else f"{version} to {share} of the traffic"
        said = f"Step {number} of {steps}: {to}."
        turn.emit("StepStarted", said, of=route)
