"""Supervision under arbitrary orders of starts, stops, failures and clean-ups that take their time.

Whatever happens: no name is active twice, nothing is left running, and once nothing fails any more all that should run
runs.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, get_args

import looptime
from hypothesis import given, settings
from hypothesis import strategies as st

from okra.actors.runtime import Actor, Backoff, ChildKind, ChildSpec, Policy, State, Strategy, Supervisor
from tests.actors.runtime.probe import Boom, root

Act = Literal["start", "stop", "fail", "exit", "be slow", "stop and start", "unpark", "cancel"]


@dataclass(slots=True)
class World:
    active: Counter[str] = field(default_factory=Counter)
    most: int = 0
    """The most that were ever active of one name."""
    failing: bool = True
    """Whether what is told to fail does."""


class Subject(Actor[str]):
    def __init__(self, world: World, name: str, takes: float) -> None:
        self.world = world
        self.name = name
        self.takes = takes

    async def started(self) -> None:
        self.world.active[self.name] += 1
        self.world.most = max(self.world.most, self.world.active[self.name])
        try:
            await asyncio.sleep(self.takes)
        except asyncio.CancelledError:
            self.world.active[self.name] -= 1  # `stopping` is only for what has started
            raise

    async def receive(self, message: str) -> None:
        match message:
            case "fail" if self.world.failing:
                raise Boom
            case "exit" if self.world.failing:
                self.exit()
            case "be slow":
                await asyncio.sleep(7)

    async def stopping(self) -> None:
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.world.active[self.name] -= 1


def spec(world: World, name: str, takes: float) -> ChildSpec[str]:
    return ChildSpec(name, lambda: Subject(world, name, takes), ChildKind.PERMANENT, stop_timeout=60)


acts = st.tuples(
    st.sampled_from(get_args(Act)),
    st.sampled_from("abc"),
    st.sampled_from([0.0, 0.0, 0.5, 1.0, 3.0]),
)


@settings(max_examples=60)
@given(strategy=st.sampled_from(Strategy), together=st.booleans(), acts=st.lists(acts, max_size=40))
def test_supervision_holds_under_any_order_of_events(
    strategy: Strategy, together: bool, acts: list[tuple[Act, str, float]]
) -> None:
    async def scenario() -> None:
        world = World()
        wanted: dict[str, float] = {}
        backoff = Backoff(initial=1.0, cap=8.0, jitter=0.0)
        policy = Policy(strategy, max_restarts=2, window=20, backoff=backoff, stop_together=together)
        children = Supervisor(policy)
        async with root(stop_timeout=1000) as supervisor:
            supervisor.start_child(children.as_child("children", stop_timeout=1000))
            for act, name, seconds in acts:
                ref = children.get(name)
                if act in ("stop", "stop and start") and ref is not None:
                    ref.stop()
                    del wanted[name]
                if act in ("start", "stop and start"):
                    wanted.setdefault(name, seconds)
                    children.start_child(spec(world, name, wanted[name]))
                if act in ("fail", "exit", "be slow") and name in wanted:
                    children.start_child(spec(world, name, seconds)).tell(act)
                if act == "cancel":
                    for task in asyncio.all_tasks():
                        if task.get_name() == f"okra/children/{name}":
                            task.cancel()
                if act == "unpark":
                    children.unpark(name)
                await asyncio.sleep(seconds)
            world.failing = False
            await asyncio.sleep(100)
            snapshots = {child.name: child.state for child in children.snapshots()}
            assert snapshots == dict.fromkeys(wanted, State.RUNNING)
            assert +world.active == Counter(wanted.keys())
        assert not +world.active
        assert world.most <= 1
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(loop_factory=looptime.new_event_loop) as runner:
        runner.run(scenario())
