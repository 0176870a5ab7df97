"""The models as the source of schemas: described, bounded, closed and cheap to import."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from okra.api.base import Model, StatusModel
from okra.api.cell import CellSpec
from okra.api.check import CheckStatus
from okra.api.defaults import Defaults
from okra.api.kinds import BY_NAME, GROUPS, KINDS
from okra.api.parse import parse
from okra.api.quantities import IntOrPercent
from okra.api.secret import Secret
from tests.api.cases import CASES


def models(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in root.__subclasses__():
        if each.__module__.startswith("okra.api."):
            yield each
            yield from models(each)


ALL = sorted({*models(Model), *models(StatusModel)} - {Secret}, key=lambda model: model.__name__)
SCHEMAS = {f"{info.group}/{info.kind}": info.model.model_json_schema(by_alias=True) for info in KINDS}
FREE_FORM = {"value", "spec", "managedFields"}
"""Any JSON: a measurement, a pod's spec, the server's own book-keeping."""
INT_OR_STRING = "x-kubernetes-int-or-string"
"""Bounded as a whole: its two types may say nothing else."""


def nodes(schema: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of a JSON schema with the field's name."""
    if isinstance(schema, dict) and INT_OR_STRING not in schema:
        if "type" in schema:
            yield name, schema
        for key, below in schema.items():
            entries = below.items() if key in ("properties", "$defs") else [(name, below)]
            for inner, each in entries:
                yield from nodes(each, inner)
    elif isinstance(schema, list):
        for each in schema:
            yield from nodes(each, name)


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)
def test_every_field_has_a_description(model: type[BaseModel]) -> None:
    assert model.__doc__
    missing = [name for name, field in model.model_fields.items() if not (field.description or "").endswith((".", "…"))]
    assert missing == []


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_string_list_and_map_is_bounded(kind: str) -> None:
    unbounded = []
    for name, node in nodes(SCHEMAS[kind]):
        if name in FREE_FORM:
            continue
        bounds = {"string": ("maxLength", "enum", "pattern"), "array": ("maxItems",)}.get(node["type"], ())
        if node["type"] == "object" and isinstance(node.get("additionalProperties"), dict):
            bounds = ("maxProperties",)
        if bounds and not any(bound in node for bound in bounds):
            unbounded.append((name, node))
    assert unbounded == []


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_pattern_is_anchored_and_of_the_kind_that_re2_knows(kind: str) -> None:
    for _, node in nodes(SCHEMAS[kind]):
        if pattern := node.get("pattern"):
            assert pattern.startswith("^")
            assert pattern.endswith("$")
            assert re.search(r"\(\?[=!<]|\\[0-9]", pattern) is None
            assert re.search(r"\\[bBdDsSwW]", pattern) is None, "takes in Unicode in Python, and not in RE2"


def test_kinds_are_found_by_their_names() -> None:
    assert len(BY_NAME) == len(KINDS)
    assert {info.group for info in KINDS} == set(GROUPS)
    plurals = [(info.group, name) for info in KINDS for name in (info.plural, *info.short_names)]
    assert len(set(plurals)) == len(plurals)


def test_a_spec_can_be_made_with_python_names_but_yaml_must_use_its_own() -> None:
    spec = {"ingress": next(case for case in CASES if case.valid).object["spec"]["ingress"]}
    assert CellSpec(**spec, bake_time=None, min_healthy_targets=IntOrPercent(2)).replicas == 1
    obj = {**CASES[0].object, "spec": {**spec, "bake_time": "5m"}}
    assert [str(finding) for finding in parse(obj)[1]] == ["spec.bake_time: unknown field; did you mean bakeTime?"]


@pytest.mark.parametrize(
    ("frozen", "field", "error"),
    [(CellSpec(**CASES[0].object["spec"]), "replicas", ValidationError), (Defaults(), "install", FrozenInstanceError)],
    ids=["model", "settings"],
)
def test_models_and_settings_are_frozen(frozen: object, field: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"frozen|cannot assign"):
        setattr(frozen, field, getattr(frozen, field))


def test_the_settings_defaults_are_the_documented_ones() -> None:
    assert Defaults() == Defaults(
        step_weight=10,
        total_weight=100,
        step_interval=60,
        propagation_delay=15,
        bake_time=0,
        retain_for=600,
        reread_after_revert=(10, 60),
        install="okra",
        health_timeout=300,
        min_healthy_targets=IntOrPercent.parse("50%"),
        on_failure_delay=60,
        discovery_interval=30,
        poll_interval=10,
        check_provider=None,
        listen="127.0.0.1:8080",
    )
    assert Defaults().on_failure == "Rollback"


def test_a_status_of_a_newer_okra_is_read_as_far_as_it_is_known() -> None:
    status = CheckStatus.model_validate(
        {
            "lastPassed": True,
            "lastRunTime": "2026-01-02T03:04:05Z",
            "analysis": {
                "observedHash": "abc",
                "results": [
                    {"value": 0.1, "time": "2026-01-02T03:04:05Z", "query": "q", "verdict": "Passed", "new": 1}
                ],
            },
            "attempts": [
                {
                    "cell": "a",
                    "rollout": 1,
                    "step": 2,
                    "attempt": 1,
                    "verdict": "Passed",
                    "time": "2026-01-02T03:04:05Z",
                }
            ],
            "somethingNew": {},
        }
    )
    assert status.last_passed is True
    assert status.analysis is not None
    assert (status.analysis.observed_hash, status.analysis.results[0].value) == ("abc", 0.1)
    assert "somethingNew" not in status.model_dump()


def test_a_cells_model_is_imported_without_the_heavy_libraries() -> None:
    script = (
        "import sys, pydantic, okra.api.kinds, okra.api.lint;"
        "print([name for name in ('cel', 'jmespath', 'rich', 'typer', 'aiohttp', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
