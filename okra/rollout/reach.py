"""Which routes Okra can't bring anywhere: they can't be read, exist no more, are not what was adopted, or are another's
(DESIGN §5.9). They hold up what the Cell does next, and nothing that keeps its other routes safe."""

from __future__ import annotations

from okra.api.records import is_record
from okra.rollout.observation import ABSENT, OVERLAPS, Action, RouteReading
from okra.rollout.policy import RoutePolicy
from okra.rollout.state import Condition, Phase, RouteState
from okra.rollout.turn import Turn

ROUTE_GONE = ("ListenerNotFound", "RuleNotFound", "HostedZoneNotFound", ABSENT, OVERLAPS)
"""AWS's answers about a route that exists no more (`okra.aws`). (A zone of another account is AccessDenied.)"""


def gone(turn: Turn, route: RouteState) -> bool:
    """Does AWS say that there is no such rule, listener or hosted zone?"""
    problem = turn.obs.problems.get(route.key)
    return problem is not None and problem.reason in ROUTE_GONE


def all_gone(turn: Turn) -> bool:
    """Is there nothing left that could be put back?"""
    return bool(turn.state.routes) and all(gone(turn, route) for route in turn.state.routes)


def untouchable(turn: Turn, policy: RoutePolicy, route: RouteState, reading: RouteReading) -> Condition | None:
    """Why nothing is written to a route: it is not the one that was adopted, does something that Okra doesn't touch, or
    is another's."""
    if route.arn and reading.arn != route.arn:
        said = f"{route.key} is {reading.arn} now, but this Cell has managed {route.arn}: name one of them by ruleARN."
        return Condition("RouteChanged", said, True)
    if reading.differs and turn.state.phase is not Phase.REVERT:  # what is on it must get off it, whomever it serves
        return Condition("RuleDiffers", _how_to_agree(policy, reading), True)
    if reading.action is Action.UNSUPPORTED:
        said = f"{reading.arn} has an action of a type that this version of Okra doesn't know; nothing is written."
        return Condition("UnsupportedAction", said, True)
    if reading.action is not Action.FORWARD and not policy.take_over:
        return Condition("RouteNotForward", _how_to_forward(policy, reading), True)
    owner = turn.obs.owners.get(policy.key, turn.policy.owner)
    if owner not in ("", turn.policy.owner):
        said = f"{reading.arn} is owned by {_called(owner)} ({_mark(reading.arn)}: {owner})"
        said = f"{said}, and this is {_called(turn.policy.owner)}. Delete one of the two."
        return Condition("RouteConflict", said, True)
    return None


def _mark(arn: str) -> str:
    """What says whose a route is."""
    return "the TXT record _okra-owner-… beside it" if is_record(arn) else "tag okra.mumoshu.github.io/owner"


def _called(owner: str) -> str:
    """Whom an owner tag names: INSTALLATION/NAMESPACE/NAME, of hotswap's with the kind before the name."""
    parts = owner.split("/")
    if len(parts) not in (3, 4):
        return owner
    install, namespace, *kind, name = parts
    return f"{(*kind, 'Cell')[0]} {namespace}/{name} of installation {install}"


def _how_to_forward(policy: RoutePolicy, reading: RouteReading) -> str:
    return (
        f"{reading.arn} answers with a {reading.action}, and nothing is written: make it a forward action, or set "
        f"{policy.place}.awsApplicationLoadBalancer.takeOver: true to have Okra replace it."
    )


def _how_to_agree(policy: RoutePolicy, reading: RouteReading) -> str:
    return (
        f"{reading.arn} is for other requests than {policy.place} says ({reading.differs}), and nothing is written:"
        " give the two the same conditions; or delete the rule, which is then made anew."
    )


def out_of_reach(turn: Turn) -> dict[str, Condition]:
    """The routes that nothing is written to for now, by key, and why. A revert does with what was read before."""
    why: dict[str, Condition] = {}
    reverts = turn.state.phase is Phase.REVERT
    for key in turn.route_policies:
        problem = turn.obs.problems.get(key) or turn.obs.problems.get("")
        if problem is not None and (
            key in turn.unread or problem.reason in ROUTE_GONE or (problem.fatal and not reverts)
        ):
            why[key] = Condition(problem.reason, problem.message, problem.fatal)
        elif key in turn.unread:
            why[key] = turn.state.condition  # not read yet: there is nothing new to say
    for policy, route, reading in turn.routes:
        if route.key not in why and (said := untouchable(turn, policy, route, reading)):
            why[route.key] = said
    return why


def say_away(turn: Turn) -> None:
    """Report the first of the routes out of reach."""
    turn.set(condition=next(iter(turn.away.values())))
