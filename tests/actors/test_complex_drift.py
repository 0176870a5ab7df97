"""What keeps an application's traffic from being where it should be is said by the Cell, not by its child alone."""

from __future__ import annotations

import asyncio

import pytest

from okra.rollout.rest import Rest
from tests.actors.complex_world import LISTENER, complex_world

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize("name", ["sys", "sys-web"])
async def test_weights_that_a_person_edited_leave_the_cell_paused_until_he_resumes_it_or_the_child(name: str) -> None:
    async with complex_world() as w:
        await w.web_on("v1")
        async with w.running():
            await w.phase("Synced")
            await w.cell([w.cluster("v2", "web")], w.app("web"))
            await w.phase("Synced")
            w.aws.routes[f"{LISTENER}#10"].weights = {w.groups["v1"]: 100, w.groups["v2"]: 0}
            status = await w.phase("Paused")
            child = await w.status("sys-web")
            assert (child["phase"], child["reason"]) == ("Paused", status["reason"])
            assert status["message"].startswith(f"web: {child['message']}")
            await asyncio.sleep(30)
            ready = {each["type"]: each["status"] for each in status["conditions"]}
            assert (ready["Ready"], w.rests["sys"]) == ("False", Rest.WAITING)
            assert await w.published() == {"v1", "v2"}, "nothing is left that has the traffic"
            await w.command("resume", name=name)
            await w.phase("Synced")
            await asyncio.sleep(600)
        assert set(w.traffic()) == {"v2"}
        assert await w.published() == {"v2"}
