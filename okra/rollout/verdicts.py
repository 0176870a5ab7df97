"""A verdict against a rollout: how it is recorded, and how a state that never heard of it takes it over.

A revert doesn't wait for a store that doesn't answer: AWS goes first, and the verdict stands in memory only. Who reads
`status` then sees weights that nobody recorded, as if a person had aborted; the version isn't blocked.
"""

from __future__ import annotations

from dataclasses import replace

from okra.rollout.state import Block, Condition, Failure, Phase, State


def failed(state: State, failure: Failure) -> State:
    """The state with the verdict and the block: its rollout can only end in a revert now. The first verdict stays."""
    rollout = state.rollout
    assert rollout is not None
    if rollout.failure is None:
        state = replace(state, rollout=replace(rollout, failure=failure))
        if failure.block:
            state = blocked(state, rollout.version, failure.message, failure.at)
    return replace(state, phase=Phase.REVERT, hold=None)


def blocked(state: State, version: str, reason: str, at: float) -> State:
    return state if state.is_blocked(version) else replace(state, blocked=(*state.blocked, Block(version, reason, at)))


def carried(kept: State, found: State) -> State | None:
    """What was recorded since (`found`), with the verdict of `kept` that no status says. None: it says nothing new, it
    is about another rollout or one that has ended, or a person has had a say since: that one outranks it.

    Somebody else's wait for a person, for weights that nobody recorded, doesn't: those were the revert.
    """
    mine, theirs = kept.rollout, found.rollout
    if mine is None or mine.failure is None or theirs is None or theirs.failure is not None or not found.moving:
        return None
    if (mine.number, mine.version) != (theirs.number, theirs.version):
        return None
    if any(command.at > mine.failure.at for command in found.commands):
        return None
    serials = {route.key: route.serial for route in kept.routes}  # an answer to one of these is no answer to the next
    routes = (replace(route, serial=max(route.serial, serials.get(route.key, 0))) for route in found.routes)
    return replace(
        failed(found, mine.failure),
        hold=kept.hold,
        routes=tuple(routes),
        commands=kept.commands,
        condition=Condition("Reverting", mine.failure.message),
    )
