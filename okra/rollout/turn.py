"""One turn of `decide`: the inputs, the state as it changes, and the effects so far. Only a Decision leaves it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

from okra.rollout import health, verify
from okra.rollout.census import Census, count
from okra.rollout.effects import Decision, Effect, Emit, Observe, Persist, SetWeights
from okra.rollout.observation import Observation, RouteReading, Weights, WriteOutcome
from okra.rollout.policy import Policy, RoutePolicy
from okra.rollout.state import (
    Block,
    Condition,
    Failure,
    Outcome,
    Phase,
    Rollout,
    RouteState,
    State,
    Watch,
    persistent,
)
from okra.rollout.versions import UNKNOWN

MOST_UNACKNOWLEDGED = 8
RETRY_AFTER = 1.0
"""Seconds before a failed sweep, or an unanswered write, is tried again; doubles with each failed write."""
RETRY_AT_MOST = 30.0


class Turn:
    def __init__(self, policy: Policy, state: State, obs: Observation, now: float) -> None:
        self.policy, self.before, self.obs, self.now = policy, state, obs, now
        self.state = replace(state, watch=self._watched(state.watch))
        self.effects: list[Effect] = []
        self.wakes: list[float] = []
        self.urgent = False

    # -- reading ---------------------------------------------------------------------------------------------------

    @property
    def rollout(self) -> Rollout:
        """The present rollout; only asked for where there is one."""
        if self.state.rollout is None:
            raise AssertionError(f"phase {self.state.phase} without a rollout")
        return self.state.rollout

    @cached_property
    def route_policies(self) -> dict[str, RoutePolicy]:
        """By key. A route that an edit took out of the spec stays here until its rollout has ended."""
        known = {route.key: route for route in self.policy.routes}
        return {r.key: known.get(r.key, RoutePolicy(r.key)) for r in self.state.routes} if self.state.routes else known

    @property
    def routes(self) -> Iterable[tuple[RoutePolicy, RouteState, RouteReading]]:
        """The Cell's routes with their state and newest reading, where both are known."""
        for route in self.state.routes:
            if route.key in self.obs.readings:
                yield self.route_policies[route.key], route, self.obs.readings[route.key]

    @cached_property
    def censuses(self) -> dict[str, Census]:
        return {key: count(self.policy, route, self.obs) for key, route in self.route_policies.items()}

    @property
    def need(self) -> int:
        """Healthy targets that a canary group needs."""
        return health.needed(self.policy.min_healthy, self.obs, [a for r in self.state.routes for a in r.stable])

    def can_serve(self, route: RouteState, arn: str) -> bool:
        """May this group's share rise? On a fresh read; the canary needs `minHealthyTargets`, a stable group one."""
        reading = health.newest(self.obs, arn)
        fresh = reading is not None and self.now - reading.began_at <= self.policy.fresh_for
        return fresh and health.serves(self.obs, arn, self.need if arn in route.canary else 1)

    @property
    def confirmed(self) -> bool:
        """Does every route show what was asked of it?"""
        return all(route.confirmed_at is not None for route in self.state.routes)

    @property
    def waiting_for_person(self) -> bool:
        return self.state.hold is not None or self.state.paused or self.policy.paused

    # -- changing the state ----------------------------------------------------------------------------------------

    def set(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)

    def set_rollout(self, **changes: Any) -> None:
        self.set(rollout=replace(self.rollout, **changes))

    def set_route(self, key: str, **changes: Any) -> None:
        self.set(routes=tuple(replace(r, **changes) if r.key == key else r for r in self.state.routes))

    def restart_watch(self) -> None:
        """What is measured, waited for, or timed out begins anew."""
        self.set(watch=replace(self.state.watch, step=0.0))

    def report(self, reason: str, message: str, *, permanent: bool = False) -> None:
        self.set(condition=Condition(reason, message, permanent))

    def emit(self, reason: str, message: str, type: Literal["Normal", "Warning"] = "Normal") -> None:
        self.effects.append(Emit(reason, message, type))

    def fail(self, failure: Failure) -> None:
        """Record the verdict, and the block: from now on the rollout can only end in a revert."""
        if self.rollout.failure is None:
            self.set_rollout(failure=failure)
            if failure.block:
                self.block(self.rollout.version, failure.message)
        self.set(phase=Phase.REVERT, hold=None)
        self.restart_watch()
        self.emit(failure.reason, failure.message, "Normal" if failure.outcome is Outcome.SUPERSEDED else "Warning")

    def block(self, version: str, reason: str) -> None:
        if not self.state.is_blocked(version):
            self.set(blocked=(*self.state.blocked, Block(version, reason, self.now)))

    # -- asking for effects ----------------------------------------------------------------------------------------

    def ask(self, route: RouteState, weights: Weights, *, urgent: bool = False) -> bool:
        """Ask for weights on one route: recorded first, then written. False when nothing may be written now."""
        if not self.obs.may_write:
            self.report(
                "ReadOnly", f"Would set {describe(weights)}, but this Okra only looks (read-only or paused globally)."
            )
            return False
        serial = route.serial + 1
        self.set_route(
            route.key,
            asked=dict(weights),
            basis=dict(self.obs.readings[route.key].weights),
            serial=serial,
            confirmed_at=None,
            unacknowledged=self._unacknowledged(route, weights),
        )
        self.restart_watch()
        token = self.state.rollout.token if self.state.rollout and self.state.moving else None
        self.effects.append(SetWeights(route.key, dict(weights), serial, token, urgent))
        self.urgent = self.urgent or urgent
        return True

    def _unacknowledged(self, route: RouteState, weights: Weights) -> tuple[Weights, ...]:
        """Superseded asks that may still land."""
        if route.confirmed_at is not None or not route.asked or dict(route.asked) == dict(weights):
            return route.unacknowledged
        write = verify.write_of(route, self.obs)
        if write is not None and write.outcome is not WriteOutcome.UNKNOWN:
            return route.unacknowledged
        return (*(w for w in route.unacknowledged if w != route.asked), route.asked)[-MOST_UNACKNOWLEDGED:]

    def may_retry(self, route: RouteState) -> bool:
        """Has the backoff of the last unanswered or refused write on this route passed? If not, wake when it has."""
        write = self.obs.writes.get(route.key)
        if write is None or write.failures == 0 or write.outcome is WriteOutcome.ACKNOWLEDGED:
            return True
        due = write.at + min(RETRY_AT_MOST, RETRY_AFTER * 2.0 ** min(write.failures - 1, 10))
        if self.now >= due:
            return True
        self.wake_at(due)
        return False

    def look(self, after: float, health_of: Iterable[str] = ()) -> bool:
        """Are there readings of all routes begun after `after`? If not, read them now, or soon if that just failed."""
        readings = self.obs.readings
        if all(key in readings and readings[key].began_at > after for key in self.route_policies):
            return True
        self._observe(after, health_of)
        return False

    def look_at_health(self, arns: Iterable[str]) -> bool:
        """Is there a fresh health reading of each of these groups? If not, read it now, or soon if that just failed."""
        after = self.now - self.policy.fresh_for
        stale = [arn for arn in arns if (r := health.newest(self.obs, arn)) is None or r.began_at <= after]
        if not stale:
            return True
        self._observe(after, (*stale, *self.health_of_interest()))
        return False

    def _observe(self, after: float, health_of: Iterable[str]) -> None:
        swept = self.obs.swept_at
        if swept is None or swept <= after or self.now - swept >= RETRY_AFTER:
            self.effects.append(Observe(frozenset(health_of) or self.health_of_interest()))
        else:
            self.wake_at(swept + RETRY_AFTER)

    def keep_watching(self) -> None:
        """Poll while a rollout moves: the routes, and the health of every group on them."""
        due = self.now - self.policy.poll_interval
        if self.look(due):
            self.wake_at(min(r.began_at for r in self.obs.readings.values()) + self.policy.poll_interval)

    def health_of_interest(self) -> frozenset[str]:
        """Groups whose health matters: all on the routes, and the canary, while a rollout moves; else the retained."""
        arns: set[str] = set()
        for _, route, reading in self.routes:
            arns |= set(route.retained)
            if self.state.moving:
                arns |= {*reading.weights, *route.canary, *route.stable}
        known = {arn for census in self.censuses.values() for groups in census.versions.values() for arn in groups}
        arns |= {arn for aside in self.state.set_aside for arn in aside.groups if arn in known}
        return frozenset(arns)

    def wake_at(self, when: float) -> None:
        self.wakes.append(when)

    def wake_in(self, seconds: float) -> None:
        self.wakes.append(self.now + max(seconds, 0.0))

    # -- the end ---------------------------------------------------------------------------------------------------

    def decision(self) -> Decision:
        effects = list(self.effects)
        if persistent(self.state) != persistent(self.before):
            effects.insert(0, Persist(self.state, self.urgent))
            order = {Persist: 0, SetWeights: 1}
            effects.sort(key=lambda effect: order.get(type(effect), 2))
        return Decision(self.state, tuple(effects), min(self.wakes, default=None))

    def _watched(self, watch: Watch) -> Watch:
        """Advance the clocks by what was really watched: readings fresh, no clock jump, no gap over two polls."""
        gap = 2 * self.policy.poll_interval
        elapsed = self.now - watch.seen_at if watch.seen_at is not None else 0.0
        newest = [reading.began_at for reading in self.obs.readings.values()]
        watching = len(newest) >= len(self.before.routes) and all(abs(self.now - t) <= gap for t in newest)
        added = min(max(elapsed, 0.0), gap) if watching else 0.0
        return Watch(watch.step + added, watch.total + (added if self._counts(self.before) else 0.0), self.now)

    def _counts(self, state: State) -> bool:
        """Does time count toward the progress deadline?"""
        held = state.paused or self.policy.paused or (state.hold is not None and state.hold.reason != "Inconclusive")
        awaits = state.rollout is not None and state.rollout.current.wait is None
        return state.phase in (Phase.STEP, Phase.BAKE) and not held and not awaits


def describe(weights: Weights) -> str:
    """Weights for people: the last part of each group's name."""
    return ", ".join(f"{short(arn)}={weight}" for arn, weight in weights.items()) or "nothing"


def short(arn: str) -> str:
    """`targetgroup/NAME/ID` → NAME; anything else as it is."""
    parts = arn.split("/")
    return parts[1] if len(parts) == 3 and ":targetgroup" in parts[0] else arn


def version_shown(version: str | None) -> str:
    return version or UNKNOWN
