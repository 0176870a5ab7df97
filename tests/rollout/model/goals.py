"""The same faults and people around an ALB: one route, and a goal that the spec names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from okra.rollout.distribution import version_of
from okra.rollout.policy import OnDrift, OnFailure, bare
from tests.rollout.model.base import HALF, PLANS, QUICK, Base
from tests.rollout.model.oracle import Oracle
from tests.rollout.world import World, policy

WEIGHTS = st.lists(st.sampled_from((0, 0, 1, 1, 2, 3, 9, 50, 333, 998, 999)), min_size=1, max_size=5).filter(any)
"""Of as many groups, in their order: the first ones are on the route from the beginning."""
GROUPS = 6


class GoalRules(Base):
    @initialize(
        shown=st.one_of(WEIGHTS, st.just([0, 0])),
        goal=WEIGHTS,
        offset=st.integers(0, 2),
        plan=st.sampled_from(PLANS),
        sticky=st.sampled_from((False, False, True)),
        options=st.fixed_dictionaries(
            {
                "checks": st.sampled_from((("c",), ("c", "d"), ())),
                "bake_time": st.sampled_from((0.0, 4.0)),
                "on_failure": st.sampled_from((OnFailure.ROLLBACK, OnFailure.ROLLBACK, OnFailure.STOP)),
                "on_drift": st.sampled_from((OnDrift.RESPECT, OnDrift.RESPECT, OnDrift.REASSERT)),
                "revert_when_inconclusive": st.sampled_from((frozenset(), frozenset({"c"}))),
                "min_healthy": st.sampled_from((1, HALF)),
            }
        ),
        ahead=st.sampled_from((0.0, 8.0, 15.0, 25.0, 40.0, 90.0)),
    )
    def begin(
        self, shown: list[int], goal: list[int], offset: int, plan: Any, sticky: bool, options: Any, ahead: float
    ) -> None:
        """`offset`: so many of the groups on the route are no destinations."""
        self.first = "r0"
        self.world = World(routes={"r0": {}, "spare": {}}, groups={}, sticky=sticky)
        self.groups = self.new_groups(None, "r0", GROUPS)
        self.policy = policy(("r0",), plan=plan, replicas=1, **QUICK, **options)
        for key in self.world.routes:
            self.world.write(key, dict(zip(self.groups, shown, strict=False)), "person")
        self.aim(goal, offset)
        self.world.verdicts = self.verdict
        self.oracle = Oracle(self.world)
        self.live = self.process()
        if ahead:
            self.live.run(ahead)

    def aim(self, goal: list[int], offset: int) -> None:
        there = [arn for arn in self.groups if self.world.groups[arn].exists]
        weights = dict(zip([*there[offset:], *there[:offset]], goal, strict=False))
        if any(weights.values()):
            self.towards(self.policy.routes[0].key, weights)

    def towards(self, key: str, weights: dict[str, int]) -> None:
        version = version_of(weights)
        route = replace(bare(key), listed=dict.fromkeys(weights, version), goal=weights)
        self.policy = replace(self.policy, routes=(route,), pin=version)
        if hasattr(self, "live"):
            self.live.policy = self.policy

    # -- instead of what only a Cell has ---------------------------------------------------------------------------

    @rule(goal=WEIGHTS, offset=st.integers(0, 3))
    def groups_appear(self, goal: list[int], offset: int) -> None:
        """The spec names other destinations."""
        self.aim(goal, offset)

    @rule(
        change=st.one_of(
            st.fixed_dictionaries({"paused": st.booleans()}),
            st.fixed_dictionaries({"plan": st.sampled_from(PLANS), "retain_for": st.sampled_from((0.0, 60.0))}),
            st.fixed_dictionaries({"on_drift": st.sampled_from(OnDrift), "on_failure": st.sampled_from(OnFailure)}),
        )
    )
    def edit_spec(self, change: dict[str, Any]) -> None:
        self.edit(**change)

    @precondition(lambda self: True)
    @rule(back=st.sampled_from((True, True, False)))
    def replace_the_route(self, back: bool) -> None:
        self.towards(self.first if back else "spare", dict(self.policy.routes[0].goal))

    @rule(version=st.just(None), bad=st.booleans())
    def metrics_change(self, version: None, bad: bool) -> None:
        """What is wanted turns bad, or everything good."""
        self.bad = {self.policy.pin or ""} if bad else set()

    @rule(bad=st.booleans())
    def metrics_are_silent(self, bad: bool) -> None:
        self.silent = bad
