"""An ALB in a simulated world, in one line: from the weights that its route shows to those that are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from okra.rollout.distribution import progress, version_of
from okra.rollout.policy import Policy, bare
from okra.rollout.weights import shares
from okra.rollout.words import short
from tests.rollout.cases import FAST, failing, rollout, route
from tests.rollout.process import Process
from tests.rollout.world import World, canary_plan, policy, tg

HALF = Fraction(1, 2)


def alb(weights: Mapping[str, int], goal: Mapping[str, int], *others: str, **spec: Any) -> Process:
    """Groups by their names; `others` exist, too."""
    world = World(routes={"r": {}}, groups={})
    world.add(None, *dict.fromkeys([*weights, *goal, *others]))
    world.write("r", {tg(name): weight for name, weight in weights.items()}, "person")
    return Process(world, aimed(policy(("r",), **{"plan": FAST, "propagation_delay": 2.0, **spec}), goal))


def aimed(at: Policy, goal: Mapping[str, int], **route: Any) -> Policy:
    """The policy with other destinations."""
    wanted = {tg(name): weight for name, weight in goal.items()}
    version = version_of(wanted)
    return replace(
        at,
        routes=(replace(bare("r"), listed=dict.fromkeys(wanted, version), goal=wanted, **route),),
        pin=version,
    )


def name_of(goal: Mapping[str, int]) -> str:
    return version_of({tg(name): weight for name, weight in goal.items()})


def divided(p: Process) -> dict[str, Fraction]:
    """The shares of the groups that have one."""
    return {short(arn): share for arn, share in shares(p.world.routes["r"]).items() if share}


def halfway(p: Process, way: Fraction = HALF) -> Process:
    """Let time pass until the route has gone so far, confirmed."""
    p.until(lambda: bool(p.state.routes and route(p).goal) and progress(route(p), p.world.routes["r"]) == way)
    p.until(lambda: all(each.confirmed_at for each in p.state.routes))
    return p


def failed(p: Process, way: Fraction = HALF, **healthy: int) -> Process:
    """A check fails on the way, seen with so many healthy targets."""
    p.policy = replace(p.policy, checks=("c",), plan=canary_plan(25, 100, 60.0))
    halfway(p, way)
    for name, count in healthy.items():
        p.world.groups[tg(name)].healthy = count
    p.run(12.0)
    failing(rollout(p).version)(p)
    return p
