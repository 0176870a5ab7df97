"""The whole machine: what interrupts, in order, and what each phase does next. Everything that moves a Cell is here.

`decide` is a function of its arguments. It makes one transition at a time: the shell persists, executes the effects,
reads, and calls it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from okra.rollout.begin import adopt, held_up, invalid, rerouted
from okra.rollout.checks import judged
from okra.rollout.commands import commands
from okra.rollout.drift import check_routes
from okra.rollout.effects import Decision
from okra.rollout.gate import gate
from okra.rollout.idle import idle
from okra.rollout.observation import Observation
from okra.rollout.policy import Policy
from okra.rollout.revert import revert
from okra.rollout.safety import (
    deadline,
    deleted,
    out_of_spec,
    refused_for_good,
    superseded,
    unhealthy,
    vanished,
    withdrawn,
)
from okra.rollout.state import Phase, State
from okra.rollout.steps import bake, step, stopped
from okra.rollout.turn import Turn

INTERRUPTS: tuple[Callable[[Turn], bool], ...] = (
    invalid,  # a spec that makes no sense: no AWS call
    out_of_spec,  # an edit took a moving route away
    commands,  # a person
    deleted,  # revert, then let go
    unhealthy,  # the canary can't serve
    judged,  # a check failed
    withdrawn,  # the canary is gone
    vanished,  # the rule is, and can be made again
    refused_for_good,  # one route can't follow
    superseded,  # another version is wanted
    deadline,
    rerouted,  # at rest, an edit named other routes
    held_up,  # a route can't be read, or is another rule, a redirect, another's: no write there, no progress anywhere
    adopt,  # first sight
    check_routes,  # confirm, write again, respect, put back
)
"""Each may change the state and lets the turn go on (False), or ends it (True). A verdict is
recorded before anything can hold it up; it outranks a person's edit of the weights. Drift stands before progress, so
nothing is raised on weights that aren't ours."""

TABLE: Mapping[Phase, Callable[[Turn], None]] = {
    Phase.IDLE: idle,
    Phase.GATE: gate,
    Phase.STEP: step,
    Phase.BAKE: bake,
    Phase.REVERT: revert,
    Phase.STOPPED: stopped,
}


def decide(policy: Policy, state: State, observation: Observation, now: float) -> Decision:
    """The next state and effects. `now` is epoch seconds, not before any time in `observation`."""
    turn = Turn(policy, state, observation, now)
    if not any(interrupt(turn) for interrupt in INTERRUPTS):
        TABLE[turn.state.phase](turn)
    return turn.decision()
