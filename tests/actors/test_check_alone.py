"""A Check that a person applied, and a series of one as a Cell asks for it."""

import asyncio
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from okra.actors.cell_checks import CHECK
from okra.actors.messages import Forward, RunSeries, SeriesDone
from okra.actors.runtime import Actor, ActorRef, ChildSpec
from okra.app.system import System
from okra.errors import NotFound, Unavailable
from okra.ports import Window
from okra.rollout.observation import Token, Verdict
from tests.actors.world import check, lone_check, world

pytestmark = pytest.mark.looptime

TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}


class Asker(Actor[SeriesDone]):
    """A Cell, as far as a Check knows it."""

    def __init__(self, heard: list[SeriesDone]) -> None:
        self._heard = heard

    async def receive(self, message: SeriesDone) -> None:
        self._heard.append(message)


class Asked:
    """Asks for series of one Check."""

    def __init__(self, system: System, name: str = "errors") -> None:
        self.heard: list[SeriesDone] = []
        self._system, self._name = system, name
        self._ref: ActorRef[Any] = system.root.start_child(ChildSpec("asker", lambda: Asker(self.heard)))

    def ask(self, token: Token, cell: str = "web") -> None:
        directory = self._system.root.get("checks")
        assert directory is not None
        directory.tell(Forward(("default", self._name), RunSeries(("default", cell), token, None, self._ref)))

    @property
    def verdicts(self) -> list[tuple[Token, Verdict]]:
        return [(each.token, each.verdict) for each in self.heard]


async def test_from_the_watch_to_its_first_measurement_a_check_costs_no_request_but_its_status() -> None:
    async with world() as w:
        await w.apply(lone_check("listed"))
        async with w.running():
            await w.until(lambda s: s.get("lastPassed"), "listed", kind=CHECK)
            await w.apply(lone_check("watched"))
            await w.until(lambda s: s.get("lastPassed"), "watched", kind=CHECK)
        assert w.store.calls["get", "Check"] == 0


async def test_it_measures_at_its_interval_and_keeps_ten_results() -> None:
    async with world() as w:
        began = w.clock.now()
        w.metrics.answer = lambda _query, _window: round(w.clock.now() - began)
        await w.apply(lone_check("errors", analysis=check("errors", interval="30s", max=10000)["analysis"]))
        async with w.running():
            await asyncio.sleep(20 * 60)
        status = await w.status("errors", CHECK)
        values = [each["value"] for each in status["analysis"]["results"]]
        assert len(values) == 10
        assert [after - before for before, after in pairwise(values)] == [30] * 9
        assert status["lastPassed"] is True
        assert status["lastRunTime"] == status["analysis"]["results"][-1]["time"]
        assert w.condition(status, "Ready") == ("True", "Passed")
        assert w.metrics.open_now == 0


async def test_it_says_failed_and_passed_again_as_the_metric_goes() -> None:
    async with world() as w:
        value = 0.5
        w.metrics.answer = lambda _query, _window: value
        await w.apply(lone_check("errors"))
        async with w.running():
            status = await w.until(lambda s: s.get("lastPassed") is False, "errors", kind=CHECK, within=60)
            assert w.condition(status, "Ready")[0] == "False"
            await asyncio.sleep(600)
            assert [each["value"] for each in (await w.status("errors", CHECK))["analysis"]["results"]] == [0.5] * 10
            value = 0.0
            status = await w.until(lambda s: s.get("lastPassed"), "errors", kind=CHECK, within=60)
            assert w.condition(status, "Ready")[0] == "True"


async def test_a_suspended_one_does_not_run_until_it_may() -> None:
    async with world() as w:
        await w.apply(lone_check("errors", suspend=True))
        async with w.running():
            await asyncio.sleep(600)
            assert w.metrics.opened == []
            await w.apply(lone_check("errors"))
            await w.until(lambda s: s.get("lastPassed"), "errors", kind=CHECK, within=60)
            await w.apply(lone_check("errors", suspend=True))
            await asyncio.sleep(1)
            runs = len(w.metrics.opened)
            await asyncio.sleep(600)
            assert len(w.metrics.opened) == runs


async def test_a_dry_run_reports_what_it_measured() -> None:
    async with world() as w:
        w.metrics.answer = lambda _query, _window: 0.5
        await w.apply(lone_check("errors", dryRun=True))
        async with w.running():
            status = await w.until(lambda s: s.get("analysis"), "errors", kind=CHECK, within=60)
        assert status["analysis"]["results"][0]["value"] == 0.5


@pytest.mark.parametrize(
    ("spec", "reason", "said"),
    [
        ({"analysis": {"interval": "10s"}}, "InvalidSpec", "spec.analysis"),
        ({"analysis": check("x", interval="never")["analysis"]}, "InvalidSpec", "spec.analysis.interval"),
        ({"analysis": check("x", successCondition="result <")["analysis"]}, "InvalidSpec", "successCondition"),
        ({"job": {"template": TEMPLATE}}, "InvalidSpec", "needs Kubernetes"),
    ],
)
async def test_one_that_cannot_run_says_why_and_runs_once_it_is_right(
    spec: dict[str, Any], reason: str, said: str
) -> None:
    async with world() as w:
        await w.apply(lone_check("errors", job=spec.get("job")) | {"spec": spec})
        async with w.running() as system:
            status = await w.until(lambda s: s.get("conditions"), "errors", kind=CHECK, within=60)
            assert w.condition(status, "Stalled") == ("True", reason)
            assert said in status["conditions"][0]["message"]
            asked = Asked(system)
            asked.ask(Token(1, 0, 1))
            await asyncio.sleep(1)
            assert asked.verdicts == [(Token(1, 0, 1), Verdict.ERROR)]
            assert said in asked.heard[0].message
            await w.apply(lone_check("errors"))
            status = await w.until(lambda s: s.get("lastPassed"), "errors", kind=CHECK, within=60)
            assert w.condition(status, "Stalled")[0] == "False"


async def test_a_changed_spec_is_measured_from_then_on() -> None:
    async with world() as w:
        asked: list[str] = []

        def answer(query: str, _window: Window) -> float:
            asked.append(query)
            return 0.0

        w.metrics.answer = answer
        await w.apply(lone_check("errors"))
        async with w.running():
            await w.when(lambda: asked)
            await w.apply(lone_check("errors", analysis=check("x", query="other")["analysis"]))
            await w.when(lambda: asked[-1] == "other", within=60)
            at = len(asked)
            await asyncio.sleep(100)
            assert set(asked[at:]) == {"other"}
            assert len(asked[at:]) == 10


async def test_errors_say_nothing_about_the_app_and_never_stop_it() -> None:
    async with world() as w:
        w.metrics.answer = lambda _query, _window: Unavailable("HTTP 503")
        await w.apply(lone_check("errors"))
        async with w.running():
            await asyncio.sleep(600)
            status = await w.status("errors", CHECK)
            assert status["lastPassed"] is False
            assert "HTTP 503" in status["analysis"]["results"][-1]["reason"]
            w.metrics.answer = lambda _query, _window: 0.0
            await w.until(lambda s: s.get("lastPassed"), "errors", kind=CHECK, within=60)
            w.metrics.refuses = NotFound("There is no Secret dd.", reason="SecretNotFound")
            status = await w.until(lambda s: not s["lastPassed"], "errors", kind=CHECK, within=60)
            assert "There is no Secret dd." in status["analysis"]["results"][-1]["reason"]


async def test_a_store_that_does_not_take_its_status_does_not_stop_the_measuring() -> None:
    async with world() as w:
        await w.apply(lone_check("errors"))
        async with w.running():
            await w.until(lambda s: s.get("lastPassed"), "errors", kind=CHECK, within=60)
            w.store.fault = lambda op, _: Unavailable("down") if op == "patch_status" else None
            w.metrics.answer = lambda _query, _window: 0.5
            await asyncio.sleep(300)
            w.store.fault = lambda _op, _name: None
            await w.until(lambda s: not s["lastPassed"], "errors", kind=CHECK, within=60)


async def test_a_check_made_anew_under_its_name_gets_nothing_of_the_old_ones() -> None:
    async with world() as w:
        await w.apply(lone_check("errors"))
        async with w.running():
            await w.until(lambda s: s.get("lastPassed"), "errors", kind=CHECK, within=60)
            w.store.fault = lambda operation, _: Unavailable("down") if operation in ("watch", "list") else None
            await w.store.break_watches(Unavailable("reset"))
            await w.delete("errors", CHECK)
            made = await w.apply(lone_check("errors", suspend=True))
            await asyncio.sleep(60)
            found = await w.get("errors", CHECK)
            assert found["metadata"]["uid"] == made["metadata"]["uid"]
            assert not found.get("status"), "nobody here knows of it yet"


async def test_the_same_token_again_is_the_same_request() -> None:
    async with world() as w:
        await w.apply(lone_check("errors", suspend=True))
        async with w.running() as system:
            await asyncio.sleep(1)
            asked, token = Asked(system), Token(1, 0, 1)
            w.metrics.latency = 5.0
            asked.ask(token)
            await asyncio.sleep(2)
            asked.ask(token)
            await w.when(lambda: asked.heard, within=60)
            await asyncio.sleep(60)
            assert asked.verdicts == [(token, Verdict.PASSED)]
            assert len(w.metrics.windows) == 1
            w.metrics.answer = lambda _query, _window: 0.5
            asked.ask(token)
            await asyncio.sleep(60)
            assert asked.verdicts == [(token, Verdict.PASSED)] * 2, "the recorded verdict, not a new measurement"
            assert len(w.metrics.windows) == 1
            asked.ask(Token(1, 0, 2))
            await w.when(lambda: len(asked.heard) == 3, within=60)
            assert asked.verdicts[-1] == (Token(1, 0, 2), Verdict.FAILED)


async def test_a_recorded_verdict_outlives_the_process() -> None:
    async with world() as w:
        token = Token(3, 1, 2, 4)
        await w.apply(lone_check("errors", suspend=True))
        for _ in range(2):
            async with w.running() as system:
                await asyncio.sleep(1)
                asked = Asked(system)
                asked.ask(token)
                await w.when(partial(bool, asked.heard), within=60)
                assert asked.verdicts == [(token, Verdict.PASSED)]
        assert len(w.metrics.windows) == 1
        assert len((await w.status("errors", CHECK))["attempts"]) == 1


async def test_a_newer_attempt_of_a_cell_ends_its_older_one_and_no_other_cells() -> None:
    async with world() as w:
        w.metrics.latency = 5.0
        await w.apply(lone_check("errors", suspend=True))
        async with w.running() as system:
            await asyncio.sleep(1)
            asked = Asked(system)
            asked.ask(Token(1, 0, 1))
            asked.ask(Token(1, 0, 1), cell="api")
            await asyncio.sleep(2)
            asked.ask(Token(1, 0, 2))
            await asyncio.sleep(60)
        assert sorted((each.cell[1], each.token.attempt) for each in asked.heard) == [("api", 1), ("web", 2)]


async def test_a_check_that_is_deleted_in_a_series_is_answered_when_it_is_asked_again() -> None:
    async with world() as w:
        w.metrics.latency = 5.0
        await w.apply(lone_check("errors", suspend=True))
        async with w.running() as system:
            await asyncio.sleep(1)
            asked = Asked(system)
            asked.ask(Token(1, 0, 1))
            await asyncio.sleep(1)
            await w.delete("errors", CHECK)
            await asyncio.sleep(10)
            asked.ask(Token(1, 0, 1))
            await w.when(lambda: asked.heard, within=60)
            assert asked.verdicts == [(Token(1, 0, 1), Verdict.ERROR)]
            assert "There is no Check errors" in asked.heard[0].message
