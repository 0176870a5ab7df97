"""From what a route shows to what a step asks for: one safe write at a time (DESIGN §3 `guard`, §5.4 waves).

The order is always the same: make old groups that must leave carry nothing, then exchange the groups that carry
nothing, then, when the new ones are healthy, move the shares.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from okra.rollout import health
from okra.rollout.asking import unfit_message
from okra.rollout.distribution import progress
from okra.rollout.guard import guard
from okra.rollout.looking import look_at_health
from okra.rollout.members import existing
from okra.rollout.observation import RouteReading, Weights
from okra.rollout.policy import RoutePolicy
from okra.rollout.state import RouteState
from okra.rollout.turn import Turn
from okra.rollout.weights import ONE, ZERO, blend, divide, fair, same_shares, seat, share_of
from okra.rollout.words import short


@dataclass(frozen=True, slots=True)
class Move:
    """The next write of a route, or why there is none."""

    weights: Weights | None = None
    """None: nothing to write now."""
    attaches: bool = False
    """It only changes which groups stand there at 0."""
    waits: str = ""
    """CamelCase reason to wait; empty with no weights: arrived."""
    message: str = ""
    """Empty: nothing to say yet, a read that is on its way may settle it."""

    @property
    def arrived(self) -> bool:
        return self.weights is None and not self.waits


ARRIVED = Move()


def foreign(route: RouteState, reading: RouteReading) -> list[str]:
    """Groups at 0 that are not ours: they keep their place."""
    ours = {*route.stable, *route.canary, *route.goal, *route.retained}
    return [arn for arn, weight in reading.weights.items() if weight == 0 and arn not in ours]


def toward(turn: Turn, policy: RoutePolicy, route: RouteState, share: Fraction) -> Move:
    """The next write toward `share` on the canary."""
    reading = turn.obs.readings[route.key]
    if share == progress(route, reading.weights) and ZERO < share < ONE:
        return ARRIVED  # also where a person, or somebody before us, divided it in a way of their own
    places = policy.places - len(foreign(route, reading))
    members = {arn: weight for arn, weight in route.stable.items() if weight or arn in reading.weights}
    members = existing(turn, route, members)
    if route.goal:
        members = {arn: weight for arn, weight in members.items() if weight}
        if not members:
            return Move(waits="NoRoomOnRoute", message=no_room(policy, route, reading))
        return approach(turn, policy, route, blend(share, members, route.goal, policy.limit))
    seats = seat(share, members, route.canary, policy.whole or turn.policy.replicas, places)
    if seats is None:
        return Move(waits="NoRoomOnRoute", message=no_room(policy, route, reading))
    stable = {arn: members[arn] for arn in seats.stable}
    final = divide(share, stable, seats.canary, policy.limit)
    leaving = [arn for arn in members if reading.weights.get(arn, 0) and arn not in seats.stable]
    if leaving and any(arn not in reading.weights for arn in seats.canary):
        return _make_way(turn, policy, route, share, seats.stable)
    return approach(turn, policy, route, final)


def _make_way(turn: Turn, policy: RoutePolicy, route: RouteState, share: Fraction, kept: Collection[str]) -> Move:
    """Move the traffic of leaving stable groups to those that stay: a group is detached only at share 0."""
    reading = turn.obs.readings[route.key]
    canary = [arn for arn in route.canary if arn in reading.weights]
    now = share_of(reading.weights, route.canary)
    replicas = policy.whole or turn.policy.replicas
    if not fair(now, route.stable, kept, replicas):
        parts = max(len(canary), floor(now * replicas) + 1)
        waypoint = Fraction(parts, replicas)
        if waypoint >= share:
            return Move(waits="NoRoomOnRoute", message=no_room(policy, route, reading))
        return toward(turn, policy, route, waypoint)
    stable = {arn: route.stable[arn] for arn in kept}
    weights = divide(now, stable, canary, policy.limit)
    return approach(turn, policy, route, weights)


def approach(turn: Turn, policy: RoutePolicy, route: RouteState, final: Weights) -> Move:
    """The next write toward exactly `final`, others at 0: attach what is missing, then, when healthy, the shares."""
    reading = turn.obs.readings[route.key]
    missing = [arn for arn in final if arn not in reading.weights]
    if missing:
        return _attach(turn, policy, route, missing, final)
    weights = with_bystanders(final, reading)
    if same_shares(weights, reading.weights):
        return ARRIVED
    if unfit := guard(weights, reading.weights, lambda arn: turn.can_serve(route, arn)):
        fresh = look_at_health(turn, unfit)
        return Move(waits="WaitingForHealth", message=unfit_message(turn, route, unfit) if fresh else "")
    return Move(weights)


def with_bystanders(final: Weights, reading: RouteReading) -> dict[str, int]:
    """`final`, and at 0 everybody else on the route, in the action's order: people compare by eye."""
    known = {arn: final.get(arn, 0) for arn in reading.weights}
    return {**known, **{arn: weight for arn, weight in final.items() if arn not in known}}


def _attach(turn: Turn, policy: RoutePolicy, route: RouteState, missing: Collection[str], final: Weights) -> Move:
    """Put missing groups on the route at 0, the present shares unchanged; ours at 0 give way if need be."""
    reading = turn.obs.readings[route.key]
    for arn in missing:
        if (arn in route.canary or arn in route.goal) and not _registered(turn, route, arn):
            return Move(waits="WaitingForTargets", message=unfit_message(turn, route, [arn]))
    staying = dict(reading.weights)
    evictable = [arn for arn in _evictable(route, reading) if arn not in final]
    while len(staying) + len(missing) > policy.places:
        if not evictable:
            return Move(waits="NoRoomOnRoute", message=no_room(policy, route, reading))
        leaving = evictable.pop(0)
        if leaving in route.stable and not drained(turn, leaving):
            return Move(waits="Draining", message=f"Waiting until {short(leaving)} has no more traffic to detach it.")
        del staying[leaving]
    return Move({**staying, **dict.fromkeys(missing, 0)}, attaches=True)


def _evictable(route: RouteState, reading: RouteReading) -> list[str]:
    """Ours at 0, the first to go first: retained ones by their end, then canary ones (a revert), then stable ones."""
    idle = [arn for arn, weight in reading.weights.items() if weight == 0]
    retained = sorted((arn for arn in idle if arn in route.retained), key=lambda arn: route.retained[arn])
    return [
        *retained,
        *(arn for arn in idle if arn in route.canary),
        *(arn for arn in reversed(idle) if arn in route.stable),
    ]


def drained(turn: Turn, arn: str) -> bool:
    """Has a group at 0 nothing in flight any more, or was it given `drainTimeout`?"""
    if turn.watch.step < turn.policy.propagation_delay:
        turn.wake_after_watching(turn.policy.propagation_delay - turn.watch.step)
        return False
    if turn.obs.active_flows.get(arn) == 0 or turn.watch.step >= turn.policy.drain_timeout:
        return True
    turn.wake_after_watching(turn.policy.drain_timeout - turn.watch.step)
    return False


def _registered(turn: Turn, route: RouteState, arn: str) -> bool:
    """Are enough targets registered to make it worth attaching? A group without takes the load balancer out of DNS."""
    reading = health.newest(turn.obs, arn)
    if reading is None:
        look_at_health(turn, [arn])
    need = turn.need(route, arn) if arn in route.canary else 1
    return reading is not None and need is not None and reading.registered >= need


def no_room(policy: RoutePolicy, route: RouteState, reading: RouteReading) -> str:
    """What a person must know to make room."""
    others = ", ".join(map(short, foreign(route, reading)))
    said = f" Not the Cell's own there: {others}." if others else ""
    return f"The route holds {policy.places} target groups; both versions don't fit.{said} Detach what isn't needed."
