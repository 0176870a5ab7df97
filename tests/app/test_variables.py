"""A typo in a setting's name isn't silent; what Kubernetes puts into every pod is."""

import pytest

from okra.app.settings import Settings
from okra.app.variables import warnings


def said(**environ: str) -> list[str]:
    return list(warnings(environ, Settings.model_fields))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("OKRA_STEP_INTERVALL", "OKRA_STEP_INTERVAL"),
        ("OKRA_STEPINTERVAL", "OKRA_STEP_INTERVAL"),
        ("okra_bake_tme", "OKRA_BAKE_TIME"),
        ("OKRA_CHECK_PROVIDR", "OKRA_CHECK_PROVIDER"),
    ],
)
def test_a_typo_is_said_with_the_setting_that_was_probably_meant(name: str, meant: str) -> None:
    assert said(**{name: "1m"}) == [f"warning: {name} is no setting of Okra and has no effect; did you mean {meant}?"]


def test_a_name_like_no_setting_is_said_too() -> None:
    assert said(OKRA_COLOUR="green") == [
        "warning: OKRA_COLOUR is no setting of Okra and has no effect; docs/reference.md lists them"
    ]


def test_every_setting_is_known_in_capitals_or_not() -> None:
    assert said(**{f"OKRA_{name.upper()}": "x" for name in Settings.model_fields}) == []
    assert said(okra_step_interval="1m", PATH="/bin", KOKRA_X="1") == []


def test_what_kubernetes_says_of_a_service_called_okra_is_no_typo() -> None:
    link = "tcp://10.96.0.12:8080"
    assert (
        said(
            OKRA_SERVICE_HOST="10.96.0.12",
            OKRA_SERVICE_PORT="8080",
            OKRA_SERVICE_PORT_HTTP="8080",
            OKRA_PORT=link,
            OKRA_PORT_8080_TCP=link,
            OKRA_PORT_8080_TCP_PROTO="tcp",
            OKRA_PORT_8080_TCP_PORT="8080",
            OKRA_PORT_8080_TCP_ADDR="10.96.0.12",
            OKRA_CONTROLLER_SERVICE_HOST="10.96.0.13",
            OKRA_CONTROLLER_PORT=link,
            OKRA_CONTROLLER_PORT_8080_TCP_ADDR="10.96.0.13",
        )
        == []
    )
    assert len(said(OKRA_LISTEN_PORT="8080")) == 1, "that is a person's"
