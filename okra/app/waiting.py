"""What a Cell waits for, in one sentence, and until when: from what its actor knows. Pure; nobody waits in silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from okra.analysis.series import Series
from okra.rollout.observation import Observation
from okra.rollout.policy import Policy
from okra.rollout.state import Outcome, Phase, Rollout, State, Step, StepKind
from okra.rollout.words import percent

AT_A_SHARE = ("Progressing", "Analyzing", "PauseStep", "ApprovalNeeded", "Baking", "RolloutStarted")
"""Reasons that say where a rollout is, and may be those of the step before while the next weight is written."""
NAMED = 3


@dataclass(frozen=True, slots=True)
class Wait:
    """`message` is a sentence; `then` says with `{left}` what happens at `until` (epoch seconds)."""

    reason: str
    message: str
    then: str = ""
    until: float | None = None
    about: str = ""
    """What is waited for, when the message holds figures that change while it stays the same."""

    @property
    def key(self) -> tuple[str, str]:
        """Two waits of one key are the same to a person."""
        return self.reason, self.about or self.message


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A series that runs for the Cell."""

    check: str
    """The name in the Cell."""
    series: Series
    ready_at: float | None = None
    """When the first whole piece of data since the step is there; None: it is, or the source needs none."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a Cell's actor knows at one moment."""

    policy: Policy
    state: State
    obs: Observation
    runs: Sequence[CheckRun] = field(default=())

    @property
    def running(self) -> list[str]:
        """The checks of the present series that have no verdict yet."""
        rollout = self.state.rollout
        if rollout is None or self.obs.requested != rollout.token:
            return []
        done = {result.check for result in self.obs.results if result.token == rollout.token}
        return [name for name in _checks(self.policy, self.state, rollout) if name not in done]


def from_status(status: Mapping[str, Any]) -> Wait:
    """All that is known while the actor is busy."""
    return Wait(status.get("reason") or "Pending", status.get("message") or "Waiting for the first discovery.")


def wait_of(seen: Sighting) -> Wait:
    """What a Cell that is not at rest waits for."""
    state = seen.state
    said = Wait(state.condition.reason, state.condition.message)
    passing = [problem for problem in seen.obs.problems.values() if not problem.fatal]
    if passing and state.phase is not Phase.REVERT:
        message = f"AWS gives no usable answer, and nothing is raised until it does: {passing[0].message}"
        return Wait(passing[0].reason, message, about="AWS")
    if state.hold is not None or state.paused or seen.policy.paused:
        return said
    match state.phase:
        case Phase.IDLE:
            return _rereading(seen) or said
        case Phase.GATE:
            return _at_the_gate(seen, said)
        case Phase.STEP | Phase.BAKE:
            return _at_a_share(seen, said)
    return said


def _rereading(seen: Sighting) -> Wait | None:
    """After a revert the route is read again, and `okra run` stays until then."""
    last = seen.state.rollout
    if last is None or last.ended_at is None or last.outcome is Outcome.SYNCED:
        return None
    due = last.ended_at + max(seen.policy.reread_after_revert, default=0.0)
    if all(reading.began_at >= due for reading in seen.obs.readings.values()):
        return None
    message = f"{seen.state.stable_version} holds the traffic. The route is read again, in case a write lands late."
    return Wait("Rereading", message, "The last time in {left}.", due)


def _at_the_gate(seen: Sighting, said: Wait) -> Wait:
    state, policy = seen.state, seen.policy
    if said.reason == "PrecheckFailed" and state.rollout is not None and state.rollout.failing_since is not None:
        ends = state.rollout.failing_since + policy.failure_delay
        return Wait(said.reason, said.message, "Rolled back in {left} unless they pass.", ends)
    if seen.running:
        return _checking(seen)
    if said.reason == "WaitingForHealth":
        return Wait(said.reason, said.message, "Given up in {left}.", _ends(state, policy.health_timeout))
    return said


def _at_a_share(seen: Sighting, said: Wait) -> Wait:
    state, policy, rollout = seen.state, seen.policy, seen.state.rollout
    if rollout is None or said.reason not in (*AT_A_SHARE, "Postchecking"):
        return said
    if any(route.confirmed_at is None for route in state.routes):
        share = percent(rollout.current.share)
        return Wait("Confirming", f"Waiting until the load balancer shows {rollout.version} with {share}.")
    if seen.running:
        return _checking(seen)
    if state.phase is Phase.BAKE:
        return Wait(said.reason, said.message, "Done in {left}.", _ends(state, policy.bake_time))
    entry, number = rollout.current, f"Step {rollout.step + 1} of {len(rollout.plan)}: "
    if entry.wait is None:
        return Wait(said.reason, number + said.message)
    length = entry.wait + (policy.propagation_delay if entry.kind is StepKind.SET_WEIGHT else 0.0)
    checked = entry.kind is StepKind.SET_WEIGHT and policy.checks and not rollout.promoted
    last = rollout.step + 1 == len(rollout.plan)
    then = "The last step ends in {left}." if last else "The next step begins in {left}."
    return Wait(
        said.reason, number + said.message, "Its checks begin in {left}." if checked else then, _ends(state, length)
    )


def _ends(state: State, length: float) -> float | None:
    """When so many seconds were watched, if nothing comes between."""
    return None if state.watch.seen_at is None else state.watch.seen_at + max(0.0, length - state.watch.step)


def _checks(policy: Policy, state: State, rollout: Rollout) -> tuple[str, ...]:
    """The checks of the series that is due now."""
    if state.phase is Phase.GATE:
        return policy.prechecks
    if rollout.step > len(rollout.plan):
        return policy.postchecks
    entry: Step = rollout.current
    return entry.checks if state.phase is Phase.STEP and entry.checks is not None else policy.checks


def _checking(seen: Sighting) -> Wait:
    """What the series waits for: data that isn't there yet, an answer, the next measurement."""
    names = seen.running
    listed = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    waiting = f"Waiting for check{'s' if len(names) > 1 else ''} {listed}"
    runs = [run for run in seen.runs if run.check in names]
    early = max((run.ready_at for run in runs if run.ready_at is not None and not run.series.results), default=None)
    if early is not None:
        message = f"{waiting}: no whole period of data has passed since the weight was confirmed."
        return Wait("Checking", message, "Measured in {left} at the earliest.", early)
    for run in runs:
        series = run.series
        if series.waiting_since is not None and series.results:
            message = f"{waiting}: too little data ({series.results[-1].reason})."
            ends = series.waiting_since + series.policy.wait_limit
            return Wait("Checking", message, "Inconclusive in {left}.", ends, about=f"{waiting}: too little data")
        if series.consecutive_errors:
            allowed = series.policy.consecutive_error_limit
            so_far = f"{series.consecutive_errors} error{'s' if series.consecutive_errors > 1 else ''} in a row"
            limit = f" (more than {allowed}: inconclusive)" if allowed >= 0 else ""
            return Wait("Checking", f"{waiting}: {so_far}{limit}: {series.results[-1].reason}")
        if series.policy.count is not None and series.policy.count > 1:
            return Wait("Checking", f"{waiting}: measured {series.measured} of {series.policy.count} times.")
    return Wait("Checking", f"{waiting} to be measured.")
