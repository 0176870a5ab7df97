"""A person's hands on the wheel: the annotation, each id once, the same whether or not Okra runs just then."""

from __future__ import annotations

import pytest

from okra.testing.aws_world import AwsWorld
from tests.scenarios.conftest import Observe
from tests.scenarios.manifests import cell, error_rate, steps
from tests.scenarios.metrics import Answer, Metrics
from tests.scenarios.okra_process import Okra

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]


def test_pause_stops_the_progress_and_resume_goes_on(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    okra.write(cell("web", route, updateStrategy=steps(20, 60, each="2s")))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("weight") == "20%")
    okra.command("pause", id="p")
    assert okra.outcome("p").startswith("paused")
    process.looks(8)
    process.end()
    assert seen.percents("1.1.0") == [0, 20]
    assert okra.status()["phase"] == "Paused"
    okra.command("resume", id="r")
    process = okra.start()
    assert process.wait() == 0, process.said
    assert seen.percents("1.1.0") == [0, 20, 60, 100]
    assert [each["id"] for each in okra.status()["commands"]] == ["p", "r"]


def test_abort_reverts_and_blocks_until_a_person_retries(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    before = world.weights(route.arn)
    okra.write(cell("web", route, updateStrategy=steps(20, 60, each="3s")))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("weight") == "20%")
    okra.command("abort", id="a")
    assert process.wait() == 1, process.said
    assert seen.percents("1.1.0") == [0, 20, 0]
    assert {arn: weight for arn, weight in world.weights(route.arn).items() if weight} == before
    status = okra.status()
    assert [block["version"] for block in status["blockedVersions"]] == ["1.1.0"]
    assert "tester" in status["blockedVersions"][0]["reason"]
    assert okra.run()[0] == 1, "the same command is executed once, and the block stays"
    okra.command("retry", id="b")
    code, process = okra.run()
    assert code == 0, process.said
    assert seen.percents("1.1.0") == [0, 20, 0, 20, 60, 100]


def test_approve_opens_the_gate_that_waits_for_it(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    plan = {"canary": {"steps": [{"setWeight": 20}, {"approval": {}}, {"setWeight": 60}]}}
    okra.write(cell("web", route, updateStrategy=plan))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("phase") == "Paused")
    assert seen.percents("1.1.0") == [0, 20]
    assert okra.status()["reason"] == "ApprovalNeeded"
    okra.command("approve")
    assert process.wait() == 0, process.said
    assert seen.percents("1.1.0")[:2] == [0, 20]
    assert seen.last()[route.groups["1.0.0"][0]] == 0


def test_promote_skips_checks_and_pauses_but_not_health(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    new = route.groups["1.1.0"][0]
    plan = {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "1h"}}]}}
    seen = observe(route)
    with Metrics(lambda: Answer(0.0 if seen.percents("1.1.0")[-1] <= 20 else 0.9)) as metrics:
        okra.write(cell("web", route, updateStrategy=plan, checks=[error_rate(metrics.url)]))
        process = okra.start()
        okra.until(lambda status: status.get("phase") == "Paused")
        okra.command("promote")
        assert process.wait() == 0, process.said
    assert seen.percents("1.1.0")[0:2] == [0, 20]
    assert seen.last()[new] > 0
    assert seen.percents("1.1.0")[-1] == 100


def test_rollback_goes_back_in_one_step_and_unblock_alone_starts_nothing(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    okra.write(cell("web", route, updateStrategy=steps(50)))
    seen = observe(route)
    assert okra.run()[0] == 0
    okra.command("rollback", id="a")
    code, process = okra.run()
    assert code == 0, process.said
    assert seen.percents("1.1.0") == [0, 50, 100, 0]
    status = okra.status()
    assert (status["stableVersion"], [block["version"] for block in status["blockedVersions"]]) == ("1.0.0", ["1.1.0"])
    okra.command("unblock", "1.1.0", id="b")
    assert okra.run()[0] == 0
    assert okra.status()["blockedVersions"] == []
    assert seen.percents("1.1.0")[-1] == 0
    okra.command("retry", "1.1.0", id="c")
    assert okra.run()[0] == 0
    assert seen.percents("1.1.0") == [0, 50, 100, 0, 50, 100]


def test_a_command_that_makes_no_sense_is_refused_and_disturbs_nothing(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    okra.write(cell("web", route, updateStrategy=steps(20, each="3s")))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("weight") == "20%")
    okra.command("dance", id="x")
    assert okra.outcome("x").startswith("Refused")
    okra.command("approve", id="y")
    assert okra.outcome("y").startswith("Refused")
    assert process.wait() == 0, process.said
    assert seen.percents("1.1.0") == [0, 20, 100]


def test_the_verb_of_the_command_line_reaches_the_run(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    okra.write(cell("web", route, updateStrategy=steps(20, each="15s")))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("weight") == "20%")
    done = okra.cli("abort", "web", "--state", str(okra.state))
    assert done.returncode == 0, done.stderr
    assert "reverting" in done.stdout
    assert process.wait() == 1, process.said
    assert seen.percents("1.1.0") == [0, 20, 0]
