"""The good end: the canary is stable from now on."""

from __future__ import annotations

from okra.rollout.state import Outcome, Phase, RolloutKind
from okra.rollout.turn import Turn


def complete(turn: Turn) -> None:
    """The canary is stable now; what it replaced stays attached at 0 for an instant rollback."""
    rollout, until = turn.rollout, turn.now + turn.policy.retain_for
    for _, route, reading in turn.routes:
        stable = {arn: weight for arn, weight in reading.weights.items() if weight or arn in route.goal}
        former = [arn for arn in (*route.stable, *route.retained) if arn in reading.weights and arn not in stable]
        turn.set_route(
            route.key,
            stable=stable,
            canary=(),
            goal={},
            unacknowledged=route.unacknowledged if route.lands_by else (),
            retained={arn: route.retained.get(arn, until) for arn in former},
            asked=dict(reading.weights),
        )
    previous = turn.state.stable_version if rollout.kind in (RolloutKind.CANARY, RolloutKind.ROLLBACK) else None
    turn.set(
        phase=Phase.IDLE,
        stable_version=rollout.version,
        previous_version=previous or turn.state.previous_version,
        set_aside=tuple(aside for aside in turn.state.set_aside if aside.version != rollout.version),
    )
    turn.set_rollout(outcome=Outcome.SYNCED, ended_at=turn.now)
    turn.restart_watch()
    turn.report("Synced", f"{turn.holds(rollout.version)}.")
    turn.emit("RolloutCompleted", f"{turn.holds(rollout.version, all_of=True)}.")
