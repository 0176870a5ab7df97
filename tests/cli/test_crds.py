"""`okra crds` as a person and as kubectl meet it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from okra.api.crd import crd
from okra.api.crd_policies import policies
from okra.api.kinds import CHECK, CLUSTER_SET, HOTSWAP_CHECK, KINDS, SYSTEM
from okra.cli.commands import app


def okra(*args: str) -> Result:
    return CliRunner().invoke(app, ["crds", *args])


def printed(*args: str) -> list[dict[str, Any]]:
    result = okra(*args)
    assert result.exit_code == 0, result.stderr
    return list(yaml.safe_load_all(result.stdout))


def names(manifests: list[dict[str, Any]]) -> list[str]:
    return [f"{each['kind']}/{each['metadata']['name']}" for each in manifests]


def test_everything_is_printed_as_yaml_documents_the_policies_last() -> None:
    assert printed() == [*map(crd, KINDS), *policies()]


def test_json_is_one_list_that_kubectl_takes() -> None:
    listed = json.loads(okra("-o", "json").stdout)
    assert (listed["apiVersion"], listed["kind"]) == ("v1", "List")
    assert listed["items"] == printed()


def test_an_older_cluster_gets_no_policies() -> None:
    assert printed("--no-policies") == [crd(info) for info in KINDS]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("ClusterSet", [CLUSTER_SET]),
        ("clustersets", [CLUSTER_SET]),
        ("cset", [CLUSTER_SET]),
        ("Check", [CHECK, HOTSWAP_CHECK]),
        ("checks.hotswap.mumoshu.github.io", [HOTSWAP_CHECK]),
    ],
)
def test_a_kind_is_known_by_every_name_that_kubectl_knows(name: str, kinds: list[Any]) -> None:
    assert printed("--no-policies", name) == [crd(info) for info in kinds]


def test_a_kind_comes_with_the_policies_that_judge_it_and_twice_named_once() -> None:
    assert names(printed("system", "cset", "hsys")) == [
        f"CustomResourceDefinition/{CLUSTER_SET.resource}",
        f"CustomResourceDefinition/{SYSTEM.resource}",
        "ValidatingAdmissionPolicy/okra-cells",
        "ValidatingAdmissionPolicyBinding/okra-cells",
    ]


def test_an_unknown_kind_is_refused_with_what_was_probably_meant() -> None:
    result = okra("Cel")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "'Cel' is no kind of Okra's; did you mean Cell?\n"


def test_an_unknown_output_is_refused() -> None:
    assert okra("-o", "toml").exit_code == 2
