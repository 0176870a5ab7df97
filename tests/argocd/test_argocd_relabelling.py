"""Other labels for clusters that are published already: what the former ones deployed serves until the new ones do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from okra.argocd.application_sets import read_application_set
from okra.argocd.readiness import SETTLED
from okra.argocd.report import Phase
from okra.argocd.secrets import read_secret
from okra.rollout.status import write_time
from tests.argocd.objects import BY_ROLE, LABELS, application_json, clusters, server, set_json
from tests.argocd.world import DELETES, DEPLOYS, World

NEXT = {"role": "next"}
THIRD = {"more": "third"}


@dataclass
class TwoSets(World):
    """Each ApplicationSet makes Applications of its own: `web-a`, `next-a`."""

    @property
    def named(self) -> set[str]:
        return {self.wanted.sets.removeprefix("ApplicationSet ")}

    def argo(self) -> None:
        wanted = {(name, key) for key in self.sets for name in self.secrets if self._selects(key, name)}
        for name, key in wanted:
            if (made := f"{key}-{name}") not in self.applications:
                obj = application_json(name, set_name=key, reconciledAt=None, sync={"status": "OutOfSync"}, health=None)
                obj["metadata"]["creationTimestamp"] = write_time(int(self.now))
                self.applications[made] = obj | {"made": self.now}
        for key, obj in list(self.applications.items()):
            of, _, name = key.partition("-")
            if (name, of) not in wanted:
                obj["metadata"].setdefault("deletionTimestamp", write_time(self.now))
                obj.setdefault("gone", self.now + DELETES)
            if self.now >= obj.get("gone", self.now + 1):
                del self.applications[key]
            elif self.now >= obj["made"] + DEPLOYS and "broken" not in obj:
                at = write_time(int(self.now))
                obj["status"] = {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}, "reconciledAt": at}

    def _selects(self, key: str, name: str) -> bool:
        secret = read_secret(self.secrets[name])
        return bool(read_application_set(self.sets[key]).selects(secret, secret.labels))

    def labels(self, name: str) -> dict[str, str]:
        """By which it is published."""
        there = self.secrets[name]["metadata"]["labels"]
        return {key: value for key, value in there.items() if key in LABELS | NEXT | THIRD}

    def serves(self, name: str) -> set[str]:
        """Applications on a cluster that run well, and will for now."""
        there = (each for each in self.applications.values() if each["spec"]["destination"]["server"] == server(name))
        well = (each for each in there if (each["status"].get("health") or {}).get("status") == "Healthy")
        return {each["metadata"]["name"] for each in well if "deletionTimestamp" not in each["metadata"]}

    def relabel(self, labels: dict[str, str] = NEXT, sets: str = "ApplicationSet next") -> None:
        self.wanted = replace(self.wanted, labels=labels, sets=sets)


def serving(*names: str, beside: tuple[str, ...] = (), **options: Any) -> TwoSets:
    """Published by LABELS, and synced; an ApplicationSet for other labels is there. Status and sight are of those that
    the spec names."""
    world = TwoSets.of(*names, beside=beside, **options)
    assert isinstance(world, TwoSets)
    world.sets |= {"next": set_json("next", [clusters(**NEXT)]), "third": set_json("third", [clusters(**THIRD)])}
    world.synced()
    world.edits.clear()
    world.watch = never_without
    return world


def never_without(world: World) -> None:
    assert isinstance(world, TwoSets)
    assert all(world.serves(name) for name in world.secrets if name in world.wanted.clusters)


def test_former_labels_come_off_when_the_new_ones_are_ready_on_every_cluster() -> None:
    world = serving("a", "b")
    world.relabel()
    world.step()
    assert world.labels("a") == LABELS | NEXT
    world.step()
    world.applications["next-b"]["broken"] = True
    for _ in range(200):
        report = world.step().report
        assert world.labels("a") == world.labels("b") == LABELS | NEXT
    assert (report.ready, report.phase) == (False, Phase.UPDATING)
    del world.applications["next-b"]["broken"]
    assert world.synced().report.ready
    assert world.labels("a") == world.labels("b") == NEXT
    assert set(world.applications) == {"next-a", "next-b"}
    assert world.edits == [
        *("Published a", "Published b"),
        *("FormerLabelsRemoved a", "FormerLabelsRemoved b"),
    ]


def test_former_labels_come_off_one_cluster_at_a_time_when_that_is_ready_without_them() -> None:
    world = serving("a", "b")
    world.relabel()
    world.until(lambda _: "web-a" not in world.applications)
    assert (world.labels("a"), world.labels("b")) == (NEXT, LABELS | NEXT)
    status = world.applications["next-a"]["status"]
    world.applications["next-a"] |= {"broken": True, "status": {**status, "health": {"status": "Missing"}}}
    world.watch = lambda _: None
    for _ in range(200):
        world.step()
    assert (world.labels("b"), "web-b" in world.applications) == (LABELS | NEXT, True)
    del world.applications["next-a"]["broken"]
    world.synced()
    assert world.labels("b") == NEXT


def test_it_is_ready_only_when_nothing_of_before_is_left() -> None:
    world = serving("a")
    world.relabel()
    world.until(lambda decision: decision.report.ready)
    assert set(world.applications) == {"next-a"}
    for _ in range(60):
        assert world.step().report.ready


def test_an_application_set_that_reacts_late_is_waited_for() -> None:
    world = serving("a")
    world.relabel()
    world.until(lambda _: "FormerLabelsRemoved a" in world.edits)
    taken = world.now
    del world.applications["web-a"]
    world.until(lambda decision: decision.report.ready)
    assert world.now >= taken + SETTLED


@pytest.mark.parametrize("forgets", [False, True], ids=["with its status", "without its status"])
@pytest.mark.parametrize("survives", range(3))
def test_a_process_that_is_killed_between_any_two_effects_leaves_the_next_one_to_the_same_end(
    survives: int, forgets: bool
) -> None:
    world = serving("a", "b")
    world.relabel()
    for number in range(120):
        before = world.known
        world.step(dies_after=survives)
        world.known = {} if forgets else before
        if survives or number % 2:
            world.turn()
    world.synced()
    assert world.labels("a") == world.labels("b") == NEXT
    world.until(lambda _: set(world.applications) == {"next-a", "next-b"})


@pytest.mark.parametrize("after", range(1, 12, 2))
def test_an_edit_that_is_taken_back_in_the_middle_goes_back(after: int) -> None:
    world = serving("a", "b")
    world.relabel()
    for _ in range(after):
        world.step()
    assert world.labels("a") == LABELS | NEXT
    world.relabel(LABELS, "ApplicationSet web")
    world.synced()
    assert world.labels("a") == world.labels("b") == LABELS
    world.until(lambda _: set(world.applications) == {"web-a", "web-b"})


def test_another_edit_in_the_middle_goes_on_to_that() -> None:
    world = serving("a")
    world.relabel()
    world.step()
    world.relabel(THIRD, "ApplicationSet third")
    world.step()
    assert world.labels("a") == LABELS | NEXT | THIRD
    world.synced()
    assert world.labels("a") == THIRD
    assert set(world.applications) == {"third-a"}


def test_other_clusters_and_other_labels_at_once() -> None:
    world = serving("a", beside=("b",))
    world.watch = lambda w: None
    world.want("b", labels=NEXT, sets="ApplicationSet next")
    world.until(lambda _: "Unpublished a" in world.edits)
    assert world.serves("b") == {"next-b"}
    world.synced()
    assert (world.labels("a"), world.labels("b"), set(world.applications)) == ({}, NEXT, {"next-b"})


def test_a_cluster_that_joins_holds_up_the_end_of_the_former_labels() -> None:
    world = serving("a")
    world.want("a", "b", labels=NEXT, sets="ApplicationSet next")
    for _ in range(120):
        world.step()
    assert world.labels("a") == LABELS | NEXT


def test_a_label_less_comes_off_at_once_where_the_application_set_selects_by_the_others() -> None:
    """How one ApplicationSet gets other labels: both, then its selector, then without the former."""
    world = serving("a")
    del world.sets["next"], world.sets["third"]
    world.relabel(LABELS | NEXT, "ApplicationSet web")
    world.synced()
    world.relabel(NEXT, "ApplicationSet web")
    assert world.step().report.reason == "NotSelected"
    world.sets["web"] = set_json("web", [clusters(**NEXT)])
    world.synced()
    assert world.labels("a") == NEXT
    assert set(world.applications) == {"web-a"}
    assert world.edits == ["Published a", "FormerLabelsRemoved a"]


def test_an_application_set_that_selects_by_the_former_labels_again_keeps_them_on() -> None:
    world = serving("a")
    world.relabel()
    world.step()
    world.sets["next"] = set_json("next", [BY_ROLE])
    for _ in range(200):
        assert world.step().report.ready is False
    assert world.labels("a") == LABELS | NEXT


def test_a_label_that_was_there_before_it_was_published_stays() -> None:
    world = TwoSets.of("a")
    assert isinstance(world, TwoSets)
    world.label("a", **THIRD)
    world.sets["next"] = set_json("next", [clusters(**NEXT)])
    world.wanted = replace(world.wanted, labels=LABELS | THIRD)
    world.synced()
    world.relabel()
    world.synced()
    assert world.labels("a") == THIRD | NEXT


# -- another value ---------------------------------------------------------------------------------------------------


def test_another_value_for_a_label_in_use_is_refused() -> None:
    world = serving("a")
    world.sets["next"] = set_json("next", [clusters(**{"myservice-role": "next"})])
    world.relabel({"myservice-role": "next"})
    report = world.step().report
    assert (report.reason, report.stalled) == ("LabelsInUse", True)
    assert "myservice-role=web" in report.message
    for _ in range(60):
        world.step()
    assert (world.labels("a"), world.edits) == (LABELS, [])


def test_another_value_goes_by_way_of_another_key() -> None:
    world = serving("a")
    world.relabel()
    world.synced()
    world.sets["last"] = set_json("last", [clusters(**{"myservice-role": "last"})])
    world.relabel({"myservice-role": "last"}, "ApplicationSet last")
    world.synced()
    assert world.labels("a") == {"myservice-role": "last"}


def test_a_label_in_use_that_a_person_takes_off_makes_room() -> None:
    world = serving("a")
    world.watch = lambda w: None
    world.sets["next"] = set_json("next", [clusters(**{"myservice-role": "next"})])
    world.relabel({"myservice-role": "next"})
    world.step()
    world.label("a", **{"myservice-role": None})
    world.synced()
    assert world.labels("a") == {"myservice-role": "next"}


# -- DeleteBeforeCreate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [NEXT, {"myservice-role": "next"}])
def test_what_must_not_run_twice_is_gone_before_other_labels_are_put_on(labels: dict[str, str]) -> None:
    world = serving("a", "b", delete_first=True)
    world.sets["next"] = set_json("next", [clusters(**labels)])
    world.watch = lambda w: _never_twice(world)
    world.relabel(labels)
    world.synced()
    assert world.labels("a") == labels
    assert set(world.applications) == {"next-a", "next-b"}
    assert world.edits == ["Unpublished a", "Unpublished b", "Published a", "Published b"]


def _never_twice(world: TwoSets) -> None:
    for name in world.secrets:
        there = [each for each in world.applications if each.endswith(f"-{name}")]
        assert len(there) <= 1, there


def test_what_must_not_run_twice_is_left_alone_when_the_edit_is_taken_back() -> None:
    world = serving("a", delete_first=True)
    world.watch = lambda w: _never_twice(world)
    world.relabel()
    world.step()
    world.relabel(LABELS, "ApplicationSet web")
    world.synced()
    assert world.labels("a") == LABELS


# -- paused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delete_first", [False, True])
def test_while_somebody_pauses_no_labels_become_others(delete_first: bool) -> None:
    world = serving("a", delete_first=delete_first)
    world.paused = "The Cell web is paused."
    world.relabel()
    for _ in range(60):
        report = world.step().report
    assert (report.reason, report.stalled, report.ready) == ("Paused", False, False)
    assert "The Cell web is paused." in report.message
    assert (world.labels("a"), world.edits) == (LABELS, [])
    world.paused, world.watch = "", lambda w: None
    world.synced()
    assert world.labels("a") == NEXT


def test_a_pause_in_the_middle_keeps_the_former_labels_on() -> None:
    world = serving("a")
    world.relabel()
    world.step()
    world.paused = "Paused."
    for _ in range(60):
        world.step()
    assert world.labels("a") == LABELS | NEXT
    assert world.serves("a") == {"web-a", "next-a"}
    world.paused = ""
    world.synced()
    assert world.labels("a") == NEXT


def test_a_pause_doesnt_keep_what_was_taken_off_from_being_published_again() -> None:
    world = serving("a", delete_first=True)
    world.watch = lambda w: None
    world.relabel()
    world.until(lambda _: "Unpublished a" in world.edits)
    world.paused = "Paused."
    world.synced()
    assert world.labels("a") == NEXT


def test_a_pause_keeps_nothing_else_from_being_done() -> None:
    world = serving("a", beside=("b",))
    world.paused, world.watch = "Paused.", lambda w: None
    world.want("b")
    world.synced()
    assert world.published == {"b"}


def beside_b() -> TwoSets:
    """One that serves on `a`."""
    world = serving("a", beside=("b",))
    world.watch = lambda _: None
    return world


def test_what_is_retained_stays_as_it_is_and_is_not_waited_for() -> None:
    world = beside_b()
    world.applications["web-a"]["broken"] = True
    world.applications["web-a"]["status"]["health"]["status"] = "Degraded"
    world.want("a", "b", retained=("a",))
    world.relabel()
    report = world.synced().report
    assert {each.name: str(each.phase) for each in report.clusters} == {"a": "Retained", "b": "Ready"}
    assert (world.labels("a"), world.labels("b"), world.edits) == (LABELS, NEXT, ["Published b"])
    world.label("a", **dict.fromkeys(LABELS))
    world.step()
    assert world.labels("a") == LABELS
    world.want("b")
    world.synced()
    assert (world.labels("a"), set(world.applications)) == ({}, {"next-b"})


def test_what_is_retained_and_has_no_secret_any_more_holds_up_nothing() -> None:
    world = beside_b()
    del world.secrets["a"]
    world.want("a", "b", retained=("a",))
    assert {each.name: str(each.phase) for each in world.synced().report.clusters} == {"a": "Pending", "b": "Ready"}


def test_what_is_retained_and_was_never_published_is_as_the_spec_says() -> None:
    world = beside_b()
    world.want("a", "b", retained=("b",))
    world.synced()
    assert world.labels("b") == LABELS


def test_what_is_gone_back_to_is_waited_for_again() -> None:
    world = beside_b()
    world.want("a", "b", retained=("a",))
    world.relabel()
    world.synced()
    world.applications["web-a"]["broken"] = True
    world.applications["web-a"]["status"]["health"]["status"] = "Degraded"
    world.want("a", "b", retained=("b",))
    world.relabel(LABELS, "ApplicationSet web")
    for _ in range(60):
        assert not world.step().report.ready
    del world.applications["web-a"]["broken"]
    world.synced()
    assert (world.labels("a"), world.labels("b")) == (LABELS, NEXT)
