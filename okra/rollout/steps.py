"""The way forward: steps and bake (DESIGN §5.5). Each public function is one row of the machine's table."""

from __future__ import annotations

from okra.rollout import checks
from okra.rollout.advance import all_arrived, go, moves_toward, stands_still
from okra.rollout.asking import just_read
from okra.rollout.completion import complete
from okra.rollout.dwell import dwell, since, unchecked
from okra.rollout.looking import keep_watching
from okra.rollout.placing import place
from okra.rollout.start import present_share
from okra.rollout.state import Phase, RolloutKind, Step, StepKind
from okra.rollout.turn import Turn


def step(turn: Turn) -> None:
    """Bring every route to the step's share, stay there, check, go on."""
    if turn.first:
        place(turn)
        return
    keep_watching(turn)
    moves = moves_toward(turn, turn.rollout.current.share)
    arrived = all_arrived(turn, moves)
    if not arrived and not (turn.drifted and turn.confirmed and present_share(turn)):
        if not stands_still(turn):
            go(turn, moves)
    elif dwell(turn, turn.rollout.current) and not stands_still(turn) and just_read(turn):
        next_step(turn)


def next_step(turn: Turn) -> None:
    after = turn.rollout.step + 1
    turn.set_rollout(step=after, attempt=1, series=0, approved=False, resumed=False)
    turn.restart_watch()
    if after < len(turn.rollout.plan):
        step(turn)
    elif unchecked(turn) or turn.rollout.kind is RolloutKind.JOIN:
        complete(turn)
    else:
        turn.set(phase=Phase.BAKE)
        bake(turn)


def bake(turn: Turn) -> None:
    """At 100 %: the checks go on for `bakeTime`, then the postchecks, then the rollout is done."""
    keep_watching(turn)
    baking = turn.rollout.step == len(turn.rollout.plan)
    entry = Step(StepKind.PAUSE, turn.rollout.current.share, turn.policy.bake_time)
    if baking and (turn.policy.bake_time or turn.held) and not dwell(turn, entry):
        return
    if stands_still(turn):
        return
    if baking and turn.policy.postchecks and not turn.rollout.promoted:
        turn.set_rollout(step=turn.rollout.step + 1, attempt=1, series=0)
        turn.restart_watch()
        baking = False
    if not baking and not turn.rollout.promoted and not checks.passed(turn, turn.policy.postchecks, since(turn)):
        turn.report("Postchecking", f"Running the postchecks of {turn.rollout.version}.")
        return
    complete(turn)


def stopped(turn: Turn) -> None:
    """`onFailure: Stop`: frozen until a person decides; health and drift are still watched."""
    if turn.away:
        return
    keep_watching(turn)
    failure = turn.rollout.failure
    said = failure.message if failure else ""
    turn.report("Stopped", f"{said} The weights stay as they are. To take them back: okra abort {turn.policy.name}")
