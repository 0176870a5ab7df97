"""The definitions and policies as they are made: complete, bounded, the same each time. No server is asked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from okra.api.argocd import ArgoCDApplicationDeploymentSpec
from okra.api.base import Model
from okra.api.cell import CellSpec
from okra.api.complex import ApplicationSet, TargetGroupSource
from okra.api.crd import crd, crd_files
from okra.api.crd_columns import COLUMNS
from okra.api.crd_policies import POLICIES, policies, policy_files
from okra.api.crd_policy_rules import SELECTOR_TEXT
from okra.api.crd_rules import RULES
from okra.api.crd_schema import structural
from okra.api.kinds import CLUSTER_SET, KINDS, KindInfo
from okra.api.label_selectors import ClusterSelector
from okra.api.selectors import Selector
from okra.api.target_group_set import TargetGroupSetSpec
from okra.api.variables import PATTERN, problem_of

ANNOTATION_LIMIT = 262_144
"""Bytes of all annotations of an object; `kubectl apply` without --server-side keeps the whole object in one."""
UNTYPED = {"x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"}
BY_A_POLICY = {ApplicationSet, TargetGroupSource, ClusterSelector, TargetGroupSetSpec}
BY_A_LISTS_TYPE = {ArgoCDApplicationDeploymentSpec}
"""Models whose rules are no CEL in a schema."""


def schema_of(info: KindInfo) -> dict[str, Any]:
    schema: dict[str, Any] = crd(info)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of a schema, with the path that leads there."""
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[{key}]")


EVERY = [(info, path, node) for info in KINDS for path, node in nodes(schema_of(info))]


def test_every_field_has_a_description() -> None:
    fields = [(info.resource, path, node) for info, path, node in EVERY if not path.endswith("]")]
    missing = {(resource, path) for resource, path, node in fields if not node.get("description")}
    assert {path for _, path in missing} == {".metadata"}, "Kubernetes describes metadata, and lets nobody else do so"


def test_every_part_has_one_type_or_none_on_purpose() -> None:
    assert [
        (info.resource, path) for info, path, node in EVERY if "type" not in node and not UNTYPED & node.keys()
    ] == []


def test_a_map_has_either_fields_or_free_keys() -> None:
    both = {"properties", "additionalProperties"}
    assert [(info.resource, path) for info, path, node in EVERY if both <= node.keys()] == []


def test_what_a_rule_may_multiply_is_bounded() -> None:
    bounds = {"string": {"maxLength", "enum"}, "array": {"maxItems"}}
    unbounded = {
        path
        for _, path, node in EVERY
        if path.startswith(".spec") and not bounds.get(node.get("type", ""), node.keys()) & node.keys()
    }
    assert unbounded == set()


def test_a_null_is_refused_in_a_specs_map_pruned_elsewhere_in_a_spec_and_kept_in_a_status() -> None:
    nullable = {path for _, path, node in EVERY if node.get("nullable")}
    assert {path.rpartition("[")[2] for path in nullable if path.startswith(".spec")} == {"additionalProperties]"}
    assert ".status.rollout" in nullable


def test_a_default_is_plain_and_none_comes_from_the_controllers_settings() -> None:
    given = {path: node["default"] for _, path, node in EVERY if "default" in node}
    assert all(isinstance(value, str | int | bool) for value in given.values())
    assert not [path for path in given if path.startswith(".status")]
    top = {path.removeprefix(".spec."): value for path, value in given.items() if path.count(".") == 2}
    optional = {field.alias for field in CellSpec.model_fields.values() if field.default is None}
    assert not optional & top.keys()
    assert "replicas" not in top, "its presence beside applications is an error"


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.resource)
def test_a_definition_fits_into_what_kubectl_apply_remembers(info: KindInfo) -> None:
    assert len(json.dumps(crd(info), separators=(",", ":"))) < ANNOTATION_LIMIT * 3 // 4


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.resource)
def test_every_column_shows_a_field_that_exists(info: KindInfo) -> None:
    known = {path for path, _ in nodes(schema_of(info))} | {".metadata.creationTimestamp"}
    for column in COLUMNS[info.kind]:
        path = column.path.replace('[?(@.type=="Ready")]', "[items]").replace("[*]", "[items]")
        assert path in known, column
    assert [column.name for column in COLUMNS[info.kind] if not column.priority][-1] == "Age"


@pytest.mark.parametrize("info", KINDS, ids=lambda info: info.resource)
def test_every_rule_blames_a_field_that_exists(info: KindInfo) -> None:
    tree = dict(nodes(schema_of(info)))
    for path, node in tree.items():
        for rule in node.get("x-kubernetes-validations", ()):
            assert path + rule.get("fieldPath", "") in tree
            assert rule["message"]


def models(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in root.__subclasses__():
        if each.__module__.startswith("okra.api."):
            yield each
            yield from models(each)


def test_every_rule_of_a_model_has_its_counterpart() -> None:
    """Whoever gives a model `rules()` says the same in CEL, and puts a case of it into the table."""
    ruled = {model for model in models(Model) if "rules" in vars(model)}
    assert ruled == RULES.keys() | BY_A_POLICY | BY_A_LISTS_TYPE
    assert not RULES.keys() & (BY_A_POLICY | BY_A_LISTS_TYPE)


def test_files_hold_what_is_printed_and_have_the_usual_names() -> None:
    files = crd_files()
    assert [yaml.safe_load(text) for text in files.values()] == [crd(info) for info in KINDS]
    assert next(iter(files)) == "okra.mumoshu.github.io_cells.yaml"
    held = [manifest for text in policy_files().values() for manifest in yaml.safe_load_all(text)]
    assert held == policies()
    assert list(policy_files()) == [f"{policy.name}.yaml" for policy in POLICIES]


def test_another_process_makes_the_same_files() -> None:
    script = (
        "import hashlib; from okra.api.crd import crd_files; from okra.api.crd_policies import policy_files;"
        "print(hashlib.sha256(repr([*crd_files().items(), *policy_files().items()]).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_a_policy_is_printed_with_the_kinds_that_it_judges() -> None:
    assert policies([CLUSTER_SET]) == []
    judged = {(group, name) for each in POLICIES for group in each.groups for name in each.resources}
    assert judged & {(info.group, info.plural) for info in KINDS} >= {
        (info.group, info.plural) for info in KINDS if info.kind in ("Cell", "System", "Check", "ALB", "TargetGroupSet")
    }


class Odd(BaseModel):
    """A model with a bound that no definition can state so."""

    share: Annotated[float, Field(gt=0)]


def test_what_a_schema_cannot_say_is_an_error_and_not_lost() -> None:
    with pytest.raises(ValueError, match="exclusiveMinimum has no counterpart"):
        structural(Odd)


words = st.sampled_from(["app", "=", "==", "!=", "!", ",", " ", "in", "notin", "(", ")", "a", "b/c", "<", "\t", "é"])


@given(st.lists(words, max_size=9).map("".join))
def test_the_policy_reads_selectors_as_they_are_parsed(text: str) -> None:
    try:
        parsed = bool(Selector.parse(text).requirements)
    except ValueError:
        parsed = False
    assert _whole(SELECTOR_TEXT, text) == parsed


pieces = st.sampled_from(["{", "}", "{{", "}}", ".Vars.", "version", "nothing", " ", "a", "{{.Vars.version}}", "\n"])


@given(st.lists(pieces, max_size=9).map("".join))
def test_the_policy_reads_templates_as_they_are_judged(text: str) -> None:
    assert _whole(PATTERN, text) == (problem_of(text) is None)


def _whole(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text) is not None
