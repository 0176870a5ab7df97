"""What is asked of the outside. Each may be done again without harm: a killed process repeats it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from okra.applications.state import Group, State
from okra.rollout.observation import Token


@dataclass(frozen=True, slots=True)
class Persist:
    """Write the state to `status`, guarded by the resourceVersion."""

    state: State


@dataclass(frozen=True, slots=True)
class Publish:
    """The application's deployment is to name these clusters: never none."""

    application: str
    clusters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """The application's child Cell is to bring the traffic to `version`; `groups` by version, old ones too."""

    application: str
    version: str
    groups: tuple[tuple[str, Group], ...]
    members: tuple[str, ...]
    """The applications whose traffic it is; of several in lockstep `version` stands for those of all."""


@dataclass(frozen=True, slots=True)
class Abort:
    """The application's child Cell is to bring its traffic back, though no former version is known."""

    application: str


@dataclass(frozen=True, slots=True)
class RunChecks:
    """One series of each check. The same token again is the same request."""

    application: str
    checks: tuple[str, ...]
    token: Token


@dataclass(frozen=True, slots=True)
class SaveRevision:
    """All applications are Synced: keep the spec, to go back to."""


@dataclass(frozen=True, slots=True)
class Emit:
    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


Effect = Persist | Publish | Route | Abort | RunChecks | SaveRevision | Emit


@dataclass(frozen=True, slots=True)
class Decision:
    state: State
    effects: tuple[Effect, ...]
    wake_at: float | None
