"""Weighted records as a route: heavier limits, no targets to count, and servers that hear of a change one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from okra.rollout.policy import RoutePolicy, bare
from okra.rollout.state import Outcome, Phase
from okra.rollout.words import describe, short
from tests.rollout.cases import FAST, NEW, OLD, ended, failing, rollout, route, say
from tests.rollout.process import Process
from tests.rollout.world import RECORD_SET, World, canary_plan, policy, tg

WEB = RECORD_SET.format("web")


def cell(weights: Mapping[str, int] | None = None, *, routes: tuple[str, ...] = (WEB,), **spec: Any) -> Process:
    """a1 of 1.0.0 holds the traffic, b1 of 1.1.0 exists; on other routes a1-KEY, b1-KEY."""
    world = World(routes={key: {} for key in (*routes, "other")}, groups={})
    for key in routes:
        tail = "" if key == WEB else f"-{key}"
        olds = world.add(OLD, f"a1{tail}", route=key)
        news = world.add(NEW, f"b1{tail}", route=key)
        given = dict(zip((*olds, *news), weights.values(), strict=False)) if weights else dict.fromkeys(olds, 1)
        world.write(key, given, "person")
    return Process(world, policy(routes, **{"plan": FAST, "propagation_delay": 2.0, **spec}))


def reached(p: Process, share: Fraction | int) -> Process:
    p.until(lambda: p.world.share(NEW, WEB) == share and all(r.confirmed_at for r in p.state.routes))
    return p


def test_a_weight_counts_only_when_all_servers_answer_it() -> None:
    p = cell()
    p.until(lambda: p.world.share(NEW, WEB) == Fraction(1, 4))
    written_at = p.world.now
    reached(p, Fraction(1, 4))
    assert p.world.now - written_at >= p.world.spreads_for
    assert route(p, WEB).serial == 2, "waiting for it, nothing was written again"
    reached(p, 1)


def test_a_revert_waits_for_all_servers_and_writes_nothing_again_meanwhile() -> None:
    p = reached(cell(checks=("c",), plan=canary_plan(50, 100, 30.0)), Fraction(1, 2))
    failing(NEW)(p)
    p.until(lambda: p.world.share(NEW, WEB) == 0)
    writes, since = len(p.world.history), p.world.now
    ended(p)
    assert p.world.now - since >= p.world.spreads_for
    assert (len(p.world.history), rollout(p).outcome) == (writes, Outcome.FAILED)


def test_traffic_that_comes_back_while_a_revert_spreads_is_taken_off_at_once() -> None:
    p = reached(cell(checks=("c",), plan=canary_plan(50, 100, 30.0)), Fraction(1, 2))
    failing(NEW)(p)
    p.until(lambda: p.world.share(NEW, WEB) == 0)
    p.world.write(WEB, {tg("a1"): 1, tg("b1"): 1}, "person")
    p.run(12.0)
    assert p.state.phase is Phase.REVERT
    assert p.world.share(NEW, WEB) == 0


def test_after_a_restart_nobody_knows_what_spreads_so_it_is_written_again() -> None:
    p = cell()
    p.until(lambda: p.world.share(NEW, WEB) == Fraction(1, 4))
    p.restart()
    reached(p, Fraction(1, 4))
    assert route(p, WEB).serial == 3


def test_weights_stay_within_255_and_the_nearest_share_is_taken() -> None:
    p = cell(weights={"a1": 255}, plan=canary_plan(1, 997, 0.0)[:2] + canary_plan(100, 100, 0.0))
    reached(p, 1)
    assert all(0 <= weight <= 255 for _, _, weights in p.world.history for weight in weights.values())


def test_a_record_is_healthy_or_not_whatever_min_healthy_targets_says() -> None:
    p = cell(min_healthy=5)
    p.world.groups[tg("b1")].healthy = 0
    p.run(100)
    assert p.world.share(NEW, WEB) == 0
    assert "1 needed" in p.state.condition.message
    p.world.groups[tg("b1")].healthy = 1
    reached(p, 1)


def test_beside_a_load_balancer_each_counts_its_own() -> None:
    """Ten healthy targets behind the stable group don't make a record need five."""
    p = cell(routes=(WEB, "r"))
    for name, healthy in {"a1-r": 10, "b1-r": 5, "a1": 1, "b1": 1}.items():
        p.world.groups[tg(name)].healthy = p.world.groups[tg(name)].registered = healthy
    reached(p, 1)
    assert p.world.share(NEW, "r") == 1


def test_a_record_under_traffic_that_fails_its_health_check_is_reverted() -> None:
    p = reached(cell(plan=canary_plan(50, 100, 300.0)), Fraction(1, 2))
    p.world.groups[tg("b1")].healthy = 0
    ended(p)
    assert (rollout(p).outcome, p.world.share(NEW, WEB)) == (Outcome.FAILED, Fraction(0))


def test_one_record_is_all_that_a_version_has_whatever_replicas_says() -> None:
    p = cell(routes=(WEB, "r"), replicas=2)
    p.world.add(NEW, "b2-r", route="r")
    reached(p, 1)
    assert p.world.share(NEW, "r") == 1


def test_a_version_without_its_record_is_waited_for() -> None:
    p = cell(routes=(WEB, "r"), replicas=2)
    p.world.add(NEW, "b2-r", route="r")
    p.world.groups[tg("b1")].exists = False
    p.run(200)
    assert p.world.share(NEW, "r") == 0
    assert p.state.condition.message == "Version 1.1.0 has 0 of 2 target groups."


def test_two_versions_that_carry_traffic_are_adopted_without_a_write() -> None:
    p = cell(weights={"a1": 3, "b1": 1}, plan=canary_plan(25, 100, 60.0))
    p.run(60)
    assert (p.state.stable_version, rollout(p).version, p.world.history) == (OLD, NEW, [])
    reached(p, 1)


def test_a_record_set_that_an_edit_leaves_goes_back_within_its_own_limits() -> None:
    p = reached(cell(weights={"a1": 200}, plan=canary_plan(50, 100, 300.0)), Fraction(1, 2))
    p.world.write("other", dict.fromkeys(p.world.add(OLD, "a1-other", route="other"), 1), "person")
    p.policy = policy(("other",), plan=FAST)
    p.run(200)
    assert p.world.routes[WEB][tg("b1")] == 0
    assert bare(WEB).limit == max(255, *p.world.routes[WEB].values())
    assert bare("r") == RoutePolicy("r")


def test_promote_skips_no_server() -> None:
    p = cell(plan=canary_plan(50, 100, 300.0))
    p.until(lambda: p.world.share(NEW, WEB) == Fraction(1, 2))
    say(p, "promote")
    p.run(5)
    assert p.world.share(NEW, WEB) == Fraction(1, 2)
    reached(p, 1)


def test_records_are_said_by_where_they_lead() -> None:
    assert short(f"{WEB}/192.0.2.1") == "192.0.2.1"
    assert short(f"{WEB}/alias/Z35/lb.example.net") == "lb.example.net"
    assert short(WEB) == WEB
    assert describe({f"{WEB}/2001:db8::1": 9}) == "2001:db8::1=9"


def test_whose_records_are_is_said_by_a_record_and_not_by_a_tag() -> None:
    p = cell()
    p.world.owners[WEB] = "okra/other/cell"
    p.run(60)
    assert p.state.condition.reason == "RouteConflict"
    assert "(the TXT record _okra-owner-… beside it: okra/other/cell)" in p.state.condition.message


def test_an_edited_value_is_another_record() -> None:
    """Its version is the canary: what traffic it has goes back, and the new place begins at 0."""
    p = reached(cell(plan=canary_plan(50, 100, 300.0)), Fraction(1, 2))
    b1, moved = tg("b1"), tg("b9")
    p.world.groups[moved] = replace(p.world.groups[b1])
    p.world.groups[b1].version = None
    p.run(100)
    assert rollout(p).outcome in (Outcome.WITHDRAWN, Outcome.RUNNING)
    p.until(lambda: p.world.routes[WEB].get(moved, 0) > 0)
    assert p.world.routes[WEB][b1] == 0
