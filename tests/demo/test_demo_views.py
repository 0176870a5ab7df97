"""The same moment as a picture and as plain lines."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from okra.demo.frame import Frame, frame_of
from okra.demo.load import Seen
from okra.demo.picture import BAR, bar
from okra.demo.script import BAD, GOOD
from okra.demo.views import LiveView, PlainView
from tests.demo.scenes import STATUS, event, ledger

CHECK = {
    "metadata": {"name": "web-errors-web-1-2-0-a"},
    "status": {"analysis": {"results": [{"verdict": "Failed", "reason": "0.05 > max 0.02"}]}},
}
MOVING = {
    **STATUS,
    "phase": "Syncing",
    "message": "Measuring.\nMore of it.",
    "desiredVersion": BAD,
    "blockedVersions": [],
    "step": "1/4",
    "weight": "10%",
}


def moment(status: dict[str, Any], headline: str = "Look here.") -> Frame:
    return frame_of(headline, ledger(), Seen(1495, 5), status, [CHECK], "127.0.0.1:8080")


def console(*, terminal: bool, width: int = 110) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, height=50, color_system=None)


def written(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def test_the_live_picture_shows_weights_requests_errors_step_check_and_events() -> None:
    screen = console(terminal=True)
    with LiveView(screen) as view:
        view.show(moment(MOVING))
        shown = written(screen)
    for wanted in (
        "Look here.",
        f"1.1.0      {'█' * BAR}  100%",
        "1.2.0",
        "canary",
        "Syncing   step 1/4 at 10%",
        "Measuring.",
        "web-errors-web-1-2-0-a  Failed  0.05 > max 0.02",
        "50.2s  cell/web Reverted: Reverted of 1.2.0.",
        "http://127.0.0.1:8080/debug/actors",
        "1,500",
    ):
        assert wanted in shown


def test_a_narrow_terminal_cuts_lines_instead_of_breaking_the_picture() -> None:
    screen = console(terminal=True, width=60)
    with LiveView(screen) as view:
        view.show(moment(MOVING))
        lines = written(screen).splitlines()
    assert max(len(line) for line in lines) <= 60 + len("\x1b[?25l")


def test_the_roles_of_versions_are_those_of_the_status() -> None:
    moving = {row.version: row.role for row in moment(MOVING).versions}
    after = {row.version: row.role for row in moment(STATUS).versions}
    assert (moving[GOOD], moving[BAD]) == ("stable", "canary")
    assert (after[GOOD], after[BAD]) == ("stable", "blocked")


def test_before_there_is_a_cell_the_picture_has_nothing_to_say_about_it() -> None:
    frame = frame_of("Wait.", ledger(), Seen(), {}, [{"metadata": {"name": "new"}}])
    assert (frame.phase, frame.step, frame.message, frame.pages) == ("-", "-", "", "")
    assert frame.checks[0].text == "not measured yet"


def test_plain_lines_tell_each_event_and_the_standing_only_now_and_then() -> None:
    out = console(terminal=False)
    with PlainView(out) as view:
        view.show(moment(MOVING))
        view.show(moment(MOVING))
        view.tell(event(1001.5, "StepStarted", BAD), 1000.0)
        view.show(moment(MOVING, "Now here."))
    lines = [line.strip().split("  ", 1)[1] for line in written(out).splitlines()]
    assert lines == ["Look here.", "cell/web StepStarted: StepStarted of 1.2.0.", "Now here."]


def test_a_long_line_stays_one_line_where_there_is_no_terminal() -> None:
    out = console(terminal=False, width=20)
    with PlainView(out) as view:
        view.show(moment(MOVING, "one line " * 20))
    assert written(out).count("\n") == 1
    assert "\x1b" not in written(out)


def test_a_bar_is_as_long_as_the_share_and_a_small_share_is_seen() -> None:
    assert bar(0.5, 10) == "█████░░░░░"
    assert bar(0.001, 10) == "█░░░░░░░░░"
    assert bar(0.0, 10) == "░░░░░░░░░░"
    assert bar(1.0, 10) == "██████████"
