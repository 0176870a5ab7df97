"""What a Cell or Check that leaves a field out gets: the controller's settings, as one value.

The settings class of `okra.app` makes one from `OKRA_*`; the values here are those of a controller without any.
"""

from __future__ import annotations

from dataclasses import dataclass

from okra.api.policies import OnFailureAction
from okra.api.provider import Provider
from okra.api.quantities import IntOrPercent

HALF = IntOrPercent(50, percent=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Durations in seconds."""

    step_weight: int = 10
    total_weight: int = 100
    step_interval: float = 60.0
    propagation_delay: float = 15.0
    bake_time: float = 0.0
    retain_for: float = 600.0
    reread_after_revert: tuple[float, ...] = (10.0, 60.0)
    install: str = "okra"
    """Names this installation in the owner tags of routes."""
    claim_settle: float = 13.0
    """How long a route must be tagged as ours before the first write: no other installation's claim lands after it."""
    health_timeout: float = 300.0
    min_healthy_targets: IntOrPercent = HALF
    on_failure: OnFailureAction = OnFailureAction.ROLLBACK
    on_failure_delay: float = 60.0
    discovery_interval: float = 30.0
    poll_interval: float = 10.0
    """Route and health of a moving rollout."""
    check_provider: Provider | None = None
    """For analyses without one; None: then `provider` is required."""
    listen: str = "127.0.0.1:8080"
