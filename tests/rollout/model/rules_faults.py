"""What goes wrong: writes, reads, the store, processes."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from okra.api.records import is_record
from okra.rollout.observation import Action, Problem, Verdict
from okra.rollout.policy import OnFailure
from okra.rollout.state import Phase, RolloutKind, RouteState
from okra.rollout.weights import same_shares
from tests.rollout.model.base import Base
from tests.rollout.model.ways import of_canary
from tests.rollout.process import DOWN, DROPPED, LATE, LOST, REFUSED, UNMADE

THROTTLED = Problem("Throttled", "DescribeRules is throttled.", fatal=False)
DENIED = Problem("AccessDenied", "DescribeRules is denied.")
GONE = Problem("RuleNotFound", "There is no such rule.")


class FaultRules(Base):
    @rule(kinds=st.lists(st.sampled_from((REFUSED, LOST, DROPPED, LATE, UNMADE)), min_size=1, max_size=4))
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

    @rule(
        pick=st.integers(0, 2),
        trouble=st.sampled_from((None, None, Action.FIXED_RESPONSE, THROTTLED, DENIED, GONE, "another's")),
    )
    def a_route_is_out_of_reach(self, pick: int, trouble: Action | Problem | str | None) -> None:
        """Or is itself again."""
        key = self.policy.routes[pick % len(self.policy.routes)].key
        self.world.troubles.pop(key, None)
        if isinstance(trouble, Action | Problem):
            self.world.troubles[key] = trouble
        self.belongs(key, "other/default/web" if trouble == "another's" else self.policy.owner)

    @rule(pick=st.integers(0, 2))
    def a_rule_is_deleted_that_can_be_made_again(self, pick: int) -> None:
        """Its listener forwards to whatever had the traffic at the beginning."""
        key = self.policy.routes[pick % len(self.policy.routes)].key
        if not is_record(key):
            self.world.vanish(key)
            self.person_wrote = True

    @rule(seconds=st.sampled_from((0.5, 4.0, 20.0)))
    def nothing_may_be_written_for_now(self, seconds: float) -> None:
        self.live.opens_at = self.world.now - self.world.skew + seconds

    @precondition(lambda self: self.live.late or (self.stale and self.stale.late))
    @rule(which=st.integers(0, 3))
    def a_late_write_lands(self, which: int) -> None:
        late = [(p, item) for p in (self.live, self.stale) if p is not None for item in p.late]
        if late:
            process, write = late[which % len(late)]
            process.land(process.late.index(write))

    @precondition(lambda self: self.live.late)
    @rule(seconds=st.sampled_from((0.0, 1.0, 3.0, 4.0)))
    def the_last_write_lands_late_and_in_time(self, seconds: float) -> None:
        """Perhaps after the end of its rollout."""
        self.live.run(seconds)
        if self.live.late and self.live.late[-1].in_time(self.world):
            self.live.land(-1)

    @rule(pick=st.integers(0, 99))
    def the_next_discovery_misses_a_group(self, pick: int) -> None:
        """It is back in the one after."""
        names = [arn for arn, group in self.world.groups.items() if group.exists]
        self.live.missing = {names[pick % len(names)]}
        self.live.discover()

    @precondition(lambda self: self.reverts_at_once())
    @rule(killed=st.booleans())
    def a_check_fails_while_the_store_is_down(self, killed: bool) -> None:
        """AWS goes first: what failed holds nothing soon, whatever the store does; nor after a kill."""
        self.store_down = True
        rollout = self.live.state.rollout
        assert rollout is not None
        check, token = self.policy.checks[0], self.live.obs.requested
        if token != rollout.token or (check, token) in self.world.recorded:
            return
        self.live.deliver(check, Verdict.FAILED)
        self.live.run(2.0)
        for route in self.live.state.routes:
            assert of_canary(route, self.world.routes[route.key]) == 0, self.live.told()
        if killed:
            self.live.restart()

    def reverts_at_once(self) -> bool:
        """Does a failed check take the canary's traffic off now, but for the store? AWS answers and may be written."""
        live, policy = self.live, self.policy
        state, quiet = live.state, not (self.writes or live.blind or live.stale_by or self.stale or live.late)
        if self.world.troubles or live.opens_at is not None or set(live.obs.owners.values()) - {policy.owner}:
            return False
        if state.phase not in (Phase.STEP, Phase.BAKE) or not quiet or not live.obs.may_write or live.unsaved:
            return False
        if state.hold is not None or policy.on_failure is OnFailure.STOP or not policy.checks or live.pending:
            return False
        if state.rollout is None or state.rollout.kind is not RolloutKind.CANARY or state.rollout.promoted:
            return False
        return all(self.stands(route) for route in state.routes)

    def stands(self, route: RouteState) -> bool:
        """Is what was asked for there, confirmed, and can every stable group that is attached serve?"""
        shown = self.world.routes[route.key]
        stable = [arn for arn, weight in route.stable.items() if weight and arn in shown]
        there = route.confirmed_at is not None and same_shares(shown, route.asked)
        return there and bool(stable) and all(self.world.groups[arn].healthy for arn in stable)

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
