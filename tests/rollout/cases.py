"""A Cell in a simulated world, in one line, for tests that say what happens next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from okra.rollout.effects import Effect, SetWeights
from okra.rollout.observation import Token, Verdict
from okra.rollout.state import Phase, Rollout, RouteState
from okra.rollout.words import short
from tests.rollout.process import Process
from tests.rollout.world import World, canary_plan, policy, tg

OLD, NEW, NEWER = "1.0.0", "1.1.0", "1.2.0"
FAST = canary_plan(25, 100, 5.0)


def cell(
    old: int = 1, new: int = 1, routes: tuple[str, ...] = ("r",), weights: Mapping[str, int] | None = None, **spec: Any
) -> Process:
    """`old` groups of 1.0.0 (a1, a2 …) hold the traffic; `new` of 1.1.0 (b1 …) exist. Other routes: a1-KEY …"""
    world = World(routes={key: {} for key in routes}, groups={})
    for key in routes:
        tail = "" if key == "r" else f"-{key}"
        olds = world.add(OLD, *(f"a{i + 1}{tail}" for i in range(old)), route=key)
        world.add(NEW, *(f"b{i + 1}{tail}" for i in range(new)), route=key)
        world.write(key, dict(weights) if weights is not None else dict.fromkeys(olds, 1), "person")
    return Process(world, policy(routes, **{"replicas": old, "plan": FAST, "propagation_delay": 2.0, **spec}))


def shown(p: Process, key: str = "r") -> dict[str, int]:
    return {short(arn): weight for arn, weight in p.world.routes[key].items()}


def share(p: Process, version: str = NEW, key: str = "r") -> Fraction | int:
    return p.world.share(version, key)


def at(p: Process, wanted: Fraction | int, version: str = NEW) -> Process:
    """Let time pass until the version has this share, confirmed."""
    p.until(lambda: share(p, version) == wanted and all(r.confirmed_at for r in p.state.routes))
    return p


def ended(p: Process) -> Process:
    """Let time pass until nothing moves."""
    p.run(1.0)
    p.until(lambda: p.state.phase is Phase.IDLE and p.state.rollout is not None)
    return p


def edit(p: Process, key: str = "r", **weights: int) -> None:
    """Somebody sets these weights; those not named stay."""
    p.world.write(key, p.world.routes[key] | {tg(name): weight for name, weight in weights.items()}, "person")


def say(p: Process, verb: str, arg: str = "") -> str:
    """A person's command, and what came of it."""
    p.world.command(verb, arg)
    p.see(commands=tuple(p.world.commands))
    p.settle()
    last = p.world.commands[-1].id
    return next(handled.outcome for handled in p.state.commands if handled.id == last)


def rollout(p: Process) -> Rollout:
    assert p.state.rollout is not None
    return p.state.rollout


def route(p: Process, key: str = "r") -> RouteState:
    return next(route for route in p.state.routes if route.key == key)


def failure(p: Process) -> str:
    """Why the rollout failed."""
    found = rollout(p).failure
    return found.reason if found else ""


def failing(*versions: str, check: str = "c", verdict: Verdict = Verdict.FAILED) -> Callable[[Process], None]:
    """These versions fail this check."""

    def become(p: Process) -> None:
        def judge(name: str, token: Token) -> Verdict:
            current = p.state.rollout
            return verdict if name == check and current and current.version in versions else Verdict.PASSED

        p.world.verdicts = judge

    return become


def writes(p: Process) -> list[dict[str, int]]:
    return [{short(arn): w for arn, w in e.weights.items()} for e in p.trace if isinstance(e, SetWeights)]


def reasons(p: Process) -> list[str]:
    return [event.reason for event in p.world.events]


def once(kind: str, effect_type: type[Effect] = SetWeights, after: int = 0) -> Callable[[Effect], str | None]:
    """A fault of one effect of this type, after so many that work."""
    left = [after]

    def fault(effect: Effect) -> str | None:
        if not isinstance(effect, effect_type):
            return None
        left[0] -= 1
        return kind if left[0] == -1 else None

    return fault
