"""Weighted records of Route 53 from kubectl to DNS, by a controller that is killed in the middle of each request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from okra.aws.iam import policy
from okra.testing.aws_world import AwsWorld
from okra.testing.dns_world import DnsWorld
from okra.testing.fault_process import FaultProxyProcess
from okra.testing.faults import Fault, FaultKind
from okra.testing.moto_iam import decisions
from okra.testing.moto_server import MotoServer, environ_for, weights_record
from tests.e2e.identities import Account
from tests.e2e.installed import Installed
from tests.kube.controller_process import shows
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import error_rate, steps
from tests.scenarios.metrics import Answer, Metrics

pytestmark = [pytest.mark.timeout(600)]

NAME, OLD, NEW, BAD = "web.example.com", "192.0.2.1", "192.0.2.2", "192.0.2.3"
VERSIONS = {"1.0.0": OLD, "1.1.0": NEW, "1.2.0": BAD}
WRITE, SPREADS = "ChangeResourceRecordSets", "GetChange"
ALONE = "--no-leader-elect"
"""Saves the seconds for which a first leader waits: a former one's writes might still land."""


@pytest.fixture
def proxy(aws_server: MotoServer) -> Iterator[FaultProxyProcess]:
    with FaultProxyProcess(aws_server.url) as proxy:
        yield proxy


def killed_in(
    okra: Installed, proxy: FaultProxyProcess, operation: str, skip: int = 0, do: Callable[[], object] = lambda: None
) -> None:
    """The next request of its kind, after `skip` others, reaches AWS, and who waits for its answer is killed: the
    controller that runs, or else one that is started for it."""
    proxy.forget()
    proxy.add(Fault(FaultKind.HANG, operation, applied=True, times=1, skip=skip))
    do()
    if not okra.controllers.started or okra.controllers.started[-1].life.poll() is not None:
        okra.start(ALONE)
    eventually(proxy.records, lambda found: any(record.fault for record in found), within=90)
    kill(okra, proxy)


def kill(okra: Installed, proxy: FaultProxyProcess) -> None:
    last = okra.controllers.started[-1]
    last.kill()
    eventually(last.life.poll, lambda code: code is not None)
    proxy.clear()


def of_records(dns: DnsWorld, metrics: str, *versions: str) -> dict[str, Any]:
    """A Cell of two steps."""
    block: dict[str, Any] = {"hostedZoneID": dns.zone, "name": NAME, "type": "A", "ttl": 1}
    block["endpoints"] = [{"version": each, "value": VERSIONS[each]} for each in versions]
    spec = {"ingress": {"type": "Route53", "route53": block}, "updateStrategy": steps(50, each="1s")}
    kind = {"apiVersion": "okra.mumoshu.github.io/v1alpha1", "kind": "Cell", "metadata": {"name": "web"}}
    return {**kind, "spec": {**spec, "checks": [error_rate(f"{metrics}?v={{{{.Vars.version}}}}")]}}


def test_records_move_in_steps_and_back_whenever_the_controller_is_killed(
    aws_server: MotoServer, aws_world: AwsWorld, okra: Installed, proxy: FaultProxyProcess
) -> None:
    """With the chart's roles and the printed policy; each time what was sent is done, and nobody has heard of it."""
    dns = DnsWorld(aws_world)
    dns.weighted(NAME, {OLD: 10})
    okra.controllers.aws = {**environ_for(proxy.url), **Account(aws_world).user("okra", policy())}
    record_set = f"arn:aws:route53:aws-global::recordset/{dns.zone}/{NAME}/A"

    def owners() -> list[str]:
        return [each["Value"] for one in dns.records(f"_okra-owner-a.{NAME}", "TXT") for each in one["ResourceRecords"]]

    failing = False
    with Metrics(lambda: Answer(0.9 if failing else 0.01)) as metrics:
        okra.apply(of_records(dns, metrics.url, "1.0.0", "1.1.0"))
        killed_in(okra, proxy, WRITE)
        eventually(owners, lambda found: found == [f'"okra/{okra.namespace}/web"'])  # the claim
        killed_in(okra, proxy, WRITE)
        eventually(lambda: dns.weights(NAME), lambda found: found == {OLD: 10, NEW: 0})  # the attach
        killed_in(okra, proxy, SPREADS)
        killed_in(okra, proxy, WRITE, skip=1)  # the attach is written again: nobody has its answer
        eventually(lambda: dns.weights(NAME), lambda found: found == {OLD: 1, NEW: 1})  # the first step
        killed_in(okra, proxy, SPREADS)
        okra.start(ALONE)
        okra.controllers.until(shows("50%"))
        kill(okra, proxy)  # while resolvers may still answer what was before
        killed_in(okra, proxy, WRITE)
        eventually(lambda: dns.weights(NAME), lambda found: found == {OLD: 0, NEW: 1})  # the last step
        okra.start(ALONE)
        okra.wait("cell/web", "jsonpath={.status.stableVersion}=1.1.0")
        okra.wait("cell/web", "condition=Ready")

        failing = True
        okra.apply(of_records(dns, metrics.url, *VERSIONS))
        okra.controllers.until(lambda status: status.get("phase") == "Reverting")
        kill(okra, proxy)
        killed_in(okra, proxy, WRITE)
        okra.start(ALONE)
        okra.wait("cell/web", "jsonpath={.status.reason}=RolledBack")
        assert {value: weight for value, weight in dns.weights(NAME).items() if weight} == {NEW: 1}

    killed_in(okra, proxy, WRITE, do=lambda: okra.kubectl("delete", "cell", "web", "--wait=false"))
    eventually(owners, lambda found: found == [])  # the release
    okra.start(ALONE)
    okra.kubectl("wait", "cell/web", "--for=delete", "--timeout=60s")
    assert {value: weight for value, weight in dns.weights(NAME).items() if weight} == {NEW: 1}
    shares = [round(100 * each.get(NEW, 0) / sum(each.values())) for each in weights_record(aws_world.url, record_set)]
    assert [share for at, share in enumerate(shares) if at == 0 or share != shares[at - 1]] == [0, 50, 100, 50, 100]
    assert [each for each in decisions(aws_server.url) if not each.allowed] == []
