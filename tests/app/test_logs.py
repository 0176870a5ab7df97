"""What the log of Okra holds of the libraries below it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog

from okra.app.logs import configure_logs


@contextmanager
def configured() -> Iterator[None]:
    """As in a process in which nobody else has made handlers."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    root.handlers = []
    try:
        configure_logs("INFO", json=True)
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
        structlog.configure(**before)


def fail_with_credentials(logger: str) -> None:
    try:
        raise RuntimeError("the role can't be assumed")
    except RuntimeError:
        logging.getLogger(logger).warning("Refreshing temporary credentials failed", exc_info=True)


@pytest.mark.parametrize("logger", ["aiobotocore.credentials", "aiobotocore.tokens", "botocore.credentials"])
def test_what_the_aws_sdk_could_not_do_is_a_line_without_a_traceback(
    logger: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with configured():
        fail_with_credentials(logger)
    assert capsys.readouterr().err == f"WARNING {logger} Refreshing temporary credentials failed\n"


def test_a_defect_elsewhere_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with configured():
        fail_with_credentials("okra.actors.runtime.supervisor")
    assert "RuntimeError: the role can't be assumed" in capsys.readouterr().err
