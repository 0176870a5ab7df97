"""The debug pages: complete, for this machine only, and without secrets."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from okra.actors.runtime.snapshot import State
from okra.errors import Unavailable
from okra.rollout.observation import Observation, RouteReading
from okra.web.html import actors_page
from okra.web.loopback import is_local_name, is_loopback
from okra.web.plain import as_json, plain
from tests.actors.albs import alb
from tests.actors.world import cell, world
from tests.web.site import FakeSystem, site, snapshot

DEBUG = ["/debug/actors", "/debug/tasks", "/debug/cells/default/web"]


async def test_the_tree_of_actors_is_there_as_json() -> None:
    async with world() as w:
        await w.apply(cell())
        async with w.running() as system, site(system) as pages:
            await w.when(lambda: not system.missing())
            root = await pages.json("/debug/actors")
    children = {child["name"]: child for child in root["children"]}
    assert {"discovery", "cells", "checks", "watch-cells", "watch-checks"} <= children.keys()
    assert [child["name"] for child in children["cells"]["children"]] == ["default/web"]
    assert children["cells"]["state"] == "running"


async def test_a_browser_gets_a_table_and_a_program_gets_json() -> None:
    async with site(FakeSystem(root=snapshot("okra", last_error="<script>alert(1)</script>"))) as pages:
        for_people = await pages.get("/debug/actors", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
        assert for_people[1].startswith("<!doctype html>")
        assert "<script>" not in for_people[1]
        assert "&lt;script&gt;" in for_people[1]
        for accepted in ("*/*", "application/json", "application/json, text/html"):
            assert (await pages.get("/debug/actors", Accept=accepted))[1].startswith("{")


def test_an_actor_in_trouble_stands_out() -> None:
    parked = snapshot("web", state=State.PARKED, receiving="Wake", receiving_for=2.0)
    assert '<tr class="bad">' in actors_page(snapshot("okra", children=(parked,)))
    assert "Wake for 2.0 s" in actors_page(parked)
    assert '<tr class="bad">' not in actors_page(snapshot("okra"))


async def test_a_cell_shows_what_it_wants_knows_and_saw() -> None:
    async with world(claim_settle=0.0) as w:
        route, _, new = w.two_versions()
        await w.apply(cell())
        async with w.running() as system, site(system) as pages:
            await w.when(lambda: new in route.weights)
            found = await pages.json("/debug/cells/default/web")
    assert found["policy"]["name"] == "web"
    assert found["policy"]["routes"][0]["selects"] == "role=web"
    assert found["state"]["rollout"]["version"] == "1.1.0"
    assert found["observation"]["readings"][route.arn]["action"] == "forward"


async def test_an_alb_has_a_page_of_its_own() -> None:
    async with world(claim_settle=0.0) as w:
        route, _, new = w.two_versions()
        await w.apply(alb({new: 1}))
        async with w.running() as system, site(system) as pages:
            await w.when(lambda: new in route.weights)
            found = await pages.json("/debug/albs/default/web")
            assert (await pages.get("/debug/albs/default/nobody"))[0] == 404
    assert found["policy"]["name"] == "alb/web"
    assert found["policy"]["routes"][0]["goal"] == {new: 1}


async def test_an_unknown_cell_is_404_and_one_that_does_not_answer_503() -> None:
    view = FakeSystem()
    async with site(view) as pages:
        assert (await pages.get("/debug/cells/default/nobody"))[0] == 404
        view.found = Unavailable("busy")
        status, said = await pages.get("/debug/cells/default/web")
        assert (status, "busy" in said) == (503, True)


async def test_tasks_show_names_and_places_and_no_values() -> None:
    secret = "hunter2"
    async with world() as w, w.running() as system, site(system) as pages:
        found = await pages.json("/debug/tasks")
        text = (await pages.get("/debug/tasks"))[1]
    assert {"okra/cells", "okra/discovery", "loop-lag"} <= {task["name"] for task in found}
    assert all(task.keys() == {"name", "at"} for task in found)
    assert secret not in text


async def test_the_index_leads_to_every_page() -> None:
    async with site(FakeSystem()) as pages:
        status, said = await pages.get("/")
        assert status == 200
        for path in ("/healthz", "/readyz", "/metrics", "/debug/actors", "/debug/tasks"):
            assert f'href="{path}"' in said
            assert (await pages.get(path))[0] == 200


# -- secrets -------------------------------------------------------------------------------------------------------


async def test_the_client_secret_of_a_login_action_is_never_shown() -> None:
    raw = [{"Type": "authenticate-oidc", "AuthenticateOidcConfig": {"ClientSecret": "hunter2"}}]
    reading = RouteReading("arn", 1.0, {"group": 1}, raw=raw)
    described: dict[str, Any] = {"observation": Observation(readings={"arn": reading})}
    async with site(FakeSystem(described={("default", "web"): described})) as pages:
        status, said = await pages.get("/debug/cells/default/web")
    assert status == 200
    assert '"group": 1' in said
    assert "hunter2" not in said
    assert "raw" not in said


def test_of_an_unknown_type_only_its_name_is_shown() -> None:
    class Holder:
        def __repr__(self) -> str:
            return "hunter2"

    assert plain({"it": Holder(), ("a", 1): {Holder}}) == {"it": "<Holder>", '["a", 1]': ["<type>"]}


# -- who may look --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DEBUG)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil.example"]
)
async def test_a_page_whose_name_was_made_to_point_here_sees_nothing(path: str, host: str) -> None:
    async with site(FakeSystem(described={("default", "web"): {"it": 1}})) as pages:
        assert (await pages.get(path, Host=host))[0] == 403
        assert (await pages.get("/healthz", Host=host))[0] == 200, "health is for everybody"


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "LOCALHOST", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:80"]
)
async def test_this_machine_sees_everything_under_its_own_names(host: str) -> None:
    async with site(FakeSystem()) as pages:
        assert (await pages.get("/debug/actors", Host=host))[0] == 200


async def test_another_machine_sees_health_and_metrics_but_no_debug_page() -> None:
    address = own_address()
    async with site(FakeSystem(), "0.0.0.0:0") as pages:
        there = f"http://{address}:{pages.at.rpartition(':')[2]}"
        statuses = {}
        for path in ("/healthz", "/metrics", "/debug/actors"):
            async with pages.session.get(there + path, headers={"Host": "localhost"}) as answer:
                statuses[path] = answer.status
    assert statuses == {"/healthz": 200, "/metrics": 200, "/debug/actors": 403}


def own_address() -> str:
    """An address of this machine that isn't loopback: requests to it come from it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.connect(("192.0.2.1", 9))  # sends nothing
        return str(found.getsockname()[0])


def test_loopback_in_every_spelling() -> None:
    assert all(map(is_loopback, ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"]))
    assert not any(map(is_loopback, [None, "", "10.0.0.1", "::ffff:10.0.0.1", "localhost", "fe80::1"]))
    assert is_local_name("localhost.")
    assert not any(map(is_local_name, ["", ":80", "[", "[::2]:80", "::1.evil.example", "[::1].evil.example"]))


def test_half_a_surrogate_pair_in_a_text_breaks_no_page() -> None:
    answer = as_json({"message": "broken \ud800 text: é"})
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body)["message"] == "broken \ud800 text: é"
