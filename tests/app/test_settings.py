"""Every `OKRA_` variable: what it takes, and what it says to what it doesn't."""

import re
from typing import Any

import pytest

from okra.api.policies import OnFailureAction
from okra.api.quantities import IntOrPercent
from okra.app.settings import Settings, load_settings
from okra.errors import Invalid

GOOD: list[tuple[str, str, Any]] = [
    ("OKRA_STEP_WEIGHT", "25", 25),
    ("OKRA_TOTAL_WEIGHT", "250", 250),
    ("OKRA_STEP_INTERVAL", "1h30m", 5400.0),
    ("OKRA_PROPAGATION_DELAY", "500ms", 0.5),
    ("OKRA_BAKE_TIME", "5m", 300.0),
    ("OKRA_RETAIN_FOR", "0s", 0.0),
    ("OKRA_REREAD_AFTER_REVERT", "5s, 1m,10m", (5.0, 60.0, 600.0)),
    ("OKRA_INSTALL", "prod-eu_1.a", "prod-eu_1.a"),
    ("OKRA_CLAIM_SETTLE", "0s", 0.0),
    ("OKRA_HEALTH_TIMEOUT", "10m", 600.0),
    ("OKRA_MIN_HEALTHY_TARGETS", "3", IntOrPercent(3)),
    ("OKRA_MIN_HEALTHY_TARGETS", "75%", IntOrPercent(75, percent=True)),
    ("OKRA_ON_FAILURE", "Stop", OnFailureAction.STOP),
    ("OKRA_ON_FAILURE_DELAY", "2m", 120.0),
    ("OKRA_DISCOVERY_INTERVAL", "1m", 60.0),
    ("OKRA_POLL_INTERVAL", "2s", 2.0),
    ("OKRA_LISTEN", "0.0.0.0:9090", "0.0.0.0:9090"),
    ("OKRA_AWS_RATE_SHARE", "0.25", 0.25),
]

BAD = [
    ("OKRA_STEP_WEIGHT", "ten"),
    ("OKRA_STEP_WEIGHT", "0"),
    ("OKRA_STEP_WEIGHT", "-5"),
    ("OKRA_TOTAL_WEIGHT", "5"),
    ("OKRA_TOTAL_WEIGHT", "1e9"),
    ("OKRA_STEP_INTERVAL", "60"),
    ("OKRA_STEP_INTERVAL", "-1m"),
    ("OKRA_PROPAGATION_DELAY", "soon"),
    ("OKRA_BAKE_TIME", "NaN"),
    ("OKRA_RETAIN_FOR", "1 hour"),
    ("OKRA_REREAD_AFTER_REVERT", "10s;60s"),
    ("OKRA_INSTALL", "a/b"),
    ("OKRA_CLAIM_SETTLE", "soon"),
    ("OKRA_HEALTH_TIMEOUT", "infs"),
    ("OKRA_MIN_HEALTHY_TARGETS", "half"),
    ("OKRA_MIN_HEALTHY_TARGETS", "150%"),
    ("OKRA_ON_FAILURE", "rollback"),
    ("OKRA_ON_FAILURE_DELAY", "x"),
    ("OKRA_DISCOVERY_INTERVAL", "0s"),
    ("OKRA_POLL_INTERVAL", "0s"),
    ("OKRA_LISTEN", "nowhere"),
    ("OKRA_LISTEN", "127.0.0.1:99999"),
    ("OKRA_AWS_RATE_SHARE", "0"),
    ("OKRA_AWS_RATE_SHARE", "50%"),
    ("OKRA_CHECK_PROVIDER", "datadog: ["),
    ("OKRA_CHECK_PROVIDER", "datadog: {sight: x}"),
    ("OKRA_CHECK_PROVIDER", "just text"),
]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"OKRA_{name.upper()}", raising=False)


def field(variable: str) -> str:
    return variable.removeprefix("OKRA_").lower()


def test_without_any_variable_the_defaults_are_those_of_the_design() -> None:
    found = load_settings().defaults()
    assert (found.step_weight, found.total_weight, found.step_interval, found.propagation_delay) == (10, 100, 60, 15)
    assert (found.bake_time, found.retain_for, found.reread_after_revert) == (0, 600, (10, 60))
    assert (found.health_timeout, found.on_failure, found.on_failure_delay) == (300, OnFailureAction.ROLLBACK, 60)
    assert (found.discovery_interval, found.poll_interval, found.install) == (30, 10, "okra")
    assert (found.min_healthy_targets, found.check_provider) == (IntOrPercent(50, percent=True), None)
    assert found.listen == "127.0.0.1:8080"


@pytest.mark.parametrize(("variable", "text", "value"), GOOD)
def test_a_good_value_is_taken(monkeypatch: pytest.MonkeyPatch, variable: str, text: str, value: Any) -> None:
    monkeypatch.setenv(variable, text)
    assert getattr(load_settings(), field(variable)) == value


def test_every_variable_has_a_good_and_a_bad_value_here() -> None:
    known = set(Settings.model_fields)
    assert {field(variable) for variable, *_ in GOOD} | {"check_provider"} == known
    assert {field(variable) for variable, _ in BAD} == known


@pytest.mark.parametrize(("variable", "text"), BAD)
def test_a_bad_value_is_said_with_its_variable(monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(Invalid, match=rf"(^|; ){variable}: \S") as caught:
        load_settings()
    assert repr(text) in str(caught.value) or variable == "OKRA_CHECK_PROVIDER", "and its value"


def test_all_bad_values_are_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKRA_STEP_WEIGHT", "x")
    monkeypatch.setenv("OKRA_BAKE_TIME", "y")
    with pytest.raises(Invalid) as caught:
        load_settings()
    assert re.search("OKRA_STEP_WEIGHT", str(caught.value))
    assert re.search("OKRA_BAKE_TIME", str(caught.value))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"STEP_WEIGHT": "abc"}, "OKRA_STEP_WEIGHT: 'abc': must be a whole number"),
        ({"STEP_WEIGHT": "1.5"}, "OKRA_STEP_WEIGHT: '1.5': must be a whole number"),
        ({"AWS_RATE_SHARE": "x"}, "OKRA_AWS_RATE_SHARE: 'x': must be a number"),
        ({"AWS_RATE_SHARE": "0"}, "OKRA_AWS_RATE_SHARE: '0': must be above 0"),
        ({"TOTAL_WEIGHT": "5000"}, "OKRA_TOTAL_WEIGHT: '5000': must be at most 1000"),
        ({"ON_FAILURE": "x"}, "OKRA_ON_FAILURE: 'x': must be 'Rollback' or 'Stop'"),
        ({"INSTALL": "a/b"}, "OKRA_INSTALL: 'a/b': must match ^[A-Za-z0-9._-]{1,63}$"),
        ({"STEP_WEIGHT": "500"}, "OKRA_STEP_WEIGHT: '500': must be at most OKRA_TOTAL_WEIGHT, which is 100"),
        ({"TOTAL_WEIGHT": "5"}, "OKRA_TOTAL_WEIGHT: '5': must be at least OKRA_STEP_WEIGHT, which is 10"),
        (
            {"STEP_WEIGHT": "60", "TOTAL_WEIGHT": "50"},
            "OKRA_TOTAL_WEIGHT: '50': must be at least OKRA_STEP_WEIGHT, which is 60",
        ),
    ],
)
def test_what_is_wrong_is_said_for_people_of_a_variable_that_was_set(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(f"OKRA_{name}", text)
    with pytest.raises(Invalid) as caught:
        load_settings()
    assert str(caught.value) == said


def test_an_empty_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"OKRA_{name.upper()}", "")
    assert load_settings() == Settings()


def test_the_provider_is_yaml_as_in_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKRA_CHECK_PROVIDER", "prometheus: {address: 'http://prometheus.example:9090'}")
    provider = load_settings().check_provider
    assert provider is not None
    assert provider.prometheus is not None


def test_a_secret_in_a_bad_provider_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OKRA_CHECK_PROVIDER", "datadog: {apiKey: hunter2}")
    with pytest.raises(Invalid) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
