"""Applications in lockstep: their traffic moves together and comes back together, one child Cell moves it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from okra.applications.lockstep import joint
from okra.applications.machine import CHANGES
from okra.applications.observation import Kept, Observation
from okra.applications.policy import Application, OnFailure
from okra.applications.state import Phase, Stage
from okra.rollout.observation import Command, Problem, Verdict
from tests.applications.world import NEW, OLD, World, synced, web, world

API_OLD, API_NEW = ("api-1-v1",), ("api-1-v2",)
NEW_VERSIONS = ("+".join(NEW), *API_NEW)
V1, V2 = "web-1-v1+web-2-v1+api-1-v1", "web-1-v2+web-2-v2+api-1-v2"


def pair(
    web_on: tuple[str, ...], api_on: tuple[str, ...], *, lockstep: bool = True, **changes: object
) -> tuple[Application, Application]:
    first = web(web_on, route="r1", lockstep=lockstep)
    second = replace(web(api_on, route="r2", lockstep=lockstep), name="api")
    return replace(first, **changes), replace(second, **changes)  # type: ignore[arg-type]


def phases(w: World) -> list[Phase]:
    return [w.state.of(name).phase for name in ("web", "api")]


def placed(w: World) -> list[tuple[str, ...]]:
    found = (w.state.of(name).synced for name in ("web", "api"))
    return [each.clusters if each else () for each in found]


def test_all_are_published_before_any_traffic_moves_and_left_when_all_of_it_has() -> None:
    w = synced(*pair(OLD, API_OLD))
    assert ({*w.routes}, w.routes["web"].members, w.routes["web"].version) == ({"web"}, ("web", "api"), V1)
    w.want(*pair(NEW, API_NEW))
    w.after(10.0)
    assert w.history == [("web", (*OLD, *NEW)), ("api", (*API_OLD, *API_NEW))]
    assert w.routes["web"].version == V1
    w.after(20.0)
    assert (w.routes["web"].version, phases(w)) == (V2, [Phase.SYNCING] * 2)
    w.after(60.0)
    assert (phases(w), placed(w)) == ([Phase.SYNCED] * 2, [NEW, API_NEW])
    w.after(300.0)
    assert w.history[2:] == [("web", NEW), ("api", API_NEW)]
    assert (w.state.phase, w.web.attempt != w.state.of("api").attempt) == (Phase.SYNCED, True)


def test_what_takes_longer_to_be_deployed_is_waited_for() -> None:
    w = synced(*pair(OLD, API_OLD))
    w.want(*pair(NEW, API_NEW))
    w.broken = API_NEW
    w.after(100.0)
    assert w.routes["web"].version == V1
    assert w.web.message == "Waits for api, in lockstep with it."
    w.broken = ()
    w.after(100.0)
    assert placed(w) == [NEW, API_NEW]


@pytest.mark.parametrize("fails", ["traffic", "deployment", "precheck"])
def test_a_failure_of_one_takes_all_of_them_back(fails: str) -> None:
    w = synced(*pair(OLD, API_OLD), failure_delay=20.0, deploy_timeout=60.0)
    first, second = pair(NEW, API_NEW)
    w.want(first, replace(second, prechecks=("run-test",)))
    if fails == "traffic":
        w.fails[V2] = (Phase.CHECK_FAILED, "dd failed")
    elif fails == "deployment":
        w.broken = API_NEW
    else:
        w.verdicts["run-test"] = Verdict.FAILED
    w.after(600.0)
    assert (phases(w), placed(w)) == ([Phase.FAILED] * 2, [OLD, API_OLD])
    assert [w.state.of(each).blocked for each in ("web", "api")] == [("web-1-v2+web-2-v2",), API_NEW]
    assert {name: made.clusters for name, made in w.deployments.items()} == {"web": OLD, "api": API_OLD}
    assert (w.routes["web"].stable, w.state.phase) == (V1, Phase.FAILED)
    other = w.web if fails != "traffic" else w.state.of("api")
    assert other.message.startswith("In lockstep with ")


@pytest.mark.parametrize("last", ["web", "api"])
def test_one_that_learns_of_something_when_the_traffic_arrives_is_waited_for(last: str) -> None:
    w = synced(*pair(OLD, API_OLD))
    w.want(*pair(NEW, API_NEW))
    known, told = w.observe, list[str]()

    def observe() -> Observation:
        seen = known()
        route = seen.routes["web"]
        if told or not w.web.moving or route is None or not route.settled or route.stable not in NEW_VERSIONS:
            return seen
        told.append(last)
        deployment = seen.deployments[last]
        assert deployment is not None
        return replace(seen, deployments={**seen.deployments, last: replace(deployment, behind=("x-0",))})

    w.observe = observe  # type: ignore[method-assign]
    w.after(900.0)
    assert (told, placed(w), phases(w)) == ([last], [NEW, API_NEW], [Phase.SYNCED] * 2)
    assert not any(each.moving for each in w.state.applications)


def test_prechecks_of_all_pass_before_anything_is_published() -> None:
    w = synced(*pair(OLD, API_OLD, prechecks=("run-test",)))
    w.verdicts["run-test"], w.check_time = Verdict.PASSED, 30.0
    w.want(*pair(NEW, API_NEW, prechecks=("run-test",)))
    w.after(50.0)
    assert (w.history, [w.state.of(each).stage for each in ("web", "api")]) == ([], [Stage.MIGRATING, Stage.INIT])
    w.after(300.0)
    assert placed(w) == [NEW, API_NEW]


@pytest.mark.parametrize("verb", ["retry", "retry web-1-v2+web-2-v2", "retry api-1-v2"])
def test_a_retry_of_one_begins_all_again(verb: str) -> None:
    w = synced(*pair(OLD, API_OLD))
    w.want(*pair(NEW, API_NEW))
    w.fails[V2] = (Phase.CHECK_FAILED, "dd failed")
    w.after(300.0)
    w.fails.clear()
    word, _, version = verb.partition(" ")
    w.commands = (Command("1", word, version),)
    w.after(300.0)
    assert placed(w) == [NEW, API_NEW]


def test_an_abort_takes_all_back() -> None:
    w = synced(*pair(OLD, API_OLD))
    w.want(*pair(NEW, API_NEW))
    w.after(10.0)
    w.commands = (Command("1", "abort"),)
    w.after(100.0)
    assert (phases(w), placed(w), w.routes["web"].stable) == ([Phase.FAILED] * 2, [OLD, API_OLD], V1)


def test_a_stop_leaves_all_where_they_are_until_the_former_spec_takes_them_back() -> None:
    w = synced(*pair(OLD, API_OLD), on_failure=OnFailure.STOP)
    w.want(*pair(NEW, API_NEW))
    w.fails[V2] = (Phase.CHECK_FAILED, "dd failed")
    w.after(200.0)
    assert (phases(w), w.routes["web"].stopped) == ([Phase.FAILED] * 2, True)
    w.want(*pair(OLD, API_OLD))
    w.after(600.0)
    assert (phases(w), placed(w)) == ([Phase.SYNCED] * 2, [OLD, API_OLD])
    assert {name: made.clusters for name, made in w.deployments.items()} == {"web": OLD, "api": API_OLD}


def test_one_alone_is_not_moved() -> None:
    w = synced(*pair(OLD, API_OLD))
    w.want(*pair(NEW, API_OLD))
    w.after(100.0)
    assert (w.state.phase, w.state.reason, w.history) == (Phase.PENDING, "Lockstep", [])
    assert w.web.message.startswith("It is in lockstep with api, and no other clusters are wanted for that")
    w.want(*pair(NEW, API_NEW))
    w.after(300.0)
    assert placed(w) == [NEW, API_NEW]


@pytest.mark.parametrize("first", [True, False])
def test_an_edit_at_rest_hands_the_routes_over_and_moves_nothing(first: bool) -> None:
    w = synced(*pair(OLD, API_OLD, lockstep=first))
    w.want(*pair(OLD, API_OLD, lockstep=not first))
    w.after(200.0)
    members = {name: made.members for name, made in w.routes.items()}
    assert members == ({"web": ("web",), "api": ("api",)} if first else {"web": ("web", "api")})
    assert (w.history, w.state.phase) == ([], Phase.SYNCED)
    w.want(*pair(NEW, API_NEW, lockstep=not first))
    w.after(900.0)
    assert placed(w) == [NEW, API_NEW]


def listed(w: World) -> dict[str, tuple[str, ...]]:
    return {name: made.members for name, made in w.routes.items()}


@pytest.mark.parametrize("joins", [True, False])
def test_what_is_blocked_is_handed_over_all_the_same(joins: bool) -> None:
    w = synced(*pair(OLD, API_OLD, lockstep=not joins))
    w.want(*pair(NEW, API_NEW, lockstep=not joins))
    w.fails = dict.fromkeys((V2, "+".join(NEW)), (Phase.CHECK_FAILED, "dd failed"))
    w.after(900.0)
    assert w.web.phase is Phase.FAILED
    w.want(*pair(NEW, API_NEW, lockstep=joins))
    w.after(900.0)
    assert listed(w) == ({"web": ("web", "api")} if joins else {"web": ("web",), "api": ("api",)})


def test_a_handover_waits_for_no_application_before_it() -> None:
    first, second = pair(OLD, API_OLD, lockstep=False)
    third = replace(first, name="adm", clusters=("adm-1-v1",), version="adm-1-v1", route="r3")
    w = synced(first, second, third)
    w.fails["+".join(NEW)] = (Phase.CHECK_FAILED, "dd failed")
    failing = pair(NEW, API_OLD, lockstep=False)[0]
    w.want(failing, second, third)
    w.after(900.0)
    assert w.web.phase is Phase.FAILED
    w.want(failing, replace(second, lockstep=True), replace(third, lockstep=True))
    w.after(900.0)
    assert listed(w) == {"web": ("web",), "api": ("api", "adm")}


@pytest.mark.parametrize("joins", [True, False])
def test_a_handover_waits_for_no_clusters(joins: bool) -> None:
    w = synced(*pair(OLD, API_OLD, lockstep=not joins))
    w.ready = dict.fromkeys((*NEW, *API_NEW), False)
    w.want(*pair(NEW, API_NEW, lockstep=joins), clusters=world(*pair(NEW, API_NEW)).policy.clusters)
    w.after(900.0)
    assert listed(w) == ({"web": ("web", "api")} if joins else {"web": ("web",), "api": ("api",)})
    w.ready.clear()
    w.after(900.0)
    assert placed(w) == [NEW, API_NEW]


@pytest.mark.parametrize("joins", [True, False])
def test_what_has_stopped_is_handed_to_nobody_before_it_is_back(joins: bool) -> None:
    w = synced(*pair(OLD, API_OLD, lockstep=not joins), on_failure=OnFailure.STOP)
    w.want(*pair(NEW, API_NEW, lockstep=not joins))
    w.fails = dict.fromkeys((V2, "+".join(NEW)), (Phase.CHECK_FAILED, "dd failed"))
    w.after(900.0)
    before = listed(w)
    w.want(*pair(NEW, API_NEW, lockstep=joins))
    w.after(900.0)
    assert (w.routes["web"].stopped, listed(w), w.web.phase) == (True, before, Phase.FAILED)
    w.want(*pair(OLD, API_OLD, lockstep=joins))
    w.after(900.0)
    assert listed(w) == ({"web": ("web", "api")} if joins else {"web": ("web",), "api": ("api",)})
    assert (placed(w), w.state.phase) == ([OLD, API_OLD], Phase.SYNCED)


@pytest.mark.parametrize("further", [True, False])
@pytest.mark.parametrize("joins", [True, False])
def test_nothing_is_handed_over_while_former_target_groups_are_attached(joins: bool, further: bool) -> None:
    w = synced(*pair(OLD, API_OLD, lockstep=not joins))
    w.want(*pair(NEW, API_NEW, lockstep=not joins))
    w.retain_for = 600.0
    while w.state.phase is not Phase.SYNCED or w.web.moving or not w.web.former:
        w.after(10.0)
    before = listed(w)
    later = [tuple(f"{each}3" for each in on) for on in (NEW, API_NEW)] if further else [NEW, API_NEW]
    wanted = pair(later[0], later[1], lockstep=joins)
    w.want(*wanted, clusters=world(*wanted).policy.clusters)
    w.after(100.0)
    assert (listed(w), placed(w)) == (before, [NEW, API_NEW])
    assert w.state.phase is (Phase.PENDING if further else Phase.SYNCED)
    assert w.state.reason == ("Lockstep" if further else "Synced")
    w.after(2000.0)
    assert listed(w) == ({"web": ("web", "api")} if joins else {"web": ("web",), "api": ("api",)})
    assert (placed(w), w.state.phase) == (later, Phase.SYNCED)


def test_one_that_goes_elsewhere_alone_leaves_the_others_once_nothing_is_attached_where_it_was() -> None:
    w = synced(*pair(OLD, API_OLD))
    w.want(*pair(NEW, API_NEW))
    w.retain_for = 600.0
    while w.state.phase is not Phase.SYNCED or w.web.moving or not w.web.former:
        w.after(10.0)
    further = pair(NEW, ("api-1-v3",), lockstep=False)
    w.want(*further, clusters=world(*further).policy.clusters)
    w.after(100.0)
    assert (w.state.reason, w.state.of("api").message) == ("Lockstep", CHANGES)
    w.after(2000.0)
    assert listed(w) == {"web": ("web",), "api": ("api",)}
    assert (placed(w), w.state.phase) == ([NEW, ("api-1-v3",)], Phase.SYNCED)


def test_an_edit_at_rest_with_other_clusters_joins_them_first() -> None:
    w = synced(*pair(OLD, API_OLD, lockstep=False))
    w.want(*pair(NEW, API_NEW))
    w.after(30.0)
    assert w.routes["web"].members == ("web", "api")
    w.after(600.0)
    assert (placed(w), w.state.phase, w.routes["web"].stable) == ([NEW, API_NEW], Phase.SYNCED, V2)


@pytest.mark.parametrize("joins", [True, False])
def test_an_edit_in_the_middle_of_a_move_is_for_after_it(joins: bool) -> None:
    w = synced(*pair(OLD, API_OLD, lockstep=not joins))
    w.want(*pair(NEW, API_NEW, lockstep=not joins))
    w.after(40.0)
    assert w.web.moving
    before = {name: made.members for name, made in w.routes.items()}
    w.want(*pair(NEW, API_NEW, lockstep=joins))
    w.after(20.0)
    assert w.web.moving
    assert {name: made.members for name, made in w.routes.items()} == before
    w.after(900.0)
    assert (placed(w), len(w.routes), w.state.phase) == ([NEW, API_NEW], 1 if joins else 2, Phase.SYNCED)


def test_one_that_was_never_brought_anywhere_joins_when_it_was() -> None:
    first, second = pair(OLD, API_OLD)
    w = synced(first)
    w.want(first, second, clusters=world(first, second).policy.clusters)
    w.after(30.0)
    assert w.state.of("api").moving
    assert not w.web.moving
    w.after(600.0)
    assert (w.routes["web"].members, {*w.routes}, w.state.phase) == (("web", "api"), {"web"}, Phase.SYNCED)


@pytest.mark.parametrize("gone", ["web", "api"])
def test_one_that_is_taken_out_of_the_cell_in_the_middle_of_a_move_has_the_others_put_back_first(gone: str) -> None:
    first, second = pair(OLD, API_OLD)
    w = synced(first, second)
    w.want(*pair(NEW, API_NEW))
    w.after(40.0)
    assert w.web.moving
    left = [each for each in pair(NEW, API_NEW) if each.name != gone]
    w.want(*left)
    w.quiet()
    app = w.state.of(left[0].name)
    assert app.failure is not None
    assert app.failure.message.startswith(f"{gone} isn't in the Cell any more")
    w.after(900.0)
    assert w.state.of(left[0].name).synced.clusters == left[0].clusters  # type: ignore[union-attr]
    assert w.state.phase is Phase.SYNCED


def test_a_route_that_is_edited_leaves_the_lockstep_and_comes_back() -> None:
    w = synced(*pair(OLD, API_OLD))
    first, second = pair(OLD, API_OLD)
    w.want(first, replace(second, route="r3"))
    w.after(300.0)
    assert (w.routes["web"].members, w.state.phase, w.history) == (("web", "api"), Phase.SYNCED, [])
    assert w.state.of("api").synced.route == "r3"  # type: ignore[union-attr]


def test_a_rollback_brings_all_back() -> None:
    w = synced(*pair(OLD, API_OLD))
    w.want(*pair(NEW, API_NEW))
    w.after(300.0)
    w.kept = (Kept("k-2", 2, pair(NEW, API_NEW), in_effect=True), Kept("k-1", 1, pair(OLD, API_OLD)))
    w.commands = (Command("1", "rollback"),)
    w.quiet()
    assert w.state.rolled_back is not None
    w.want(*pair(OLD, API_OLD))
    w.after(300.0)
    assert placed(w) == [OLD, API_OLD]


@pytest.mark.parametrize("fails", [True, False])
def test_a_kill_before_any_effect_leads_to_the_same_end(fails: bool) -> None:
    def moved(dies_at: int) -> World:
        w = synced(*pair(OLD, API_OLD))
        w.effects, w.dies_at = 0, dies_at
        w.want(*pair(NEW, API_NEW))
        if fails:
            w.fails[V2] = (Phase.CHECK_FAILED, "dd failed")
        return w.after(600.0)

    whole = moved(0)
    for index in range(1, whole.effects + 1):
        w = moved(index)
        assert (placed(w), phases(w), {*w.routes}) == (placed(whole), phases(whole), {"web"}), index


@pytest.mark.parametrize("lockstep", [True, False])
def test_a_kill_in_a_handover_leads_to_the_same_end(lockstep: bool) -> None:
    def edited(dies_at: int) -> World:
        w = synced(*pair(OLD, API_OLD, lockstep=not lockstep))
        w.effects, w.dies_at = 0, dies_at
        w.want(*pair(OLD, API_OLD, lockstep=lockstep))
        return w.after(300.0)

    whole = edited(0)
    for index in range(1, whole.effects + 1):
        w = edited(index)
        members = {name: made.members for name, made in w.routes.items()}
        assert members == {name: made.members for name, made in whole.routes.items()}
        assert (w.state.phase, w.history) == (Phase.SYNCED, [])


def test_the_first_move_of_all_that_fails_brings_the_traffic_back() -> None:
    w = world(*pair(OLD, API_OLD))
    w.fails[V1] = (Phase.CHECK_FAILED, "dd failed")
    w.after(300.0)
    assert (phases(w), placed(w)) == ([Phase.FAILED] * 2, [(), ()])
    assert w.routes["web"].stable == "before Okra"


def test_other_clusters_in_the_middle_of_the_first_move_of_all_have_the_traffic_back_first() -> None:
    w = world(*pair(OLD, API_OLD))
    w.after(40.0)
    assert w.web.moving
    w.want(*pair(NEW, API_NEW), clusters=world(*pair(NEW, API_NEW)).policy.clusters)
    w.after(600.0)
    assert placed(w) == [NEW, API_NEW]


def test_what_only_one_of_them_waits_for_holds_up_all() -> None:
    w = synced(*pair(OLD, API_OLD))
    w.want(*pair(NEW, API_NEW))
    known = w.observe
    problem = Problem("TargetGroupUnknown", "api-1-v2 has no label.")
    w.observe = lambda: replace(known(), groups={**known().groups, "api": problem})  # type: ignore[method-assign]
    w.after(100.0)
    assert (w.history, w.web.message) == ([], "Waits for api, in lockstep with it.")
    w.observe = known  # type: ignore[method-assign]
    w.after(300.0)
    assert placed(w) == [NEW, API_NEW]


def test_versions_of_several_are_one_if_they_are_alike_and_else_all_of_them() -> None:
    assert joint(["v1", "v1"]) == "v1"
    assert joint(["v1", "v2"]) == "v1+v2"
    assert joint(["v1", "v2"]) != joint(["v2", "v1"])
    assert len(joint(["a" * 150, "b" * 150])) == 200


# -- several routes of one application ---------------------------------------------------------------------------------


def test_all_routes_of_an_application_are_its_childs() -> None:
    w = synced(web(OLD, route="r1 r2"))
    assert w.routes["web"].traffic == {f"arn:{each}{of}" for each in OLD for of in ("", "/r2")}
    w.want(web(NEW, route="r1 r2"))
    w.after(300.0)
    assert w.routes["web"].traffic == {f"arn:{each}{of}" for each in NEW for of in ("", "/r2")}
    assert {each.route for each in w.web.synced.groups} == {"r1", "r2"}  # type: ignore[union-attr]


def test_a_route_that_is_added_or_taken_away_at_rest_moves_nothing() -> None:
    w = synced(web(OLD, route="r1"))
    for route in ("r1 r2", "r2 r1", "r1"):
        w.want(web(OLD, route=route))
        w.after(100.0)
        assert w.web.synced is not None
        assert (w.state.phase, w.history, w.web.synced.route) == (Phase.SYNCED, [], route)
    w.want(web(NEW, route="r1"))
    w.after(300.0)
    assert (w.history, w.state.reason) == ([], "RouteAndClusters")
    assert w.web.message.startswith("r2, where it was before, forwards to web-1-v1, web-2-v1")
    w.rules.clear()
    w.after(300.0)
    assert placed(w)[0] == NEW


def test_why_a_route_that_is_added_is_not_looked_after_is_said() -> None:
    w = synced(web(OLD, route="r1"))
    w.no_groups = Problem("TargetGroupUnknown", "web-1-v1 has no label.")
    w.want(web(OLD, route="r1 r2"))
    w.after(60.0)
    assert (w.state.phase, w.state.reason, w.web.message) == (Phase.SYNCING, "TargetGroupUnknown", w.no_groups.message)
    w.no_groups = None
    assert w.after(60.0).state.phase is Phase.SYNCED


def test_routes_that_are_edited_together_with_the_clusters_are_refused() -> None:
    w = synced(web(OLD, route="r1 r2"))
    w.want(web(NEW, route="r1"))
    w.after(60.0)
    assert (w.state.reason, w.history) == ("RouteAndClusters", [])
    assert w.web.message.startswith("r2 forwards to web-1-v1, web-2-v1, and would after a move by r1")
    w.want(web(NEW, route="r1 r2 r3"))
    w.after(60.0)
    assert w.state.reason == "RouteAndClusters"


def test_one_that_is_blocked_holds_up_the_others() -> None:
    w = synced(*pair(OLD, API_OLD))
    w.state = replace(
        w.state,
        applications=tuple(
            replace(each, blocked=API_NEW) if each.name == "api" else each for each in w.state.applications
        ),
    )
    w.want(*pair(NEW, API_NEW))
    w.after(100.0)
    assert (phases(w), w.history) == ([Phase.PENDING, Phase.FAILED], [])
    assert w.web.message == "In lockstep with api: api-1-v2 is blocked."
