"""What happened, by the model's own book: which versions failed, what people took back, what carried traffic before.

The core's record of failures and blocks is never asked; only a verdict's token needs the rollout it was measured for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from okra.rollout.effects import Effect, Persist, SetWeights
from okra.rollout.observation import Verdict
from okra.rollout.policy import OnDrift
from okra.rollout.state import Phase, RolloutKind, State
from tests.rollout.model import invariants
from tests.rollout.model.ways import above, of_canary
from tests.rollout.process import Process
from tests.rollout.world import World

RUNNING = (Phase.GATE, Phase.STEP, Phase.BAKE)
LIFTING = ("retry", "unblock", "rollback")
GOING_ON = ("resume", "promote", "retry", "rollback")


@dataclass
class Oracle:
    world: World
    live: Process | None = None
    failed: dict[str, str] = field(default_factory=dict)
    """Group of a failed attempt → the version that failed."""
    suspected: Mapping[str, str] = field(default_factory=dict)
    """Groups whose failure the present decision has seen, but not yet made known."""
    lifted: int = 0
    """Commands seen so far."""
    went_on: float = -1.0
    """When a person last said to go on (true time)."""
    highest: dict[tuple[int, str], Fraction] = field(default_factory=dict)
    """The largest share that a rollout's canary had on a route."""
    before: dict[int, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    """What the routes showed when a rollout began."""
    began: dict[int, float] = field(default_factory=dict)
    """When it did (true time)."""
    set_ahead: float = -1.0
    """When the clock was last set ahead (true time): then Okra can't tell how long ago something was."""
    reassert: bool = False
    """`onDrift: Reassert` held at some time."""

    @property
    def true_now(self) -> float:
        return self.world.now - self.world.skew

    def watch(self, process: Process) -> None:
        process.watchers.append(self.on_effect)
        process.after.append(self.on_done)
        process.deciding.append(self.on_decision)

    # -- decisions -------------------------------------------------------------------------------------------------

    def on_decision(self, process: Process) -> None:
        assert process.decision is not None
        before, after = process.decided_from, process.decision.state
        self.reassert = self.reassert or process.policy.on_drift is OnDrift.REASSERT
        if after.rollouts > before.rollouts:
            self.began[after.rollouts] = self.true_now
            self.before[after.rollouts] = {key: dict(weights) for key, weights in self.world.routes.items()}
        self._people(before, after)
        invariants.nothing_counts_that_is_not_everywhere(process)
        if process is self.live:
            if not process.pending:
                invariants.rests_when_nothing_can_land(self, process)
            self.suspected = self._failures(process)
            if not any(isinstance(effect, Persist) for effect in process.pending):
                self._commit()

    def _people(self, before: State, after: State) -> None:
        done = {handled.id for handled in before.commands}
        for handled in after.commands:
            if handled.id in done or handled.outcome.startswith("Refused"):
                continue
            if handled.verb in LIFTING:
                self.failed.clear()
            if handled.verb in GOING_ON:
                self.went_on = self.true_now

    def has_failed(self, arn: str) -> bool:
        """Unless a person says since that it is of another version, or wants another distribution."""
        policy = self.live.policy if self.live is not None else None
        now = policy.pin if policy is not None and policy.routes[0].goal else self.world.groups[arn].version
        return arn in self.failed and now == self.failed[arn]

    def _failures(self, process: Process) -> dict[str, str]:
        state, obs = process.decided_from, process.decided_on
        rollout = state.rollout
        new_commands = {command.id for command in obs.commands} - {handled.id for handled in state.commands}
        if rollout is None or state.phase not in RUNNING or new_commands or process.policy.problem:
            return {}
        if rollout.kind is RolloutKind.FIRST or any(at.began_at > self.world.now for at in obs.readings.values()):
            return {}
        canary = {arn: rollout.version for route in state.routes for arn in route.canary}
        carries = any(
            of_canary(route, obs.readings[route.key].weights) for route in state.routes if route.key in obs.readings
        )
        verdicts = {result.verdict for result in obs.results if result.token == rollout.token}
        if Verdict.FAILED in verdicts and state.phase is not Phase.GATE and carries:
            return canary
        for route in state.routes:
            reading = obs.readings.get(route.key)
            for arn in route.canary:
                health = [each for each in obs.health.get(arn, ()) if each.began_at <= self.world.now]
                dead = len(health) == 3 and not any(h.healthy for h in health)
                if dead and reading and above(route, reading.weights, arn):
                    return canary
        return {}

    def _commit(self) -> None:
        self.failed.update(self.suspected)
        self.suspected = {}

    # -- effects ---------------------------------------------------------------------------------------------------

    def on_effect(self, process: Process, effect: Effect) -> None:
        if isinstance(effect, SetWeights):
            if process is self.live:
                self._commit()
            for invariant in invariants.OF_EVERY_WRITE:
                invariant(self, process, effect)

    def on_done(self, process: Process, effect: Effect, done: bool) -> None:
        if isinstance(effect, Persist) and process is self.live:
            if done:
                self._commit()
            self.suspected = {}
        if isinstance(effect, SetWeights):
            self._raised(process, effect)

    def _raised(self, process: Process, effect: SetWeights) -> None:
        state = process.state
        if effect.token is not None:
            route = next(route for route in state.routes if route.key == effect.route)
            at = effect.token.rollout, effect.route
            self.highest[at] = max(self.highest.get(at, Fraction(0)), of_canary(route, effect.weights))

    def forget(self, *groups: str) -> None:
        """Another version, or other targets: what failed was something else."""
        for arn in groups:
            self.failed.pop(arn, None)
