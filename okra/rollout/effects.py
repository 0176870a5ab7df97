"""What the core asks the outside to do.

The executor runs a decision's effects in order and stops at the first that fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from okra.rollout.observation import Token, Weights
from okra.rollout.state import State


@dataclass(frozen=True, slots=True)
class Persist:
    """Write the state to `status`, guarded by the resourceVersion. A conflict: drop all, read again, decide again.

    `urgent`: a revert. If the store doesn't answer within 1 s and the lease is valid, go on without it.
    """

    state: State
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class SetWeights:
    """Write one route's weights. The answer comes back as `Observation.writes[route]` with this serial."""

    route: str
    weights: Weights
    serial: int
    token: Token | None
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class CreateRule:
    """Make the rule of a route, as a copy of its listener's default action. The answer comes back as that of
    `SetWeights` does."""

    route: str
    serial: int
    take_over: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Tag the route as ours, or see whose it is where nothing may be written. The answer comes back as
    `Observation.owners[route]`: `""` for nobody's."""

    route: str


@dataclass(frozen=True, slots=True)
class Observe:
    """Read every route, and the health of these groups, now."""

    health: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RunChecks:
    """Run one series of each check. Verdicts come back as `Observation.results` with this token.

    The same token again is the same request: a recorded verdict is answered, nothing is measured twice.
    """

    checks: tuple[str, ...]
    token: Token
    not_before: float
    """Nothing measured before this is evidence (epoch seconds)."""


@dataclass(frozen=True, slots=True)
class Release:
    """The Cell is being deleted and nothing is left to do: drop the owner tags and the finalizer."""


@dataclass(frozen=True, slots=True)
class Emit:
    """An Event, a log line and a metric."""

    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"
    of: str = ""
    """The route whose write it tells of: said after that, and not where it wasn't made."""


Effect = Persist | SetWeights | CreateRule | Claim | Observe | RunChecks | Release | Emit


@dataclass(frozen=True, slots=True)
class Decision:
    state: State
    effects: tuple[Effect, ...]
    wake_at: float | None
    """When to decide again if nothing happens before."""
