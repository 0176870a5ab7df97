"""What only a person can put right: exit code 1, a message that says what to do, and no crash loop nor call storm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from okra.testing.aws_world import AwsWorld
from okra.testing.fault_process import FaultProxyProcess
from okra.testing.faults import Fault, FaultKind
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import cell, steps
from tests.scenarios.okra_process import Okra

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]

Break = Callable[[AwsWorld, dict[str, Any], Any], None]


def wrong_listener(world: AwsWorld, manifest: dict[str, Any], route: Any) -> None:
    alb = manifest["spec"]["ingress"]["awsApplicationLoadBalancer"]
    alb["listenerARN"] = alb["listenerARN"][:-4] + "beef"


def missing_rule(world: AwsWorld, manifest: dict[str, Any], route: Any) -> None:
    manifest["spec"]["ingress"]["awsApplicationLoadBalancer"]["rule"]["priority"] = 11


def redirect(world: AwsWorld, manifest: dict[str, Any], route: Any) -> None:
    config = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    world.set_actions(route.arn, [{"Type": "redirect", "RedirectConfig": config}])


BROKEN = [
    (wrong_listener, "ListenerNotFound", "Check the ARN"),
    (missing_rule, "RuleNotFound", "11"),
    (redirect, "RouteNotForward", "takeOver"),
]


@pytest.mark.parametrize(("breaks", "reason", "said"), BROKEN, ids=[each[0].__name__ for each in BROKEN])
def test_a_route_that_cant_be_used_is_said(world: AwsWorld, okra: Okra, breaks: Break, reason: str, said: str) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    manifest = cell("web", route)
    breaks(world, manifest, route)
    before = world.actions(route.arn)
    okra.write(manifest)
    code, process = okra.run()
    assert code == 1, process.said
    status = okra.status()
    assert (status["phase"], status["reason"]) == ("Failed", reason)
    assert said in status["message"]
    assert status["message"] in process.out
    assert world.actions(route.arn) == before


def denied(operation: str) -> Fault:
    said = f"User: arn:aws:iam::123456789012:user/okra is not authorized to perform: elasticloadbalancing:{operation}"
    return Fault(FaultKind.ERROR, operation, status=403, code="AccessDenied", message=said)


@pytest.mark.parametrize("operation", ["DescribeRules", "DescribeTargetGroups", "AddTags", "ModifyRule"])
def test_a_missing_permission_is_named_and_nothing_moves(
    world: AwsWorld, faulty: Okra, proxy: FaultProxyProcess, operation: str
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    before = world.weights(route.arn)
    proxy.add(denied(operation))
    faulty.write(cell("web", route))
    code, process = faulty.run()
    assert code == 1, process.said
    status = faulty.status()
    assert status["reason"] == "AccessDenied"
    assert f"elasticloadbalancing:{operation}" in status["message"]
    assert world.weights(route.arn) == before


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId"])
def test_credentials_that_are_not_taken_are_said(
    world: AwsWorld, faulty: Okra, proxy: FaultProxyProcess, code: str
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    proxy.add(Fault(FaultKind.ERROR, status=403, code=code, message="The security token is no good"))
    faulty.write(cell("web", route))
    exit_code, process = faulty.run()
    assert exit_code == 1, process.said
    status = faulty.status()
    assert status["reason"] == "CredentialsInvalid"
    assert "credentials" in status["message"].lower()


def test_no_credentials_at_all_are_said(world: AwsWorld, okra: Okra) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    hidden = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    okra.environ = {name: value for name, value in okra.environ.items() if name not in hidden}
    okra.write(cell("web", route))
    code, process = okra.run()
    assert code == 1, process.said
    assert okra.status()["reason"] == "CredentialsInvalid"


def test_a_permission_that_goes_missing_in_mid_rollout_holds_it_and_it_goes_on_when_it_is_back(
    world: AwsWorld, faulty: Okra, proxy: FaultProxyProcess
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    faulty.write(cell("web", route, updateStrategy=steps(20, 60, each="2s")))
    process = faulty.start()
    faulty.until(lambda status: status.get("weight") == "20%")
    proxy.add(denied("ModifyRule"))
    faulty.until(lambda status: status.get("reason") == "AccessDenied")
    proxy.clear()
    assert process.wait() == 0, process.said
    assert faulty.status()["stableVersion"] == "1.1.0"


def test_a_permanent_condition_costs_few_calls_and_crashes_nothing(
    world: AwsWorld, faulty: Okra, proxy: FaultProxyProcess
) -> None:
    """Beside a Cell that waits for a person, so that the run doesn't end."""
    waiting = world.route(replicas=1, targets=1, tags={"role": "web"}, name="waiting")
    broken = world.route(replicas=1, targets=1, tags={"role": "web2"}, name="broken")
    proxy.add(Fault(FaultKind.ERROR, "ModifyRule", status=403, code="AccessDenied", where={"RuleArn": broken.arn}))
    paused = cell("waiting", waiting, paused=True)
    faulty.write(paused, cell("broken", broken, role="web2"))
    process = faulty.start()
    faulty.until(lambda status: status.get("reason") == "AccessDenied", name="broken")
    faulty.until(lambda status: status.get("phase") == "Paused", name="waiting")
    first = proxy.records()
    last = eventually(proxy.records, lambda now: now[-1].call.at - first[-1].call.at >= 6.0)
    during = [record.call.operation for record in last[len(first) :]]
    assert during.count("ModifyRule") <= 5, "each refusal doubles the wait"
    assert len(during) <= 60, f"{len(during)} calls in six seconds: {during}"
    assert process.life.poll() is None
    process.end()
