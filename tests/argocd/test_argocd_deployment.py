"""Publishing clusters to an application and taking them back, decision by decision."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from okra.argocd.census import Known
from okra.argocd.deployment import POLL, REST
from okra.argocd.names import SHARED_WITH
from okra.argocd.readiness import SETTLED
from okra.argocd.report import ClusterPhase, Phase
from okra.embedded.objects import merge_patch
from tests.argocd.objects import BY_ROLE, CA, LABELS, WEB, clusters, foreign, ours, owner, server, set_json
from tests.argocd.world import World


def never_both(world: World) -> None:
    assert len(world.running) <= 1, "two clusters run the workers"


def never_none(world: World) -> None:
    assert world.running, "no cluster runs the application"


def serving(*clusters: str, beside: tuple[str, ...] = (), **options: Any) -> World:
    """A deployment that is synced."""
    world = World.of(*clusters, beside=beside, **options)
    world.synced()
    world.edits.clear()
    return world


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


# -- CreateBeforeDelete ----------------------------------------------------------------------------------------------


def test_old_clusters_are_taken_back_only_when_the_new_ones_are_ready() -> None:
    world = serving("a", "b", beside=("c", "d"))
    world.watch = never_none
    world.want("c", "d")
    world.until(lambda decision: decision.report.ready)
    assert world.running == {"a", "b", "c", "d"}
    done = world.synced()
    assert world.running == {"c", "d"}
    assert world.edits[:4] == ["Published c", "Published d", "Unpublished a", "Unpublished b"]
    assert sorted(world.edits[4:]) == ["ApplicationsGone a", "ApplicationsGone b"]
    assert [each.name for each in done.report.clusters] == ["c", "d"]


def test_it_is_ready_while_the_old_clusters_are_being_emptied() -> None:
    world = serving("a", beside=("b",))
    world.want("b")
    world.until(lambda decision: decision.report.reason == "Unpublishing")
    leaving = world.step().report
    assert (leaving.ready, leaving.phase) == (True, Phase.UPDATING)
    assert [(each.name, each.phase) for each in leaving.clusters] == [("b", "Ready"), ("a", "Unpublishing")]


def test_an_old_cluster_is_retained_until_then() -> None:
    world = serving("a", beside=("b",))
    world.want("b")
    world.step()
    assert [(each.name, each.phase) for each in world.step().report.clusters] == [
        ("b", "Publishing"),
        ("a", "Retained"),
    ]


def test_old_clusters_stay_while_a_new_one_doesnt_become_ready() -> None:
    world = serving("a", beside=("b",))
    world.want("b")
    world.step()
    world.argo()
    world.applications["web-b"]["broken"] = True
    for _ in range(600):
        world.step()
    assert world.running == {"a", "b"}
    assert "Unpublished a" not in world.edits


def test_going_back_in_the_middle_takes_the_new_ones_back() -> None:
    world = serving("a", beside=("b",))
    world.watch = lambda w: never_none(w) if "a" in w.published else None
    world.want("b")
    world.step()
    world.step()
    world.want("a")
    world.synced()
    assert world.running == {"a"}


def test_a_cluster_that_is_wanted_again_while_it_is_emptied_is_published_again() -> None:
    world = serving("a", beside=("b",))
    world.want("b")
    world.until(lambda decision: "Unpublished a" in world.edits)
    world.want("a", "b")
    world.synced()
    assert world.running == {"a", "b"}


def test_a_cluster_is_free_only_when_its_applications_are_gone_for_some_time() -> None:
    """The ApplicationSet controller may not have seen the label go."""
    world = serving("a", beside=("b",))
    world.want("b")
    world.until(lambda decision: "Unpublished a" in world.edits)
    taken = world.now
    del world.applications["web-a"]
    world.synced()
    assert world.now >= taken + SETTLED


def test_applications_of_an_application_set_that_isnt_named_any_more_are_waited_for() -> None:
    world = serving("a", beside=("b",))
    world.sets = {"new": set_json("new")}
    world.applications["new-b"] = {**world.applications["web-a"], "spec": {"destination": {"server": server("b")}}}
    world.applications["new-b"]["metadata"] = merge_patch(
        world.applications["web-a"]["metadata"],
        {
            "name": "new-b",
            "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": "new"}],
        },
    )
    world.want("b")
    world.until(lambda decision: "Unpublished a" in world.edits)
    left = world.step(SETTLED).report
    assert [(each.name, each.applications) for each in left.clusters] == [("b", ("new-b",)), ("a", ("web-a",))]
    world.synced()


# -- DeleteBeforeCreate ----------------------------------------------------------------------------------------------


def test_workers_never_run_on_two_clusters_at_once() -> None:
    world = serving("a", beside=("b",), delete_first=True)
    world.watch = never_both
    world.want("b")
    world.synced()
    assert world.running == {"b"}
    assert world.edits == ["Unpublished a", "ApplicationsGone a", "Published b"]


def test_nothing_is_taken_back_before_every_new_cluster_has_a_secret() -> None:
    world = serving("a", beside=("b",), delete_first=True)
    world.want("b", "c")
    for _ in range(60):
        world.step()
    assert (world.edits, world.running) == ([], {"a"})
    world.secrets["c"] = ours("c")
    world.synced()
    assert world.running == {"b", "c"}


def test_a_cluster_that_stays_is_left_alone() -> None:
    world = serving("a", "b", beside=("c",), delete_first=True)
    world.watch = lambda w: never_none(w)
    world.want("b", "c")
    world.synced()
    assert world.running == {"b", "c"}
    assert "Unpublished b" not in world.edits


def test_labels_taken_off_a_cluster_that_stays_are_put_back_while_others_are_emptied() -> None:
    world = serving("a", "b", beside=("c",), delete_first=True)
    world.want("b", "c")
    world.step()
    world.label("b", **{"myservice-role": None})
    world.step()
    assert world.edits == ["Unpublished a", "PublishedAgain b"]


def test_a_published_cluster_whose_secret_is_deleted_is_waited_for_all_the_same() -> None:
    world = serving("a", beside=("b",), delete_first=True)
    world.want("b")
    del world.secrets["a"]
    report = world.step().report
    assert report.clusters[-1].phase is ClusterPhase.UNPUBLISHING
    assert world.published == set()
    del world.applications["web-a"]
    assert world.synced().report.ready


# -- what must never happen ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delete_first", [False, True])
def test_an_empty_list_takes_nothing_back(delete_first: bool) -> None:
    world = serving("a", delete_first=delete_first)
    world.want()
    report = world.step().report
    assert (report.reason, report.stalled, report.ready) == ("NoClusters", True, False)
    for _ in range(60):
        world.step()
    assert (world.edits, world.published) == ([], {"a"})


@pytest.mark.parametrize("delete_first", [False, True])
def test_a_list_of_clusters_that_nobody_knows_takes_nothing_back(delete_first: bool) -> None:
    world = serving("a", delete_first=delete_first)
    world.want("typo")
    for _ in range(60):
        world.step()
    assert (world.edits, world.published) == ([], {"a"})


def test_no_secrets_at_all_change_nothing() -> None:
    world = serving("a", beside=("b",))
    world.want("b")
    world.secrets.clear()
    world.endpoints = {"b": server("b")}
    assert world.turn().effects == ()


BREAKS: list[tuple[str, Callable[[World], None], str]] = [
    (
        "preserves resources",
        lambda world: world.sets.update(web=set_json(syncPolicy={"preserveResourcesOnDeletion": True})),
        "PreservesResources",
    ),
    (
        "selects every cluster as well",
        lambda world: world.sets.update(web=set_json("web", [BY_ROLE, clusters()])),
        "StillSelected",
    ),
    ("selects by other labels", lambda world: world.sets.update(web=set_json("web", [clusters(x="y")])), "NotSelected"),
]


@pytest.mark.parametrize("delete_first", [False, True])
@pytest.mark.parametrize(("change", "reason"), [b[1:] for b in BREAKS], ids=[b[0] for b in BREAKS])
def test_nothing_is_touched_when_the_application_set(
    change: Callable[[World], None], reason: str, delete_first: bool
) -> None:
    world = serving("a", beside=("b",), delete_first=delete_first)
    change(world)
    world.want("b")
    before = {name: dict(obj) for name, obj in world.secrets.items()}
    assert world.turn().report.reason == reason
    for _ in range(60):
        world.now += 1
        world.turn()
    assert world.secrets == before
    world.sets["web"] = set_json()
    world.synced()
    assert world.running == {"b"}


# -- killed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forgets", [False, True], ids=["with its status", "without its status"])
@pytest.mark.parametrize("delete_first", [False, True])
@pytest.mark.parametrize("survives", range(3))
def test_a_process_that_is_killed_between_any_two_effects_leaves_the_next_one_to_the_same_end(
    survives: int, delete_first: bool, forgets: bool
) -> None:
    world = serving("a", "b", beside=("c", "d"), delete_first=delete_first)
    world.watch = (lambda w: None) if delete_first else never_none
    world.want("c", "d")
    for _ in range(120):
        world.now += 1
        world.argo()
        before = world.known
        world.turn(dies_after=survives)
        world.known = {} if forgets else before
        if not delete_first:
            never_none(world)
        elif world.running & {"c", "d"}:
            assert not world.running & {"a", "b"}
        if survives:
            world.turn()  # the next process
        else:
            world.turn() if world.now % 2 else None
    world.synced()
    assert world.running == {"c", "d"}
    assert [each for each in world.edits if each.startswith("Unpublished")] == ["Unpublished a", "Unpublished b"]
    assert not [
        name for name, obj in world.secrets.items() if name in "ab" and LABELS.keys() & obj["metadata"]["labels"]
    ]


def test_a_decision_is_a_function_of_its_arguments() -> None:
    world = serving("a", beside=("b",))
    world.want("b")
    assert world.decide() == world.decide()
    assert CA not in repr(world.decide())


def test_a_status_of_too_many_applications_settles_all_the_same() -> None:
    world = serving("a")
    for number in range(300):
        name = f"web-more-{number}"
        made = merge_patch(world.applications["web-a"], {"metadata": {"name": name}})
        world.applications[name] = made
    world.step()
    assert len(world.known["a"].applications) == 256
    assert isinstance(world.known["a"], Known)
    assert world.synced().report.ready
