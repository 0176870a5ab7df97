"""What `okra run` says, and which Cells are at rest: that decides when it ends, and how."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from okra.actors.kinds import kind_of, seat
from okra.actors.messages import key_of
from okra.app.retained import retained, stay_attached
from okra.app.waiting import Wait
from okra.app.wording import addressed, duration, option_for, shortened
from okra.ports import EventRecord, Object
from okra.rollout.rest import Rest

if TYPE_CHECKING:
    from okra.app.run import RunOptions

SYNCED, FAILED, BAD_INPUT, TIMED_OUT, INTERRUPTED = 0, 1, 2, 3, 130

Key = tuple[str, str]
"""Namespace and name of a Cell; of an ALB with its kind (`okra.actors.kinds.seat`)."""


class Progress:
    """Which Cells are at rest, and how; prints what happens, as lines for people or as JSON."""

    def __init__(self, options: RunOptions, cells: list[Key]) -> None:
        self._options, self._json = options, options.output == "json"
        self._wanted: dict[Key, int] = dict.fromkeys(cells, 0)
        """The generation of each Cell that must come to rest: those of the input, and any other that moves."""
        self._ends = bool(cells)
        """Without Cells of its own a run doesn't end by itself."""
        self._told: dict[Key, tuple[int, Rest]] = {}
        """Of each Cell, the generation that it last decided on, and where it stands."""
        self._option = option_for(options.state)
        self._last: dict[Key, str] = {}
        """The message of each Cell's last event."""
        self.changed = asyncio.Event()
        self.told_at = 0.0
        """When something was last told of a Cell, epoch seconds."""

    # -- resting ---------------------------------------------------------------------------------------------------

    def rests(self, key: Key, rest: Rest, generation: int) -> None:
        self._told[key] = generation, rest
        if rest is Rest.MOVING:  # also one that only the state file has: nobody is left in mid-rollout
            self._wanted.setdefault(key, 0)
        self.changed.set()

    def add(self, cells: Mapping[Key, int]) -> None:
        """These generations are to come to rest. They may have by now: a Cell is quicker than who wrote many."""
        self._wanted |= cells
        self._ends = self._ends or bool(cells)
        self.changed.set()

    def _rest(self, key: Key) -> Rest:
        generation, rest = self._told.get(key, (-1, Rest.MOVING))
        return rest if generation >= self._wanted[key] else Rest.MOVING

    @property
    def unsettled(self) -> list[Key]:
        """The Cells that move, or wait for somebody."""
        return [key for key in self._wanted if self._rest(key) in (Rest.MOVING, Rest.WAITING)]

    @property
    def done(self) -> bool:
        return self._ends and not self.unsettled

    @property
    def exit_code(self) -> int:
        found = {self._rest(key) for key in self._wanted}
        return BAD_INPUT if Rest.INVALID in found else FAILED if Rest.FAILED in found else SYNCED

    # -- saying ----------------------------------------------------------------------------------------------------

    def event(self, event: EventRecord, fields: Mapping[str, Any]) -> None:
        """An event of the journal, as it happens."""
        key = event.namespace, event.name
        self.told_at = event.at.timestamp()
        if event.kind.kind in ("Cell", "ALB"):
            key = seat(event.kind, *key)
            self._last[key] = event.message
        if self._json:
            self._object(
                time=event.at.isoformat(),
                kind=event.kind.kind,
                namespace=event.namespace,
                name=event.name,
                type=event.type,
                reason=event.reason,
                message=event.message,
                **{name: value for name, value in fields.items() if name != "weights"},
            )
        else:
            mark = "!" if event.type == "Warning" else " "
            line = f"{event.kind.kind.lower()}/{event.name}  {event.reason}: {self._for_people(event.message, key)}"
            self._line(f"{_clock(event.at)} {mark} {line}")

    def say(self, message: str, **fields: Any) -> None:
        if self._json:
            self._object(message=message, **fields)
        else:
            self._line(shortened(message))

    def ended(self, cell: Object) -> None:
        """Where a Cell stands when the run ends, and what to do."""
        status, key = cell.get("status") or {}, seat(kind_of(cell), *key_of(cell))
        phase, stable = status.get("phase", "Pending"), status.get("stableVersion")
        message = status.get("message", "")
        message = message if self._json else self._for_people(message, key)
        pin = cell["spec"].get("version")
        unreached = f", not at its pin {pin}" if pin not in (None, stable) else ""
        attached = retained(status)
        self.say(
            f"{called(key)}: {phase}, {stable or 'no version'}{unreached}. {message}".rstrip(),
            cell=named(key),
            namespace=key[0],
            phase=phase,
            stableVersion=stable,
            reason=status.get("reason"),
            retained=attached,
        )
        if attached and not self._json:
            self._line(f"{called(key)}: {stay_attached(attached, datetime.now(UTC))}")

    def wait(self, key: Key, wait: Wait, now: float) -> None:
        """A Cell waits for something else than before. What an event has just said isn't repeated."""
        self.told_at = now
        if self._json:
            self._object(time=_at(now).isoformat(), **_fields(key, wait))
        elif self._last.get(key) != wait.message:
            self._line(f"{_clock(_at(now))}   {called(key)}  {wait.reason}: {self._sentence(key, wait, now)}")

    def still(self, waits: Mapping[Key, tuple[Wait, float]], now: float) -> None:
        """Nothing has happened for a while: for what each Cell waits, and since when (epoch seconds)."""
        self.told_at = now
        if self._json:
            listed = [{**_fields(key, wait), "seconds": int(now - since)} for key, (wait, since) in waits.items()]
            self._object(time=_at(now).isoformat(), stillWaiting=listed)
            return
        for_long = {key: duration(now - since) for key, (_, since) in waits.items()}
        if len(waits) == 1:
            [(key, (wait, _))] = waits.items()
            said = f"{called(key)}  still waiting, {for_long[key]}: {self._sentence(key, wait, now)}"
        else:
            named = [f"{called(key)} ({wait.reason}, {for_long[key]})" for key, (wait, _) in list(waits.items())[:5]]
            more = f" and {len(waits) - len(named)} more" if len(waits) > len(named) else ""
            said = f"still waiting: {', '.join(named)}{more}"
        self._line(f"{_clock(_at(now))}   {said}")

    def _sentence(self, key: Key, wait: Wait, now: float) -> str:
        then = wait.then.format(left=duration(wait.until - now)) if wait.then and wait.until is not None else ""
        return f"{self._for_people(wait.message, key)} {then}".rstrip()

    def _for_people(self, message: str, key: Key) -> str:
        return addressed(shortened(message), key[0], named(key), self._option)

    def _object(self, **fields: Any) -> None:
        self._line(json.dumps(fields, ensure_ascii=False))

    def _line(self, line: str) -> None:
        self._options.print(line)


def named(key: Key) -> str:
    """As a command names it: `web`, `alb/web`."""
    kind, _, name = key[1].rpartition("/")
    return f"{kind.lower()}/{name}" if kind else name


def called(key: Key) -> str:
    """With its kind: `cell/web`, `alb/web`."""
    name = named(key)
    return name if "/" in name else f"cell/{name}"


def _fields(key: Key, wait: Wait) -> dict[str, Any]:
    until = {} if wait.until is None else {"until": _at(wait.until).isoformat()}
    return {"namespace": key[0], "cell": named(key), "waiting": wait.reason, "message": wait.message, **until}


def _at(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)


def _clock(at: datetime) -> str:
    return at.astimezone().strftime("%H:%M:%S")
