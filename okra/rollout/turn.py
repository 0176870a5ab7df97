"""One turn of `decide`: the inputs, the state as it changes, and the effects so far. Only a Decision leaves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

from okra.rollout import clocks, health, late, verdicts
from okra.rollout.census import Census, count
from okra.rollout.effects import CreateRule, Decision, Effect, Emit, Observe, Persist, SetWeights
from okra.rollout.observation import Observation, RouteReading
from okra.rollout.policy import Policy, RoutePolicy, bare
from okra.rollout.state import (
    DRIFTED,
    Condition,
    Failure,
    Hold,
    Outcome,
    Phase,
    Rollout,
    RolloutKind,
    RouteState,
    State,
)

LEAST_WAIT = 0.01
"""Seconds: rounding must not make a wake-up of no length."""


class Turn:
    def __init__(self, policy: Policy, state: State, obs: Observation, now: float) -> None:
        self.policy, self.before, self.now = policy, state, now
        self.obs = clocks.until(obs, now)
        self.state = state
        self.watch = clocks.advance(policy, state, self.obs, now)
        self.effects: list[Effect] = []
        self.away: Mapping[str, Condition] = {}
        """The routes out of reach, by key, and why: nothing is written to them, and nothing is raised on the others."""
        self.watched: set[str] | None = None
        """The groups whose health is to be read, when the routes are; None: nothing is to be read."""
        self.wakes: list[float] = []
        self.urgent = False

    # -- reading ---------------------------------------------------------------------------------------------------

    @property
    def rollout(self) -> Rollout:
        """The present rollout; only asked for where there is one."""
        assert self.state.rollout is not None
        return self.state.rollout

    @cached_property
    def route_policies(self) -> dict[str, RoutePolicy]:
        """By key. A route that an edit took out of the spec stays here until its rollout has ended."""
        known = {route.key: route for route in self.policy.routes}
        return {r.key: known.get(r.key, bare(r.key)) for r in self.state.routes} if self.state.routes else known

    @property
    def unread(self) -> list[str]:
        return [key for key in self.route_policies if key not in self.obs.readings]

    @property
    def routes(self) -> Iterable[tuple[RoutePolicy, RouteState, RouteReading]]:
        """The Cell's routes with their state and newest reading, where both are known."""
        for route in self.state.routes:
            if route.key in self.obs.readings:
                yield self.route_policies[route.key], route, self.obs.readings[route.key]

    @property
    def within_reach(self) -> list[tuple[RoutePolicy, RouteState, RouteReading]]:
        """Those of them that may be written."""
        return [each for each in self.routes if each[1].key not in self.away]

    def route(self, key: str) -> RouteState:
        return next(route for route in self.state.routes if route.key == key)

    @cached_property
    def censuses(self) -> dict[str, Census]:
        return {key: count(self.policy, route, self.obs) for key, route in self.route_policies.items()}

    @property
    def distributes(self) -> bool:
        """Does the spec say who gets how much, whoever has it now? Its one route may do anything at first."""
        return any(policy.goal for policy in self.policy.routes)

    def holds(self, version: str | None, *, all_of: bool = False) -> str:
        """That a version has what it is to have, for people."""
        if self.distributes:
            return f"The traffic is divided as {version} says"
        return f"{version} holds {'all of ' if all_of else ''}the traffic"

    def need(self, route: RouteState, arn: str) -> int | None:
        """Healthy targets that this canary group of a route needs; None while it can't be known. One that is to gain on
        the traffic that it has needs a part of its own: of a larger one's it might never have as many."""
        if self.route_policies[route.key].single:
            return 1
        return health.own(self.policy.min_healthy, self.obs, arn) if route.stable.get(arn) else self._need

    @cached_property
    def _need(self) -> int | None:
        """Of target groups."""
        # ELB checks no group that isn't attached: detached ones would count as without a healthy target.
        counting = [(route, reading) for policy, route, reading in self.routes if not policy.single]
        stable = [a for route, reading in counting for a, w in route.stable.items() if w and a in reading.weights]
        return health.needed(self.policy.min_healthy, self.obs, stable)

    def can_serve(self, route: RouteState, arn: str, *, fresh: bool = True) -> bool:
        """May this group's share rise? The canary needs `minHealthyTargets`, a stable group one healthy target.

        `fresh`: only a reading of this poll counts; a revert takes the newest.
        """
        reading = health.newest(self.obs, arn)
        if reading is None or (fresh and self.now - reading.began_at > self.policy.fresh_for):
            return False
        need = self.need(route, arn) if arn in route.canary else 1
        return need is not None and reading.healthy >= need

    @property
    def confirmed(self) -> bool:
        """Does every route show what was asked of it?"""
        return all(route.confirmed_at is not None for route in self.state.routes)

    @property
    def held(self) -> bool:
        """Is nothing to be raised: a person paused, or is awaited, or a route is out of reach?"""
        return self.state.hold is not None or self.state.paused or self.policy.paused or bool(self.away)

    @property
    def drifted(self) -> bool:
        """Does a person's edit of the weights hold the rollout?"""
        return self.state.hold is not None and self.state.hold.reason == DRIFTED

    @property
    def first(self) -> bool:
        """Is this a first placement? Nothing carried traffic before, so there is nothing to go back to."""
        return self.state.moving and self.rollout.kind is RolloutKind.FIRST

    # -- changing the state ----------------------------------------------------------------------------------------

    def set(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)

    def set_rollout(self, **changes: Any) -> None:
        self.set(rollout=replace(self.rollout, **changes))

    def set_routes(self, routes: tuple[RouteState, ...]) -> None:
        """Begin with these, of which nothing is known yet."""
        self.set(routes=routes)
        for derived in ("route_policies", "censuses"):
            self.__dict__.pop(derived, None)

    def set_route(self, key: str, **changes: Any) -> None:
        self.set(routes=tuple(replace(r, **changes) if r.key == key else r for r in self.state.routes))

    def restart_watch(self) -> None:
        """What is waited for, or timed out, begins anew."""
        self.watch = replace(self.watch, step=0.0)

    def measure_anew(self) -> None:
        """What was measured so far is no evidence any more."""
        if self.state.moving:
            self.set_rollout(attempt=self.rollout.attempt + 1, series=0)
        self.restart_watch()

    def report(self, reason: str, message: str, *, permanent: bool = False) -> None:
        self.set(condition=Condition(reason, message, permanent))

    def emit(self, reason: str, message: str, type: Literal["Normal", "Warning"] = "Normal", *, of: str = "") -> None:
        """`of`: the route that was asked for the write which this tells of."""
        self.effects.append(Emit(reason, message, type, of))

    def hold(self, reason: str, message: str) -> None:
        """Wait for a person."""
        self.set(hold=Hold(reason, message, self.now))
        self.report(reason, message)
        self.emit(reason, message, "Warning")

    def fail(self, failure: Failure, *, told: bool = False) -> None:
        """Record the verdict, and the block: from now on the rollout can only end in a revert.

        `told`: whoever found it has said so.
        """
        self.state = verdicts.failed(self.state, failure)
        if not told:
            self.emit(failure.reason, failure.message, "Normal" if failure.outcome is Outcome.SUPERSEDED else "Warning")
        if self.first:
            self.set_rollout(outcome=failure.outcome, ended_at=self.now)
            self.set(phase=Phase.IDLE, stable_version=None)
        self.restart_watch()

    def block(self, version: str, reason: str) -> None:
        self.state = verdicts.blocked(self.state, version, reason, self.now)

    def wake_at(self, when: float) -> None:
        self.wakes.append(max(when, self.now + LEAST_WAIT))

    def opens_later(self) -> bool:
        """Nothing may be written now: will it by itself? Then what was to be written is asked for again then."""
        if self.obs.opens_at is None:
            return False
        self.wake_at(self.obs.opens_at)
        return True

    def wake_after_watching(self, seconds: float) -> None:
        """When so many seconds more were watched; while nothing is seen, the next sweep wakes."""
        if clocks.watching(self.policy, self.before, self.obs, self.now):
            self.wake_at(self.now + seconds)

    # -- the end ---------------------------------------------------------------------------------------------------

    def _note_what_may_land(self) -> None:
        was = {route.key: route for route in self.before.routes}
        routes = (late.in_doubt(was.get(r.key, r), r, self.obs, self.now) for r in self.state.routes)
        self.set(routes=tuple(routes))

    def decision(self) -> Decision:
        """Persist first, and tell what has happened by that; then write, and tell of each write; then look."""
        self._note_what_may_land()
        changed = self.state != self.before
        self.state = replace(self.state, watch=self.watch)
        persist: list[Effect] = [Persist(self.state, self.urgent)] if changed else []
        told = [effect for effect in self.effects if isinstance(effect, Emit)]
        happened = [emit for emit in told if not emit.of]
        writes: list[Effect] = []
        for write in (effect for effect in self.effects if isinstance(effect, SetWeights | CreateRule)):
            writes += [write, *(emit for emit in told if emit.of == write.route)]
        looks: list[Effect] = [Observe(frozenset(self.watched))] if self.watched is not None else []
        others = [effect for effect in self.effects if not isinstance(effect, SetWeights | CreateRule | Emit)]
        effects = (*persist, *happened, *writes, *looks, *others)
        return Decision(self.state, effects, min(self.wakes, default=None))
