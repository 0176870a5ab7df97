"""How long a rollout stays at a share, and what is measured there (DESIGN §5.5)."""

from __future__ import annotations

from okra.rollout import checks
from okra.rollout.advance import stands_still
from okra.rollout.state import INCONCLUSIVE, Phase, RolloutKind, Step, StepKind
from okra.rollout.turn import Turn
from okra.rollout.words import percent

UNCHECKED = (RolloutKind.ROLLBACK, RolloutKind.FIRST)
"""A person asked for the version, or nothing carries traffic: there is nothing that a check could hold back."""


def unchecked(turn: Turn) -> bool:
    return turn.rollout.promoted or turn.rollout.kind in UNCHECKED


def dwell(turn: Turn, entry: Step) -> bool:
    """Stay at a confirmed share: the interval, then a series begun after it; a pause repeats series. True: go on."""
    _say_where(turn, entry)
    if unchecked(turn):
        return True
    delay, watched = turn.policy.propagation_delay, turn.watch.step
    if watched < delay:
        turn.wake_after_watching(delay - watched)
        return False
    waited = _waited(turn, entry)
    names = turn.policy.checks if entry.checks is None else entry.checks
    if names and (waited or entry.kind is not StepKind.SET_WEIGHT):
        _run_series(turn, names, waited)
    if not waited and entry.wait is not None:
        turn.wake_after_watching(_length(turn, entry) - watched)
    return waited and (not names or turn.rollout.series > 0)


def _waited(turn: Turn, entry: Step) -> bool:
    if entry.kind is StepKind.APPROVAL:
        return turn.rollout.approved
    return turn.rollout.resumed or (entry.wait is not None and turn.watch.step >= _length(turn, entry))


def _length(turn: Turn, entry: Step) -> float:
    """Watched seconds to stay: a weight's interval begins when it has propagated."""
    return (entry.wait or 0.0) + (turn.policy.propagation_delay if entry.kind is StepKind.SET_WEIGHT else 0.0)


def _run_series(turn: Turn, names: tuple[str, ...], waited: bool) -> None:
    """Run the series that is due, and count it when it passed."""
    if turn.state.hold is not None and turn.state.hold.reason == INCONCLUSIVE:
        return
    if turn.rollout.series and waited and not turn.held:
        return
    last = checks.last_passed_at(turn)
    if turn.rollout.series and last is not None and turn.now < last + turn.policy.check_interval:
        turn.wake_at(last + turn.policy.check_interval)
    elif checks.passed(turn, names, since(turn)):
        turn.set_rollout(series=turn.rollout.series + 1)


def since(turn: Turn) -> float:
    """Nothing measured before this is evidence for the present weights."""
    confirmed = max(route.confirmed_at or turn.now for route in turn.state.routes)
    return min(confirmed, turn.now) + turn.policy.propagation_delay


def _say_where(turn: Turn, entry: Step) -> None:
    """What the Cell is doing at this share."""
    if stands_still(turn):
        return
    version, at, name = turn.rollout.version, percent(turn.rollout.current.share), turn.policy.name
    if turn.state.phase is Phase.BAKE:
        turn.report("Baking", f"{version} bakes at 100 %.")
        return
    until = "." if entry.wait is not None else f" until: okra resume {name}"
    here = f"{at} of the way to {version}" if turn.distributes else f"{version} has {at} of the traffic"
    where = {
        StepKind.SET_WEIGHT: ("Progressing", f"{here}."),
        StepKind.ANALYSIS: ("Analyzing", f"{version} is analyzed at {at}."),
        StepKind.APPROVAL: ("ApprovalNeeded", f"{version} waits at {at} for: okra approve {name}"),
        StepKind.PAUSE: ("PauseStep", f"{version} pauses at {at}{until}"),
    }
    turn.report(*where[entry.kind])
