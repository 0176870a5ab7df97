"""The world of one example: what it begins with, who acts in it, and how it must end."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition

from okra.rollout.effects import CreateRule, Effect, Persist, RunChecks, SetWeights
from okra.rollout.machine import decide
from okra.rollout.observation import Token, Verdict
from okra.rollout.policy import OnDrift, OnFailure, OnNewerVersion
from okra.rollout.state import Step, StepKind
from tests.rollout.model.ending import assert_ends_well
from tests.rollout.model.oracle import Oracle
from tests.rollout.process import DOWN, Process
from tests.rollout.world import RECORD_SET, World, canary_plan, policy, tg

HALF, ALL = Fraction(1, 2), Fraction(1)
PLANS = (
    canary_plan(25, 100, 5.0),
    canary_plan(50, 100, 0.0),
    (Step(StepKind.SET_WEIGHT, ALL, 0.0),),
    (
        Step(StepKind.SET_WEIGHT, Fraction(1, 20), 5.0),
        Step(StepKind.PAUSE, Fraction(1, 20), 4.0),
        Step(StepKind.SET_WEIGHT, HALF, 0.0),
        Step(StepKind.ANALYSIS, HALF, 5.0, ("extra",)),
        Step(StepKind.SET_WEIGHT, ALL, 0.0),
    ),
    (
        Step(StepKind.SET_WEIGHT, Fraction(1, 5), 0.0),
        Step(StepKind.PAUSE, Fraction(1, 5), None),
        Step(StepKind.APPROVAL, Fraction(1, 5), None),
        Step(StepKind.SET_WEIGHT, ALL, 0.0),
    ),
)
VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "2.0.0", "0.9.0")
QUICK: dict[str, Any] = {
    "propagation_delay": 2.0,
    "retain_for": 60.0,
    "drain_timeout": 20.0,
    "health_timeout": 30.0,
    "check_interval": 10.0,
    "failure_delay": 10.0,
}


class Base(RuleBasedStateMachine):
    """Names of routes: r0 … (those of record sets hold that); of target groups: VERSION-ROUTE-NUMBER."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []
        self.persists: list[str] = []
        self.store_down = self.silent = self.person_wrote = False
        self.bad: set[str] = set()
        self.stale: Process | None = None
        self.number = 0
        self.decisions = 0

    @initialize(
        routes=st.sampled_from((1, 1, 1, 2, 3)),
        records=st.sampled_from((0, 0, 0, 1, 9)),
        size=st.integers(1, 4),
        plan=st.sampled_from(PLANS),
        sticky=st.sampled_from((False, False, True)),
        begin=st.sampled_from(("stable", "stable", "stable", "both", "unlabelled", "nothing")),
        options=st.fixed_dictionaries(
            {
                "prechecks": st.sampled_from(((), ("pre",))),
                "checks": st.sampled_from((("c",), ("c", "d"), ())),
                "postchecks": st.sampled_from(((), ("post",))),
                "bake_time": st.sampled_from((0.0, 4.0)),
                "on_failure": st.sampled_from((OnFailure.ROLLBACK, OnFailure.ROLLBACK, OnFailure.STOP)),
                "on_drift": st.sampled_from((OnDrift.RESPECT, OnDrift.RESPECT, OnDrift.REASSERT)),
                "on_newer_version": st.sampled_from(OnNewerVersion),
                "revert_when_inconclusive": st.sampled_from((frozenset(), frozenset({"c"}))),
                "progress_deadline": st.sampled_from((None, None, 40.0)),
                "deadline_reverts": st.booleans(),
                "min_healthy": st.sampled_from((1, HALF)),
            }
        ),
        spare=st.booleans(),
        ahead=st.sampled_from((0.0, 8.0, 15.0, 25.0, 40.0, 90.0)),
    )
    def begin(
        self,
        routes: int,
        records: int,
        size: int,
        plan: Any,
        sticky: bool,
        begin: str,
        options: Any,
        spare: bool,
        ahead: float,
    ) -> None:
        """`records`: how many of the routes, from the first on, are record sets."""
        keys = tuple(RECORD_SET.format(f"r{i}") if i < records else f"r{i}" for i in range(routes))
        self.first = keys[0]
        self.world = World(routes={key: {} for key in (*keys, "spare")}, groups={}, sticky=sticky)
        self.policy = policy(keys, plan=plan, replicas=size, **QUICK, **options)
        for key in self.world.routes:
            arns = self.new_groups(None if begin == "unlabelled" else "1.0.0", key, size)
            weights = dict.fromkeys(arns, 0 if begin == "nothing" else 1)
            if begin == "both" and size * 2 <= 5:
                weights = dict.fromkeys(arns, 9) | dict.fromkeys(self.new_groups("1.1.0", key, size), 1)
            if spare and len(weights) < 5:
                weights |= dict.fromkeys(self.new_groups(None, key, 1), 0)
            self.world.write(key, weights, "person")
            self.world.defaults[key] = weights
        self.world.verdicts = self.verdict
        self.oracle = Oracle(self.world)
        self.live = self.process()
        if ahead:
            for key in self.world.routes:
                self.new_groups("1.1.0", key, size)
            self.live.run(ahead)

    def process(self) -> Process:
        new = Process(self.world, self.policy)
        new.fault = lambda effect: self.fault(new, effect)
        self.oracle.watch(new)
        new.deciding.append(self.is_a_function)
        self.oracle.live = new
        return new

    def new_groups(self, version: str | None, route: str, count: int) -> list[str]:
        self.number += count
        names = [f"{version}-{route}-{self.number - i}" for i in range(count)]
        return self.world.add(version, *names, route=route)

    def fault(self, process: Process, effect: Effect) -> str | None:
        if isinstance(effect, Persist):
            if self.store_down and process is self.live:
                return DOWN
            return self.persists.pop(0) if self.persists and process is self.live else None
        if isinstance(effect, SetWeights | CreateRule):
            return self.writes.pop(0) if self.writes else None
        return None

    def verdict(self, check: str, token: Token) -> Verdict | None:
        if self.silent:
            return None
        rollout = self.live.state.rollout
        bad = rollout is not None and rollout.number == token.rollout and rollout.version in self.bad
        return Verdict.FAILED if bad else Verdict.PASSED

    def answer(self) -> None:
        """Verdicts of the series that is waited for."""
        waited = next((e for e in reversed(self.live.trace) if isinstance(e, RunChecks)), None)
        if waited is not None and waited.token == self.live.obs.requested:
            known = {result.check for result in self.live.obs.results if result.token == waited.token}
            for check in waited.checks:
                verdict = self.verdict(check, waited.token)
                if check not in known and verdict is not None:
                    self.live.deliver(check, verdict)

    def is_a_function(self, process: Process) -> None:
        """`decide` gives the same for the same arguments, and leaves them alone."""
        self.decisions += 1
        if self.decisions % 5 or process.decision is None:
            return
        state, obs, now = process.decided_from, process.decided_on, self.world.now
        before = repr(state), repr(obs)
        assert decide(process.policy, state, obs, now) == decide(process.policy, state, obs, now)
        assert before == (repr(state), repr(obs))

    def belongs(self, key: str, owner: str) -> None:
        """The route's owner tag, as everybody sees it at once."""
        self.world.owners[key] = owner
        for process in (self.live, self.stale):
            if process is not None and key in process.obs.owners:
                process.see(owners={**process.obs.owners, key: owner})

    def edit(self, **changes: Any) -> None:
        self.policy = self.live.policy = replace(self.policy, **changes)

    def teardown(self) -> None:
        if hasattr(self, "live"):
            assert_ends_well(self)


def moving(machine: Base) -> bool:
    return machine.live.state.moving


when_moving = precondition(moving)
__all__ = ["VERSIONS", "Base", "tg", "when_moving"]
