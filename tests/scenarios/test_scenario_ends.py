"""How a run ends, and how the next goes on."""

from __future__ import annotations

import pytest

from okra.testing.aws_world import AwsWorld
from tests.scenarios.conftest import Observe
from tests.scenarios.manifests import cell, steps
from tests.scenarios.okra_process import Okra

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]


def test_ctrl_c_leaves_the_weights_says_how_to_go_on_and_the_same_command_does(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    okra.write(cell("web", route, updateStrategy=steps(20, 60, each="4s")))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("weight") == "20%")
    process.interrupt()
    assert process.wait(within=60) == 130, process.said
    assert "the same command goes on from here" in process.out
    assert seen.percents("1.1.0") == [0, 20]
    code, process = okra.run()
    assert code == 0, process.said
    assert seen.percents("1.1.0") == [0, 20, 60, 100]


def test_a_second_run_on_the_same_state_is_refused_and_names_the_first(world: AwsWorld, okra: Okra) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    okra.write(cell("web", route, updateStrategy={"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}}))
    first = okra.start()
    okra.until(lambda status: status.get("phase") == "Paused")
    code, second = okra.run()
    assert code == 2
    assert f"process {first.life.pid}" in second.err
    assert first.life.poll() is None


def test_a_timeout_ends_with_its_own_code_and_the_state_goes_on(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    okra.write(cell("web", route, updateStrategy={"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}}))
    seen = observe(route)
    code, process = okra.run("--timeout", "12s")
    assert code == 3, process.said
    assert "The timeout ran out" in process.out
    assert seen.percents("1.1.0") == [0, 20]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Cell\n  broken", "cells.yaml"),
        (
            "apiVersion: okra.mumoshu.github.io/v1alpha1\nkind: Cell\nmetadata: {name: web}\nspec: {replcas: 1}",
            "replicas",
        ),
        ("", "empty"),
        ("apiVersion: v1\nkind: Namespace\nmetadata: {name: web}", "no Cell"),
    ],
    ids=["no YAML", "unknown field", "empty", "no Cell"],
)
def test_bad_input_is_said_before_anything_happens(okra: Okra, text: str, said: str) -> None:
    okra.write(text)
    code, process = okra.run()
    assert code == 2
    assert said in process.err
    assert "Traceback" not in process.err
    assert not okra.state.exists()


def test_a_setting_that_is_wrong_is_bad_input(okra: Okra, world: AwsWorld) -> None:
    okra.write(cell("web", world.route(replicas=1, targets=1, tags={"role": "web"})))
    code, process = okra.run(OKRA_STEP_INTERVAL="soon")
    assert code == 2
    assert "OKRA_STEP_INTERVAL" in process.err


def test_a_file_that_becomes_wrong_in_mid_run_changes_nothing(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    okra.write(cell("web", route, updateStrategy=steps(20, each="4s")))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("weight") == "20%")
    okra.write("kind: Cell\n  broken")
    assert process.wait() == 0, process.said
    assert "can't be used" in process.out
    assert seen.percents("1.1.0") == [0, 20, 100]


def test_read_only_decides_and_reports_but_writes_nothing(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    okra.write(cell("web", route))
    seen = observe(route)
    process = okra.start("--read-only")
    status = okra.until(lambda status: status.get("reason") == "ReadOnly")
    assert "web-1-1-0-0=0" in status["message"]
    process.looks(3)
    process.end()
    assert len(seen.seen) == 1
    assert world.tags(route.arn) == {}
