"""A person's hand on the wheel: the annotation, whatever is in it; the gate; and a clock that jumps."""

import asyncio
import json

import pytest

from okra.actors.cell import CELL
from okra.rollout.rest import Rest
from tests.actors.world import QUICK, cell, check, world

pytestmark = pytest.mark.looptime


def command(verb: str, id_: str = "1", arg: str = "") -> str:
    return json.dumps({"id": id_, "verb": verb, "arg": arg, "by": "me"})


GARBAGE = [
    "{",
    "abort",
    "[]",
    "null",
    '"abort"',
    "17",
    "{}",
    '{"id": ""}',
    '{"id": {"a": 1}, "verb": ["abort"], "arg": null}',
    '{"id": "1", "verb": "explode"}',
    "\x00" * 300,
    "[" * 5000,
    json.dumps({"id": "x" * 5000, "verb": "y" * 5000, "arg": "z" * 5000, "by": "w" * 5000}),
    '{"id": NaN, "verb": 1e999}',
    '{"id": "\\ud800", "verb": "\\udfff"}',
]


@pytest.mark.parametrize("text", GARBAGE, ids=[text[:12] for text in GARBAGE])
async def test_garbage_in_the_command_annotation_neither_moves_nor_stops_anything(text: str) -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await w.command("web", text)
            status = await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)
        assert all(each["outcome"].startswith("Refused") for each in status["commands"])
        assert len(status["commands"]) <= 1
        assert "ActorCrashLoop" not in w.reasons()
        assert not [each for each in w.logs if each["event"] == "ActorFailed"]
        assert route.weights == {old: 0, new: 1}


async def test_abort_takes_the_traffic_back_once_and_retry_starts_again() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await w.command("web", command("abort"))
            await w.when(lambda: route.weights.get(new, 0) == 0, within=5)
            status = await w.phase("Failed")
            assert [each["version"] for each in status["blockedVersions"]] == ["1.1.0"]
            assert [(each["id"], each["verb"], each["by"]) for each in status["commands"]] == [("1", "abort", "me")]
            await asyncio.sleep(300)
            assert (route.weights[old] > 0, route.weights.get(new, 0)) == (True, 0), "it is not begun again"
            await w.command("web", command("retry", "2"))
            status = await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)
            assert status["blockedVersions"] == []


async def test_a_command_is_executed_once_whatever_happens_to_the_actor() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await w.command("web", command("abort"))
            await w.phase("Failed")
        await w.store.real.patch_status(CELL, "default", "web", {"blockedVersions": []})
        async with w.running():
            status = await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)
            assert len(status["commands"]) == 1


async def test_pause_and_resume_hold_a_rollout_and_let_it_go_on() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await w.command("web", command("pause"))
            await w.phase("Paused", within=30)
            await asyncio.sleep(600)
            assert route.weights == {old: 1, new: 1}
            assert w.rests["web"] is Rest.WAITING
            await w.command("web", command("resume", "2"))
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


async def test_promote_skips_checks_and_waits_but_never_health() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        w.metrics.answer = lambda _query, _window: None  # no data: it would wait for a person
        await w.apply(cell(checks=[check("dd")]))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            began = w.clock.now()
            w.aws.groups[new].healthy = 0
            await w.command("web", command("promote"))
            await asyncio.sleep(5)
            assert route.weights[old] > 0, "the canary is not healthy"
            w.aws.groups[new].healthy = 2
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=120)
            assert w.clock.now() - began < 60


async def test_rollback_goes_back_in_one_write_while_the_old_groups_are_attached() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.until(lambda s: s.get("stableVersion") == "1.1.0" and s["phase"] == "Synced")
            writes = len(route.history)
            await w.command("web", command("rollback"))
            await w.when(lambda: route.weights.get(new, 0) == 0, within=5)
            assert len(route.history) == writes + 1
            status = await w.until(lambda s: s.get("stableVersion") == "1.0.0")
            assert [each["version"] for each in status["blockedVersions"]] == ["1.1.0"]
            assert route.weights[old] > 0


async def test_an_approval_waits_for_a_person() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        steps = [{"setWeight": 10}, {"approval": {}}]
        await w.apply(cell(propagationDelay="1s", updateStrategy={"type": "Canary", "canary": {"steps": steps}}))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await w.phase("Paused", within=120)
            await asyncio.sleep(3600)
            assert (await w.status())["phase"] == "Paused"
            await w.command("web", command("approve"))
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=300)


async def test_read_only_decides_and_reports_but_never_writes_to_aws() -> None:
    async with world() as w:
        route, *_ = w.two_versions()
        w.gate.open = False
        await w.apply(cell(**QUICK))
        async with w.running():
            status = await w.until(lambda s: s.get("reason") == "ReadOnly", within=120)
            assert "Would set web-1-0-0=100, web-1-1-0=0" in status["message"]
            await asyncio.sleep(600)
            assert (route.history, route.owner) == ([], "")
            assert not {"ModifyListener", "AddTags", "RemoveTags"} & set(w.aws.calls)
            w.gate.open = True
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


async def test_a_gate_that_closes_in_mid_rollout_freezes_the_weights_until_it_opens() -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(**QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.gate.open = False
            await asyncio.sleep(600)
            assert route.weights == {old: 1, new: 1}
            w.gate.open = True
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)


async def test_a_cell_deleted_while_read_only_stays_until_somebody_may_write() -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        await w.apply(cell())
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.gate.open = False
            await w.delete("web")
            await asyncio.sleep(600)
            assert await w.exists("web")
            w.gate.open = True
            await w.gone("web", within=120)
            assert route.weights.get(new, 0) == 0


@pytest.mark.parametrize("seconds", [-86400.0, -5.0, -0.5, 5.0, 86400.0])
async def test_a_clock_that_is_set_skips_no_step_and_stops_nothing(seconds: float) -> None:
    async with world() as w:
        route, old, new = w.two_versions()
        await w.apply(cell(checks=[check("dd", interval="1s")], **QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            w.clock.jump(seconds)
            loop = asyncio.get_running_loop()
            began = loop.time()
            await w.until(lambda s: s.get("stableVersion") == "1.1.0", within=600)
            assert 10 < loop.time() - began < 120
        shares = [weights.get(new, 0) / sum(weights.values()) for weights in route.history]
        assert [share for share, before in zip(shares, [None, *shares], strict=False) if share != before] == [0, 0.5, 1]
        assert route.weights == {old: 0, new: 1}


@pytest.mark.parametrize("seconds", [-86400.0, 86400.0])
async def test_a_bad_version_is_reverted_whatever_the_clock_does(seconds: float) -> None:
    async with world() as w:
        route, _old, new = w.two_versions()
        w.metrics.answer = lambda _query, _window: 0.5
        await w.apply(cell(checks=[check("dd", interval="1s")], **QUICK))
        async with w.running():
            await w.when(lambda: route.weights.get(new))
            await asyncio.sleep(5)
            w.clock.jump(seconds)
            await w.when(lambda: route.weights.get(new, 0) == 0, within=120)
            await w.phase("Failed", within=120)
