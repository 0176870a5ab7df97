"""Publishing clusters to an application, decision by decision: what it lacks, and whose secrets it may write."""

from dataclasses import replace

import pytest

from okra.api.argocd import ClusterPhase
from okra.argocd.deployment import POLL, REST
from okra.argocd.names import SHARED_WITH
from okra.argocd.readiness import SETTLED
from okra.argocd.report import Phase
from okra.embedded.objects import merge_patch
from tests.argocd.objects import LABELS, WEB, clusters, foreign, ours, owner, server, set_json
from tests.argocd.world import World, serving

# -- one deployment --------------------------------------------------------------------------------------------------


def test_a_cluster_is_published_and_ready_when_argo_cd_has_deployed_it() -> None:
    world = World.of("a")
    first = world.turn()
    assert world.published == {"a"}
    assert first.report.ready is False
    done = world.synced()
    assert done.report.ready is True
    assert [(each.name, each.phase, each.applications) for each in done.report.clusters] == [
        ("a", ClusterPhase.READY, ("web-a",))
    ]
    assert world.edits == ["Published a"]


def test_it_isnt_ready_before_its_applications_have_stayed_the_same() -> None:
    world = World.of("a")
    world.turn()
    world.argo()
    made = world.now
    world.synced()
    assert world.now >= made + SETTLED


def test_an_application_that_is_made_anew_begins_that_time_anew() -> None:
    world = serving("a")
    world.applications["web-a"]["metadata"]["creationTimestamp"] = "2033-01-01T00:00:00Z"
    world.now = 1_988_150_400.0 + 1
    assert world.turn().report.reason == "Settling"


def test_at_rest_nothing_is_asked_for_and_the_next_look_is_far() -> None:
    world = serving("a")
    decision = world.turn()
    assert decision.effects == ()
    assert decision.wake_at == world.now + REST


def test_at_rest_it_looks_as_seldom_as_it_is_told_to() -> None:
    world = serving("a")
    assert world.decide(rest=3600.0).wake_at == world.now + 3600.0


def test_while_something_is_awaited_it_looks_often_and_when_it_may_be_over() -> None:
    world = World.of("a")
    assert world.turn().wake_at == world.now
    assert world.turn().wake_at == world.now + POLL
    settling = world.until(lambda decision: decision.report.reason == "Settling")
    assert world.now < settling.wake_at <= world.now + SETTLED


def test_a_degraded_application_takes_readiness_back() -> None:
    world = serving("a")
    world.applications["web-a"]["status"]["health"] = {"status": "Degraded", "message": "CrashLoopBackOff"}
    world.applications["web-a"]["broken"] = True
    report = world.step().report
    assert (report.ready, report.reason, report.phase) == (False, "ApplicationDegraded", Phase.UPDATING)
    assert "CrashLoopBackOff" in report.message


def test_labels_taken_off_by_hand_are_put_back() -> None:
    world = serving("a")
    world.label("a", **{"myservice-role": None})
    assert world.turn().report.ready is False
    assert world.published == {"a"}
    assert world.edits == ["PublishedAgain a"]
    assert world.synced().report.ready


def test_labels_that_were_there_before_are_neither_overwritten_nor_taken_off() -> None:
    world = World.of("a")
    world.label("a", env="prod")
    world.sets["web"] = set_json("web", [clusters(env="dev")])
    world.wanted = replace(world.wanted, labels={"env": "dev"})
    decision = world.step()
    assert (decision.report.reason, decision.effects) == ("LabelTaken", ())
    assert world.secrets["a"]["metadata"]["labels"]["env"] == "prod"


def test_a_mark_that_a_person_broke_is_written_again_and_its_labels_are_still_its_own() -> None:
    world = serving("a", beside=("b",))
    world.secrets["a"] = merge_patch(world.secrets["a"], {"metadata": {"annotations": {WEB.annotation: "broken"}}})
    world.synced()
    world.want("b")
    world.synced()
    assert world.running == {"b"}


def test_applications_that_wait_for_a_person_are_named() -> None:
    world = World.of("a")
    world.turn()
    world.argo()
    world.applications["web-a"]["spec"]["syncPolicy"] = {}
    at = "2033-01-01T00:00:00Z"
    world.applications["web-a"] |= {"broken": True, "status": {"sync": {"status": "OutOfSync"}, "reconciledAt": at}}
    report = world.step().report
    assert (report.reason, report.needs_sync) == ("NeedsSync", ("web-a",))


# -- what isn't there yet --------------------------------------------------------------------------------------------


def test_a_cluster_that_has_no_secret_yet_is_waited_for() -> None:
    world = World.of("a", "b")
    del world.secrets["b"]
    world.endpoints = {"a": server("a"), "b": ""}
    report = world.turn().report
    assert (report.phase, report.reason, report.stalled) == (Phase.PENDING, "NotPublished", False)
    assert [(each.name, each.phase) for each in report.clusters] == [("a", "Pending"), ("b", "Pending")]
    assert world.published == {"a"}
    assert world.turn().report.phase is Phase.UPDATING
    world.endpoints = {"a": server("a")}
    assert "There is no ArgoCDCluster b yet." in {each.message for each in world.turn().report.clusters}
    world.secrets["b"] = ours("b")
    assert world.synced().report.ready


def test_without_its_application_set_nothing_is_touched() -> None:
    world = World.of("a")
    world.sets.clear()
    report = world.turn().report
    assert (report.reason, report.stalled, world.edits) == ("ApplicationSetNotFound", False, [])
    world.sets["web"] = set_json()
    assert world.synced().report.ready


def test_an_application_set_that_is_deleted_later_takes_readiness_back() -> None:
    world = serving("a")
    world.sets.clear()
    assert world.turn().report.reason == "ApplicationSetNotFound"


# -- whose a secret is -----------------------------------------------------------------------------------------------


def test_a_secret_that_isnt_okras_is_never_touched() -> None:
    world = World.of("a", "b")
    world.secrets["b"] = foreign("b")
    report = world.turn().report
    assert (report.phase, report.reason, report.stalled) == (Phase.FAILED, "NotOurs", True)
    assert [each.reason for each in report.clusters] == ["", "NotOurs"]
    assert world.secrets["b"] == foreign("b")


def test_a_secret_of_another_namespaces_cluster_is_never_touched() -> None:
    world = World.of("a")
    world.secrets["a"] = ours("a", whose=owner("a", namespace="team-b"))
    world.endpoints = {"a": ""}
    assert world.turn().report.reason == "NotOurs"
    assert world.edits == []


@pytest.mark.parametrize(
    ("namespace", "labels"),
    [("default", {}), ("team-b", {SHARED_WITH: "default"}), ("team-b", {SHARED_WITH: "team-c, default"})],
)
def test_a_cluster_that_shares_its_servers_secret_is_published_there(namespace: str, labels: dict[str, str]) -> None:
    world = World.of("mine")
    world.secrets = {"first": ours("first", whose=owner("first", namespace=namespace), spec_labels=labels)}
    world.endpoints = {"mine": server("first")}
    world.turn()
    assert world.published == {"first"}
    assert world.synced().report.clusters[0].name == "mine"


@pytest.mark.parametrize("labels", [{}, {SHARED_WITH: "team-c"}, {SHARED_WITH: "default-2"}])
def test_a_secret_that_another_namespace_doesnt_share_is_never_touched(labels: dict[str, str]) -> None:
    world = World.of("mine")
    world.secrets = {"first": ours("first", whose=owner("first", namespace="team-b"), spec_labels=labels)}
    world.endpoints = {"mine": server("first")}
    world.label("first", **{SHARED_WITH: "default"})
    decision = world.turn()
    assert (decision.report.reason, decision.report.stalled) == ("NotShared", True)
    assert world.edits == []


def test_what_is_published_stays_when_it_isnt_shared_any_more() -> None:
    world = World.of("mine")
    for labels in ({SHARED_WITH: "default"}, {}):
        there = ours("first", whose=owner("first", namespace="team-b"), spec_labels=labels)["metadata"]["annotations"]
        before = world.secrets.get("first") or ours("first", whose=owner("first", namespace="team-b"))
        annotations = {SHARED_WITH: there.get(SHARED_WITH)}
        world.secrets = {"first": merge_patch(before, {"metadata": {"annotations": annotations}})}
        world.endpoints = {"mine": server("first")}
        world.synced()
    assert world.running == {"first"}
    world.label("first", **dict.fromkeys(LABELS))
    world.synced()
    assert world.published == {"first"}


def test_another_name_for_the_same_secret_moves_nothing() -> None:
    world = World.of("mine")
    world.secrets = {"first": ours("first")}
    world.endpoints = {"mine": server("first")}
    world.synced()
    world.edits.clear()
    world.endpoints = {"renamed": server("first")}
    world.want("renamed")
    assert [each.name for each in world.synced().report.clusters] == ["renamed"]
    assert world.edits == []
