"""Is a Cell done, and how did it end? What `okra run` waits for (DESIGN §12)."""

from __future__ import annotations

from enum import StrEnum

from okra.rollout.distribution import progress
from okra.rollout.late import settled
from okra.rollout.observation import Observation
from okra.rollout.policy import Policy
from okra.rollout.state import Outcome, Phase, RolloutKind, State
from okra.rollout.status import phase_of


class Rest(StrEnum):
    MOVING = "Moving"
    WAITING = "Waiting"
    """For a person, or for target groups that a pin asks for."""
    SYNCED = "Synced"
    """Bake and postchecks done; too few groups of a newer version is still this."""
    FAILED = "Failed"
    """Reverted, not healthy in time, or a condition that only a person ends (RouteConflict …)."""
    INVALID = "Invalid"


def rest(policy: Policy, state: State, observation: Observation) -> Rest:
    """Where a Cell stands after a decision that asked for nothing more."""
    phase = phase_of(state)
    if phase == "Invalid":
        return Rest.INVALID
    if state.condition.permanent and not _needs_somebody(policy, state, observation):
        return Rest.FAILED
    if phase == "Paused":
        return Rest.WAITING
    if state.phase is Phase.STOPPED:
        return Rest.FAILED if settled(state) or state.condition.permanent else Rest.MOVING
    if state.moving or observation.deleting:
        return Rest.MOVING
    if state.stable_version is None or observation.groups is None:
        return Rest.WAITING
    if not _quiet(policy, state, observation):
        return Rest.MOVING
    if phase == "Failed":
        return Rest.FAILED
    if policy.pin is not None and policy.pin != state.stable_version:
        return Rest.FAILED if state.condition.reason in ("VersionBlocked", "SetAside") else Rest.WAITING
    return Rest.SYNCED


def _needs_somebody(policy: Policy, state: State, observation: Observation) -> bool:
    """Traffic has moved, and needs somebody who goes on trying, whatever AWS refuses. Not at the gate, nor in a first
    placement: nothing has moved there; nor on a route that is another's by now, which that one looks after."""
    first = state.rollout is not None and state.rollout.kind is RolloutKind.FIRST
    if not state.moving or state.phase is Phase.GATE or first:
        return False
    ours = [r for r in state.routes if observation.owners.get(r.key, policy.owner) in ("", policy.owner)]
    return any(route.confirmed_at is None or progress(route, route.asked) for route in ours)


def _quiet(policy: Policy, state: State, observation: Observation) -> bool:
    """Is every write confirmed, can none land any more, and was every route read again after a revert?"""
    if not settled(state):
        return False
    last = state.rollout
    if last is None or last.ended_at is None or last.outcome is Outcome.SYNCED:
        return True
    due = last.ended_at + max(policy.reread_after_revert, default=0.0)
    return all(
        route.key in observation.readings and observation.readings[route.key].began_at >= due for route in state.routes
    )
