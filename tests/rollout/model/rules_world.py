"""What the world does: discoveries, retags, health, verdicts, time."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from okra.rollout.observation import SeriesResult, Token, Verdict
from tests.rollout.model.base import VERSIONS, Base, when_moving

PICK = st.integers(0, 99)


class WorldRules(Base):
    def group(self, pick: int) -> str:
        names = [arn for arn, group in self.world.groups.items() if group.exists]
        return names[pick % len(names)]

    @rule(effects=st.integers(1, 12), discover=st.booleans())
    def proceed(self, effects: int, discover: bool) -> None:
        """So many effects, and cut there."""
        if discover:
            self.live.discover()
        for _ in range(effects):
            self.live.advance()

    @rule(seconds=st.sampled_from((1.0, 4.0, 11.0)))
    def a_little_time_passes(self, seconds: float) -> None:
        self.answer()
        self.live.run(seconds)

    @rule(seconds=st.sampled_from((11.0, 30.0, 70.0)))
    def time_passes(self, seconds: float) -> None:
        self.answer()
        self.live.run(seconds)

    @rule(version=st.sampled_from(VERSIONS), size=st.sampled_from((0, 0, 0, 1, -1, -9)))
    def groups_appear(self, version: str, size: int) -> None:
        """Enough for the version, one more, one too few, or just one."""
        for key in self.world.routes:
            self.new_groups(version, key, max(1, min(4, self.policy.replicas + size)))

    @rule(pick=PICK)
    def a_group_vanishes(self, pick: int) -> None:
        """AWS deletes no group that a route uses."""
        arn = self.group(pick)
        if not self.world.attached(arn):
            self.world.groups[arn].exists = False
            self.oracle.forget(arn)

    @rule(pick=PICK, version=st.sampled_from((*VERSIONS, None)))
    def a_group_is_retagged(self, pick: int, version: str | None) -> None:
        arn = self.group(pick)
        self.world.groups[arn].version = version
        self.person_wrote = True
        self.oracle.forget(arn)

    @rule(pick=PICK, healthy=st.sampled_from((0, 0, 1, 2)))
    def health_flaps(self, pick: int, healthy: int) -> None:
        self.world.groups[self.group(pick)].healthy = healthy

    @rule(pick=PICK, registered=st.integers(0, 3))
    def other_targets_register(self, pick: int, registered: int) -> None:
        arn = self.group(pick)
        group = self.world.groups[arn]
        group.registered, group.revision = registered, group.revision + 1
        group.healthy = min(group.healthy, registered)
        for other, its in self.world.groups.items():
            if its.version == group.version:
                self.oracle.forget(other)  # what failed without a block starts again with them

    @rule(version=st.sampled_from((None, *VERSIONS)), bad=st.booleans())
    def metrics_change(self, version: str | None, bad: bool) -> None:
        """A version turns bad, or good, or there is no answer at all."""
        self.silent = version is None and bad
        if version is not None:
            (self.bad.add if bad else self.bad.discard)(version)

    @when_moving
    @rule(verdict=st.sampled_from(Verdict), which=st.integers(0, 4))
    def a_verdict(self, verdict: Verdict, which: int) -> None:
        token = self.live.obs.requested
        names = (*self.policy.checks, "pre", "post", "extra")
        check = names[which % len(names)]
        if token is not None and (check, token) not in self.world.recorded:
            self.live.deliver(check, verdict)

    @when_moving
    @rule(verdict=st.sampled_from(Verdict), back=st.integers(1, 3))
    def a_late_verdict(self, verdict: Verdict, back: int) -> None:
        """Of another attempt: it says nothing about this one."""
        rollout = self.live.state.rollout
        assert rollout is not None
        token = rollout.token
        for old in (
            replace(token, attempt=token.attempt - back),
            replace(token, step=token.step - back),
            Token(token.rollout - back, token.step, token.attempt, token.series),
        ):
            results = [SeriesResult(name, old, verdict, "late", self.world.tick()) for name in ("c", "d", "pre")]
            self.live.see(results=(*self.live.obs.results, *results)[-40:])

    @rule(by=st.sampled_from((-4000.0, -30.0, 30.0, 4000.0)))
    def the_clock_jumps(self, by: float) -> None:
        self.world.set_clock(by)
        if by > 0:
            self.oracle.set_ahead = self.oracle.true_now
