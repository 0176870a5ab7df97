"""A check that nobody could be asked for: lint says what the controller says under the same settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from okra.api.cell import Cell
from okra.api.defaults import Defaults
from okra.api.lint import Report, lint
from okra.api.parse import parse
from okra.rollout.compile import compile_policy
from tests.actors.world import cell, check, lone_check

DATA = Path(__file__).with_name("data")
BARE = {"query": "errors", "max": 0.1}


def judged(*objects: Any, provider_is_set: bool = False) -> Report:
    texts = [each if isinstance(each, str) else yaml.safe_dump(each) for each in objects]
    return lint([("a.yaml", "\n---\n".join(texts))], provider_is_set=provider_is_set)


@pytest.mark.parametrize("field", ["prechecks", "checks", "postchecks"])
def test_lint_finds_what_the_controller_finds_and_in_the_same_words(field: str) -> None:
    obj = cell()
    obj["spec"][field] = [check("a"), {"name": "b", "analysis": BARE}]
    model, _ = parse(obj)
    assert isinstance(model, Cell)
    problem = compile_policy(model, Defaults()).problem
    assert problem is not None
    [found] = judged(obj).findings
    assert f"{found.path}: {found.message}." == problem.message
    assert found.path == f"spec.{field}[1].analysis.provider"
    assert found.line > 1
    assert judged(obj, provider_is_set=True).findings == []


def test_a_check_of_its_own_is_judged_too() -> None:
    assert [found.path for found in judged(lone_check("b", analysis=BARE)).findings] == ["spec.analysis.provider"]
    assert judged(lone_check("b")).findings == []


def test_a_check_that_names_another_needs_none() -> None:
    assert judged(cell(checks=[{"name": "a", "from": {"checkName": "shared"}}]), lone_check("shared")).findings == []


@pytest.mark.parametrize("name", ["complex-cell.yaml", "system.yaml"])
def test_a_check_of_an_application_is_judged_too(name: str) -> None:
    report = judged((DATA / name).read_text())
    assert [found.path for found in report.findings if "OKRA_CHECK_PROVIDER" in found.message] == [
        "spec.applications[0].checks[0].analysis.provider",
        "spec.applications[1].checks[0].analysis.provider",
    ]
