"""Checks through the web provider: what they say decides, and what they can't say never passes."""

from __future__ import annotations

import pytest

from okra.testing.aws_world import AwsWorld
from tests.scenarios.conftest import Observe
from tests.scenarios.manifests import cell, error_rate, steps
from tests.scenarios.metrics import Answer, Metrics
from tests.scenarios.okra_process import Okra

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]


def test_a_check_that_fails_at_half_of_the_traffic_puts_the_exact_weights_back_and_blocks_the_version(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    route = world.route({"1.0.0": 3, "1.1.0": 0}, replicas=1, tags={"role": "web"})
    before = world.weights(route.arn)
    seen = observe(route)

    def judge() -> Answer:
        return Answer(0.5 if seen.percents("1.1.0")[-1] >= 50 else 0.01)

    with Metrics(judge) as metrics:
        okra.write(cell("web", route, checks=[error_rate(metrics.url)]))
        code, process = okra.run()
        again, _ = okra.run()
    assert (code, again) == (1, 1), process.said
    assert seen.percents("1.1.0") == [0, 10, 20, 30, 40, 50, 0]
    seen.assert_fit_for_a_load_balancer()
    assert {arn: weight for arn, weight in world.weights(route.arn).items() if weight} == before
    status = okra.status()
    assert (status["phase"], status["reason"], status["stableVersion"]) == ("Failed", "RolledBack", "1.0.0")
    assert [block["version"] for block in status["blockedVersions"]] == ["1.1.0"]
    assert "errors" in status["blockedVersions"][0]["reason"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=503, body=b"try later"),
        Answer(hang=True),
        Answer(value=None),
        Answer(body=b"<html>it works</html>"),
    ],
    ids=["down", "slow", "no data", "no JSON"],
)
def test_a_metrics_api_that_says_nothing_never_passes_and_nothing_is_lost(
    world: AwsWorld, okra: Okra, observe: Observe, answer: Answer
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    seen = observe(route)
    now = Answer(0.0)
    with Metrics(lambda: now if seen.percents("1.1.0")[-1] == 20 else Answer(0.0)) as metrics:
        now = answer
        check = error_rate(metrics.url, interval="100ms", consecutiveErrorLimit=1)
        check["analysis"]["provider"]["web"]["timeout"] = "500ms"
        okra.write(cell("web", route, updateStrategy=steps(20, 60), checks=[check]))
        process = okra.start()
        okra.until(lambda status: status.get("phase") == "Paused")
        process.looks(3)
        process.end()
        assert seen.percents("1.1.0") == [0, 20], "it neither passes nor reverts"
        status = okra.status()
        assert (status["phase"], status["held"]["reason"]) == ("Paused", "Inconclusive")
        assert status["blockedVersions"] == []
        now = Answer(0.0)
        okra.command("retry")
        code, process = okra.run()
    assert code == 0, process.said
    assert seen.percents("1.1.0") == [0, 20, 60, 100]


def test_a_metrics_api_that_is_away_for_a_moment_is_asked_again(world: AwsWorld, okra: Okra, observe: Observe) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    seen = observe(route)
    with Metrics(lambda: Answer(0.0) if metrics.asked % 3 == 0 else Answer(status=502, body=b"")) as metrics:
        check = error_rate(metrics.url, interval="100ms")
        okra.write(cell("web", route, updateStrategy=steps(20, 60), checks=[check]))
        code, process = okra.run()
    assert code == 0, process.said
    assert seen.percents("1.1.0") == [0, 20, 60, 100]
    assert metrics.asked >= 9, "three questions a step until one is answered"
