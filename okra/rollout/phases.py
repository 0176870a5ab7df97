"""The way forward: gate, steps, bake (DESIGN §5.3–§5.5). Each function is one row of the machine's table."""

from __future__ import annotations

from collections.abc import Mapping

from okra.rollout import checks
from okra.rollout.begin import claimed
from okra.rollout.moves import Move, toward, unfit_message
from okra.rollout.state import Failure, Outcome, Phase, RolloutKind, Step, StepKind
from okra.rollout.turn import Turn
from okra.rollout.weights import ZERO

UNCHECKED = (RolloutKind.ROLLBACK, RolloutKind.FIRST)
"""A person asked for the version, or nothing carries traffic: there is nothing that a check could hold back."""


def gate(turn: Turn) -> None:
    """Attached at 0 and healthy, and the prechecks passed: only then the first weight."""
    if _stands_still(turn) or not claimed(turn):
        return
    turn.keep_watching()
    if not (unchecked(turn) or not turn.policy.prechecks or checks.passed(turn, turn.policy.prechecks, 0.0)):
        if turn.rollout.failing_since is None:
            turn.report("Prechecking", f"Running the prechecks of {turn.rollout.version}.")
        return
    moves = {route.key: toward(turn, turn.route_policies[route.key], route, ZERO) for route in turn.state.routes}
    if not _all_arrived(turn, moves):
        _go(turn, moves)
        return
    if not _healthy(turn):
        return
    turn.set(phase=Phase.STEP)
    turn.set_rollout(attempt=turn.rollout.attempt + 1, series=0, failing_since=None)
    turn.emit("GatePassed", f"{turn.rollout.version} is attached at weight 0 and healthy.")
    step(turn)


def step(turn: Turn) -> None:
    """Bring every route to the step's share, stay there, check, go on."""
    turn.keep_watching()
    share = turn.rollout.current.share
    if turn.rollout.kind is RolloutKind.FIRST:
        _place(turn)
        return
    moves = {route.key: toward(turn, turn.route_policies[route.key], route, share) for route in turn.state.routes}
    if not _all_arrived(turn, moves):
        if not _stands_still(turn):
            _go(turn, moves)
        return
    if dwell(turn, turn.rollout.current) and not _stands_still(turn):
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
    turn.keep_watching()
    baking = turn.rollout.step == len(turn.rollout.plan)
    entry = Step(StepKind.PAUSE, turn.rollout.current.share, turn.policy.bake_time)
    if baking and turn.policy.bake_time and not dwell(turn, entry):
        return
    if _stands_still(turn):
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
    turn.keep_watching()
    failure = turn.rollout.failure
    said = failure.message if failure else ""
    turn.report("Stopped", f"{said} The weights stay as they are. To take them back: okra abort {turn.policy.name}")


def dwell(turn: Turn, entry: Step) -> bool:
    """Stay at a confirmed share: the interval, then a series begun after it; a pause repeats series. True: go on."""
    watched = turn.state.watch.step
    names = () if unchecked(turn) else turn.policy.checks if entry.checks is None else entry.checks
    hurry = unchecked(turn)
    settled = watched >= (0.0 if hurry else turn.policy.propagation_delay)
    waited = hurry or (entry.wait is not None and watched >= entry.wait) or turn.rollout.resumed
    if entry.kind is StepKind.SET_WEIGHT:
        waited = hurry or watched >= turn.policy.propagation_delay + (entry.wait or 0.0)
    if entry.kind is StepKind.APPROVAL:
        waited = hurry or turn.rollout.approved
    _say_where(turn, entry)
    if not settled:
        turn.wake_in(turn.policy.propagation_delay - watched)
        return False
    if names and (waited or entry.kind is not StepKind.SET_WEIGHT):
        _run_series(turn, names, waited)
    elif not waited and entry.wait is not None:
        extra = turn.policy.propagation_delay if entry.kind is StepKind.SET_WEIGHT else 0.0
        turn.wake_in(entry.wait + extra - watched)
    return waited and (not names or turn.rollout.series > 0)


def _run_series(turn: Turn, names: tuple[str, ...], waited: bool) -> None:
    """Run the series that is due, and count it when it passed."""
    if turn.state.hold is not None and turn.state.hold.reason == "Inconclusive":
        return
    if turn.rollout.series and waited and not turn.waiting_for_person:
        return
    last = checks.last_passed_at(turn)
    if turn.rollout.series and last is not None and turn.now < last + turn.policy.check_interval:
        turn.wake_at(last + turn.policy.check_interval)
        return
    if checks.passed(turn, names, since(turn)):
        turn.set_rollout(series=turn.rollout.series + 1)


def since(turn: Turn) -> float:
    """Nothing measured before this is evidence for the present weights."""
    confirmed = max((route.confirmed_at or turn.now for route in turn.state.routes), default=turn.now)
    return confirmed + turn.policy.propagation_delay


def unchecked(turn: Turn) -> bool:
    return turn.rollout.promoted or turn.rollout.kind in UNCHECKED


def complete(turn: Turn) -> None:
    """The canary is stable now; what it replaced stays attached at 0 for an instant rollback."""
    rollout, until = turn.rollout, turn.now + turn.policy.retain_for
    for _, route, reading in turn.routes:
        stable = {arn: weight for arn, weight in reading.weights.items() if weight}
        former = [arn for arn in (*route.stable, *route.retained) if arn in reading.weights and arn not in stable]
        turn.set_route(
            route.key,
            stable=stable,
            canary=(),
            unacknowledged=(),
            retained={arn: route.retained.get(arn, until) for arn in former},
            asked=dict(reading.weights),
        )
    previous = turn.state.stable_version if rollout.kind in (RolloutKind.CANARY, RolloutKind.ROLLBACK) else None
    turn.set(
        phase=Phase.IDLE,
        stable_version=rollout.version,
        previous_version=previous or turn.state.previous_version,
        set_aside=tuple(aside for aside in turn.state.set_aside if aside.version != rollout.version),
    )
    turn.set_rollout(outcome=Outcome.SYNCED, ended_at=turn.now)
    turn.report("Synced", f"{rollout.version} holds the traffic.")
    turn.emit("RolloutCompleted", f"{rollout.version} holds all of the traffic.")


# -- moving --------------------------------------------------------------------------------------------------------


def _all_arrived(turn: Turn, moves: Mapping[str, Move]) -> bool:
    return turn.confirmed and all(move.arrived for move in moves.values())


def _go(turn: Turn, moves: Mapping[str, Move]) -> None:
    """Write what may be written: attachments one by one, shares only when every route is ready (lockstep)."""
    waiting = next((move for move in moves.values() if move.waits), None)
    if waiting is not None:
        turn.report(waiting.waits, waiting.message)
    writes = {key: move for key, move in moves.items() if move.weights is not None}
    if waiting is not None or any(move.attaches for move in writes.values()):
        writes = {key: move for key, move in writes.items() if move.attaches}
    if waiting is not None and not writes:
        _out_of_patience(turn)
        return
    if not turn.look(turn.now - turn.policy.fresh_for):
        return
    for route in turn.state.routes:
        move = writes.get(route.key)
        if move is not None and move.weights is not None and turn.may_retry(route) and turn.ask(route, move.weights):
            _say_moving(turn, move)


def _place(turn: Turn) -> None:
    """FirstPlacement: equal weights at once."""
    if not claimed(turn):
        return
    for _, route, reading in turn.routes:
        target = dict.fromkeys(route.canary, 1)
        others = {arn: 0 for arn in reading.weights if arn not in target}
        if dict(route.asked) != {**target, **others} and turn.may_retry(route):
            turn.ask(route, {**target, **others})
    if turn.confirmed:
        complete(turn)


def _healthy(turn: Turn) -> bool:
    """Can every attached canary group serve, on a fresh read?"""
    bad = {
        route.key: arns
        for _, route, reading in turn.routes
        if (arns := [arn for arn in route.canary if arn in reading.weights and not turn.can_serve(route, arn)])
    }
    if bad and turn.look_at_health([arn for arns in bad.values() for arn in arns]):
        said = " ".join(unfit_message(turn, route, bad[route.key]) for route in turn.state.routes if route.key in bad)
        turn.report("WaitingForHealth", said)
        _out_of_patience(turn)
    return not bad


def _out_of_patience(turn: Turn) -> None:
    """Attached at 0 and not healthy within `healthTimeout`: a failed gate. The version isn't blocked."""
    idle = {
        route.key: arns
        for _, route, reading in turn.routes
        if (arns := [arn for arn in route.canary if reading.weights.get(arn) == 0 and not turn.can_serve(route, arn)])
    }
    left = turn.policy.health_timeout - turn.state.watch.step
    if not idle or not turn.confirmed:
        return
    if left > 0:
        turn.wake_in(left)
        return
    said = " ".join(unfit_message(turn, route, idle[route.key]) for route in turn.state.routes if route.key in idle)
    said = f"Not healthy within {turn.policy.health_timeout:g} s. {said}"
    turn.fail(Failure("HealthTimeout", said, turn.now, block=False, set_aside=True))


def _stands_still(turn: Turn) -> bool:
    """A person paused, or is awaited: nothing is raised. Safety goes on elsewhere."""
    if turn.state.hold is not None:
        turn.report(turn.state.hold.reason, turn.state.hold.message)
    elif turn.state.paused or turn.policy.paused:
        how = "spec.paused is true" if turn.policy.paused else f"to go on: okra resume {turn.policy.name}"
        turn.report("Paused", f"Paused by a person; {how}.")
    else:
        return False
    turn.keep_watching()
    return True


def _say_where(turn: Turn, entry: Step) -> None:
    """What the Cell is doing at this share."""
    if turn.state.hold is not None or turn.state.paused or turn.policy.paused:
        _stands_still(turn)
        return
    at = f"{float(turn.rollout.current.share):.4g}"
    what = {
        StepKind.SET_WEIGHT: ("Progressing", f"{turn.rollout.version} has a share of {at}."),
        StepKind.PAUSE: ("PauseStep", f"{turn.rollout.version} pauses at a share of {at}."),
        StepKind.APPROVAL: (
            "ApprovalNeeded",
            f"{turn.rollout.version} waits at a share of {at} for: okra approve {turn.policy.name}",
        ),
        StepKind.ANALYSIS: ("Analyzing", f"{turn.rollout.version} is analyzed at a share of {at}."),
    }
    if entry.kind is StepKind.PAUSE and entry.wait is None:
        said = f"{turn.rollout.version} pauses at a share of {at} until: okra resume {turn.policy.name}"
        turn.report("PauseStep", said)
    elif turn.state.phase is Phase.BAKE:
        turn.report("Baking", f"{turn.rollout.version} bakes at 100 %.")
    else:
        turn.report(*what[entry.kind])


def _say_moving(turn: Turn, move: Move) -> None:
    share = turn.rollout.current.share
    if move.attaches:
        turn.emit("Attaching", f"Attaching groups of {turn.rollout.version} at weight 0.")
    else:
        number, steps = turn.rollout.step + 1, len(turn.rollout.plan)
        turn.emit("StepStarted", f"Step {number} of {steps}: {turn.rollout.version} to a share of {float(share):.4g}.")
