"""Helm judges settings as the controller does: a value that it takes doesn't end in a loop of crashes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from okra.app.controller_settings import ControllerSettings
from okra.app.settings import Settings, load
from okra.errors import Invalid
from tests.chart.conftest import WITHOUT_KINDS, Refused, Run
from tests.chart.held import VALUES, values_schema
from tests.chart.objects import environ, objects_in
from tests.chart.settings_schema import SET_BY_THE_CHART, camel
from tests.chart.settings_table import TABLE, rows


@pytest.fixture
def values(tmp_path: Path) -> Any:
    """A file of values with these settings."""

    def write(settings: Mapping[str, Any]) -> Path:
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump({"settings": settings}))
        return file

    return write


def test_the_chart_holds_what_the_model_of_the_settings_says() -> None:
    assert json.loads(VALUES.read_text()) == values_schema(), "run: make crds"


def test_every_setting_has_values_here() -> None:
    assert {camel(name) for name in Settings.model_fields if name not in SET_BY_THE_CHART} == set(TABLE)


@pytest.mark.parametrize("settings", rows(0))
def test_what_helm_takes_the_controller_takes(
    helm: Run, values: Any, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    said = helm("template", "okra", *WITHOUT_KINDS, "--values", values(settings)).stdout
    for name, text in environ(objects_in(said)).items():
        monkeypatch.setenv(name, text)
    load(ControllerSettings)


@pytest.mark.parametrize("settings", rows(1))
def test_what_helm_refuses_the_controller_refuses(
    helm: Run, values: Any, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    said = helm("template", "okra", *WITHOUT_KINDS, "--values", values(settings), check=False).stderr
    assert [name for name in settings if f"/settings/{name}" not in said] == []
    for name, value in settings.items():
        variable = f"OKRA_{''.join(f'_{c}' if c.isupper() else c for c in name).upper()}"
        with monkeypatch.context() as patched, pytest.raises(Invalid, match=variable):
            patched.setenv(variable, yaml.safe_dump(value) if isinstance(value, dict) else str(value))
            load(ControllerSettings)


@pytest.mark.parametrize("value", ["settings.stepWeight=101", "settings.totalWeight=9"])
def test_a_step_is_a_part_of_the_whole_also_where_one_of_them_is_the_default(
    refused: Refused, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    assert "settings.totalWeight must be at least settings.stepWeight" in refused(value)
    name, _, text = value.rpartition("=")
    monkeypatch.setenv("OKRA_STEP_WEIGHT" if name.endswith("stepWeight") else "OKRA_TOTAL_WEIGHT", text)
    with pytest.raises(Invalid, match=r"at most OKRA_TOTAL_WEIGHT|at least OKRA_STEP_WEIGHT"):
        load(ControllerSettings)


def test_a_fraction_can_be_set_on_the_command_line(helm: Run) -> None:
    """`--set` makes a string of it."""
    said = helm("template", "okra", *WITHOUT_KINDS, "--set", "settings.awsRateShare=0.3").stdout
    assert environ(objects_in(said))["OKRA_AWS_RATE_SHARE"] == "0.3"


SELECTORS = ["", "team=shop", "a=b,c in (d,e)", "!legacy", "tier notin ( a, b ),canary", "a!=b", "a=="]
NO_SELECTORS = ["a in (", "a in ()", "a=b: c", "a,,b", "a b", "=b", "!"]


@pytest.mark.parametrize(("selectors", "taken"), [(SELECTORS, True), (NO_SELECTORS, False)])
def test_helm_takes_the_selectors_that_the_controller_takes(
    helm: Run, tmp_path: Path, selectors: list[str], taken: bool
) -> None:
    for selector in selectors:
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump({"scope": {"selector": selector}}))
        done = helm("template", "okra", *WITHOUT_KINDS, "--values", file, check=False)
        assert (done.returncode == 0) is taken, selector
        if taken:
            load(ControllerSettings, selector=selector)
            continue
        assert "/scope/selector" in done.stderr
        with pytest.raises(Invalid, match=r"^--selector: "):
            load(ControllerSettings, selector=selector)
