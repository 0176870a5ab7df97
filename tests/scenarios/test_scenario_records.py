"""Weighted records of Route 53: by the same machine as a load balancer's weights, waits that DNS needs included."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from okra.testing.aws_world import AwsWorld
from okra.testing.dns_world import DnsWorld
from okra.testing.fault_process import FaultProxyProcess
from okra.testing.faults import Fault, FaultKind
from okra.testing.moto_server import environ_for, weights_record
from tests.scenarios.killed import AFTER, EFFECTS
from tests.scenarios.manifests import cell, error_rate, ingress, steps
from tests.scenarios.metrics import Answer, Metrics
from tests.scenarios.okra_process import Okra

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(600)]

NAME, OLD, NEW = "web.example.com", "192.0.2.1", "192.0.2.2"
FEWEST = 20
"""Boundaries that a rollout of two steps has at least."""
LANES = 5
QUICK = {"OKRA_AWS_RATE_SHARE": "20"}
"""More than Route 53 allows: nothing here is about that."""


@pytest.fixture
def okra(okra: Okra) -> Okra:
    okra.settings |= QUICK
    return okra


@pytest.fixture
def faulty(faulty: Okra) -> Okra:
    faulty.settings |= QUICK
    return faulty


@pytest.fixture
def dns(world: AwsWorld) -> DnsWorld:
    dns = DnsWorld(world)
    dns.weighted(NAME, {OLD: 10})
    return dns


def records(zone: str, **changes: Any) -> dict[str, Any]:
    endpoints = [{"version": "1.0.0", "value": OLD}, {"version": "1.1.0", "value": NEW}]
    block = {"hostedZoneID": zone, "name": NAME, "type": "A", "ttl": 1, "endpoints": endpoints, **changes}
    return {"type": "Route53", "route53": block}


def of_records(dns: DnsWorld, **spec: Any) -> dict[str, Any]:
    """A Cell of two steps."""
    meta = {"apiVersion": "okra.mumoshu.github.io/v1alpha1", "kind": "Cell", "metadata": {"name": "web"}}
    return {**meta, "spec": {"ingress": records(dns.zone), "updateStrategy": steps(50), **spec}}


def seen(world: AwsWorld, dns: DnsWorld) -> list[dict[str, int]]:
    """Every set of weights that the name has had."""
    arn = f"arn:aws:route53:aws-global::recordset/{dns.zone}/{NAME}/A"
    return weights_record(world.url, arn)


def percents(found: list[dict[str, int]]) -> list[float]:
    shares = [100 * weights.get(NEW, 0) / sum(weights.values()) for weights in found]
    return [share for at, share in enumerate(shares) if at == 0 or share != shares[at - 1]]


def test_a_good_version_gets_all_traffic_in_steps_and_its_records_say_whose_they_are(
    world: AwsWorld, dns: DnsWorld, okra: Okra
) -> None:
    okra.write(of_records(dns))
    code, process = okra.run()
    assert code == 0, process.said
    assert percents(seen(world, dns)) == [0, 50, 100]
    assert dns.weights(NAME) == {OLD: 0, NEW: 1}
    assert {record["TTL"] for record in dns.records(NAME)} == {1}
    (owner,) = dns.records(f"_okra-owner-a.{NAME}", "TXT")
    assert owner["ResourceRecords"] == [{"Value": '"okra/default/web"'}]
    status = okra.status()
    assert (status["phase"], status["stableVersion"]) == ("Synced", "1.1.0")


def test_a_bad_version_is_taken_back_to_the_exact_weights(world: AwsWorld, dns: DnsWorld, okra: Okra) -> None:
    with Metrics(lambda: Answer(0.9)) as metrics:
        okra.write(of_records(dns, checks=[error_rate(metrics.url)]))
        code, process = okra.run()
    assert code == 1, process.said
    assert percents(seen(world, dns)) == [0, 50, 0]
    assert dns.weights(NAME)[NEW] == 0
    assert okra.status()["blockedVersions"][0]["version"] == "1.1.0"


def test_a_name_without_records_gets_those_of_the_newest_version(world: AwsWorld, dns: DnsWorld, okra: Okra) -> None:
    fresh = "fresh.example.com"
    okra.write(of_records(dns, ingress=records(dns.zone, name=fresh)))
    code, process = okra.run()
    assert code == 0, process.said
    assert dns.weights(fresh) == {NEW: 1}


def test_two_records_that_share_the_traffic_are_adopted_where_they_stand(
    world: AwsWorld, dns: DnsWorld, okra: Okra
) -> None:
    dns.weighted(NAME, {OLD: 3, NEW: 1})
    before = len(seen(world, dns))
    okra.write(of_records(dns))
    code, process = okra.run()
    assert code == 0, process.said
    assert percents(seen(world, dns)[before - 1 :]) == [25, 50, 100]
    names = {record["ResourceRecords"][0]["Value"]: record["SetIdentifier"] for record in dns.records(NAME)}
    assert names == {OLD: f"to {OLD}", NEW: f"to {NEW}"}, "records that were there keep their names"


def test_a_simple_record_is_left_alone_and_it_is_said_what_to_do(world: AwsWorld, dns: DnsWorld, okra: Okra) -> None:
    simple = {"Name": "s.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": OLD}]}
    dns.change(("CREATE", simple))
    okra.write(of_records(dns, ingress=records(dns.zone, name="s.example.com")))
    code, process = okra.run()
    assert code == 1, process.said
    assert okra.status()["reason"] == "RouteNotWeighted"
    assert "routing policy weighted" in okra.status()["message"]
    assert [record.get("Weight") for record in dns.records("s.example.com")] == [None]


def test_an_endpoint_whose_health_check_fails_gets_no_traffic(world: AwsWorld, dns: DnsWorld, okra: Okra) -> None:
    check = dns.health_check("1/5")
    endpoints = [{"version": "1.0.0", "value": OLD}, {"version": "1.1.0", "value": NEW, "healthCheckID": check}]
    okra.write(of_records(dns, ingress=records(dns.zone, endpoints=endpoints), healthTimeout="3s"))
    code, process = okra.run()
    assert code == 1, process.said
    assert percents(seen(world, dns)) == [0]
    assert "HealthTimeout" in process.reasons()


def test_an_endpoint_whose_health_check_fails_under_traffic_is_taken_back(
    world: AwsWorld, dns: DnsWorld, okra: Okra
) -> None:
    check = dns.health_check("5/5")
    endpoints = [{"version": "1.0.0", "value": OLD}, {"version": "1.1.0", "value": NEW, "healthCheckID": check}]
    pause = {"type": "Canary", "canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}
    okra.write(of_records(dns, ingress=records(dns.zone, endpoints=endpoints), updateStrategy=pause))
    process = okra.start()
    process.until("WeightsConfirmed", count=2)
    dns.set_health(check, "0/5")
    assert process.wait() == 1, process.said
    assert percents(seen(world, dns)) == [0, 50, 0]
    assert "CanaryUnhealthy" in process.reasons()


def test_records_and_a_listener_of_one_cell_move_together(world: AwsWorld, dns: DnsWorld, okra: Okra) -> None:
    route = world.route(replicas=2, tags={"role": "web"})
    body = cell("web", route, replicas=2, updateStrategy=steps(50))
    del body["spec"]["ingress"]
    body["spec"]["ingresses"] = [ingress(route), records(dns.zone)]
    okra.write(body)
    code, process = okra.run()
    assert code == 0, process.said
    assert percents(seen(world, dns)) == [0, 50, 100]
    weights = world.weights(route.arn)
    assert all(weights[arn] for arn in route.groups["1.1.0"])
    assert not any(weights[arn] for arn in route.groups["1.0.0"])


def test_a_person_who_takes_the_traffic_off_has_aborted(world: AwsWorld, dns: DnsWorld, okra: Okra) -> None:
    pause = {"type": "Canary", "canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}
    okra.write(of_records(dns, updateStrategy=pause))
    process = okra.start()
    process.until("WeightsConfirmed", count=2)
    dns.weighted(NAME, {OLD: 1})
    dns.change(*(("UPSERT", {**each, "Weight": 0}) for each in dns.records(NAME) if each["SetIdentifier"] == "1.1.0"))
    process.until("WeightsDrifted")
    process.looks()
    assert dns.weights(NAME) == {OLD: 1, NEW: 0}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.THROTTLE, every=3),
        Fault(FaultKind.RESET, "ChangeResourceRecordSets", applied=True, every=2),
        Fault(FaultKind.RESET, "ChangeResourceRecordSets", every=2),
        Fault(FaultKind.UNAVAILABLE, "GetChange", every=2),
        Fault(FaultKind.STALE, "ListResourceRecordSets", every=4),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.operation}-{fault.applied}",
)
def test_faults_of_route_53_delay_a_rollout_and_change_nothing_about_its_end(
    world: AwsWorld, dns: DnsWorld, faulty: Okra, proxy: FaultProxyProcess, fault: Fault
) -> None:
    proxy.add(fault)
    faulty.write(of_records(dns))
    code, process = faulty.run()
    assert code == 0, process.said
    assert percents(seen(world, dns)) == [0, 50, 100]


@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
def test_a_kill_between_any_two_effects_leads_to_the_same_end(
    world: AwsWorld, proxy: FaultProxyProcess, tmp_path: Path, bad: bool
) -> None:
    def walk(lane: int) -> int:
        boundary = lane
        with AwsWorld(world.url) as own:
            while killed_at(own, proxy, tmp_path, boundary, metrics.url, bad=bad):
                boundary += LANES
        return boundary

    with Metrics(lambda: Answer(0.9 if bad else 0.01)) as metrics, ThreadPoolExecutor(LANES) as lanes:
        ends = list(lanes.map(walk, range(LANES)))
    assert min(ends) >= FEWEST


def killed_at(
    world: AwsWorld, proxy: FaultProxyProcess, folder: Path, boundary: int, metrics: str, *, bad: bool
) -> bool:
    """One rollout in a zone of its own, killed after so many effects and continued. False: it ended before that."""
    dns = DnsWorld(world, f"at-{boundary}.example.com")
    name = f"web.at-{boundary}.example.com"
    dns.weighted(name, {OLD: 10})
    place = folder / str(boundary)
    place.mkdir()
    okra = Okra(place, environ_for(proxy.url))
    okra.settings |= {**QUICK, "OKRA_STEP_INTERVAL": "0s", "OKRA_REREAD_AFTER_REVERT": "100ms"}
    okra.write(of_records(dns, ingress=records(dns.zone, name=name), checks=[error_rate(metrics)]))
    effects = place / "effects.txt"
    with closing(okra):
        killed = okra.start(module=("tests.scenarios.killed",), **{AFTER: str(boundary), EFFECTS: str(effects)})
        was_killed = killed.wait() == -signal.SIGKILL
        code, process = okra.run()
        assert code == (1 if bad else 0), f"killed at boundary {boundary}\n{killed.said}\n{process.said}"
        found = weights_record(world.url, f"arn:aws:route53:aws-global::recordset/{dns.zone}/{name}/A")
        assert percents(found) == ([0, 50, 0] if bad else [0, 50, 100]), f"killed at boundary {boundary}"
        assert okra.status()["stableVersion"] == ("1.0.0" if bad else "1.1.0")
    return was_killed
