"""The table of `cases.yaml`: bases, patched. Whoever has a validator runs all of them through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).with_name("cases.yaml")


@dataclass(frozen=True)
class Case:
    name: str
    object: dict[str, Any]
    path: str = ""
    """Where the finding is; "" for valid objects."""
    says: str = ""
    """A fragment of its message; "" for valid objects."""
    also: list[str] = field(default_factory=list)
    """Further places."""
    server: str = ""
    """Where the API server finds fault, if that is another place."""
    server_accepts: str = ""
    """Why the API server can't refuse it."""
    only: str = ""
    """Who has the last word on a valid object, and why nobody else can have it."""

    @property
    def valid(self) -> bool:
        return not self.says


def merged(base: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(base) if isinstance(base, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def load_cases() -> list[Case]:
    table = yaml.safe_load(TABLE.read_text())
    return [
        Case(
            each["name"],
            each.get("object") or merged(table["bases"][each["base"]], each.get("patch", {})),
            **each.get("invalid", {}),
            only=each.get("only", ""),
        )
        for each in table["cases"]
    ]


CASES = load_cases()
VALID = [case for case in CASES if case.valid]
INVALID = [case for case in CASES if not case.valid]
