"""First placement (DESIGN §5.2): the one move without a gate, where nothing carries traffic that could be lost."""

from __future__ import annotations

from okra.rollout.advance import stands_still
from okra.rollout.asking import ask
from okra.rollout.claims import claimed, say_settling
from okra.rollout.completion import complete
from okra.rollout.looking import keep_watching
from okra.rollout.moves import no_room
from okra.rollout.turn import Turn
from okra.rollout.versions import UNKNOWN


def place(turn: Turn) -> None:
    """Nothing carries traffic: equal weights, or the goal, at once. ELB checks the health of no group that isn't
    attached."""
    if stands_still(turn):
        return
    if not claimed(turn):
        say_settling(turn)
        return
    keep_watching(turn)
    for policy, route, reading in turn.routes:
        census = turn.censuses[route.key]
        goal = route.goal or dict.fromkeys(route.canary, 1)
        room = policy.places - len(goal)
        if room < 0:
            turn.report("NoRoomOnRoute", no_room(policy, route, reading))
            return
        others = [arn for arn in reading.weights if arn not in goal]
        foreign = [arn for arn in others if census.version_of(arn) == UNKNOWN]
        kept = (*foreign, *(arn for arn in others if arn not in foreign))[:room]
        weights = {**goal, **dict.fromkeys(kept, 0)}
        if dict(route.asked) != weights and not ask(turn, route, weights):
            return
    if turn.confirmed:
        complete(turn)
