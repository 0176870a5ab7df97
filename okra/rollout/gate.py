"""Before the first weight (DESIGN §5.3): attached at 0, healthy, and the prechecks passed."""

from __future__ import annotations

from okra.rollout import checks
from okra.rollout.advance import all_arrived, go, lose_patience, moves_toward, stands_still
from okra.rollout.asking import unfit_message
from okra.rollout.claims import claimed, say_settling
from okra.rollout.dwell import unchecked
from okra.rollout.looking import keep_watching, look_at_health
from okra.rollout.state import Phase
from okra.rollout.steps import step
from okra.rollout.turn import Turn
from okra.rollout.weights import ZERO


def gate(turn: Turn) -> None:
    """All checks are there, attached at 0 and healthy, and the prechecks passed: only then the first weight."""
    if stands_still(turn):
        return
    if not claimed(turn):
        say_settling(turn)
        return
    keep_watching(turn)
    if (missing := turn.obs.missing_check) is not None and not unchecked(turn):
        turn.report(missing.reason, missing.message)
        turn.restart_watch()  # deadlines stand still while somebody is awaited
        return
    if not unchecked(turn) and turn.policy.prechecks and not checks.passed(turn, turn.policy.prechecks, 0.0):
        if turn.rollout.failing_since is None:
            turn.report("Prechecking", f"Running the prechecks of {turn.rollout.version}.")
        return
    moves = moves_toward(turn, ZERO)
    if not all_arrived(turn, moves):
        go(turn, moves)
    elif _healthy(turn):
        turn.set(phase=Phase.STEP)
        turn.set_rollout(attempt=turn.rollout.attempt + 1, series=0, failing_since=None)
        turn.emit("GatePassed", f"{turn.rollout.version} is attached at weight 0 and healthy.")
        step(turn)


def _healthy(turn: Turn) -> bool:
    """Can every attached canary group serve, on a fresh read?"""
    bad = {
        route.key: arns
        for _, route, reading in turn.routes
        if (arns := [arn for arn in route.canary if arn in reading.weights and not turn.can_serve(route, arn)])
    }
    if bad and look_at_health(turn, [arn for arns in bad.values() for arn in arns]):
        turn.report("WaitingForHealth", " ".join(unfit_message(turn, turn.route(key), bad[key]) for key in bad))
        lose_patience(turn)
    return not bad
