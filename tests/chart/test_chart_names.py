"""Names, labels and arguments that YAML would take for something else, or that two values name at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chart.conftest import Rendered
from tests.chart.objects import container, one

MONITOR = "metrics.serviceMonitor.enabled=true"


def strings(objects: Any, keys: tuple[str, ...] = ("name", "namespace", "serviceAccountName")) -> Iterator[Any]:
    """Each name, and each value of labels and selectors, wherever it is."""
    if isinstance(objects, list):
        for each in objects:
            yield from strings(each, keys)
    elif isinstance(objects, dict):
        for key, value in objects.items():
            if key in ("labels", "matchLabels", "annotations"):
                yield from value.values()
            elif key in keys:
                yield value
            else:
                yield from strings(value, keys)


def test_a_name_that_looks_like_a_number_stays_a_name(rendered: Rendered) -> None:
    numbers = ("fullnameOverride=2024", "nameOverride=7", "serviceAccount.name=123", "scope.namespace=42")
    objects = rendered(MONITOR, strings=numbers)
    found = list(strings(objects))
    assert {type(each) for each in found} == {str}
    assert {"2024", "7", "123", "42", "2024-leader"} <= set(found)
    env = {each["name"]: each.get("value") for each in container(objects, "2024")["env"]}
    assert env["OKRA_LEASE_NAME"] == env["OKRA_CONFIG_MAP"] == "2024"


def test_a_selector_is_one_argument_whatever_is_in_it(rendered: Rendered) -> None:
    assert "--selector=a: in (b)" in container(rendered("scope.selector=a: in (b)"))["args"]


@pytest.mark.parametrize("own", ["helm.sh/chart", "app.kubernetes.io/name", "app.kubernetes.io/managed-by"])
def test_a_label_of_the_charts_own_stays_what_helm_finds_it_by(rendered: Rendered, own: str) -> None:
    key = own.replace(".", r"\.")
    usual = one(rendered(), "Deployment")
    found = one(rendered(f"commonLabels.{key}=x", "commonLabels.team=a"), "Deployment")
    assert found["metadata"]["labels"] == {**usual["metadata"]["labels"], "team": "a"}


def test_the_pods_are_found_whatever_labels_they_are_given(rendered: Rendered) -> None:
    name = r"app\.kubernetes\.io/name"
    objects = rendered("commonLabels.team=a", "podLabels.team=b", f"podLabels.{name}=x")
    found = one(objects, "Deployment")["spec"]
    labels = found["template"]["metadata"]["labels"]
    assert labels["team"] == "b"
    assert found["selector"]["matchLabels"].items() <= labels.items()


def test_an_annotation_or_a_label_of_a_values_own_wins_where_only_people_look_at_it(rendered: Rendered) -> None:
    objects = rendered(
        MONITOR,
        "metrics.scrapeAnnotations=true",
        r"podAnnotations.kubectl\.kubernetes\.io/default-container=sidecar",
        r"metrics.serviceMonitor.labels.team=metrics",
        "commonLabels.team=a",
        strings=[r"podAnnotations.prometheus\.io/scrape=false"],
    )
    annotations = one(objects, "Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/scrape"] == "false"
    assert annotations["kubectl.kubernetes.io/default-container"] == "sidecar"
    assert annotations["prometheus.io/port"] == "8080"
    assert one(objects, "ServiceMonitor")["metadata"]["labels"]["team"] == "metrics"
