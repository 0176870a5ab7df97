"""Shares and the integers that stand for them, and which groups fit on a route (DESIGN §5.4).

A *share* is a Fraction of all traffic of the route. Steps ask for shares of the canary as a whole; groups divide them:
the canary's equally, the stable side in its own ratios. Only integers go to AWS (0–999 on a forward action).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, gcd, lcm

from okra.rollout.observation import Weights

ZERO = Fraction(0)
ONE = Fraction(1)
Shares = Mapping[str, Fraction]


def shares(weights: Weights) -> dict[str, Fraction]:
    """Each group's part of all traffic; all zero when nothing carries weight."""
    total = sum(weights.values())
    return {arn: Fraction(weight, total) if total else ZERO for arn, weight in weights.items()}


def share_of(weights: Weights, groups: Collection[str]) -> Fraction:
    """The part of all traffic that `groups` carry together."""
    total = sum(weights.values())
    return Fraction(sum(w for arn, w in weights.items() if arn in groups), total) if total else ZERO


def same_shares(left: Weights, right: Weights) -> bool:
    """Do these weights divide the traffic alike? Members at 0 and the scale of the integers don't matter."""
    return serving(shares(left)) == serving(shares(right))


def serving(of: Mapping[str, Fraction]) -> dict[str, Fraction]:
    return {arn: share for arn, share in of.items() if share}


def integers(of: Shares, limit: int) -> dict[str, int]:
    """The smallest integers in exactly these ratios; beyond `limit` the nearest, where no share is lost to 0."""
    scale = lcm(*(share.denominator for share in of.values())) if of else 1
    exact = {arn: int(share * scale) for arn, share in of.items()}
    divisor = gcd(*exact.values()) or 1
    exact = {arn: weight // divisor for arn, weight in exact.items()}
    top = max(exact.values(), default=0)
    if top <= limit:
        return exact
    return {arn: max(1, round(Fraction(weight * limit, top))) if weight else 0 for arn, weight in exact.items()}


def divide(share: Fraction, stable: Weights, canary: Collection[str], limit: int) -> dict[str, int]:
    """Weights with `share` on the canary, equally, and the rest on the stable groups in their own ratios."""
    return portion(share, stable, dict.fromkeys(canary, 1), limit)


def portion(share: Fraction, stable: Weights, canary: Weights, limit: int) -> dict[str, int]:
    """Weights with `share` on the canary and the rest on the stable groups, each in their own ratios."""
    if share == ZERO:
        return {**stable, **dict.fromkeys(canary, 0)}
    parts = {arn: part * (ONE - share) for arn, part in shares(stable).items()}
    parts |= {arn: part * share for arn, part in shares(canary).items()}
    return integers(parts, limit)


def blend(way: Fraction, stable: Weights, goal: Weights, limit: int) -> dict[str, int]:
    """Weights at a part of the way from `stable` to `goal`, both as they are at its ends; no group's share is ever
    beyond its own two ends, unless integers up to `limit` can't say it."""
    groups = {**dict.fromkeys(goal, 0), **dict.fromkeys(stable, 0)}
    if way in (ZERO, ONE):
        return groups | dict(goal if way else stable)
    begin, end = shares(stable), shares(goal)
    ends = {arn: (begin.get(arn, ZERO), end.get(arn, ZERO)) for arn in groups}
    parts = {arn: first * (ONE - way) + last * way for arn, (first, last) in ends.items()}
    return bounded(parts, {arn: (min(pair), max(pair)) for arn, pair in ends.items()}, limit)


def bounded(of: Shares, bounds: Mapping[str, tuple[Fraction, Fraction]], limit: int) -> dict[str, int]:
    """As `integers`; beyond `limit` the nearest that keep each share within its bounds, as far as there are any."""
    exact = integers(of, limit)
    if shares(exact) == of:
        return exact
    fixed = lcm(*(low.denominator for low, high in bounds.values() if low == high))
    top = int(limit / max(of.values()))
    for total in range(top - top % fixed, 0, -fixed):
        parts = {arn: share * total for arn, share in of.items()}
        whole = {arn: int(part) for arn, part in parts.items()}
        nearest = sorted(parts, key=lambda arn: whole[arn] - parts[arn])
        for arn in nearest[: total - sum(whole.values())]:
            whole[arn] += 1
        if all(low * total <= whole[arn] <= high * total for arn, (low, high) in bounds.items()):
            return whole
    return exact


@dataclass(frozen=True, slots=True)
class Slots:
    """Which stable groups stay attached, and which canary groups are, when the canary carries `share`."""

    stable: tuple[str, ...]
    canary: tuple[str, ...]


def seat(share: Fraction, stable: Weights, canary: Sequence[str], replicas: int, places: int) -> Slots | None:
    """Seat both sides in `places`: as many old groups as fit, enough new ones that none carries over 1/replicas.

    Both lists are prefixes of a fixed order, so a later step only ever drops old groups and adds new ones: waves.
    None when it can't be done at all.
    """
    needed = min(len(canary), max(1, ceil(share * replicas)))
    if share == ONE:
        needed = len(canary)
    for kept in range(min(len(stable), places - needed), -1, -1):
        if kept == 0 and share < ONE:
            return None
        old = tuple(sorted(stable, key=lambda arn: (stable[arn] == 0, arn)))[:kept]
        if share == ONE or fair(share, stable, old, replicas):
            return Slots(old, tuple(canary)[: places - kept])
    return None


def fair(share: Fraction, stable: Weights, kept: Collection[str], replicas: int) -> bool:
    """Would every kept stable group stay within 1/replicas of all traffic, or what it carried anyway?"""
    own = shares(stable)
    total = sum(own[arn] for arn in kept)
    if not total:
        return share == ONE
    return all((ONE - share) * own[arn] / total <= max(Fraction(1, replicas), own[arn]) for arn in kept)
