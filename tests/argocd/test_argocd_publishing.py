"""The edits that publish a cluster and take it back, and the marks that they leave."""

from typing import Any

import pytest

from okra.argocd.marks import Mark, Publisher, read_marks, write_mark
from okra.argocd.names import CLUSTER_SECRET, MANAGED_BY, SECRET_TYPE
from okra.argocd.publishing import (
    EditKind,
    forget,
    needs_publishing,
    publish,
    publishing_labels,
    unpublish,
    without_marks_of,
)
from okra.argocd.relabelling import remove_former
from okra.argocd.secrets import read_secret
from okra.embedded.objects import merge_patch
from okra.ports import Object
from tests.argocd.objects import GROUP, LABELS, NOW, WEB, edited, ours

API = Publisher(GROUP, "default", "api")


def published(obj: Object, by: Publisher = WEB, labels: dict[str, str] | None = None) -> Object:
    return edited(obj, publish(read_secret(obj), by, "a", LABELS if labels is None else labels, NOW))


def unpublished(obj: Object, by: Publisher = WEB) -> Object:
    return edited(obj, unpublish(read_secret(obj), by, NOW + 60))


def relabelled(obj: Object, labels: dict[str, str]) -> Object:
    return edited(obj, remove_former(read_secret(obj), WEB, labels, NOW + 60))


def labels_of(obj: Object) -> dict[str, str]:
    found: dict[str, str] = obj["metadata"]["labels"]
    return found


def test_publishing_labels_the_secret_and_says_who_and_when() -> None:
    obj = published(ours("a"))
    assert labels_of(obj) == {**labels_of(ours("a")), **LABELS}
    assert read_secret(obj).marks == {WEB: Mark("a", LABELS, NOW)}
    assert read_secret(obj).published_by == [WEB]


def test_what_is_published_needs_nothing_more() -> None:
    assert needs_publishing(read_secret(ours("a")), WEB, LABELS)
    assert not needs_publishing(read_secret(published(ours("a"))), WEB, LABELS)


def test_labels_that_were_there_already_are_marked_all_the_same() -> None:
    obj = ours("a", metadata={"labels": LABELS})
    assert needs_publishing(read_secret(obj), WEB, LABELS)
    assert read_secret(published(obj)).published_by == [WEB]


def test_a_label_that_was_there_before_stays_when_the_cluster_is_taken_back() -> None:
    obj = published(ours("a", metadata={"labels": {"env": "prod"}}), labels=LABELS | {"env": "prod"})
    assert not needs_publishing(read_secret(obj), WEB, LABELS | {"env": "prod"})
    again = published(obj, labels=LABELS | {"env": "prod", "more": "x"})
    assert labels_of(unpublished(again)) == {**labels_of(ours("a")), "env": "prod"}
    less = relabelled(again, LABELS)
    assert labels_of(less) == {**labels_of(ours("a")), **LABELS, "env": "prod"}
    assert labels_of(unpublished(less)) == {**labels_of(ours("a")), "env": "prod"}


def test_a_label_that_was_there_before_stays_with_the_last_of_two_publishers() -> None:
    both = published(published(ours("a", metadata={"labels": LABELS})), by=API)
    assert labels_of(unpublished(unpublished(both), by=API))["myservice-role"] == "web"


def test_a_label_that_was_there_before_and_is_taken_off_by_hand_is_its_own_once_it_is_put_back() -> None:
    obj = merge_patch(
        published(ours("a", metadata={"labels": LABELS})), {"metadata": {"labels": dict.fromkeys(LABELS)}}
    )
    assert labels_of(published(obj)) == {**labels_of(ours("a")), **LABELS}
    assert labels_of(unpublished(published(obj))) == labels_of(ours("a"))


def test_labels_that_a_deleted_publisher_left_are_those_of_whoever_publishes_by_them() -> None:
    left = without_marks_of(read_secret(published(ours("a"))), {WEB})
    obj = edited(published(ours("a")), publish(left, API, "a", LABELS, NOW))
    left = without_marks_of(read_secret(obj), {WEB})
    assert labels_of(edited(obj, unpublish(left, API, NOW))) == labels_of(ours("a"))


@pytest.mark.parametrize("value", [None, "debug"])
def test_a_label_changed_by_hand_is_put_back(value: str | None) -> None:
    obj = merge_patch(published(ours("a")), {"metadata": {"labels": {"myservice-role": value}}})
    assert read_secret(obj).published_by == []
    edit = publish(read_secret(obj), WEB, "a", LABELS, NOW)
    assert edit.kind is EditKind.PUBLISHED_AGAIN
    assert labels_of(edited(obj, edit))["myservice-role"] == "web"


def test_other_labels_in_the_spec_come_beside_those_of_before_until_these_are_taken_off() -> None:
    obj = published(published(ours("a")), labels={"role": "web"})
    assert read_secret(obj).marks == {WEB: Mark("a", {**LABELS, "role": "web"}, NOW)}
    assert labels_of(obj) == {**labels_of(ours("a")), **LABELS, "role": "web"}
    assert not needs_publishing(read_secret(obj), WEB, {"role": "web"})
    done = relabelled(obj, {"role": "web"})
    assert read_secret(done).marks == {WEB: Mark("a", {"role": "web"}, NOW, relabelled=NOW + 60)}
    assert labels_of(done) == {**labels_of(ours("a")), "role": "web"}


def test_both_are_taken_off_with_the_cluster() -> None:
    obj = published(published(ours("a")), labels={"role": "web"})
    assert labels_of(unpublished(obj)) == labels_of(ours("a"))


def test_former_labels_by_which_another_publishes_stay() -> None:
    both = published(published(ours("a")), by=API)
    obj = relabelled(published(both, labels={"role": "web"}), {"role": "web"})
    assert labels_of(obj) == {**labels_of(ours("a")), **LABELS, "role": "web"}
    assert labels_of(unpublished(obj, by=API)) == {**labels_of(ours("a")), "role": "web"}


def test_a_former_label_that_is_taken_off_by_hand_is_put_back() -> None:
    obj = published(published(ours("a")), labels={"role": "web"})
    obj = merge_patch(obj, {"metadata": {"labels": {"myservice-role": None}}})
    edit = publish(read_secret(obj), WEB, "a", {"role": "web"}, NOW)
    assert edit.kind is EditKind.PUBLISHED_AGAIN
    assert labels_of(edited(obj, edit)) == {**labels_of(ours("a")), **LABELS, "role": "web"}


def test_unpublishing_takes_off_its_labels_and_no_others() -> None:
    obj = unpublished(published(ours("a", metadata={"labels": {"team": "red"}})))
    assert labels_of(obj) == {**labels_of(ours("a")), "team": "red"}


def test_a_label_that_a_person_gave_another_value_isnt_taken_off() -> None:
    obj = merge_patch(published(ours("a")), {"metadata": {"labels": {"myservice-role": "debug"}}})
    assert labels_of(unpublished(obj))["myservice-role"] == "debug"


def test_an_unpublished_cluster_stays_marked_until_its_applications_are_gone() -> None:
    obj = unpublished(published(ours("a")))
    assert read_secret(obj).marks == {WEB: Mark("a", LABELS, NOW, NOW + 60)}
    assert read_secret(obj).published_by == []
    assert read_secret(edited(obj, forget(read_secret(obj), WEB))).marks == {}


def test_a_label_that_two_publish_by_is_taken_off_by_the_last() -> None:
    both = published(published(ours("a")), by=API)
    one = unpublished(both)
    assert labels_of(one)["myservice-role"] == "web"
    assert "myservice-role" not in labels_of(unpublished(one, by=API))


def test_the_name_of_a_cluster_secret_is_a_label_of_its_own() -> None:
    labels = publishing_labels(LABELS, "web-clusters")
    assert labels == {**LABELS, CLUSTER_SECRET: "web-clusters"}
    assert CLUSTER_SECRET not in labels_of(unpublished(published(ours("a"), labels=labels)))


def test_a_name_too_long_for_a_label_is_cut_and_stays_unique() -> None:
    one, other = (publishing_labels({}, f"{'a' * 80}.{n}")[CLUSTER_SECRET] for n in "12")
    assert one != other
    assert max(len(one), len(other)) <= 63


def test_two_publishers_of_one_cluster_may_have_different_names_for_its_secret() -> None:
    web, api = publishing_labels(LABELS, "web-clusters"), publishing_labels({"other": "api"}, "api-clusters")
    both = published(published(ours("a"), labels=web), by=API, labels=api)
    assert labels_of(both)[CLUSTER_SECRET] == "web-clusters"
    assert labels_of(both)["other"] == "api"
    assert not needs_publishing(read_secret(both), API, api)
    assert not needs_publishing(read_secret(both), WEB, web)


def test_what_makes_it_a_cluster_secret_is_never_published_nor_taken_off() -> None:
    labels = publishing_labels({**LABELS, SECRET_TYPE: "cluster", MANAGED_BY: "okra"}, None)
    assert labels == LABELS
    assert labels_of(unpublished(published(ours("a"), labels=labels)))[SECRET_TYPE] == "cluster"


# -- marks -----------------------------------------------------------------------------------------------------------


def test_publishers_of_one_name_in_two_places_have_marks_of_their_own() -> None:
    places = [WEB, Publisher(GROUP, "other", "web"), Publisher("hotswap.mumoshu.github.io", "default", "web")]
    obj = ours("a")
    for each in places:
        obj = published(obj, by=each)
    assert set(read_secret(obj).marks) == set(places)


def test_long_names_make_legal_keys() -> None:
    publishers = [Publisher(GROUP, "n" * 63, f"{'a' * 250}{n}") for n in range(2)]
    assert len({each.annotation for each in publishers}) == 2
    assert all(len(each.annotation.partition("/")[2]) <= 63 for each in publishers)
    mark = Mark("a", LABELS, NOW)
    assert read_marks({publishers[0].annotation: write_mark(publishers[0], mark)}) == {publishers[0]: mark}


@pytest.mark.parametrize("value", ["", "{}", "[]", "null", '{"by": 1}', '{"by": "x/y", "cluster": "a", "labels": []}'])
def test_a_mark_that_somebody_broke_is_none(value: str) -> None:
    assert read_marks({WEB.annotation: value}) == {}


def test_a_mark_under_anothers_key_is_none() -> None:
    assert read_marks({API.annotation: write_mark(WEB, Mark("a", LABELS, NOW))}) == {}


@pytest.mark.parametrize("edit", ["publish", "unpublish", "forget"])
def test_each_edit_is_for_the_version_that_was_read(edit: str) -> None:
    found = read_secret(published(ours("a")))
    edits: dict[str, Any] = {
        "publish": publish(found, WEB, "a", LABELS, NOW),
        "unpublish": unpublish(found, WEB, NOW),
        "forget": forget(found, WEB),
    }
    assert edits[edit].patch["metadata"]["resourceVersion"] == found.resource_version
