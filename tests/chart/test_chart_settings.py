"""Helm judges settings as the controller does: a value that it takes doesn't end in a loop of crashes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import zip_longest
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

DATADOG = {"datadog": {"site": "datadoghq.eu", "secretRef": {"name": "dd"}}}
DURATION = (
    ["0s", "500ms", "1.5h", "1h30m", "8760h", "250µs", "0", 0],
    ["60", "-1m", "1 hour", "soon", "9999999h", "NaN", 60],
)
INTERVAL = (["500ms", "1.5h", "1h30m", "8760h"], ["0s", "0", "0h0m", 0, *DURATION[1]])
WEIGHT = ([10, 11, 1000], [0, -5, 1001, 1.5, "ten", True])

TABLE: Mapping[str, tuple[list[Any], list[Any]]] = {
    "stepWeight": ([1, 10, 100], WEIGHT[1]),
    "totalWeight": WEIGHT,
    "stepInterval": DURATION,
    "propagationDelay": DURATION,
    "bakeTime": DURATION,
    "retainFor": DURATION,
    "rereadAfterRevert": (["10s,60s", "5s, 1m,10m", "1m"], ["garbage", "10s;60s", "10s,soon", "9999999h", "60,70"]),
    "install": (["okra", "prod-eu_1.a"], ["a/b", "x" * 64, "ä"]),
    "healthTimeout": DURATION,
    "claimSettle": DURATION,
    "minHealthyTargets": (
        [1, 1000000, "3", "75%", "100%", "0%"],
        [0, -1, "0", "150%", "101%", "half", "-1%", "1.5", 1.5, "1000000000"],
    ),
    "onFailure": (["Rollback", "Stop"], ["rollback", "Retry"]),
    "onFailureDelay": DURATION,
    "discoveryInterval": INTERVAL,
    "pollInterval": INTERVAL,
    "awsRateShare": ([0.3, 1, 100, "0.3", ".5", "100", "100.0"], [0, -1, 101, "0", "0.0", "50%", "100.5", "101"]),
    "checkProvider": (
        [
            DATADOG,
            {"prometheus": {"address": "http://prometheus:9090"}},
            {"web": {"url": "https://m/q", "headers": {"X-Team": "a"}, "timeout": "5s"}},
            {"cloudWatch": {"metrics": [{"id": "m1", "expression": "1+1", "returnData": True}]}},
        ],
        [
            "garbage",
            {},
            {"datadog": {"sight": "x"}},
            {"datadog": "eu"},
            {"web": {}},
            {**DATADOG, "prometheus": {"address": "http://prometheus:9090"}},
            {"cloudWatch": {"metrics": []}},
        ],
    ),
}
"""Setting → what both take, what neither takes; as values of YAML."""


def rows(which: int) -> list[dict[str, Any]]:
    """A value of each setting, as long as it has some."""
    columns = [column[which] for column in TABLE.values()]
    named = [zip(TABLE, row, strict=True) for row in zip_longest(*columns)]
    return [{name: value for name, value in row if value is not None} for row in named]


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
    with pytest.raises(Invalid, match="must be at least OKRA_STEP_WEIGHT"):
        load(ControllerSettings)


def test_a_fraction_can_be_set_on_the_command_line(helm: Run) -> None:
    """`--set` makes a string of it."""
    said = helm("template", "okra", *WITHOUT_KINDS, "--set", "settings.awsRateShare=0.3").stdout
    assert environ(objects_in(said))["OKRA_AWS_RATE_SHARE"] == "0.3"
