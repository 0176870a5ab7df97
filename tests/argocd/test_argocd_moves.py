"""From one cluster to another, decision by decision: by CreateBeforeDelete, and by DeleteBeforeCreate."""

from okra.api.argocd import ClusterPhase
from okra.argocd.readiness import SETTLED
from okra.argocd.report import Phase
from okra.embedded.objects import merge_patch
from tests.argocd.objects import ours, server, set_json
from tests.argocd.world import never_both, never_none, serving

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
