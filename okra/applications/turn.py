"""One decision in the making: what is known, what is decided so far, and what the Cell's phase is then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from okra.applications.effects import Decision, Effect, Emit, Persist
from okra.applications.lockstep import together
from okra.applications.observation import Observation
from okra.applications.policy import Application, OnFailure, Policy
from okra.applications.state import AppState, Failure, Phase, State
from okra.rollout.observation import SeriesResult

LONGEST_GAP = 3.0
"""Polls after which nobody is said to have watched."""


class Turn:
    def __init__(self, policy: Policy, state: State, obs: Observation, now: float) -> None:
        self.policy, self.obs, self.now = policy, obs, now
        self.before = state
        self.state = replace(state, applications=tuple(state.of(app.name) for app in policy.applications))
        self.effects: list[Effect] = []
        self.emits: list[Emit] = []
        self.wakes: list[float] = []
        self.reason = ""
        """Why the first application that isn't Synced waits, where its phase doesn't say."""
        self.regroups: frozenset[str] = frozenset()
        """Those whose lockstep changes when no former target groups of theirs are attached any more."""
        gap = now - state.seen_at if state.seen_at is not None else 0.0
        held = policy.paused and not policy.leaving
        self.watched = gap if 0 < gap <= LONGEST_GAP * policy.poll_interval and not held else 0.0
        """Seconds since the last look that count toward a deadline: somebody watched, and nobody paused what stays."""

    def app(self, app: Application) -> AppState:
        return self.state.of(app.name)

    def set(self, app: Application, **changes: Any) -> None:
        self.state = _changed(self.state, app.name, changes)

    def put(self, app: AppState) -> None:
        """As it was before."""
        known = self.state.applications
        self.state = replace(self.state, applications=tuple(app if each.name == app.name else each for each in known))

    def running(self, app: Application, **clocks: Any) -> None:
        """Running clocks: they are saved with other changes, never for themselves."""
        self.state = _changed(self.state, app.name, clocks)
        self.before = _changed(self.before, app.name, clocks)

    def emit(self, reason: str, message: str, type: Literal["Normal", "Warning"] = "Normal") -> None:
        self.emits.append(Emit(reason, message, type))

    def fail(self, app: Application, phase: Phase, reason: str, message: str, *, block: bool = True) -> None:
        """A verdict: the rest of this attempt is undone, or stopped, and of those in lockstep with it. Who waits for
        Failed is told when that is over."""
        undone = phase is Phase.FAILED and self.policy.on_failure is OnFailure.ROLLBACK
        for each in together(self, app):
            said = message if each is app else f"In lockstep with {app.name}: {message}"
            failure = Failure(phase, reason, said, self.now, block)
            self.set(each, failure=failure, phase=Phase.REVERTING if undone else phase, message=said, waited=0.0)
        self.emit(reason, f"{app.name}: {message}", "Warning" if block else "Normal")

    def report(self, phase: Phase, reason: str, message: str) -> None:
        """How the Cell is."""
        self.state = replace(self.state, phase=phase, reason=reason, message=message)

    def wake_in(self, seconds: float) -> None:
        self.wakes.append(self.now + seconds)

    def verdicts(self, app: Application, checks: tuple[str, ...]) -> list[SeriesResult] | None:
        """Of the present series; None until all have theirs."""
        token = self.app(app).token
        found = [each for each in self.obs.results if each.token == token and each.check in checks]
        return found if {each.check for each in found} == set(checks) else None

    def decision(self) -> Decision:
        """A changed state is persisted first, and acted upon by the next decision; so whatever is done is on record."""
        state = replace(self.state, seen_at=self.now)
        wake_at = min(self.wakes, default=None)
        if self.state != self.before:
            return Decision(state, (Persist(state), *self.emits), self.now)
        return Decision(state, tuple(self.effects), wake_at)


def _changed(state: State, name: str, changes: Mapping[str, Any]) -> State:
    applications = tuple(replace(each, **changes) if each.name == name else each for each in state.applications)
    return replace(state, applications=applications)
