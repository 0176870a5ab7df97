"""Other processes on the same state file. Run as `python -m tests.embedded.child VERB PATH [ARG…]`.

Each line on stdout is one thing that is certain to have happened.
"""

from __future__ import annotations

import asyncio
import sys

from okra.embedded import EmbeddedStore, run_lock
from tests.store.kinds import WIDGET, widget


def say(*words: object) -> None:
    print(*words, flush=True)


async def write_for_ever(path: str, writers: str) -> None:
    """Several writers, each of an object of its own, each acknowledged write said: `NAME NUMBER`."""

    async def write(store: EmbeddedStore, name: str) -> None:
        status = (await store.apply(WIDGET, widget(name, "default"))).get("status", {})
        number = status.get("n", 0)
        while True:
            number += 1
            await store.patch_status(WIDGET, "default", name, {"n": number, "padding": "x" * (number % 997)})
            say(name, number)

    async with await EmbeddedStore.open(path) as store, asyncio.TaskGroup() as tasks:
        for index in range(int(writers)):
            tasks.create_task(write(store, f"w{index}"))


async def create(path: str, prefix: str, count: str) -> None:
    async with await EmbeddedStore.open(path) as store:
        for number in range(int(count)):
            created = await store.create(WIDGET, widget(f"{prefix}{number}", "default"))
            say(created["metadata"]["resourceVersion"])


def hold(path: str) -> None:
    """Hold the run lock until stdin ends."""
    with run_lock(path):
        say("held")
        sys.stdin.read()


def main(verb: str, *arguments: str) -> None:
    match verb:
        case "write":
            asyncio.run(write_for_ever(*arguments))
        case "create":
            asyncio.run(create(*arguments))
        case "hold":
            hold(*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
