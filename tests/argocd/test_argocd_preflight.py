"""What would go wrong is said before anything is touched."""

from typing import Any

import pytest

from okra.api.meta import VERSION_LABEL
from okra.argocd.marks import Publisher
from okra.argocd.names import MANAGED_BY, SECRET_TYPE
from okra.argocd.preflight import preflight
from okra.argocd.publishing import publish, publishing_labels
from okra.argocd.secrets import ClusterSecret, read_secret
from tests.argocd.objects import BY_ROLE, GROUP, LABELS, NOW, WEB, application_set, clusters, edited, ours, secret

API = Publisher(GROUP, "default", "api")


def published(by: Publisher = WEB, **labels: str) -> ClusterSecret:
    obj = ours("a")
    return read_secret(edited(obj, publish(read_secret(obj), by, "a", labels or LABELS, NOW)))


def reason(
    publish: Any = (), unpublish: Any = (), generators: Any = (BY_ROLE,), labels: Any = None, **spec: Any
) -> str:
    found = preflight(
        WEB, LABELS if labels is None else labels, publish, unpublish, [application_set("web", generators, **spec)]
    )
    return found.reason if found else ""


def test_nothing_stands_in_the_way_of_an_application_set_that_selects_by_the_labels() -> None:
    assert reason([secret("a")]) == ""
    assert reason([], [published()]) == ""


@pytest.mark.parametrize("way", ["publish", "unpublish"])
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"preserveResourcesOnDeletion": True}, "PreservesResources"),
        ({"applicationsSync": "create-only"}, "KeepsApplications"),
        ({"applicationsSync": "create-update"}, "KeepsApplications"),
        ({"applicationsSync": "create-delete"}, ""),
        ({"applicationsSync": "sync"}, ""),
    ],
)
def test_an_application_set_that_leaves_something_behind_is_reported(way: str, policy: Any, expected: str) -> None:
    secrets = {"publish": ([secret("a")], []), "unpublish": ([], [published()])}[way]
    assert reason(*secrets, syncPolicy=policy) == expected


CASCADES = "resources-finalizer.argocd.argoproj.io"


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize(
    ("finalizers", "expected"),
    [
        (["example.com/hold"], "PreservesResources"),
        (["example.com/hold", CASCADES], ""),
        ([f"{CASCADES}/background"], ""),
    ],
)
def test_finalizers_of_the_template_say_what_is_left_behind(finalizers: Any, expected: str, keeps: bool) -> None:
    template, policy = {"metadata": {"finalizers": finalizers}}, {"preserveResourcesOnDeletion": keeps}
    assert reason([secret("a")], template=template, syncPolicy=policy) == expected


def test_a_generator_that_matches_without_the_labels_is_reported() -> None:
    both = (BY_ROLE, clusters())
    assert reason([], [published()], both) == "StillSelected"
    assert reason([secret("a")], [], both) == "StillSelected"


def test_labels_that_were_there_before_would_stay_and_are_reported_when_they_select_by_themselves() -> None:
    found = preflight(WEB, LABELS, [secret("a", metadata={"labels": LABELS})], [], [application_set()])
    assert found is not None
    assert (found.reason, found.stalled) == ("StillSelected", True)
    assert "myservice-role=web" in found.message


def test_taking_back_what_is_selected_by_labels_that_were_there_before_is_reported() -> None:
    both = LABELS | {"env": "prod"}
    obj = ours("a", metadata={"labels": {"env": "prod"}})
    there = read_secret(edited(obj, publish(read_secret(obj), WEB, "a", both, NOW)))
    found = preflight(WEB, both, [], [there], [application_set("web", [clusters(env="prod")])])
    assert found is not None
    assert found.reason == "StillSelected"
    assert "env=prod" in found.message
    assert "myservice-role" not in found.message


def test_labels_that_were_there_before_may_be_some_of_those_that_are_selected_by() -> None:
    both = LABELS | {"env": "prod"}
    assert reason([secret("a", metadata={"labels": {"env": "prod"}})], [], [clusters(**both)], both) == ""


@pytest.mark.parametrize("labels", [{"env": "dev"}, LABELS | {"env": "dev"}])
def test_a_label_that_was_there_before_with_another_value_is_taken(labels: dict[str, str]) -> None:
    found = preflight(
        WEB, labels, [secret("a", metadata={"labels": {"env": "prod"}})], [], [application_set("web", [clusters()])]
    )
    assert found is not None
    assert (found.reason, found.stalled) == ("LabelTaken", True)
    assert "env=prod" in found.message


def test_a_label_of_its_own_that_a_person_changed_isnt_taken() -> None:
    obj = ours("a")
    obj = edited(obj, publish(read_secret(obj), WEB, "a", LABELS, NOW))
    obj["metadata"]["labels"]["myservice-role"] = "debug"
    assert reason([read_secret(obj)]) == ""


def test_labels_by_which_another_publishes_it_are_that_ones_affair() -> None:
    obj = ours("a")
    for who in (WEB, API):
        obj = edited(obj, publish(read_secret(obj), who, "a", LABELS, NOW))
    assert reason([], [read_secret(obj)]) == ""
    assert reason([published(API)]) == ""


def test_labels_that_nothing_selects_are_reported_and_may_be_selected_later() -> None:
    found = preflight(WEB, {"role": "web"}, [secret("a")], [], [application_set()])
    assert found is not None
    assert (found.reason, found.stalled) == ("NotSelected", False)
    assert "role=web" in found.message


def test_each_application_set_must_select_them() -> None:
    sets = [application_set("web"), application_set("sidecars", [clusters(team="red")])]
    found = preflight(WEB, LABELS, [secret("a")], [], sets)
    assert found is not None
    assert "sidecars" in found.message


def test_new_labels_that_nothing_selects_yet_dont_replace_those_that_serve() -> None:
    assert reason([published()], labels={"role": "web"}) == "NotSelected"
    assert reason([published()], labels={"role": "web"}, generators=(BY_ROLE, clusters(role="web"))) == ""


def test_a_label_that_another_publishes_it_by_with_another_value_is_taken() -> None:
    assert reason([published(API, **{"myservice-role": "api"})]) == "LabelTaken"
    assert reason([published(API, other="api")]) == ""


def test_a_label_of_the_cluster_itself_is_taken() -> None:
    assert reason([secret("a", spec_labels=LABELS)]) == "LabelTaken"
    assert reason([secret("a", spec_labels={VERSION_LABEL: "v1"})]) == ""


@pytest.mark.parametrize(("key", "value"), [(SECRET_TYPE, "repository"), (MANAGED_BY, "helm")])
def test_what_makes_it_a_cluster_secret_cant_be_changed(key: str, value: str) -> None:
    assert reason([secret("a")], labels=publishing_labels({**LABELS, key: value}, None)) == "LabelTaken"


def test_labels_that_nothing_selects_are_reported_where_those_of_another_select_the_cluster_too() -> None:
    found = preflight(WEB, {"team": "eu"}, [published(API)], [], [application_set()])
    assert found is not None
    assert (found.reason, found.stalled) == ("NotSelected", False)
    assert "team=eu" in found.message
    assert "myservice-role=web" in found.message  # by which the other publishes it


def test_an_application_set_may_select_by_the_labels_of_two_that_publish_the_same() -> None:
    there = published(API, role="web", tier="front")
    assert reason([there], labels={"role": "web"}, generators=[clusters(role="web")]) == ""


def test_labels_of_another_that_keep_the_cluster_from_being_selected_are_reported() -> None:
    without = {"matchLabels": {"role": "web"}, "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}
    there = published(API, tier="front")
    assert reason([there], labels={"role": "web"}, generators=[{"clusters": {"selector": without}}]) == "NotSelected"


ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{}/0123456789abcdef"
THE_ONE = "{{metadata.annotations.okra.mumoshu.github.io/target-group-arn}}"


@pytest.mark.parametrize(
    ("labels", "reads", "says"),
    [
        ({"webTG": "web", "apiTG": "api"}, THE_ONE, "names several (apiTG, webTG), and so it has no such annotation"),
        ({"webTG": "web", "apiTG": "api"}, "{{metadata.annotations.webTG}}", ""),
        ({"webTG": "web", "apiTG": "web"}, THE_ONE, ""),
        ({"webTG": "web"}, THE_ONE, ""),
        ({}, THE_ONE, ""),
    ],
)
def test_the_annotation_of_the_one_target_group_is_missed_where_a_cluster_has_several(
    labels: dict[str, str], reads: str, says: str
) -> None:
    there = secret("a", spec_labels={key: ARN.format(name) for key, name in labels.items()})
    template = {"spec": {"source": {"helm": {"parameters": [{"name": "targetGroupARN", "value": reads}]}}}}
    found = preflight(WEB, LABELS, [there], [], [application_set("web", template=template)])
    said = (found.reason, found.stalled, says in found.message) if found else None
    assert said == (("TargetGroupUnknown", False, True) if says else None)
