"""Which generators of an ApplicationSet make an Application for a cluster: known, known not to, or not known."""

from typing import Any

import pytest

from okra.api.meta import VERSION_LABEL
from tests.argocd.objects import BY_ROLE, LABELS, application_set, clusters, secret, server

CLUSTER = secret("web-1")
GIT = {"git": {"repoURL": "https://git.example/apps", "directories": [{"path": "*"}]}}
TEMPLATED = {"clusters": {"selector": {"matchLabels": {"env": "{{ .path.basename }}"}}}}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {
        "clusters": {"selector": {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}}
    }


def listed(**element: str) -> dict[str, Any]:
    return {"list": {"elements": [element]}}


def product(kind: str, *generators: Any) -> dict[str, Any]:
    return {kind: {"generators": list(generators)}}


TABLE: list[tuple[str, list[Any], bool | None, bool | None]] = [
    # what, generators, with the publishing labels, without
    ("clusters by the label", [BY_ROLE], True, False),
    ("clusters by another label", [clusters(team="red")], False, False),
    ("all clusters", [clusters()], True, True),
    ("an empty selector", [{"clusters": {"selector": {}}}], True, True),
    ("a set of values", [expression("myservice-role", "In", "web", "api")], True, False),
    ("the label's absence", [expression("myservice-role", "DoesNotExist")], False, True),
    ("an operator that doesn't exist", [expression("myservice-role", "Like", "web")], None, None),
    ("two generators, one of them of all", [BY_ROLE, clusters()], True, True),
    ("the label and something in Git", [BY_ROLE, GIT], True, None),
    ("only Git", [GIT], None, None),
    ("a list that names the server", [listed(url=server("web-1"))], True, True),
    ("a list that names the server with a slash", [listed(url=server("web-1") + "/")], True, True),
    ("a list that names the cluster", [listed(cluster="web-1")], True, True),
    ("a list of others", [listed(cluster="api-1")], None, None),
    ("the label times Git", [product("matrix", GIT, BY_ROLE)], True, False),
    ("all clusters times Git", [product("matrix", GIT, clusters())], True, True),
    ("a product without clusters", [product("matrix", GIT, GIT)], None, None),
    ("a selector that Git fills in", [product("matrix", GIT, TEMPLATED)], None, None),
    ("a product within a product", [product("matrix", GIT, product("matrix", GIT, BY_ROLE))], True, False),
    ("the label, completed by others", [product("merge", BY_ROLE, clusters())], True, False),
    ("a merge of nothing", [product("merge")], None, None),
    ("filtered by its name", [{**clusters(), "selector": {"matchLabels": {"name": "web-1"}}}], True, True),
    ("filtered by another's name", [{**clusters(), "selector": {"matchLabels": {"name": "api-1"}}}], False, False),
    (
        "filtered by the label",
        [{**clusters(), "selector": {"matchLabels": {"metadata.labels.myservice-role": "web"}}}],
        True,
        None,
    ),
    ("filtered by what isn't known", [{**clusters(), "selector": {"matchLabels": {"path": "a"}}}], None, None),
    ("filtered by nonsense", [{**clusters(), "selector": {"matchExpressions": ["x"]}}], None, None),
    ("what makes no sense", [{"clusters": ["x"]}], None, None),
    ("nothing", [], False, False),
]


@pytest.mark.parametrize(("generators", "published", "unpublished"), [t[1:] for t in TABLE], ids=[t[0] for t in TABLE])
def test_what_is_selected(generators: list[Any], published: bool | None, unpublished: bool | None) -> None:
    found = application_set("web", generators)
    assert found.selects(CLUSTER, {**CLUSTER.labels, **LABELS}) is published
    assert found.selects(CLUSTER, CLUSTER.labels) is unpublished


def test_a_cluster_without_a_server_is_named_by_no_list() -> None:
    empty = secret("web-1", data={"server": "", "name": ""})
    assert application_set("web", [listed(url="", cluster="x")]).selects(empty, {}) is None


BY_VERSION = clusters(**{VERSION_LABEL: "1.0"})
OF_LABELS = "{{ metadata.labels." + VERSION_LABEL + " }}"
OF_LABELS_IN_GO = f'{{{{ index .metadata.labels "{VERSION_LABEL}" }}}}'
OF_ANNOTATIONS = "{{metadata.annotations." + VERSION_LABEL + "}}"


@pytest.mark.parametrize(
    ("generators", "spec", "goes_by"),
    [
        ([BY_ROLE], {}, False),
        ([BY_VERSION], {}, True),
        ([product("matrix", GIT, BY_VERSION)], {}, True),
        ([expression(VERSION_LABEL, "Exists")], {}, True),
        ([{**BY_ROLE, "selector": {"matchLabels": {f"metadata.labels.{VERSION_LABEL}": "1.0"}}}], {}, True),
        ([BY_ROLE], {"template": {"metadata": {"name": f"web-{OF_LABELS}"}}}, True),
        ([BY_ROLE], {"template": {"metadata": {"name": f"web-{OF_LABELS_IN_GO}"}}}, True),
        ([BY_ROLE], {"templatePatch": f"metadata: {{name: {OF_LABELS_IN_GO}}}"}, True),
        ([BY_ROLE], {"template": {"metadata": {"name": "web", "labels": {VERSION_LABEL: OF_ANNOTATIONS}}}}, False),
    ],
)
def test_whether_another_value_of_a_label_would_change_what_is_deployed(
    generators: list[Any], spec: dict[str, Any], goes_by: bool
) -> None:
    assert application_set("web", generators, **spec).goes_by(VERSION_LABEL) is goes_by
