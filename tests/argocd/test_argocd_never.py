"""What must never happen to what is published, whatever is missing, broken or killed."""

from collections.abc import Callable

import pytest

from okra.argocd.census import Known
from okra.embedded.objects import merge_patch
from tests.argocd.objects import BY_ROLE, CA, LABELS, clusters, server, set_json
from tests.argocd.world import World, never_none, serving


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
    report = world.turn().report
    assert (report.reason, report.clusters[0].message) == (reason, report.message)  # by which a Cell knows of it
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
