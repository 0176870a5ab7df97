"""What goes wrong: writes, reads, the store, processes."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.rollout.model.base import Base
from tests.rollout.process import DOWN, DROPPED, LATE, LOST, REFUSED
from tests.rollout.world import ARRIVED_LATE


class FaultRules(Base):
    @rule(kinds=st.lists(st.sampled_from((REFUSED, LOST, DROPPED, LATE)), min_size=1, max_size=4))
    def the_next_writes_fail(self, kinds: list[str]) -> None:
        self.writes = kinds

    @rule(
        persists=st.lists(st.sampled_from((DOWN, LOST)), max_size=2),
        down=st.sampled_from((False, False, True)),
    )
    def the_store_fails(self, persists: list[str], down: bool) -> None:
        self.persists, self.store_down = persists, down

    @rule(blind=st.sampled_from((False, False, True)), stale=st.sampled_from((0.0, 1.0, 2.9)))
    def reads_fail_or_are_stale(self, blind: bool, stale: float) -> None:
        self.live.blind, self.live.stale_by = blind, stale

    @precondition(lambda self: self.live.late or (self.stale and self.stale.late))
    @rule(which=st.integers(0, 3))
    def a_late_write_lands(self, which: int) -> None:
        late = [(p, item) for p in (self.live, self.stale) if p is not None for item in p.late]
        if late:
            process, (key, weights) = late[which % len(late)]
            process.late.remove((key, weights))
            if not self.world.refusal(weights):
                self.world.write(key, weights, ARRIVED_LATE)

    @rule()
    def kill(self) -> None:
        self.live.restart()

    @rule()
    def freeze(self) -> None:
        """The leader stops, perhaps between two effects; another one takes over."""
        late = self.live.late
        self.stale = self.live
        self.live = self.process()
        self.live.late, self.stale.late = late, []
        self.live.see(deleting=self.stale.obs.deleting, may_write=self.stale.obs.may_write)

    @precondition(lambda self: self.stale is not None)
    @rule(effects=st.integers(1, 12))
    def thaw(self, effects: int) -> None:
        """The former leader goes on with what it knew, until it finds that somebody else has persisted."""
        assert self.stale is not None
        for _ in range(effects):
            if not self.stale.lost_race:
                self.stale.advance()
        if self.stale.lost_race:
            self.stale = None
