"""All weight off the groups that failed, in one write (DESIGN §5.6)."""

from __future__ import annotations

from okra.rollout import health
from okra.rollout.asking import anything_serves
from okra.rollout.moves import with_bystanders
from okra.rollout.observation import LoadBalancerType, RouteReading, Weights
from okra.rollout.state import RouteState
from okra.rollout.turn import Turn
from okra.rollout.weights import ONE, ZERO, bounded, same_shares, shares


def serving_stable(turn: Turn, route: RouteState, reading: RouteReading) -> dict[str, int]:
    """The attached stable groups that can serve, with their weights."""
    attached = {arn: weight for arn, weight in route.stable.items() if arn in reading.weights and weight}
    return {arn: weight for arn, weight in attached.items() if health.serves(turn.obs, arn)}


def retreat(turn: Turn, route: RouteState) -> dict[str, int] | None:
    """Weights with nothing on any group but stable ones that can serve.

    Where nothing at all is known to serve, the exact stable weights: they were right before. None: no stable group
    can serve, but another can, and traffic is never sent where it can't be served.
    """
    reading = turn.obs.readings[route.key]
    target: Weights = serving_stable(turn, route, reading)
    if route.goal:
        target = _none_gains(turn, route, reading, target)
    if not target:
        if anything_serves(turn, reading.weights):
            return None
        attached = {arn: weight for arn, weight in route.stable.items() if arn in reading.weights and weight}
        target = (route.goal and _none_gains(turn, route, reading, attached)) or attached
        if not target:
            return None
    weights = with_bystanders(target, reading)
    return {arn: w for arn, w in weights.items() if w or not leaves(turn, route, reading, arn)}


def _none_gains(turn: Turn, route: RouteState, reading: RouteReading, target: Weights) -> dict[str, int]:
    """Of stable groups that were to gain, none gets more than it had, nor than it has: what those that can't serve had
    goes to the others. Empty where there are none."""
    before, now = shares(route.stable), shares(reading.weights)
    capped = {arn: min(before[arn], now[arn]) for arn in target if arn in route.canary}
    others = {arn: weight for arn, weight in target.items() if arn not in capped}
    if not others or (same_shares(target, route.stable) and all(cap == before[arn] for arn, cap in capped.items())):
        return dict(target) if others else {}
    left = ONE - sum(capped.values())
    parts = {**capped, **{arn: part * left for arn, part in shares(others).items()}}
    bounds = {**dict.fromkeys(others, (ZERO, ONE)), **{arn: (ZERO, cap) for arn, cap in capped.items()}}
    return bounded(parts, bounds, turn.route_policies[route.key].limit)


def leaves(turn: Turn, route: RouteState, reading: RouteReading, arn: str) -> bool:
    """Is this failed group detached at once? With stickiness, clients would stay on it at weight 0; without a healthy
    target it can take the load balancer out of DNS."""
    if arn not in route.canary or route.stable.get(arn):
        return False
    sticky = reading.sticky and reading.load_balancer_type is LoadBalancerType.APPLICATION
    known = health.newest(turn.obs, arn)
    return sticky or (known is not None and known.healthy == 0)


def is_exact(route: RouteState, reading: RouteReading) -> bool:
    """Does the route show the stable weights of every member?"""
    return same_shares(route.stable, reading.weights)
