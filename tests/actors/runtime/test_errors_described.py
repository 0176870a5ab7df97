"""What is kept of an error's text can be written anywhere: to a page, a status, a log."""

import pytest

from okra.actors.runtime.snapshot import MAX_ERROR, describe
from tests.actors.runtime.probe import Boom, Do, Log, Probe, quiet, root, seen, spec


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("nothing to say")


@pytest.mark.parametrize(
    ("text", "described"),
    [
        ("as told", "Boom: as told"),
        ("", "Boom"),
        ("half a \ud83d pair", "Boom: half a ? pair"),
        ("a whole \U0001f600", "Boom: a whole \U0001f600"),
        ("\udc80" * 1000, f"Boom: {'?' * 493}…"),
    ],
)
def test_an_error_is_described_in_what_utf_8_can_say(text: str, described: str) -> None:
    found = describe(Boom(text))
    assert found == described
    assert len(found.encode()) <= MAX_ERROR + 2  # … has three bytes


@pytest.mark.looptime
async def test_an_actor_whose_error_cannot_be_printed_starts_again() -> None:
    def fail(actor: Probe) -> None:
        raise Mute

    async with root() as supervisor:
        supervisor.start_child(spec(Log())).tell(Do(fail))
        await quiet()
        down = seen(supervisor, "okra/a")
        assert (down.state, down.last_error) == ("backoff", "Mute: (no text: ValueError in its __str__)")
