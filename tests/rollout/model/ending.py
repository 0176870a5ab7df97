"""How every example must end: faults stop, time passes, and the Cell comes to rest, or waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from okra.rollout.policy import OnFailure
from okra.rollout.state import Outcome, Phase, RolloutKind, State
from okra.rollout.weights import same_shares
from tests.rollout.model.ways import above
from tests.rollout.process import Process

if TYPE_CHECKING:
    from tests.rollout.model.base import Base

WAITING = ("NoHealthyStable", "NoRoomOnRoute", "WaitingForTargets", "WaitingForHealth", "Draining")


def assert_ends_well(machine: Base) -> None:
    live, world = machine.live, machine.world
    machine.writes.clear()
    machine.persists.clear()
    machine.store_down = machine.silent = live.blind = False
    machine.stale, live.stale_by = None, 0.0
    live.see(may_write=True, opens_at=None)
    live.opens_at = None
    world.troubles.clear()
    for key in world.owners:
        machine.belongs(key, machine.policy.owner)
    machine.edit(paused=False)
    for _ in range(40):
        seen = world.revision
        for _ in range(6):
            machine.answer()
            live.run(30.0)
        if live.released or (at_rest(live.state) and seen == world.revision):
            break
    if live.released:
        return
    assert at_rest(live.state), f"never ends: {live.told()}"
    what_failed_holds_nothing(machine)
    stable_is_exact(machine)
    an_unchanged_world_yields_no_effects(live)


def at_rest(state: State) -> bool:
    if state.phase in (Phase.IDLE, Phase.STOPPED) or state.hold is not None or state.paused:
        return True
    assert state.rollout is not None
    person = state.phase is Phase.STEP and state.rollout.current.wait is None and not state.rollout.promoted
    return person or state.condition.reason in WAITING


def what_failed_holds_nothing(machine: Base) -> None:
    """Once a failure is known, a stable group can serve, the action isn't Stop and AWS answers."""
    world, live, state = machine.world, machine.live, machine.live.state
    if state.phase is Phase.STOPPED or state.hold is not None or machine.policy.on_failure is OnFailure.STOP:
        return
    for route in state.routes:
        shown = world.routes[route.key]
        there = {arn for arn, weight in route.stable.items() if weight and arn in shown and arn not in route.canary}
        if not any(world.groups[arn].healthy for arn in there):
            continue
        for arn in filter(machine.oracle.has_failed, shown):
            assert arn in route.stable or not shown[arn], f"{arn} failed, and holds {shown}"
            assert not above(route, shown, arn) or not machine.policy.routes[0].goal, f"{arn} failed: {live.told()}"


def stable_is_exact(machine: Base) -> None:
    """After a revert: the shares that were there when the rollout began, of the members that still exist."""
    world, state = machine.world, machine.live.state
    rollout = state.rollout
    reverted = rollout is not None and rollout.outcome not in (Outcome.SYNCED, Outcome.RUNNING, Outcome.STOPPED)
    if rollout is None or not reverted or state.phase is not Phase.IDLE or state.hold is not None:
        return
    if rollout.kind is RolloutKind.FIRST or machine.person_wrote:
        return
    for route in state.routes:
        before = machine.oracle.before[rollout.number].get(route.key)  # but what was adopted with a share
        before = before and {arn: w for arn, w in before.items() if world.groups[arn].version != rollout.version}
        if before is None or not all(world.groups[arn].healthy for arn, weight in before.items() if weight):
            continue
        then = {arn: weight for arn, weight in before.items() if world.groups[arn].exists}
        assert same_shares(then, world.routes[route.key]), f"{before} became {world.routes[route.key]}"


def an_unchanged_world_yields_no_effects(live: Process) -> None:
    """Once confirmed: nothing is written to AWS, and at rest nothing to the store (a long pause counts its series)."""
    revision, writes = live.world.revision, len(live.world.history)
    live.run(200.0)
    assert len(live.world.history) == writes, live.told()
    assert live.state.moving or live.world.revision == revision, live.told()
