"""What a supervisor does about its children's failures. Terms and meanings are OTP's; parking is ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from okra.actors.runtime.backoff import Backoff


class ChildKind(StrEnum):
    PERMANENT = "permanent"
    """Always started again."""
    TRANSIENT = "transient"
    """Started again only when it failed."""
    TEMPORARY = "temporary"
    """Never started again."""


class Strategy(StrEnum):
    """Who is started again when one child failed. The others are stopped first, newest first."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"
    """That child and those started after it."""


class Exceeded(StrEnum):
    """What happens to a child that failed more than `max_restarts` times within `window`."""

    PARK = "park"
    """It is tried again at the growing, capped backoff, or at once on `unpark`; nobody else suffers."""
    ESCALATE = "escalate"
    """The supervisor's owner fails, and with it all children: the owner's supervisor decides."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Intensity and backoff are counted per child: one bad neighbour must not use up what the others may need."""

    strategy: Strategy = Strategy.ONE_FOR_ONE
    max_restarts: int = 5
    window: float = 60.0
    """Seconds. A child that ran this long without failing begins with a clean record."""
    backoff: Backoff = field(default_factory=Backoff)
    exceeded: Exceeded = Exceeded.PARK
    stop_together: bool = False
    """Stop all children at once, not newest first: for many that don't depend on each other."""

    def __post_init__(self) -> None:
        spread = sum(self.backoff.longest(attempt) for attempt in range(1, self.max_restarts + 1))
        if spread >= self.window:
            raise ValueError(
                f"{self.max_restarts} restarts take {spread:g} s of backoff: "
                f"a window of {self.window:g} s would never see them exceeded"
            )


@dataclass(slots=True)
class Record:
    """What a supervisor remembers of one child's failures."""

    in_a_row: int = 0
    recent: tuple[float, ...] = ()
    exceeded: bool = False

    def failed(self, policy: Policy, now: float, uptime: float) -> None:
        """Note a failure `uptime` seconds after it had started. `exceeded` stays until it once ran for a window."""
        if uptime >= policy.window:
            self.in_a_row, self.exceeded = 0, False
        self.in_a_row += 1
        self.recent = (*(moment for moment in self.recent if now - moment < policy.window), now)
        self.exceeded = self.exceeded or len(self.recent) > policy.max_restarts
