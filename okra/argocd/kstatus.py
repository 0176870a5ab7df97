"""Ready, Reconciling and Stalled, as kstatus, `kubectl wait`, Flux and Argo CD read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from okra.api.conditions import Condition, ConditionStatus, ConditionType
from okra.rollout.status import write_time

_LONGEST = 4096


def conditions(
    before: Iterable[Condition],
    *,
    ready: bool,
    stalled: bool,
    done: bool,
    reason: str,
    message: str,
    generation: int | None,
    now: float,
    more: Mapping[str, tuple[str, str]] | None = None,
) -> tuple[Condition, ...]:
    """`done`: nothing is awaited. `more`: conditions of the kind's own that hold, type → (reason, message).

    A transition time moves only with its status.
    """
    since = {each.type: (each.status, each.last_transition_time) for each in before}
    holds = {
        str(ConditionType.READY): (ready, reason, message),
        str(ConditionType.RECONCILING): (not stalled and not done, reason, message),
        str(ConditionType.STALLED): (stalled, reason, message),
        **{type_: (True, *why) for type_, why in (more or {}).items()},
    }
    found = []
    for type_, (held, why, said) in holds.items():
        status = ConditionStatus.TRUE if held else ConditionStatus.FALSE
        was, when = since.get(type_, (None, None))
        found.append(
            Condition(
                type=type_,
                status=status,
                reason=why,
                message=said[:_LONGEST],
                observed_generation=generation,
                last_transition_time=when if was == status and when else write_time(now),
            )
        )
    return tuple(found)


def interrupted(
    before: Iterable[Condition], *, reason: str, message: str, generation: int | None, now: float
) -> tuple[Condition, ...]:
    """Nothing could be seen for now: Ready is what it was, and it is tried again."""
    known = {each.type: each for each in before}
    trying = conditions(
        known.values(),
        ready=False,
        stalled=False,
        done=False,
        reason=reason,
        message=message,
        generation=generation,
        now=now,
    )
    kept = (known[ConditionType.READY],) if ConditionType.READY in known else ()
    return (*kept, *(each for each in trying if each.type != ConditionType.READY or not kept))
