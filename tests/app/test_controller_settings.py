"""The settings of `okra controller`: flags over variables over defaults, and a help that has them all."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from okra.app.controller import timing
from okra.app.controller_settings import ControllerSettings
from okra.app.settings import load
from okra.app.settings_help import settings_help
from okra.cli.commands import app
from okra.errors import Invalid


def test_a_flag_wins_over_its_variable_and_that_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKRA_LEASE_NAME", "from-variable")
    monkeypatch.setenv("OKRA_LEASE_DURATION", "30s")
    monkeypatch.setenv("OKRA_READ_ONLY", "true")
    settings = load(ControllerSettings, lease_name="from-flag", read_only=None, leader_elect=False)
    assert (settings.lease_name, settings.lease_duration, settings.read_only) == ("from-flag", 30.0, True)
    assert (settings.leader_elect, settings.config_map, settings.namespace) == (False, "okra", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("lease_duration", "1"), ("lease_duration", "500ms"), ("lease_name", "Not A Name"), ("log_level", "loud")],
)
def test_a_wrong_value_is_said_by_the_name_under_which_it_was_given(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(Invalid, match=f"^--{name.replace('_', '-')}: '{value}'"):
        load(ControllerSettings, **{name: value})
    monkeypatch.setenv(f"OKRA_{name.upper()}", value)
    with pytest.raises(Invalid, match=f"^OKRA_{name.upper()}: '{value}'"):
        load(ControllerSettings)


def test_a_switch_is_true_or_false(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKRA_LEADER_ELECT", "maybe")
    with pytest.raises(Invalid, match=r"^OKRA_LEADER_ELECT: 'maybe': must be true or false$"):
        load(ControllerSettings)


def test_a_log_level_may_be_in_capitals() -> None:
    assert load(ControllerSettings, log_level="WARNING").log_level == "warning"


@pytest.mark.parametrize("duration", [1.0, 15.0, 600.0])
def test_each_lease_that_may_be_set_can_be_renewed_in_time(duration: float) -> None:
    made = timing(duration)
    assert made.duration == duration
    assert made.renew * 3 < made.duration - made.margin


def test_the_help_names_every_setting_with_its_default() -> None:
    said = dict(settings_help())
    assert set(said) == {f"OKRA_{name.upper()}" for name in ControllerSettings.model_fields}
    assert said["OKRA_STEP_INTERVAL"].endswith("[default: 1m]")
    assert said["OKRA_REREAD_AFTER_REVERT"].endswith("[default: 10s,1m]")
    assert said["OKRA_MIN_HEALTHY_TARGETS"].endswith("[default: 50%]")
    assert said["OKRA_AWS_RATE_SHARE"].endswith("[default: 0.5]")
    assert said["OKRA_LEADER_ELECT"].endswith("[default: true]")
    assert said["OKRA_NAMESPACE"].endswith("[default: none]")
    shown = CliRunner().invoke(app, ["controller", "--help"], env={"COLUMNS": "200"}).output
    for variable in said:
        assert variable in shown
    assert "[default: 15s]" in shown


def test_what_it_cannot_begin_with_ends_it_with_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/kubeconfig")
    found = CliRunner().invoke(app, ["controller"])
    assert (found.exit_code, "no kubeconfig at /nowhere/kubeconfig" in found.output) == (2, True)
    found = CliRunner().invoke(app, ["controller", "--listen", "everywhere"])
    assert (found.exit_code, found.output.startswith("--listen: 'everywhere'")) == (2, True)
