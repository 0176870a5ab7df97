"""At rest: retained groups leave, reverts are looked at again, deletion, read-only, spec edits."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from okra.rollout.effects import Claim, Observe, Persist, SetWeights
from okra.rollout.policy import RoutePolicy, route_key
from okra.rollout.rest import Rest
from okra.rollout.state import Outcome, Phase
from okra.rollout.verify import STALE_FOR
from tests.rollout.cases import NEW, OLD, at, cell, edit, ended, failing, rollout, route, say, share, shown, writes
from tests.rollout.world import On, tg

HALF = Fraction(1, 2)


def test_old_groups_stay_at_0_for_retain_for_and_then_leave() -> None:
    p = cell(retain_for=600.0)
    ended(p)
    p.run(590)
    assert shown(p) == {"a1": 0, "b1": 1}
    p.run(30)
    assert shown(p) == {"b1": 1}
    assert route(p).retained == {}


def test_who_begins_after_the_end_lets_old_groups_go_before_the_cell_is_at_rest() -> None:
    p = cell(retain_for=600.0)
    ended(p)
    p.world.now += 10_000.0
    p.restart()
    p.until(lambda: p.rest is Rest.SYNCED)
    assert shown(p) == {"b1": 1}


def test_without_a_time_to_retain_or_drain_them_old_groups_are_gone_before_the_cell_is_at_rest() -> None:
    p = cell(retain_for=0.0, drain_timeout=0.0)
    ended(p)
    p.until(lambda: p.rest is Rest.SYNCED)
    assert shown(p) == {"b1": 1}


def test_a_retained_group_with_traffic_in_flight_is_drained_first() -> None:
    p = cell(retain_for=0.0, drain_timeout=100.0)
    ended(p)
    p.see(active_flows={tg("a1"): 3.0})
    p.run(60)
    assert ("a1" in shown(p), p.state.condition.reason) == (True, "Draining")
    p.see(active_flows={tg("a1"): 0.0})
    p.run(35)
    assert "a1" not in shown(p)


def test_draining_ends_after_drain_timeout() -> None:
    p = cell(retain_for=0.0, drain_timeout=100.0)
    ended(p)
    p.see(active_flows={tg("a1"): 3.0})
    p.run(120)
    assert "a1" not in shown(p)


def test_a_retained_group_without_a_healthy_target_is_detached() -> None:
    p = cell(retain_for=10_000.0)
    ended(p)
    p.world.groups[tg("a1")].healthy = 0
    p.run(100)
    assert "a1" not in shown(p)


def test_a_synced_cell_only_reports_health_and_never_redistributes() -> None:
    p = cell(2, 0)
    p.run(10)
    p.world.groups[tg("a1")].healthy = 0
    p.run(300)
    assert writes(p) == []


def test_after_a_revert_the_route_is_read_again_after_ten_and_sixty_seconds() -> None:
    p = at(cell(), HALF)
    say(p, "abort")
    ended(p)
    done = rollout(p).ended_at
    assert done is not None
    p.due = p.world.now + 30.0
    p.run(12)
    assert p.obs.readings["r"].began_at >= done + 10.0
    p.run(52)
    assert p.obs.readings["r"].began_at >= done + 60.0


def test_a_cell_that_reverted_is_done_only_after_the_last_look() -> None:
    p = at(cell(), HALF)
    say(p, "abort")
    ended(p)
    done = rollout(p).ended_at
    assert done is not None
    p.until(lambda: p.rest is Rest.FAILED)
    assert p.obs.readings["r"].began_at >= done + 60.0


def test_a_cell_at_rest_asks_for_nothing() -> None:
    p = cell(retain_for=0.0, drain_timeout=0.0)
    ended(p)
    p.run(300)
    count, revision = len(p.trace), p.world.revision
    p.run(3600)
    assert (len(p.trace), p.world.revision) == (count, revision)


def test_deletion_in_mid_rollout_reverts_first_and_then_lets_go() -> None:
    p = at(cell(), HALF)
    p.see(deleting=True)
    p.until(lambda: p.released)
    assert (share(p), rollout(p).outcome) == (0, Outcome.WITHDRAWN)
    assert p.state.blocked == ()


def test_deletion_at_rest_leaves_the_weights() -> None:
    p = cell()
    ended(p)
    before = shown(p)
    p.see(deleting=True)
    p.until(lambda: p.released)
    assert shown(p) == before


def test_deletion_in_a_first_placement_lets_go_at_once() -> None:
    p = cell(1, 0, weights={})
    p.fault = lambda effect: "refused"
    p.until(lambda: p.state.moving)
    p.see(deleting=True)
    p.until(lambda: p.released)
    assert rollout(p).outcome is Outcome.WITHDRAWN


def test_deletion_in_a_revert_waits_for_its_end() -> None:
    p = at(cell(), HALF)
    p.fault = lambda effect: "dropped" if isinstance(effect, SetWeights) else None
    say(p, "abort")
    p.see(deleting=True)
    p.run(60)
    assert not p.released
    p.fault = lambda effect: None
    p.until(lambda: p.released)
    assert share(p) == 0


def test_who_may_not_write_says_what_it_would_do_and_touches_nothing() -> None:
    p = cell()
    p.see(may_write=False)
    p.run(100)
    assert not [e for e in p.trace if isinstance(e, SetWeights)]
    assert shown(p) == {"a1": 1}
    p.see(deleting=True)
    p.run(60)
    assert not p.released
    p.see(may_write=True)
    p.until(lambda: p.released)


def test_read_only_in_mid_rollout_writes_no_more() -> None:
    p = at(cell(), HALF)
    p.see(may_write=False)
    count = len(writes(p))
    p.run(100)
    assert (len(writes(p)), p.state.condition.reason) == (count, "ReadOnly")
    p.see(may_write=True)
    at(p, 1)


def test_nothing_is_written_before_the_route_is_claimed() -> None:
    p = cell()
    p.run(1.0)
    p.until(lambda: bool(writes(p)))
    kinds = [type(effect) for effect in p.trace]
    assert kinds.index(Claim) < kinds.index(SetWeights)


def test_an_edit_that_takes_the_route_away_takes_the_canary_off_there_first() -> None:
    p = at(cell(routes=("r", "s")), HALF)
    p.policy = replace(p.policy, routes=(RoutePolicy("s", selects=On("s")),))
    p.until(lambda: p.state.phase is Phase.IDLE)
    assert [share(p, key=key) for key in ("r", "s")] == [0, 0]
    p.run(10)
    assert [r.key for r in p.state.routes] == ["s"]
    p.until(lambda: share(p, key="s") == 1)
    assert share(p, key="r") == 0


def test_a_further_route_is_adopted() -> None:
    p = cell(1, 0)
    p.run(10)
    p.world.routes["s"] = {}
    p.world.past["s"] = []
    p.world.add(OLD, "a1-s", route="s")
    p.world.write("s", {tg("a1-s"): 1}, "person")
    p.policy = replace(p.policy, routes=(*p.policy.routes, RoutePolicy("s", selects=On("s"))))
    p.run(60)
    assert p.state.stable_version == OLD
    assert route(p, "s").stable == {tg("a1-s"): 1}


def test_every_status_write_that_changes_nothing_is_left_out() -> None:
    p = at(cell(), HALF)
    persists = [e for e in p.trace if isinstance(e, Persist)]
    states = [replace(e.state, watch=p.state.watch) for e in persists]
    assert all(a != b for a, b in pairwise(states))
    assert [e for e in p.trace if isinstance(e, Observe)]


@pytest.mark.parametrize(
    ("listener", "rule", "priority", "key"),
    [("l", "r", None, "r"), ("l", "", 10, "l#10"), ("l", "", None, "l")],
)
def test_a_route_is_named_by_its_rule_its_priority_or_its_listener(
    listener: str, rule: str, priority: int | None, key: str
) -> None:
    assert route_key(listener, rule, priority) == key
    assert RoutePolicy(key).selects({"any": "tags"})


def test_the_stable_version_of_a_cell_whose_person_moved_everything_is_held_until_resumed() -> None:
    p = cell(retain_for=10_000.0)
    ended(p)
    edit(p, a1=3, b1=1)
    p.run(600)
    assert (share(p), p.state.stable_version) == (Fraction(1, 4), NEW)
    assert shown(p) == {"a1": 3, "b1": 1}


@pytest.mark.parametrize("restarted", [False, True])
def test_weight_on_a_blocked_version_is_put_back_as_soon_as_two_reads_agree(restarted: bool) -> None:
    """Where the traffic can go is read together with the second one."""
    p = cell(checks=("c",))
    failing(NEW)(p)
    ended(p)
    p.run(200)
    if restarted:
        p.restart()
        p.run(5)
    edit(p, b1=1)
    p.discover()
    p.due = p.world.now + 30
    p.until(lambda: share(p) == 0, within=STALE_FOR + 0.5)
