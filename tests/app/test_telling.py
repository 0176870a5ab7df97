"""`okra run` never waits in silence, and never repeats itself: what a person reads meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from okra.analysis.window import TooEarly
from okra.app.progress import Progress
from okra.app.run import RunOptions
from okra.app.settings import Settings
from okra.app.telling import tell_waits
from okra.errors import Unavailable
from okra.ports import Grain
from tests.actors.world import QUICK, World, cell, check, world

pytestmark = pytest.mark.looptime


class Lines(list[str]):
    """What was printed, without the time of day."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = asyncio.Event()

    def __call__(self, line: str) -> None:
        self.append(line if line.startswith("{") else line[8:].strip(" !"))
        self.heard.set()

    def about(self, text: str) -> "Lines":
        found = Lines()
        found.extend(line for line in self if text in line)
        return found


@asynccontextmanager
async def telling(w: World, *cells: str, output: str = "text", state: str = ".okra/state.db") -> AsyncIterator[Lines]:
    lines = Lines()
    options = RunOptions([Path("cells")], Settings(), Path(state), output=output, print=lines)
    progress = Progress(options, [("default", name) for name in cells or ("web",)])
    async with w.running(on_event=progress.event, on_rest=progress.rests) as system:
        task = asyncio.create_task(tell_waits(system, progress))
        try:
            yield lines
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def said(lines: Lines, text: str, within: float = 600.0) -> str:
    """Wait until a line with this text was printed."""
    try:
        async with asyncio.timeout(within):
            while not lines.about(text):
                lines.heard.clear()
                await lines.heard.wait()
    except TimeoutError:
        raise AssertionError(f"{text!r} was not said:\n" + "\n".join(lines)) from None
    return lines.about(text)[0]


async def test_groups_that_are_not_healthy_are_named_with_their_counts_and_the_time_left() -> None:
    async with world(health_timeout=300.0) as w:
        _, _, new = w.two_versions(healthy=0)
        await w.apply(cell(**QUICK))
        async with telling(w) as lines:
            first = await said(lines, "WaitingForHealth")
            assert "web-1-1-0 (0 of 2 targets healthy, 1 needed)" in first
            assert "Given up in 4m5" in first
            w.aws.groups[new].registered = 3
            await said(lines, "0 of 3 targets healthy")
            await asyncio.sleep(50)
            assert len(lines.about("WaitingForHealth")) == 2, "once for each change"


async def test_while_nothing_changes_one_line_a_minute_says_so() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(version="1.2.0"))
        async with telling(w) as lines:
            await said(lines, "Version 1.2.0 (pinned) has 0 of 1 target groups.")
            await asyncio.sleep(200)
            assert len(lines.about("(pinned)").about("WaitingForTargetGroups")) == 1
            beats = lines.about("still waiting")
            assert [beat[: len("cell/web  still waiting, 1m")] for beat in beats] == [
                f"cell/web  still waiting, {passed}" for passed in ("1m", "2m", "3m")
            ]
            assert all("has 0 of 1 target groups" in beat for beat in beats)


async def test_a_heartbeat_about_many_cells_is_one_line() -> None:
    async with world() as w:
        names = [f"c{number}" for number in range(7)]
        for name in names:
            w.two_versions(role=name)
            await w.apply(cell(name, role=name, version="1.2.0"))
        async with telling(w, *names) as lines:
            await asyncio.sleep(100)
        [beat] = lines.about("still waiting")
        assert "cell/c0 (WaitingForTargetGroups, 1m" in beat
        assert beat.endswith("and 2 more")


async def test_at_the_last_step_nobody_speaks_of_a_next_one() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(**QUICK))
        async with telling(w) as lines:
            line = await said(lines, "Step 2 of 2: 1.1.0 has 100 % of the traffic.")
            assert "The last step ends in" in line


async def test_an_aws_that_does_not_answer_is_said_in_the_middle_of_a_rollout() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(**QUICK))
        async with telling(w) as lines:
            await said(lines, "Step 1 of 2: 1.1.0 has 50 % of the traffic. The next step begins in")
            w.aws.fault = lambda *_: Unavailable("DescribeRules: AWS did not answer in time")
            await said(lines, "AWS gives no usable answer, and nothing is raised until it does: DescribeRules")
            w.aws.fault = lambda *_: None
            await w.until(lambda status: status["stableVersion"] == "1.1.0")


@pytest.mark.parametrize(
    ("step", "text", "command"),
    [
        ({"approval": {}}, "1.1.0 waits at 50 %", "okra approve web --state elsewhere.db"),
        ({"pause": {}}, "1.1.0 pauses at 50 %", "okra resume web --state elsewhere.db"),
    ],
)
async def test_what_waits_for_a_person_says_the_command_that_works_from_here(
    step: dict[str, Any], text: str, command: str
) -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(updateStrategy={"canary": {"steps": [{"setWeight": 50}, step]}}))
        async with telling(w, state="elsewhere.db") as lines:
            line = await said(lines, text)
            assert line.endswith(command)


async def test_a_pause_in_the_spec_says_that_it_is_lifted_there() -> None:
    async with world() as w:
        w.two_versions()
        await w.apply(cell(paused=True))
        async with telling(w) as lines:
            assert (await said(lines, "Paused")).endswith("to go on: set spec.paused to false")


async def test_a_check_whose_source_has_no_whole_period_yet_says_when_it_has() -> None:
    async with world() as w:
        w.two_versions()
        w.metrics.grain = Grain(period=60.0, lag=120.0)
        await w.apply(cell(checks=[check("errors")], **QUICK))
        async with telling(w) as lines:
            line = await said(lines, "Waiting for check errors: no whole period of data")
            assert "at the earliest" in line
            await said(lines, "CheckPassed")


async def test_a_check_without_enough_data_says_how_long_it_waits() -> None:
    async with world() as w:
        w.two_versions()
        w.metrics.answer = lambda *_: TooEarly("no data point in the 60 s since the step")
        await w.apply(cell(checks=[check("errors")], **QUICK))
        async with telling(w) as lines:
            line = await said(
                lines, "Waiting for check errors: too little data (no data point in the 60 s since the step)."
            )
            assert "Inconclusive in 29m" in line or "Inconclusive in 30m" in line
            await asyncio.sleep(55)
            assert len(lines.about("Waiting for check errors: too little data").about("Checking")) == 1


async def test_a_check_whose_source_fails_says_the_error_and_how_many_it_may() -> None:
    async with world() as w:
        w.two_versions()
        w.metrics.answer = lambda *_: Unavailable("prometheus.example refuses the connection")
        await w.apply(cell(checks=[check("errors")], **QUICK))
        async with telling(w) as lines:
            line = await said(lines, "2 errors in a row (more than 4: inconclusive)")
            assert "refuses the connection" in line


async def test_after_a_revert_it_says_until_when_the_route_is_read_again() -> None:
    async with world() as w:
        w.two_versions()
        w.metrics.answer = lambda *_: 0.5
        await w.apply(cell(checks=[check("errors")], **QUICK))
        async with telling(w) as lines:
            line = await said(lines, "Rereading")
            assert "1.0.0 holds the traffic. The route is read again" in line
            assert "The last time in 5" in line


async def test_what_an_event_has_just_said_is_not_said_again() -> None:
    async with world() as w:
        w.two_versions()
        w.metrics.answer = lambda *_: Unavailable("no connection")
        await w.apply(cell(checks=[check("errors", consecutiveErrorLimit=0)], **QUICK))
        async with telling(w) as lines:
            await said(lines, "To measure again: okra retry web")
            await asyncio.sleep(30)
            assert len(lines.about("To measure again")) == 1


async def test_as_json_a_wait_is_an_object_with_full_arns_and_a_time() -> None:
    async with world() as w:
        w.two_versions(healthy=0)
        await w.apply(cell(**QUICK))
        async with telling(w, output="json") as lines:
            await said(lines, "WaitingForHealth")
            await asyncio.sleep(70)
        found = [json.loads(line) for line in lines]
        wait = next(each for each in found if each.get("waiting") == "WaitingForHealth")
        assert (wait["namespace"], wait["cell"]) == ("default", "web")
        assert wait["until"] > wait["time"]
        [still] = next(each["stillWaiting"] for each in found if "stillWaiting" in each)
        assert (still["cell"], still["waiting"]) == ("web", "WaitingForHealth")
        assert 60 <= still["seconds"] < 70


def test_the_last_word_on_a_cell_says_that_its_pin_was_not_reached() -> None:
    said: list[str] = []
    progress = Progress(RunOptions([Path("cells")], Settings(), Path("s.db"), print=said.append), [])
    waits = "Version 1.1.0 (pinned) has 1 of 2 target groups."
    for pin in ("1.1.0", "1.0.0"):
        status = {"phase": "Synced", "stableVersion": "1.0.0", "message": waits}
        progress.ended({**cell(version=pin), "status": status})
    assert said == [f"cell/web: Synced, 1.0.0, not at its pin 1.1.0. {waits}", f"cell/web: Synced, 1.0.0. {waits}"]


GROUPS = [f"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{name}/0123456789abcdef" for name in "ab"]


def last_words(*until: str, output: str = "text") -> list[str]:
    """Of a Cell that is Synced, with a group that stays attached until each of these times."""
    said: list[str] = []
    progress = Progress(RunOptions([Path("cells")], Settings(), Path("s.db"), output=output, print=said.append), [])
    extras = [{"arn": arn, "until": end} for arn, end in zip(GROUPS, until, strict=False)]
    routes = [{"key": "r", "extras": extras}]
    progress.ended({**cell(), "status": {"phase": "Synced", "stableVersion": "1.1.0", "routes": routes}})
    return said


def test_the_last_word_says_which_groups_stay_attached_and_who_lets_them_go() -> None:
    assert last_words() == ["cell/web: Synced, 1.1.0."]
    [_, one] = last_words("2999-01-01T12:00:00Z")
    assert one.startswith(
        "cell/web: a stays attached at weight 0, for a rollback in one write. The first `okra run` (or"
    )
    assert " after 2999-01-01 " in one
    assert one.endswith(" lets it go; a rollout that needs its place does before.")
    [_, two] = last_words("2999-01-01T12:00:00Z", "2999-02-01T12:00:00Z")
    assert two.startswith("cell/web: a, b stay attached")
    assert " after 2999-02-01 " in two


def test_groups_whose_time_is_over_are_let_go_by_the_next_run() -> None:
    [_, line] = last_words("2020-01-01T12:00:00Z")
    assert line.endswith("The next `okra run` (or a controller) lets it go.")


def test_for_programs_the_last_word_lists_the_groups_that_stay_attached() -> None:
    [line] = last_words("2999-01-01T12:00:00Z", output="json")
    assert json.loads(line)["retained"] == [{"arn": GROUPS[0], "until": "2999-01-01T12:00:00Z"}]
    assert json.loads(last_words(output="json")[0])["retained"] == []
