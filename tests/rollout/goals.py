"""An ALB in a simulated world, in one line: from the weights that its route shows to those that are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from okra.rollout.distribution import version_of
from okra.rollout.policy import Policy, bare
from okra.rollout.weights import shares
from okra.rollout.words import short
from tests.rollout.cases import FAST
from tests.rollout.process import Process
from tests.rollout.world import World, policy, tg


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
