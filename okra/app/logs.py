"""Structured logs on standard error: lines for people on a terminal, JSON elsewhere."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs(level: str = "INFO", *, json: bool | None = None) -> None:
    """`level` as in the standard library. `json` None: JSON unless standard error is a terminal."""
    as_json = not sys.stderr.isatty() if json is None else json
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(without_sdk_tracebacks)
    logging.basicConfig(
        level=max(number, logging.WARNING), handlers=[handler], format="%(levelname)s %(name)s %(message)s"
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def without_sdk_tracebacks(record: logging.LogRecord) -> bool:
    """What AWS's SDK couldn't do, Okra says as a condition, with what to do: a line of it in the log is enough."""
    if record.name.partition(".")[0] in ("aiobotocore", "botocore"):
        record.exc_info = record.exc_text = None
    return True
