"""What Argo CD says of an application at rest is told, keeps no spec, and starts nothing."""

from __future__ import annotations

import pytest

from okra.applications.policy import Application
from okra.applications.state import Phase, Stage
from tests.applications.world import NEW, OLD, World, synced, web

API_OLD, API_NEW = Application("api", ("api-v1",), "api-v1"), Application("api", ("api-v2",), "api-v2")


def told(w: World) -> tuple[Phase, str, str]:
    return w.state.phase, w.state.reason, w.state.message


def test_an_application_that_argo_cd_calls_degraded_at_rest_is_told_of_and_nothing_else_happens() -> None:
    w = synced(web(), API_OLD).after(300.0)
    for _ in range(3):
        w.broken = ("web-2-v1",)
        w.after(60.0)
        assert told(w) == (Phase.SYNCING, "Degraded", "web: Waiting for Argo CD: web-2-v1 is Degraded.")
        assert (w.web.phase, w.web.stage) == (Phase.SYNCING, Stage.COMPLETED)
        w.broken = ()
        w.after(10.0)
        assert told(w) == (Phase.SYNCED, "Synced", "Every application is on its clusters.")
    assert (w.history, w.revisions, w.web.attempt, w.web.blocked) == ([], 1, 1, ())


def test_an_edit_at_rest_is_kept_and_told_as_synced_only_when_argo_cd_says_so_of_it() -> None:
    w = synced(web()).after(300.0)
    w.want(web())  # other labels
    w.unseen = True
    w.after(60.0)
    assert told(w) == (Phase.SYNCING, "Syncing", "web: Waiting for Argo CD: not looked at yet")
    w.unseen, w.broken = False, OLD
    w.after(600.0)
    assert (w.state.phase, w.state.reason, w.revisions) == (Phase.SYNCING, "Degraded", 0)
    w.broken = ()
    w.after(10.0)
    assert (w.state.phase, w.revisions, w.history) == (Phase.SYNCED, 1, [])


def test_a_deployment_that_was_deleted_is_made_anew_before_the_spec_is_kept() -> None:
    w = synced(web()).after(300.0)
    w.want(web())
    w.unseen = True
    del w.deployments["web"]
    w.after(10.0)
    assert (w.state.phase, w.revisions, w.deployments["web"].clusters) == (Phase.SYNCING, 0, OLD)


def test_what_was_synced_stays_so_while_its_old_clusters_are_left_and_nobody_has_looked() -> None:
    w = synced(web())
    w.want(web(NEW))
    w.after(110.0)
    assert (w.state.phase, w.revisions) == (Phase.SYNCED, 1)
    w.unseen = True
    w.after(300.0)
    assert (w.state.phase, w.deployments["web"].clusters) == (Phase.SYNCED, NEW)


def test_what_an_application_lacks_that_rests_as_before_keeps_the_spec_of_no_other_from_being_kept() -> None:
    """Or what moves next would go back by a spec that failed, and a rollback by two versions."""
    w = synced(web(), API_OLD).after(300.0)
    w.broken, w.as_kept = OLD, frozenset({"web"})
    w.want(web(), API_NEW)
    w.after(600.0)
    assert (w.routes["api"].stable, w.revisions) == ("api-v2", 1)
    assert told(w) == (
        Phase.SYNCING,
        "Degraded",
        "web: Waiting for Argo CD: web-1-v1 is Degraded. web-2-v1 is Degraded.",
    )
    w.want(web(), API_NEW)  # other labels of web's
    w.as_kept = frozenset({"api"})
    assert w.after(600.0).revisions == 0


@pytest.mark.parametrize("first", [True, False])
def test_an_application_that_is_degraded_at_rest_holds_up_no_other(first: bool) -> None:
    """The others may be what it lacks."""
    w = synced(*((web(), API_OLD) if first else (API_OLD, web())))
    w.after(300.0)
    w.broken = OLD
    w.want(*((web(), API_NEW) if first else (API_NEW, web())))
    w.after(30.0)
    assert (w.state.of("api").moving, w.web.phase) == (True, Phase.SYNCING)
    assert w.state.reason == "Syncing", "the Cell is as the application that moves"
    w.after(600.0)
    assert (w.routes["api"].stable, w.state.reason, w.revisions) == ("api-v2", "Degraded", 0)
    w.broken = ()
    assert w.after(10.0).state.phase is Phase.SYNCED


def test_old_clusters_that_are_degraded_make_no_application_unready() -> None:
    w = synced(web())
    w.retain_for = 3600.0
    w.want(web(NEW))
    w.after(300.0)
    w.broken = OLD
    w.after(300.0)
    assert (w.state.phase, set(w.deployments["web"].clusters)) == (Phase.SYNCED, {*OLD, *NEW})


def test_what_argo_cd_does_not_deploy_is_asked_of_nobody() -> None:
    w = synced(web(deployed=False))
    w.want(web(deployed=False))
    assert w.after(30.0).state.phase is Phase.SYNCED
