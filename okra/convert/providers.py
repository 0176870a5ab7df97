"""Argo Rollouts' metric providers as Okra's. Raises Unconvertible for those that Okra has none for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from okra.convert.cloudwatch import metrics
from okra.convert.document import Unconvertible
from okra.convert.fields import Fields

Say = Callable[[str], None]
SECRET = re.compile(r"\{\{\s*args\.[\w-]+\s*\}\}")
"""What is left of an argument when the others are filled in: one that comes from a Secret."""
_PATH = re.compile(r"\{\$?\.?([\w.\[\]]+)\}")
_DATADOG_SECRET = "datadog"  # noqa: S105 (a Secret's name)


def provider(found: Fields, say: Say) -> dict[str, Any]:
    """`provider` of an Analysis, with `query` and `window` beside it where the provider has them."""
    for name, convert in _PROVIDERS.items():
        if name in found:
            return convert(found.inside(name), say)
    names = ", ".join(path.rpartition(".")[2] for path, _ in found.leftovers()) or "none"
    raise Unconvertible(
        found.path, f"Okra has datadog, cloudWatch, prometheus, web and jobs, not {names}: ask it through web, or a job"
    )


def _prometheus(found: Fields, _say: Say) -> dict[str, Any]:
    return {"query": found.required("query"), "provider": {"prometheus": {"address": found.required("address")}}}


def _datadog(found: Fields, say: Say) -> dict[str, Any]:
    secret = found.inside("secretRef").text("name") or _DATADOG_SECRET
    say(f"The Secret {secret} in this object's namespace needs the keys api-key and app-key.")
    block: dict[str, Any] = {"secretRef": {"name": secret}}
    if version := found.text("apiVersion"):
        block["apiVersion"] = version
    if aggregator := found.text("aggregator"):
        block["aggregator"] = aggregator
    window = found.text("interval")
    return {"query": found.required("query"), "provider": {"datadog": block}, **({"window": window} if window else {})}


def _cloudwatch(found: Fields, say: Say) -> dict[str, Any]:
    window = found.text("interval")
    block = {"metrics": metrics(found.each("metricDataQueries"), say)}
    return {"provider": {"cloudWatch": block}, **({"window": window} if window else {})}


def _web(found: Fields, say: Say) -> dict[str, Any]:
    block: dict[str, Any] = {"url": found.required("url")}
    if method := found.text("method"):
        block["method"] = method
    if body := found.text("body"):
        block["body"] = body
    headers = {each.required("key"): each.text("value") or "" for each in found.each("headers")}
    for name in [name for name, value in headers.items() if SECRET.search(value)]:
        del headers[name]
        say(
            f"The header {name} came from a Secret: make one whose keys are names of headers, and name it in"
            " provider.web.secretRef."
        )
    if headers:
        block["headers"] = headers
    if (seconds := found.whole("timeoutSeconds")) is not None:
        block["timeout"] = f"{seconds}s"
    if path := found.text("jsonPath"):
        block["jmesPath"] = _jmes_path(path, found.where("jsonPath"))
    return {"provider": {"web": block}}


def _jmes_path(path: str, where: str) -> str:
    plain = _PATH.fullmatch(path.strip())
    if plain is None:
        raise Unconvertible(where, f"{path} has no simple counterpart: write it as JMESPath in provider.web.jmesPath")
    return plain[1]


_PROVIDERS: Mapping[str, Callable[[Fields, Say], dict[str, Any]]] = {
    "prometheus": _prometheus,
    "datadog": _datadog,
    "cloudWatch": _cloudwatch,
    "web": _web,
}
