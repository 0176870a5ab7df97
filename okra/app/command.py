"""A person's command to a Cell, through the annotation: the same on both stores (DESIGN §4b)."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass

from okra.actors.person import command_of
from okra.api.cell_status import HandledCommand
from okra.api.meta import COMMAND_ANNOTATION
from okra.errors import Conflict, Refused
from okra.ports import Kind, Object, ObjectStore
from okra.rollout.observation import Command

TRIES = 10
POLL = 0.1


@dataclass(frozen=True, slots=True)
class Sent:
    id: str
    replaced: str = ""
    """The verb of a command that had not been executed yet, and now won't be."""


async def send(store: ObjectStore, kind: Kind, namespace: str, name: str, verb: str, arg: str, by: str) -> Sent:
    """Write the command. `kind`: Cell, or hotswap's System. NotFound: no such object."""
    for _ in range(TRIES):
        obj = await store.get(kind, namespace, name)
        waiting = pending(obj)
        command = {"id": uuid.uuid4().hex[:12], "verb": verb, "arg": arg, "by": by}
        patch = {
            "metadata": {
                "annotations": {COMMAND_ANNOTATION: json.dumps(command)},
                "resourceVersion": obj["metadata"]["resourceVersion"],
            }
        }
        try:
            await store.patch(kind, namespace, name, patch)
        except Conflict:
            continue
        return Sent(command["id"], waiting.verb if waiting else "")
    raise Refused(f"{kind.kind} {name} changes faster than the command can be written: try again.")


def pending(obj: Object) -> Command | None:
    """The command of the annotation that status doesn't know as executed."""
    command = command_of(obj)
    done = {each.get("id") for each in (obj.get("status") or {}).get("commands", ())}
    return None if command is None or command.id in done else command


async def outcome(
    store: ObjectStore, kind: Kind, namespace: str, name: str, id_: str, timeout: float
) -> HandledCommand | None:
    """What came of a command, or None if nobody executed it within `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):
            while True:
                status = (await store.get(kind, namespace, name)).get("status") or {}
                for each in status.get("commands", ()):
                    if each.get("id") == id_:
                        return HandledCommand.model_validate(each)
                await asyncio.sleep(POLL)
    except TimeoutError:
        return None
