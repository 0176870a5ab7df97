"""Cells beside each other: two that want one route, and one that crashes in a loop beside one that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from okra.testing.aws_world import AwsWorld
from okra.testing.moto_server import MotoServer
from tests.scenarios.conftest import Observe
from tests.scenarios.manifests import cell, steps
from tests.scenarios.okra_process import Okra

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]


def conditions(status: dict[str, object]) -> dict[str, tuple[str, str]]:
    found = status.get("conditions") or []
    assert isinstance(found, list)
    return {each["type"]: (each["status"], each["reason"]) for each in found}


def test_of_two_cells_on_one_route_the_younger_never_writes(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    stranger = world.target_group("stranger", version="9.0.0", tags={"role": "other"}, targets=1)
    okra.write(cell("web", route, updateStrategy=steps(50)))
    assert okra.run()[0] == 0
    tags = world.tags(route.arn)
    rival = cell("rival", route, role="other")
    okra.write(cell("web", route, updateStrategy=steps(50)), rival)
    seen = observe(route)
    code, process = okra.run()
    assert code == 1, process.said
    assert len(seen.seen) == 1, "nothing was written"
    assert stranger not in seen.last()
    assert world.tags(route.arn) == tags
    assert okra.status("web")["phase"] == "Synced"
    status = okra.status("rival")
    assert (status["phase"], status["reason"]) == ("Failed", "RouteConflict")
    assert "okra/default/web" in status["message"]


def test_of_two_new_cells_on_one_route_exactly_one_moves_it(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    okra.write(cell("one", route, updateStrategy=steps(50)), cell("two", route, updateStrategy=steps(20, 60)))
    seen = observe(route)
    code, process = okra.run()
    assert code == 1, process.said
    assert seen.percents("1.1.0") in ([0, 50, 100], [0, 20, 60, 100])
    phases = sorted(okra.status(name)["phase"] for name in ("one", "two"))
    assert phases == ["Failed", "Synced"]


def test_another_installations_route_is_left_alone(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    world.tag(route.arn, {"okra.mumoshu.github.io/owner": "elsewhere/team/web"})
    okra.write(cell("web", route))
    seen = observe(route)
    code, process = okra.run()
    assert code == 1, process.said
    assert len(seen.seen) == 1
    status = okra.status()
    assert status["reason"] == "RouteConflict"
    assert "elsewhere/team/web" in status["message"]


def test_of_two_installations_that_start_at_once_exactly_one_moves_the_route(
    world: AwsWorld, aws_server: MotoServer, tmp_path: Path, observe: Observe
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    both = []
    for name in ("blue", "green"):
        (folder := tmp_path / name).mkdir()
        both.append(Okra(folder, aws_server.environ))
        both[-1].write(cell("web", route, updateStrategy=steps(50)))
    seen = observe(route)
    started = [
        each.start(OKRA_INSTALL=name, OKRA_CLAIM_SETTLE="13s")
        for name, each in zip(("blue", "green"), both, strict=True)
    ]
    try:
        codes = {name: process.wait() for name, process in zip(("blue", "green"), started, strict=True)}
    finally:
        for each in both:
            each.close()
    assert sorted(codes.values()) == [0, 1], [process.said for process in started]
    winner, loser = sorted(codes, key=lambda name: codes[name])
    assert world.tags(route.arn)["okra.mumoshu.github.io/owner"] == f"{winner}/default/web"
    status = both[("blue", "green").index(loser)].status()
    assert status["reason"] == "RouteConflict"
    assert f"{winner}/default/web" in status["message"]
    assert seen.percents("1.1.0") == [0, 50, 100]


def test_a_cell_that_crashes_in_a_loop_doesnt_disturb_the_one_beside_it(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    one = world.route(replicas=1, targets=1, tags={"role": "web"}, name="one")
    two = world.route(replicas=1, targets=1, tags={"role": "web2"}, name="two")
    okra.write(cell("bad", one), cell("good", two, role="web2"))
    seen, bad = observe(two), observe(one)
    process = okra.start(module=("tests.scenarios.crashing",), CRASHES="bad")
    process.may_crash = True
    okra.until(lambda status: status.get("phase") == "Synced" and status["stableVersion"] == "1.1.0", name="good")
    assert seen.percents("1.1.0") == list(range(0, 101, 10))
    stalled = okra.until(lambda status: "Stalled" in conditions(status), name="bad", within=60)
    assert conditions(stalled)["Stalled"] == ("True", "ActorCrashLoop")
    assert conditions(stalled)["Ready"] == ("False", "ActorCrashLoop")
    assert "a fault of its own" in stalled["conditions"][0]["message"]
    assert len(bad.seen) == 1
    process.interrupt()
    assert process.wait(within=60) == 130, process.said
