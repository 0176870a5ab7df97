"""The API server as a judge of objects: what it says to a dry run, and whether that names a given place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from okra.api.kinds import BY_NAME
from okra.testing.controlplane.access import ControlPlane

NAMESPACE = "default"
_STEP = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True)
class Verdict:
    accepted: bool
    text: str
    """What it says; "" when it accepts."""
    object: dict[str, Any]
    """As it would be stored, with defaults; {} when refused."""


def judge(cluster: ControlPlane, obj: dict[str, Any]) -> Verdict:
    """As `kubectl create --dry-run=server`, whose validation is strict. What isn't served is refused by kubectl."""
    info = BY_NAME.get((obj["apiVersion"], obj["kind"]))
    if info is None:
        return Verdict(False, _not_served(cluster, obj["apiVersion"], obj["kind"]), {})
    path = f"/apis/{info.api_version}/namespaces/{NAMESPACE}/{info.plural}"
    answer = cluster.call("POST", f"{path}?dryRun=All&fieldValidation=Strict", obj)
    if answer.status == 201:
        return Verdict(True, "", answer.body)
    assert answer.status in (400, 422), answer
    return Verdict(False, answer.body["message"], {})


def _not_served(cluster: ControlPlane, api_version: str, kind: str) -> str:
    served = cluster.call("GET", f"/apis/{api_version}")
    resources = served.body["resources"] if served.status == 200 else []
    assert kind not in {each["kind"] for each in resources}
    return f'no matches for kind "{kind}" in version "{api_version}"'


def names(text: str, path: str, obj: dict[str, Any]) -> bool:
    """Whether a message names a place, with list entries by index or, as server-side apply does, by name."""
    return any(re.search(re.escape(each) + r"(?![\w.\[])", text) for each in {path, _by_name(path, obj)})


def _by_name(path: str, obj: Any) -> str:
    """`spec.checks[0].query` → `spec.checks[name="dd"].query`; entries without a name keep their index."""
    result = ""
    for part in re.findall(r"\[[^\]]*\]|\.?[^.\[\]]+", path):
        found = _STEP.fullmatch(part)
        key: Any = int(found[1]) if found else part.strip(".[]")
        try:
            obj = obj[key]
        except (KeyError, IndexError, TypeError):
            obj = None
        named = found and isinstance(obj, dict) and "name" in obj
        result += f'[name="{obj["name"]}"]' if named else part
    return result
