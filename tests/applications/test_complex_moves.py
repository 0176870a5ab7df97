"""The way of an application to other clusters, and what each failure of it leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from okra.applications.compile import while_leaving
from okra.applications.observation import Observation
from okra.applications.policy import Application, Cluster, OnFailure
from okra.applications.state import Group, Phase, Stage, State
from okra.applications.versions import LABEL, LONGEST, version_of
from okra.rollout.observation import Command, Problem, Verdict
from tests.applications.world import NEW, OLD, World, synced, web, world

API_OLD, API_NEW = Application("api", ("api-v1",), "api-v1"), Application("api", ("api-v2",), "api-v2")


def published(w: World, name: str = "web") -> set[str]:
    return set(w.deployments[name].clusters)


def test_new_clusters_are_published_then_get_the_traffic_and_then_the_old_ones_are_left() -> None:
    w = synced(web())
    w.want(web(NEW))
    w.after(30.0)
    assert (published(w), w.routes["web"].stable) == ({*OLD, *NEW}, "+".join(OLD))
    assert (w.web.phase, w.web.stage, w.state.phase) == (Phase.SYNCING, Stage.MIGRATING, Phase.SYNCING)
    w.after(70.0)
    assert w.routes["web"].stable == "+".join(NEW)
    assert (w.web.phase, w.web.stage, w.state.phase) == (Phase.SYNCED, Stage.COMPLETED, Phase.SYNCED)
    assert published(w) == {*OLD, *NEW}, "in one write the traffic could go back"
    w.after(200.0)
    assert published(w) == set(NEW)
    assert [clusters for _, clusters in w.history] == [(*OLD, *NEW), NEW]
    assert w.revisions == 1


def test_clusters_that_nobody_knows_of_any_more_are_left_as_those_are_that_are_known() -> None:
    w = world(web(NEW))
    w.behind = OLD
    w.after(30.0)
    assert (published(w), w.web.former) == ({*OLD, *NEW}, OLD)
    w.after(300.0)
    assert (published(w), w.web.former) == (set(NEW), ())
    assert [clusters for _, clusters in w.history] == [NEW, (*OLD, *NEW), NEW]


def test_clusters_that_were_left_as_they_were_are_waited_for_when_they_are_gone_back_to() -> None:
    w = synced(web())
    w.want(web(NEW))
    w.after(120.0)
    assert (w.web.phase, w.web.former) == (Phase.SYNCED, OLD)
    w.deployments["web"].retained = OLD
    w.want(web(OLD))
    w.broken = OLD
    w.after(60.0)
    assert (w.web.stage, w.routes["web"].version) == (Stage.MIGRATING, "+".join(NEW))
    w.broken = ()
    w.after(120.0)
    assert (w.web.phase, w.routes["web"].stable) == (Phase.SYNCED, "+".join(OLD))


def test_a_state_that_was_lost_is_what_the_deployment_was_told() -> None:
    w = synced(web())
    w.state = State()
    w.want(web(NEW))
    w.after(30.0)
    assert (published(w), w.web.former) == ({*OLD, *NEW}, OLD)
    w.after(300.0)
    assert (published(w), w.web.former) == (set(NEW), ())


@pytest.mark.parametrize("fails", [False, True])
def test_while_the_traffic_bakes_and_postchecks_are_asked_for_it_is_completing(fails: bool) -> None:
    w = synced(web())
    w.bake_time = 30.0
    if fails:
        w.fails["+".join(NEW)] = (Phase.POSTCHECK_FAILED, "no")
    w.want(web(NEW))
    w.after(40.0)
    assert (w.web.phase, w.web.stage) == (Phase.SYNCING, Stage.MIGRATING)
    w.after(30.0)
    assert (w.web.phase, w.web.stage) == (Phase.SYNCING, Stage.COMPLETING)
    w.after(100.0)
    assert (w.web.phase, w.web.stage) == ((Phase.FAILED, Stage.ERROR) if fails else (Phase.SYNCED, Stage.COMPLETED))


def test_what_several_clusters_lack_is_said_once() -> None:
    w = world(web(NEW), API_NEW)
    w.ready |= dict.fromkeys((*NEW, *API_NEW.clusters), False)
    w.unready = "The cluster {} doesn't let in Okra: grant it"
    w.policy = replace(w.policy, clusters=tuple(replace(each, eks=f"eks-{each.name}") for each in w.policy.clusters))
    w.after(60.0)
    said = "web-1-v2, web-2-v2, api-v2: The cluster eks-web-1-v2 doesn't let in Okra: grant it"
    assert w.state.message == f"web: 0 of 3 clusters are ready; waiting for {said}"


def test_nothing_begins_before_every_cluster_is_ready() -> None:
    w = world(web(NEW), API_NEW)
    w.ready["api-v2"] = False
    w.after(600.0)
    assert (w.state.phase, w.state.reason) == (Phase.PENDING, "WaitingForClusters")
    assert w.state.message == "web: 2 of 3 clusters are ready; waiting for api-v2: CREATING"
    assert (w.deployments, w.routes) == ({}, {})
    w.ready["api-v2"] = True
    assert w.after(600.0).state.phase is Phase.SYNCED


def test_a_cluster_that_need_not_be_ready_is_not_waited_for() -> None:
    w = world(web(NEW), clusters=(Cluster("web-1-v2"), Cluster("other", require_ready=False)))
    w.ready["other"] = False
    assert w.after(300.0).state.phase is Phase.SYNCED


def test_a_cluster_that_is_not_ready_in_time_fails_the_cell_before_anything_moved() -> None:
    w = world(web(NEW), clusters=(Cluster("web-1-v2", ready_timeout=60.0), Cluster("web-2-v2")))
    w.ready["web-1-v2"] = False
    w.after(50.0)
    assert w.state.phase is Phase.PENDING
    w.after(30.0)
    assert (w.state.phase, w.state.reason) == (Phase.FAILED, "ClusterNotReady")
    assert "Nothing has moved. web-1-v2: CREATING" in w.state.message
    assert w.deployments == {}
    w.ready["web-1-v2"] = True
    assert w.after(300.0).state.phase is Phase.SYNCED


def test_a_cluster_that_flaps_holds_up_neither_what_moves_nor_what_rests() -> None:
    w = synced(web())
    w.ready["web-1-v1"] = False
    assert w.after(60.0).state.phase is Phase.SYNCED
    w.ready.clear()
    w.want(web(NEW))
    w.after(30.0)
    w.ready["web-1-v2"] = False
    assert w.after(300.0).state.phase is Phase.SYNCED


def test_clusters_that_are_being_unpublished_are_waited_for_as_any_others() -> None:
    w = synced(web())
    w.want(web(NEW))
    while w.web.phase is not Phase.SYNCED or w.deployments["web"].clusters != NEW:
        w.now += 10.0
        w.turn()
    w.unseen = True
    assert w.web.former == OLD, "their Applications aren't known to be gone"
    w.ready["web-1-v1"] = w.ready["web-2-v1"] = False
    w.want(web())
    w.after(300.0)
    assert (w.state.reason, w.web.blocked) == ("WaitingForClusters", ())


@pytest.mark.parametrize("retained", [True, False])
def test_clusters_that_are_published_still_are_gone_back_to_whatever_their_readiness(retained: bool) -> None:
    w = synced(web())
    w.retain_for = 3600.0 if retained else 0.0
    w.want(web(NEW))
    w.after(600.0)
    assert set(w.web.former) == (set(OLD) if retained else set())
    w.ready["web-1-v1"] = w.ready["web-2-v1"] = False
    w.want(web())
    w.after(300.0)
    assert w.routes["web"].stable == "+".join(OLD if retained else NEW)
    assert (w.state.reason == "WaitingForClusters") is not retained


def test_applications_go_one_after_the_other_in_the_order_of_the_spec() -> None:
    w = synced(web(), API_OLD)
    w.want(web(NEW), API_NEW)
    w.after(50.0)
    assert (w.web.moving, w.state.of("api").moving) == (True, False)
    assert (w.web.phase, w.state.of("api").phase) == (Phase.SYNCING, Phase.PENDING)
    assert w.state.of("api").message == "Waits for web."
    w.after(300.0)
    assert [name for name, _ in w.history] == ["web", "api", "web", "api"]
    assert w.state.phase is Phase.SYNCED


def test_a_cell_is_not_synced_before_the_last_of_its_applications_is() -> None:
    w = synced(web(), API_OLD)
    w.want(web(NEW), API_NEW)
    told: list[tuple[Phase, list[str]]] = []
    for _ in range(60):
        while w.turn():
            versions = [placed.version for app in w.state.applications if (placed := app.synced) is not None]
            told.append((w.state.phase, versions))
        w.now += 10.0
    arrived = [versions for phase, versions in told[1:] if phase is Phase.SYNCED]
    assert arrived
    assert all(versions == ["+".join(NEW), "api-v2"] for versions in arrived)


def test_other_clusters_of_the_same_version_are_said_and_nothing_moves() -> None:
    w = synced(web())
    same = "+".join(OLD)
    w.want(web(NEW, version=same))
    w.after(120.0)
    assert (w.state.phase, w.state.reason, w.history) == (Phase.PENDING, "SameVersion", [])
    assert f"are of the same version: {same}. To move it there, label them with another one." in w.state.message
    w.want(web(NEW))
    assert w.after(300.0).state.phase is Phase.SYNCED


def test_what_was_said_of_clusters_that_are_wanted_no_more_is_over() -> None:
    w = synced(web())
    w.want(web(NEW))
    w.ready["web-1-v2"] = False
    w.policy = replace(w.policy, clusters=(Cluster("web-1-v2"),))
    assert w.after(60.0).web.phase is Phase.PENDING
    w.want(web(), clusters=())
    w.after(60.0)
    assert (w.web.phase, w.web.stage, w.web.message) == (Phase.SYNCED, Stage.COMPLETED, "")
    assert w.state.phase is Phase.SYNCED


def test_the_spec_is_kept_before_anybody_is_told_that_it_is_synced() -> None:
    w = synced(web())
    w.want(web(NEW))
    for _ in range(60):
        while w.turn():
            assert w.state.phase is not Phase.SYNCED or w.revisions == 1
        w.now += 10.0
    assert w.state.phase is Phase.SYNCED


def test_an_application_that_moves_is_ended_before_one_that_an_edit_put_before_it() -> None:
    w = synced(web(), API_OLD)
    w.want(web(), API_NEW)
    w.after(40.0)
    w.want(web(NEW), API_NEW)
    w.after(20.0)
    assert (w.web.moving, w.state.of("api").moving) == (False, True)
    assert w.after(600.0).state.phase is Phase.SYNCED


def test_a_paused_cell_begins_nothing() -> None:
    w = synced(web())
    w.want(web(NEW), paused=True)
    w.after(60.0)
    assert (w.state.phase, w.web.message) == (Phase.PAUSED, "Paused by a person, before it begins.")
    assert w.history == []
    w.policy = replace(w.policy, paused=False)
    assert w.after(300.0).state.phase is Phase.SYNCED


def test_prechecks_that_passed_for_one_version_say_nothing_of_the_next() -> None:
    """Also where there is no route, whose forward configuration could change."""
    w = synced(web(prechecks=("run-test",), routed=False))
    w.want(web(NEW, prechecks=("run-test",), routed=False))
    w.after(120.0)
    assert len(w.asked) == 1
    assert w.state.phase is Phase.SYNCED


# -- prechecks ---------------------------------------------------------------------------------------------------------


def test_prechecks_pass_before_anything_is_published_and_count_while_the_route_is_the_same() -> None:
    w = synced(web())
    w.want(web(NEW, prechecks=("run-test",)))
    w.after(300.0)
    assert len(w.asked) == 1
    assert w.web.passed == f"f0 {'+'.join(NEW)}"
    assert w.state.phase is Phase.SYNCED


def test_a_precheck_that_fails_is_tried_again_until_the_delay_is_over_and_counts_down() -> None:
    w = synced(web())
    w.want(web(NEW, prechecks=("run-test",)), check_interval=20.0)
    w.verdicts["run-test"] = Verdict.FAILED
    w.quiet()
    assert (w.web.phase, w.web.stage) == (Phase.PRECHECK_FAILED, Stage.INIT)
    assert w.web.message == "run-test failed. Waiting 60 seconds before starting a rollback"
    w.after(20.0)
    assert w.web.message == "run-test failed. Waiting 40 seconds before starting a rollback"
    assert len(w.asked) == 2
    w.after(60.0)
    assert (w.web.phase, w.web.stage, w.state.phase) == (Phase.FAILED, Stage.ERROR, Phase.FAILED)
    assert w.history == [], "nothing was published"
    assert "okra retry mysystem" in w.state.message


def test_a_countdown_goes_on_to_be_said_in_a_pause() -> None:
    w = synced(web())
    w.verdicts["run-test"] = Verdict.FAILED
    w.want(web(NEW, prechecks=("run-test",)))
    w.after(10.0)
    said = w.web.message
    w.policy = replace(w.policy, paused=True)
    w.after(30.0)
    assert (w.web.phase, w.web.message) == (Phase.PRECHECK_FAILED, said)


def test_a_precheck_that_passes_at_last_lets_it_go_on() -> None:
    w = synced(web())
    w.want(web(NEW, prechecks=("run-test",)), check_interval=20.0)
    w.verdicts["run-test"] = Verdict.FAILED
    w.after(30.0)
    w.verdicts.clear()
    assert w.after(300.0).state.phase is Phase.SYNCED
    assert w.web.failing_since is None


@pytest.mark.parametrize("error", [False, True])
def test_the_delay_goes_on_while_a_precheck_that_failed_is_asked_again_or_cannot_be(error: bool) -> None:
    w = synced(web())
    w.want(web(NEW, prechecks=("run-test",)), check_interval=20.0)
    w.verdicts["run-test"] = Verdict.FAILED
    w.quiet()
    w.check_time = 5.0 if error else 600.0
    w.verdicts["run-test"] = Verdict.ERROR if error else Verdict.FAILED
    w.after(30.0)
    assert w.web.message == "run-test failed. Waiting 30 seconds before starting a rollback"
    w.after(30.0)
    said = "run-test failed. run-test: said" if error else "run-test failed."
    assert (w.web.phase, w.web.message, w.history) == (Phase.FAILED, said, [])


def test_an_error_of_a_precheck_says_nothing_about_the_application() -> None:
    w = synced(web())
    w.want(web(NEW, prechecks=("run-test",)), check_interval=20.0)
    w.verdicts["run-test"] = Verdict.ERROR
    w.after(600.0)
    assert (w.web.stage, w.web.message) == (Stage.INIT, "run-test: said Tried again.")
    assert 25 <= len(w.asked) <= 31
    w.verdicts.clear()
    assert w.after(300.0).state.phase is Phase.SYNCED


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.CHECK_FAILED, Phase.POSTCHECK_FAILED])
def test_traffic_that_came_back_takes_the_new_clusters_out_and_blocks_them(phase: Phase) -> None:
    w = synced(web())
    w.want(web(NEW))
    w.fails["+".join(NEW)] = (phase, "Check dd failed at 30 %: 0.2 > max 0.1.")
    w.after(400.0)
    assert (w.web.phase, w.web.stage, w.state.phase) == (Phase.FAILED, Stage.ERROR, Phase.FAILED)
    assert "Check dd failed at 30 %" in w.state.message
    assert (published(w), w.routes["web"].stable) == (set(OLD), "+".join(OLD))
    assert w.routes["web"].version == "+".join(OLD), "and nothing begins again by itself"
    history = list(w.history)
    w.after(3600.0)
    assert w.history == history
    w.fails.clear()
    w.commands = (Command("1", "retry", by="ann"),)
    assert w.after(400.0).state.phase is Phase.SYNCED
    assert published(w) == set(NEW)


def test_a_failed_application_holds_up_the_ones_after_it() -> None:
    w = synced(web(), API_OLD)
    w.want(web(NEW), API_NEW)
    w.fails["+".join(NEW)] = (Phase.CHECK_FAILED, "no")
    w.after(600.0)
    assert w.routes["api"].stable == "api-v1"
    assert w.state.of("api").phase is Phase.PENDING
    w.want(web(NEW), API_OLD)
    w.after(60.0)
    assert (w.web.phase, w.state.of("api").phase) == (Phase.FAILED, Phase.SYNCED), "it is where it should be"


@pytest.mark.parametrize(
    ("problem", "reason"),
    [(Problem("Degraded", "web-1-v2-app is Degraded."), "Degraded"), (Problem("Progressing", "", fatal=False), "")],
)
def test_applications_that_argo_cd_does_not_bring_up_fail_before_any_traffic_moves(
    problem: Problem, reason: str
) -> None:
    w = synced(web())
    w.want(web(NEW))
    w.degraded = problem
    w.after(200.0 if reason else 290.0)
    assert w.routes["web"].version == "+".join(OLD)
    w.after(200.0)
    w.degraded = None
    w.after(100.0)
    assert w.web.phase is Phase.FAILED
    assert published(w) == set(OLD)
    assert ("Not Synced and Healthy within 300 s" in w.web.message) is not bool(reason)


def test_on_failure_stop_puts_nothing_back() -> None:
    w = synced(web())
    w.want(web(NEW), on_failure=OnFailure.STOP)
    w.fails["+".join(NEW)] = (Phase.CHECK_FAILED, "no.")
    w.after(400.0)
    assert (w.web.phase, w.state.reason) == (Phase.FAILED, "Stopped")
    assert w.state.message.startswith("web: no. onFailure is Stop: nothing is put back. To try")
    assert published(w) == {*OLD, *NEW}


def test_a_stop_waits_until_it_is_known_where_the_traffic_is() -> None:
    w = synced(web()).after(300.0)
    w.want(web(NEW), on_failure=OnFailure.STOP)
    w.fails["+".join(NEW)] = (Phase.CHECK_FAILED, "no.")
    known = w.observe
    while w.web.failure is None:
        w.now += 10.0
        w.turn()
    w.observe = lambda: replace(known(), routes={})  # type: ignore[method-assign]
    w.after(60.0)
    assert w.web.moving
    w.observe = known  # type: ignore[method-assign]
    w.after(10.0)
    assert (w.web.moving, w.web.former) == (False, NEW)


def stopped() -> World:
    """At the failed step, with traffic on the old clusters and on the new."""
    w = synced(web()).after(300.0)
    w.want(web(NEW), on_failure=OnFailure.STOP)
    w.fails["+".join(NEW)] = (Phase.CHECK_FAILED, "no.")
    w.after(400.0)
    w.history.clear()
    return w


@pytest.mark.parametrize("then", ["it is well", "former", "other", "deleted"])
def test_what_stopped_begins_again_by_a_retry_once_its_traffic_is_back(then: str) -> None:
    w, newest = stopped(), ("web-1-v3", "web-2-v3")
    failed = w.fails.copy()
    w.fails.clear()
    w.commands = (Command("1", "retry", by="ann"),)
    w.after(20.0)
    assert (w.routes["web"].stable, w.routes["web"].stopped) == ("+".join(OLD), False), "first its traffic comes back"
    w.fails |= failed if then != "it is well" else {}
    w.after(600.0)
    if then == "it is well":
        assert (w.state.phase, published(w)) == (Phase.SYNCED, {*NEW})
        return
    assert (w.state.reason, w.routes["web"].stopped) == ("Stopped", True), "and stops again"
    w.want(web({"former": OLD, "other": newest, "deleted": OLD}[then]), leaving=then == "deleted")
    w.after(900.0)
    goes_to = newest if then == "other" else OLD
    assert (w.routes["web"].stable, published(w), w.web.moving) == ("+".join(goes_to), {*goes_to}, False)


@pytest.mark.parametrize("goes_to", [OLD, ("web-1-v3", "web-2-v3")])
def test_an_edit_before_anybody_has_heard_of_a_stop_takes_its_traffic_back(goes_to: tuple[str, ...]) -> None:
    w = synced(web()).after(300.0)
    w.want(web(NEW), on_failure=OnFailure.STOP)
    w.fails["+".join(NEW)] = (Phase.CHECK_FAILED, "no.")
    while "web" not in w.routes or w.routes["web"].version != "+".join(NEW):
        w.after(10.0)
    w.now += w.move_time
    w.observe()  # it stops
    assert w.routes["web"].stopped
    w.want(web(goes_to))
    w.after(900.0)
    assert (w.routes["web"].stable, published(w), w.state.phase) == ("+".join(goes_to), {*goes_to}, Phase.SYNCED)


def test_an_edit_before_anybody_has_heard_that_the_first_move_stopped_takes_its_traffic_back() -> None:
    w = world(web(), on_failure=OnFailure.STOP)
    w.fails["+".join(OLD)] = (Phase.CHECK_FAILED, "no.")
    while "web" not in w.routes:
        w.after(10.0)
    w.now += w.move_time
    w.observe()  # it stops
    assert w.routes["web"].stopped
    w.want(web(NEW))
    w.after(900.0)
    assert (w.routes["web"].stable, published(w), w.state.phase) == ("+".join(NEW), {*NEW}, Phase.SYNCED)


def test_what_stopped_is_put_back_by_nobody_in_a_pause() -> None:
    w = stopped()
    w.want(web(NEW), paused=True)
    w.commands = (Command("1", "retry", by="ann"),)
    w.after(300.0)
    assert w.routes["web"].stopped


def test_clusters_where_a_stop_left_traffic_are_left_only_when_the_former_spec_has_taken_it_back() -> None:
    w = stopped()
    assert set(w.web.former) == set(NEW)
    w.want(web())
    w.after(40.0)
    assert w.history == [], "the child Cell is taking the traffic back"
    w.after(60.0)
    assert (w.routes["web"].stable, published(w)) == ("+".join(OLD), {*OLD, *NEW})
    w.after(300.0)
    assert (published(w), w.web.former, w.state.phase) == (set(OLD), (), Phase.SYNCED)


@pytest.mark.parametrize("fails", [False, True])
def test_clusters_where_a_stop_left_traffic_stay_published_while_others_are_introduced(fails: bool) -> None:
    w, newest = stopped(), ("web-1-v3", "web-2-v3")
    w.want(web(newest), on_failure=OnFailure.ROLLBACK)
    if fails:
        w.fails["+".join(newest)] = (Phase.CHECK_FAILED, "neither.")
    w.after(40.0)
    assert published(w) == {*OLD, *NEW, *newest}
    w.after(600.0)
    assert (published(w), w.web.former) == (set(OLD if fails else newest), ())
    assert w.state.phase is (Phase.FAILED if fails else Phase.SYNCED)


def test_clusters_that_a_stop_left_broken_hold_up_no_revert_and_are_left_once_no_traffic_can_go_back() -> None:
    """That they are broken nothing mends: the revert ends when the traffic is back."""
    w, newest = stopped(), ("web-1-v3", "web-2-v3")
    w.want(web(newest), on_failure=OnFailure.ROLLBACK)
    w.fails["+".join(newest)] = (Phase.CHECK_FAILED, "neither.")
    w.broken = NEW
    w.after(40.0)
    while w.web.failure is None or w.routes["web"].version != "+".join(OLD):
        w.after(10.0)
    w.routes["web"].retains_until = w.now + 300.0
    w.after(150.0)
    assert (w.web.phase, published(w)) == (Phase.FAILED, {*OLD, *NEW}), "in one write it could go there"
    w.after(200.0)
    assert (w.web.phase, published(w), w.web.former) == (Phase.FAILED, set(OLD), ())


@pytest.mark.parametrize("goes_to", [OLD, ("web-1-v3", "web-2-v3")])
@pytest.mark.parametrize("retained", [False, True])
def test_clusters_where_it_is_degraded_are_left_as_any_others(goes_to: tuple[str, ...], retained: bool) -> None:
    w = synced(web())
    w.retain_for = 7200.0 if retained else 0.0
    w.want(web(NEW))
    w.after(600.0)
    w.broken = NEW
    w.after(60.0)
    w.want(web(goes_to))
    w.after(200.0)
    assert (w.state.phase, w.routes["web"].stable, w.web.blocked) == (Phase.SYNCED, "+".join(goes_to), ())
    w.after(8000.0)
    assert (w.state.phase, published(w)) == (Phase.SYNCED, set(goes_to))


def test_the_secret_of_a_cluster_that_is_left_fails_nothing_and_that_of_a_new_one_does() -> None:
    w = synced(web()).after(300.0)
    known = w.observe
    taken = Problem("NotOurs", "web-1-v1: its secret isn't ours.")

    def seen() -> Observation:
        found = known()
        deployment = found.deployments["web"]
        assert deployment is not None
        lacks = {**deployment.lacks, "web-1-v1": taken.message}
        refused = {"web-1-v1": taken}
        seen = replace(deployment, lacks=lacks, problem=taken, refused=refused)
        return replace(found, deployments={"web": seen})

    w.observe = seen  # type: ignore[method-assign]
    w.want(web(NEW))
    w.after(10.0)
    assert (w.web.phase, w.web.message) == (
        Phase.SYNCING,
        "Waiting for Argo CD: web-1-v2: 1 of 2 Applications are Healthy. web-2-v2: 1 of 2 Applications are Healthy.",
    )
    w.after(100.0)
    assert (w.state.phase, w.routes["web"].stable) == (Phase.SYNCED, "+".join(NEW))
    w.want(web())
    w.after(100.0)
    assert (w.web.phase, w.web.message) == (Phase.FAILED, taken.message)


def test_new_clusters_that_fail_are_taken_back_from_clusters_where_it_is_degraded() -> None:
    w = synced(web())
    w.want(web(NEW))
    w.fails["+".join(NEW)] = (Phase.CHECK_FAILED, "no.")
    w.broken = OLD
    w.after(300.0)
    assert (w.web.phase, w.web.message, published(w)) == (Phase.FAILED, "no.", set(OLD))


def test_a_stop_before_any_traffic_moved_leaves_nothing_that_others_would_wait_for() -> None:
    w = synced(web()).after(300.0)
    w.want(web(NEW), on_failure=OnFailure.STOP)
    w.degraded = Problem("Degraded", "web-1-v2-app is Degraded.")
    w.after(60.0)
    assert (w.web.phase, w.web.former) == (Phase.FAILED, ())
    w.degraded = None
    w.want(web(("web-1-v3", "web-2-v3")))
    w.after(30.0)
    assert published(w) == {*OLD, "web-1-v3", "web-2-v3"}


def test_the_first_version_ever_that_fails_stays_published() -> None:
    w = world(web(NEW))
    w.fails["+".join(NEW)] = (Phase.CHECK_FAILED, "no")
    w.after(400.0)
    assert w.web.phase is Phase.FAILED
    assert published(w) == set(NEW), "there is nothing to go back to, and never no cluster at all"


def test_other_clusters_in_the_middle_of_a_move_undo_it_first_and_then_begin() -> None:
    w = synced(web())
    w.want(web(NEW))
    w.after(40.0)
    newest = ("web-1-v3", "web-2-v3")
    w.want(web(newest))
    w.after(900.0)
    assert (w.state.phase, published(w)) == (Phase.SYNCED, set(newest))
    assert w.web.blocked == ()
    assert [set(clusters) for _, clusters in w.history] == [{*OLD, *NEW}, set(OLD), {*OLD, *newest}, set(newest)]


def test_the_first_version_ever_that_fails_is_done_when_its_traffic_is_back() -> None:
    w = world(web(NEW))
    w.fails["+".join(NEW)] = (Phase.CHECK_FAILED, "no")
    while w.web.failure is None:
        w.now += 10.0
        w.turn()
    w.routes["web"].back_at = w.now + 70.0
    w.after(60.0)
    assert (w.web.phase, w.web.message) == (Phase.REVERTING, "Step 3 of 10.")
    assert w.after(20.0).web.phase is Phase.FAILED


def first_move() -> World:
    """Of an application that Okra has brought nowhere yet, with its traffic on its way."""
    w = world(web(), API_OLD).after(40.0)
    assert (w.routes["web"].version, w.web.synced) == ("+".join(OLD), None)
    return w


def test_other_clusters_in_the_middle_of_the_first_move_take_it_over_when_its_traffic_is_back() -> None:
    w = first_move()
    w.want(web(NEW), API_OLD)
    w.quiet()
    assert (w.routes["web"].aborted, w.web.phase) == (True, Phase.REVERTING)
    assert published(w) == {*OLD}, "they have traffic until the child Cell is at rest"
    w.after(70.0)
    assert published(w) == {*NEW}, "nothing is left there"
    w.after(600.0)
    assert (w.state.phase, w.routes["web"].stable) == (Phase.SYNCED, "+".join(NEW))
    assert (published(w), w.web.blocked, w.web.former) == (set(NEW), (), ())


def test_a_first_move_that_arrives_all_the_same_is_left_as_any_other() -> None:
    """Its child can't go back: it was the first placement ever."""
    w = first_move()
    w.want(web(NEW), API_OLD)
    w.quiet()
    w.routes["web"].failed, w.routes["web"].done_at = None, w.now
    w.quiet()
    assert set(w.web.former) == set(OLD)
    assert published(w) == {*OLD, *NEW}
    w.after(600.0)
    assert (w.state.phase, published(w)) == (Phase.SYNCED, set(NEW))


def test_a_failure_right_after_a_first_move_that_was_left_ends_with_its_clusters() -> None:
    w = first_move()
    w.want(web(NEW, prechecks=("run-test",)), API_OLD)
    w.verdicts["run-test"] = Verdict.FAILED
    w.after(300.0)
    assert (w.web.phase, published(w)) == (Phase.FAILED, set(OLD))
    w.want(web(("web-1-v3", "web-2-v3")), API_OLD)
    assert w.after(600.0).state.phase is Phase.SYNCED


def test_an_abort_of_a_first_move_is_its_childs_too() -> None:
    w = first_move()
    w.commands = (Command("1", "abort"),)
    w.quiet()
    assert (w.routes["web"].aborted, w.web.phase) == (True, Phase.REVERTING)
    w.after(100.0)
    assert (w.web.phase, w.web.message, w.web.blocked) == (
        Phase.FAILED,
        f"The move to {'+'.join(OLD)} aborted.",
        ("+".join(OLD),),
    )


def test_a_cell_that_is_deleted_in_its_first_move_is_let_go() -> None:
    """Its child Cell goes with it, and puts the traffic back before."""
    w = first_move()
    w.policy = while_leaving(w.policy, w.state)
    w.turn()
    assert (w.web.phase, w.state.reason) == (Phase.REVERTING, "CellDeleted")
    w.after(20.0)
    assert not any(app.moving for app in w.state.applications)
    assert published(w) == set(OLD)
    assert ("ApplicationWithdrawn" in w.emitted, "ApplicationSuperseded" in w.emitted) == (True, False)


# -- shapes ------------------------------------------------------------------------------------------------------------


def jobs(cluster: str, **changes: object) -> Application:
    made = Application("backgroundjobs", (cluster,), cluster, routed=False, deletes_first=True)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_workers_that_may_never_run_twice_are_published_to_the_new_cluster_only() -> None:
    w = synced(jobs("jobs-v1"))
    w.want(jobs("jobs-v2", postchecks=("alive",)))
    w.after(100.0)
    assert [clusters for _, clusters in w.history] == [("jobs-v2",)]
    assert (len(w.asked), w.routes, w.state.phase) == (1, {}, Phase.SYNCED)


def test_a_failed_postcheck_of_workers_brings_the_old_ones_back() -> None:
    w = synced(jobs("jobs-v1"))
    w.want(jobs("jobs-v2", postchecks=("alive",)))
    w.verdicts["alive"] = Verdict.FAILED
    w.after(20.0)
    assert w.state.of("backgroundjobs").failure is not None
    w.after(100.0)
    assert [clusters for _, clusters in w.history] == [("jobs-v2",), ("jobs-v1",)]
    assert w.state.phase is Phase.FAILED


def test_workers_that_come_back_run_where_they_were_last_and_nowhere_else() -> None:
    """Also when they have only just left others, with both at once allowed."""
    w = synced(jobs("jobs-v1", deletes_first=False))
    w.want(jobs("jobs-v2", deletes_first=False))
    while not w.state.of("backgroundjobs").former or w.state.of("backgroundjobs").moving:
        w.now += 10.0
        w.turn()
    w.history.clear()
    w.want(jobs("jobs-v3", postchecks=("alive",)))
    w.verdicts["alive"] = Verdict.FAILED
    w.after(200.0)
    assert [clusters for _, clusters in w.history] == [("jobs-v3",), ("jobs-v2",)]


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("deleted", [False, True])
def test_workers_that_cannot_come_back_hold_up_neither_an_edit_nor_a_deletion_for_ever(
    deleted: bool, paused: bool
) -> None:
    w = synced(jobs("jobs-v1"))
    w.want(jobs("jobs-v2", postchecks=("alive",)))
    w.verdicts["alive"] = Verdict.FAILED
    w.broken = ("jobs-v1",)
    w.after(3600.0)
    back = w.state.of("backgroundjobs")
    assert (back.phase, back.message) == (Phase.REVERTING, "Waiting for Argo CD: jobs-v1 is Degraded.")
    assert published(w, "backgroundjobs") == {"jobs-v1"}
    w.want(jobs("jobs-v3"), paused=paused)
    if deleted:
        w.policy = while_leaving(w.policy, w.state)
        w.turn()
        assert not w.state.of("backgroundjobs").moving, "the Cell is let go"
    else:
        w.after(400.0)
        assert w.state.phase is (Phase.PAUSED if paused else Phase.SYNCED)
        assert published(w, "backgroundjobs") == ({"jobs-v1"} if paused else {"jobs-v3"})


@pytest.mark.parametrize("paused", [False, True])
def test_a_deletion_waits_as_long_for_workers_that_come_back_as_a_move_does(paused: bool) -> None:
    """A pause is over with it."""
    w = synced(jobs("jobs-v1"))
    w.want(jobs("jobs-v2"))
    w.after(10.0)
    w.broken = ("jobs-v1",)
    w.policy = while_leaving(replace(w.policy, paused=paused), w.state)
    w.after(w.policy.deploy_timeout - 20.0)
    assert w.state.of("backgroundjobs").moving
    while w.state.of("backgroundjobs").moving:
        w.now += 10.0
        w.turn()
    assert w.now < 2000.0
    assert published(w, "backgroundjobs") == {"jobs-v1"}


def test_workers_that_stop_at_a_failure_run_once_and_the_former_spec_takes_them_back() -> None:
    w = synced(jobs("jobs-v1"))
    w.want(jobs("jobs-v2", postchecks=("alive",)), on_failure=OnFailure.STOP)
    w.verdicts["alive"] = Verdict.FAILED
    w.after(100.0)
    assert (w.state.phase, published(w, "backgroundjobs")) == (Phase.FAILED, {"jobs-v2"})
    w.want(jobs("jobs-v1"))
    assert w.after(60.0).state.phase is Phase.SYNCED
    assert [clusters for _, clusters in w.history] == [("jobs-v2",), ("jobs-v1",)]


def test_a_postcheck_that_errs_is_asked_again() -> None:
    w = synced(jobs("jobs-v1"))
    w.want(jobs("jobs-v2", postchecks=("alive",)), check_interval=20.0)
    w.verdicts["alive"] = Verdict.ERROR
    w.after(100.0)
    assert w.state.of("backgroundjobs").stage is Stage.COMPLETING
    w.verdicts.clear()
    assert w.after(60.0).state.phase is Phase.SYNCED


def test_an_application_that_argo_cd_does_not_deploy_has_only_its_traffic_moved() -> None:
    w = synced(web(deployed=False))
    w.want(web(NEW, deployed=False))
    w.after(300.0)
    assert (w.deployments, w.routes["web"].stable, w.web.former) == ({}, "+".join(NEW), ())


@pytest.mark.parametrize("fails", [False, True])
def test_argo_cd_that_comes_with_new_clusters_is_never_told_of_those_it_does_not_deploy_to(fails: bool) -> None:
    w = synced(web(deployed=False))
    w.by_hand = OLD
    w.want(web(NEW))
    w.fails = {"+".join(NEW): (Phase.CHECK_FAILED, "slow")} if fails else {}
    w.after(900.0)
    assert w.history == [("web", NEW)]
    assert w.routes["web"].stable == "+".join(OLD if fails else NEW)
    assert w.state.phase is (Phase.FAILED if fails else Phase.SYNCED)
    w.want(web(("web-1-v3",)))
    assert w.after(900.0).state.phase is Phase.SYNCED
    assert (published(w), w.web.former) == ({"web-1-v3"}, ())


def test_argo_cd_that_an_application_gets_at_rest_deploys_it_where_it_is() -> None:
    w = synced(web(deployed=False))
    w.want(web())
    assert w.after(300.0).state.phase is Phase.SYNCED
    assert published(w) == {*OLD}


def test_an_application_that_loses_its_argo_cd_forgets_the_clusters_that_it_has_left() -> None:
    w = synced(web()).after(300.0)
    w.want(web(NEW))
    w.after(100.0)
    assert w.web.former == OLD
    w.want(web(NEW, deployed=False))
    assert w.after(300.0).web.former == ()


@pytest.mark.parametrize("clusters", [NEW, ("web-1-v3", "web-2-v3")])
def test_a_route_that_is_taken_away_in_the_middle_of_a_move_is_put_back_first_and_nothing_else_is_left(
    clusters: tuple[str, ...],
) -> None:
    w = synced(web()).after(300.0)
    w.want(web(NEW))
    w.after(40.0)
    w.want(web(clusters, routed=False))
    w.after(600.0)
    assert (published(w), w.routes["web"].stable) == (set(OLD), "+".join(OLD))
    assert (w.state.phase, w.state.reason) == (Phase.PENDING, "RouteRemoved")
    assert "the traffic is on web-1-v1, web-2-v1" in w.state.message
    w.want(web(NEW))
    assert w.after(600.0).state.phase is Phase.SYNCED


def on_rule(number: int, clusters: tuple[str, ...] = OLD) -> Application:
    return web(clusters, route=f"listener#{number}")


@pytest.mark.parametrize("moving", [False, True])
def test_another_route_with_other_clusters_leaves_no_cluster_that_the_former_route_forwards_to(moving: bool) -> None:
    w = synced(on_rule(10)).after(300.0)
    if moving:
        w.want(on_rule(10, NEW))
        w.after(40.0)
    w.want(on_rule(20, NEW))
    w.after(600.0)
    assert (published(w), w.routes["web"].stable) == (set(OLD), "+".join(OLD))
    assert (w.state.phase, w.state.reason) == (Phase.PENDING, "RouteAndClusters")
    assert "listener#10 forwards to web-1-v1, web-2-v1" in w.state.message
    assert w.state.message.endswith(" Where that can't be, give it another name.")
    w.want(on_rule(10, NEW))
    assert w.after(600.0).state.phase is Phase.SYNCED
    w.want(on_rule(20, NEW))
    assert w.after(60.0).state.phase is Phase.SYNCED
    assert w.web.synced is not None
    assert w.web.synced.route == "listener#20"


@pytest.mark.parametrize("unread", [True, False])
def test_clusters_that_a_rule_of_before_forwards_to_are_left_when_it_does_no_more(unread: bool) -> None:
    w = synced(on_rule(10)).after(300.0)
    for number in (20, 30):
        w.want(on_rule(number))
        assert w.after(60.0).state.phase is Phase.SYNCED
    assert w.web.routes_before == ("listener#10", "listener#20")
    w.rules = {"listener#10": frozenset(OLD)}
    w.rules_unread = unread
    w.want(on_rule(30, NEW))
    w.after(600.0)
    assert (published(w), w.routes["web"].stable) == (set(OLD), "+".join(OLD))
    assert (w.state.phase, w.state.reason) == (Phase.PENDING, "RouteAndClusters")
    rules = "listener#10, listener#20" if unread else "listener#10"
    assert w.state.message.startswith(f"web: {rules}, where it was before, forwards to web-1-v1, web-2-v1, and nobody")
    w.rules, w.rules_unread = {}, False
    assert w.after(600.0).state.phase is Phase.SYNCED
    assert published(w) == set(NEW)
    assert not w.web.routes_before


def test_a_rule_of_before_that_was_never_settled_on_is_read_too() -> None:
    w = synced(on_rule(10)).after(300.0)
    w.want(on_rule(20))
    w.routes["web"].done_at = w.now + 60.0
    w.turn()
    assert (w.web.routes_before, w.web.synced and w.web.synced.route) == (("listener#20",), "listener#10")
    w.want(on_rule(10, NEW))
    w.after(600.0)
    assert (w.state.reason, published(w)) == ("RouteAndClusters", set(OLD))
    w.rules.clear()
    assert w.after(600.0).state.phase is Phase.SYNCED


def test_a_route_that_an_application_gets_on_its_clusters_is_moved_with_the_next_ones() -> None:
    w = synced(web(routed=False))
    w.want(web())
    w.after(60.0)
    assert (w.state.phase, w.state.reason) == (Phase.PENDING, "RouteAdded")
    assert w.state.message == (
        "web: It got its alb on web-1-v1, web-2-v1: the traffic is moved with the next clusters."
    )
    assert (w.routes, w.revisions) == ({}, 0)
    w.want(web(NEW))
    assert w.after(600.0).state.phase is Phase.SYNCED
    assert w.routes["web"].stable == "+".join(NEW)


def test_an_application_that_gets_a_route_in_the_middle_of_a_move_begins_anew_with_it() -> None:
    w = synced(web(routed=False))
    w.want(web(NEW, routed=False, postchecks=("alive",)))
    w.verdicts["alive"] = Verdict.ERROR
    w.after(60.0)
    w.want(web(NEW))
    w.after(300.0)
    assert (w.state.phase, w.routes["web"].stable, published(w)) == (Phase.SYNCED, "+".join(NEW), set(NEW))


def test_clusters_are_not_left_because_the_route_was_taken_away_while_the_traffic_could_go_back() -> None:
    w = synced(web())
    w.want(web(NEW))
    w.after(110.0)
    w.want(web(NEW, routed=False))
    w.after(30.0)
    assert published(w) == {*OLD, *NEW}
    w.after(200.0)
    assert (published(w), w.state.phase) == (set(NEW), Phase.SYNCED)


# -- kills -------------------------------------------------------------------------------------------------------------


def both(clusters: tuple[str, ...]) -> tuple[Application, ...]:
    return (web(clusters, prechecks=("run-test",)), jobs(f"jobs-{clusters[0][-2:]}", postchecks=("alive",)))


@pytest.mark.parametrize("fails", [False, True])
def test_a_kill_before_any_effect_leads_to_the_same_end(fails: bool) -> None:
    def told(dies_at: int) -> World:
        w = synced(*both(OLD))
        w.want(*both(NEW))
        w.effects, w.dies_at = 0, dies_at
        if fails:
            w.fails["+".join(NEW)] = (Phase.CHECK_FAILED, "no")
        return w.after(900.0)

    whole = told(0)
    assert whole.effects > 12
    for number in range(1, whole.effects + 1):
        w = told(number)
        assert (w.state.phase, published(w), w.history) == (whole.state.phase, published(whole), whole.history)
        assert {name: made.stable for name, made in w.routes.items()} == {n: m.stable for n, m in whole.routes.items()}


# -- what isn't known, and what others do ------------------------------------------------------------------------------


def test_a_selector_that_matches_no_cluster_moves_nothing() -> None:
    w = world(web(()))
    w.after(60.0)
    assert (w.state.phase, w.state.reason) == (Phase.PENDING, "NoClusters")
    assert w.web.message == "Its clusterSelector matches none of the Cell's clusters."
    assert w.deployments == {}


def test_more_clusters_than_a_forward_action_can_replace_are_said_before_anything_is_touched() -> None:
    five = tuple(f"web-{number}-v2" for number in range(5))
    w = synced(web())
    w.want(web(five))
    w.after(300.0)
    assert (w.state.phase, w.state.reason) == (Phase.PENDING, "TooManyClusters")
    assert "matches 5 clusters: beside alb at most 4" in w.web.message
    assert (w.deployments["web"].clusters, w.routes["web"].version) == (OLD, "+".join(OLD))
    w = world(web(five, routed=False)).after(300.0)
    assert w.state.phase is Phase.SYNCED, "without a route any number will do"


def test_a_deployment_or_a_child_that_somebody_changed_or_deleted_is_put_right() -> None:
    w = synced(web()).after(300.0)
    w.routes["web"].version = "other"
    w.after(100.0)
    w.deployments["web"].clusters = ("web-1-v1",)
    w.after(100.0)
    assert (published(w), w.routes["web"].version) == (set(OLD), "+".join(OLD))
    del w.deployments["web"]
    w.after(30.0)
    assert published(w) == set(OLD)


def test_old_clusters_stay_while_somebody_holds_the_traffic_there() -> None:
    w = synced(web())
    w.want(web(NEW))
    w.after(110.0)
    w.routes["web"].stable, w.routes["web"].failed = "+".join(OLD), Problem("RolledBack", "by ann")
    w.after(3600.0)
    assert published(w) == {*OLD, *NEW}


def test_a_command_is_executed_once_and_refused_where_nothing_is_blocked() -> None:
    w = synced(web())
    w.commands = (Command("7", "retry", by="ann"), Command("8", "pause"))
    w.after(60.0)
    assert [(each.id, each.outcome) for each in w.state.commands] == [("7", "Refused: nothing is blocked.")]
    assert w.emitted.count("CommandRefused") == 1


def _seeing(known: Callable[[], Observation], **changes: object) -> Observation:
    return replace(known(), **changes)  # type: ignore[arg-type]


def test_what_is_wrong_with_the_target_groups_is_the_reason() -> None:
    w = synced(web())
    w.want(web(NEW))
    known, problem = w.observe, Problem("ClustersOverlap", "web-1-v1 has the traffic already.")
    w.observe = partial(_seeing, known, groups={"web": problem})  # type: ignore[method-assign]
    w.after(20.0)
    assert (w.state.phase, w.state.reason) == (Phase.PENDING, "ClustersOverlap")
    assert w.state.message == "web: web-1-v1 has the traffic already."


def test_what_is_not_known_yet_is_waited_for() -> None:
    w = world(web(NEW, prechecks=("run-test",)))
    known = w.observe
    blind = (
        Problem("NotFound", "web-1-v2 has no label targetGroupARN.", fatal=False),
        None,
        (Group("web-1-v2", "arn:1"),),
    )
    said = ("web-1-v2 has no label", "Waiting for the target", "Waiting for the target")
    for groups, begins in zip(blind, said, strict=True):
        found = {"web": groups} if groups else {}
        w.observe = partial(_seeing, known, groups=found)  # type: ignore[method-assign]
        w.after(20.0)
        assert w.web.message.startswith(begins)
    w.observe = lambda: replace(known(), forwards={})  # type: ignore[method-assign]
    w.after(20.0)
    assert (w.web.stage, w.asked) == (Stage.INIT, [])
    w.observe = lambda: replace(known(), deployments={})  # type: ignore[method-assign]
    w.after(20.0)
    assert (w.web.stage, w.deployments) == (Stage.MIGRATING, {})
    w.observe = lambda: replace(known(), routes={})  # type: ignore[method-assign]
    w.after(60.0)
    assert (w.web.stage, w.routes) == (Stage.MIGRATING, {})
    w.observe = known  # type: ignore[method-assign]
    assert w.after(300.0).state.phase is Phase.SYNCED


def test_a_pause_in_the_middle_holds_up_checks_and_traffic_that_have_not_begun() -> None:
    w = synced(web())
    w.want(web(NEW, prechecks=("run-test",)))
    w.turn()
    w.policy = replace(w.policy, paused=True)
    w.after(60.0)
    assert (w.web.stage, w.asked) == (Stage.INIT, [])
    assert (w.state.phase, w.state.message) == (Phase.PAUSED, "web: Paused by a person, before anything has moved.")
    w.policy = replace(w.policy, paused=False)
    w.after(10.0)
    assert w.state.phase is Phase.SYNCING
    w.policy = replace(w.policy, paused=True)
    w.after(120.0)
    assert (published(w), w.routes["web"].stable) == ({*OLD, *NEW}, "+".join(OLD))
    assert (w.state.phase, w.state.message) == (Phase.PAUSED, "web: Paused by a person, before its traffic moves.")
    w.policy = replace(w.policy, paused=False)
    assert w.after(300.0).state.phase is Phase.SYNCED


def test_a_pause_stops_the_deadline_of_what_is_being_deployed() -> None:
    w = synced(web())
    w.want(web(NEW))
    w.deploy_time = 10_000.0
    w.after(30.0)
    w.policy = replace(w.policy, paused=True)
    w.after(w.policy.deploy_timeout + 100.0)
    assert (w.web.phase, w.web.failure) == (Phase.SYNCING, None)
    w.policy = replace(w.policy, paused=False)
    w.after(w.policy.deploy_timeout + 100.0)
    assert w.web.phase is Phase.FAILED
    assert "NotDeployed" in w.emitted


def test_a_revert_waits_until_the_traffic_is_back_and_says_what_hinders_it() -> None:
    w = synced(web())
    w.want(web(NEW))
    w.after(40.0)
    w.want(web(("web-1-v3", "web-2-v3")))
    w.quiet()
    w.routes["web"].done_at = w.now + 500.0
    known = w.observe
    w.observe = lambda: replace(known(), routes={})  # type: ignore[method-assign]
    w.after(60.0)
    w.observe = known  # type: ignore[method-assign]
    w.after(60.0)
    assert (w.web.phase, w.web.message) == (Phase.REVERTING, "Step 3 of 10.")
    assert published(w) == {*OLD, *NEW}, "nothing is taken from a cluster that may have traffic"
    w.routes["web"].done_at = w.now
    w.degraded = Problem("Degraded", "old")
    w.after(30.0)
    assert w.web.phase is Phase.FAILED_REVERTING
    w.degraded = None
    assert w.after(600.0).state.phase is Phase.SYNCED


def test_a_child_that_somebody_deleted_in_a_revert_has_no_traffic_to_bring_back() -> None:
    w = synced(web())
    w.want(web(NEW))
    w.after(40.0)
    w.fails["+".join(NEW)] = (Phase.CHECK_FAILED, "no")
    w.after(10.0)
    w.want(web(("web-1-v3", "web-2-v3")))
    w.turn()
    del w.routes["web"]
    assert w.after(600.0).state.phase is Phase.SYNCED


def test_a_version_is_the_label_that_all_clusters_share_or_else_their_names() -> None:
    labels = {"a": {LABEL: "v2"}, "b": {LABEL: "v2"}, "c": {LABEL: "v1"}}
    assert version_of(("a", "b"), labels) == "v2"
    assert version_of(("a", "c"), labels) == "a+c"
    assert version_of(("a", "x"), labels) == version_of(("x", "a"), labels) == "a+x", "their order says nothing"
    long = version_of(tuple(f"cluster-{n:060}" for n in range(9)), {})
    assert len(long) == LONGEST
    assert long != version_of(tuple(f"cluster-{n:060}" for n in range(8)), {})


def test_an_invalid_spec_is_said_and_nothing_else_done() -> None:
    w = world(web(NEW), problem=Problem("InvalidSpec", "spec.clusters: no."))
    w.after(60.0)
    assert (w.state.phase, w.state.reason, w.deployments) == (Phase.FAILED, "InvalidSpec", {})


def test_the_same_clusters_by_another_version_are_renamed_and_nothing_moves() -> None:
    w = synced(web())
    w.want(web(version="other", prechecks=("run-test",)))
    w.after(100.0)
    assert (w.state.phase, w.web.attempt, w.routes["web"].version) == (Phase.SYNCED, 1, "other")
    assert w.web.synced is not None
    assert (w.web.synced.version, w.web.synced.clusters, published(w)) == ("other", OLD, set(OLD))
    assert (w.history, w.emitted.count("VersionRenamed")) == ([], 1)
