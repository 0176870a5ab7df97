"""The former target groups that are still attached when a run ends: whoever reads its last lines must know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from okra.rollout.words import short

Retained = Mapping[str, str]
"""`arn`, and `until`: an RFC 3339 time."""


def retained(status: Mapping[str, Any]) -> list[Retained]:
    """Those of a Cell's status, on all of its routes."""
    return [extra for route in status.get("routes", ()) for extra in route.get("extras", ())]


def stay_attached(groups: Sequence[Retained], now: datetime) -> str:
    """What becomes of them, since nobody runs any more who could let them go."""
    names = ", ".join(dict.fromkeys(short(group["arn"]) for group in groups))
    one = len(groups) == 1
    stay, them, their = ("stays", "it", "its place") if one else ("stay", "them", "their places")
    end = max(datetime.fromisoformat(group["until"]) for group in groups)
    stays = f"{names} {stay} attached at weight 0, for a rollback in one write."
    if end <= now:
        return f"{stays} The next `okra run` (or a controller) lets {them} go."
    local = end.astimezone()
    when = f"{local:%H:%M:%S}" if local.date() == now.astimezone().date() else f"{local:%Y-%m-%d %H:%M}"
    return (
        f"{stays} The first `okra run` (or controller) after {when} lets {them} go; "
        f"a rollout that needs {their} does before."
    )
