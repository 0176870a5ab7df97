"""An ALB on a real control plane: kubectl applies and waits, controllers are killed, and each end is exact."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

import pytest

from okra.testing.aws_world import AwsWorld
from tests.e2e.installed import Installed
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import alb, error_rate
from tests.scenarios.metrics import Answer, Metrics

pytestmark = [pytest.mark.timeout(600)]

SLOW: dict[str, Any] = {"stepWeight": 50, "stepInterval": "60s"}
"""On the way for as long as a test takes."""
QUICK: dict[str, Any] = {"stepWeight": 50, "stepInterval": "1s"}


def percents(weights: Mapping[str, int]) -> list[int]:
    return [100 * weight // sum(weights.values()) for weight in weights.values() if weight]


def status(okra: Installed) -> dict[str, Any]:
    return dict(okra.controllers.find("web", "albs").get("status") or {})


def test_kubectl_divides_a_rule_waits_for_it_and_every_failure_gives_back_what_was_there(
    okra: Installed, aws_world: AwsWorld
) -> None:
    route = aws_world.route({"1.0.0": 3, "1.1.0": 1, "1.2.0": 0}, replicas=1, targets=1)
    (a,), (b,), (c,) = (route.groups[version] for version in ("1.0.0", "1.1.0", "1.2.0"))
    first = okra.start("--no-leader-elect")
    okra.apply(alb("web", route, {a: 1, c: 1}, **SLOW))
    eventually(
        lambda: status(okra).get("weight") == "50%" and percents(aws_world.weights(route.arn)) == [62, 12, 25], bool
    )
    (line,) = okra.table("albs")
    assert (line["PHASE"], line["WEIGHT"], line["STEP"]) == ("Syncing", "50%", "1/2")

    first.life.send_signal(signal.SIGKILL)
    first.life.poll()
    okra.start("--no-leader-elect")
    okra.apply(alb("web", route, {a: 1, c: 1}, **QUICK))
    okra.controllers.cli("promote", "alb/web")
    okra.wait("alb/web", "condition=Ready")
    assert {arn: weight for arn, weight in aws_world.weights(route.arn).items() if weight} == {a: 1, c: 1}
    shown = okra.controllers.cli("status", "alb/web").stdout
    assert shown.startswith("ALB ")
    assert "Synced" in shown

    with Metrics(lambda: Answer(0.9)) as metrics:
        okra.apply(alb("web", route, {a: 1, b: 8, c: 1}, checks=[error_rate(metrics.url)], **QUICK))
        okra.wait("alb/web", "jsonpath={.status.reason}=RolledBack")
    assert {arn: weight for arn, weight in aws_world.weights(route.arn).items() if weight} == {a: 1, c: 1}
    assert okra.condition("web", "Stalled", "albs")["status"] == "True"

    okra.apply(alb("web", route, {b: 1}, **SLOW))
    eventually(lambda: aws_world.weights(route.arn).get(b), bool)
    okra.kubectl("delete", "alb", "web", "--timeout=90s")
    assert {arn: weight for arn, weight in aws_world.weights(route.arn).items() if weight} == {a: 1, c: 1}
    assert "okra.mumoshu.github.io/owner" not in aws_world.tags(route.arn)
