"""What a failure leads to beyond one route and the default: several routes together, and `onFailure: Stop`."""

from __future__ import annotations

import pytest

from okra.testing.aws_world import AwsWorld
from tests.scenarios.conftest import Observe
from tests.scenarios.manifests import cell, error_rate, ingress, steps
from tests.scenarios.metrics import Answer, Metrics
from tests.scenarios.okra_process import Okra

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]


def test_several_routes_are_stepped_together_and_reverted_together(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    one = world.route(replicas=1, targets=1, tags={"role": "one"}, name="one")
    two = world.route(replicas=1, targets=1, tags={"role": "two"}, name="two", kind="tls")
    manifest = cell("web", one, updateStrategy=steps(20, 40, 60))
    del manifest["spec"]["ingress"]
    manifest["spec"]["ingresses"] = [ingress(one, "one"), ingress(two, "two")]
    seen = observe(one), observe(two)

    def judge() -> Answer:
        return Answer(0.5 if all(each.percents("1.1.0")[-1] >= 40 for each in seen) else 0.0)

    with Metrics(judge) as metrics:
        manifest["spec"]["checks"] = [error_rate(metrics.url)]
        okra.write(manifest)
        code, process = okra.run()
    assert code == 1, process.said
    assert [each.percents("1.1.0") for each in seen] == [[0, 20, 40, 0]] * 2
    assert [block["version"] for block in okra.status()["blockedVersions"]] == ["1.1.0"]


def test_stop_freezes_the_weights_where_a_check_failed_and_an_abort_takes_them_back(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    seen = observe(route)
    with Metrics(lambda: Answer(0.5 if seen.percents("1.1.0")[-1] >= 40 else 0.0)) as metrics:
        checks = [error_rate(metrics.url)]
        strategy = steps(20, 40, 60)
        okra.write(cell("web", route, updateStrategy=strategy, checks=checks, onFailure={"action": "Stop"}))
        code, process = okra.run()
        assert code == 1, process.said
        assert seen.percents("1.1.0") == [0, 20, 40]
        assert okra.status()["machine"] == "Stopped"
        okra.command("abort")
        code, process = okra.run()
    assert code == 1, process.said
    assert seen.percents("1.1.0") == [0, 20, 40, 0]


def test_a_canary_group_that_loses_its_tag_is_taken_off_without_a_block(
    world: AwsWorld, okra: Okra, observe: Observe
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    okra.write(cell("web", route, updateStrategy=steps(20, each="30s")))
    seen = observe(route)
    process = okra.start()
    okra.until(lambda status: status.get("weight") == "20%")
    world.untag(route.groups["1.1.0"][0], "role")
    process.wait()
    assert seen.percents("1.1.0") == [0, 20, 0]
    status = okra.status()
    assert (status["stableVersion"], status["blockedVersions"]) == ("1.0.0", [])
    assert status["rollout"]["outcome"] == "Withdrawn"
