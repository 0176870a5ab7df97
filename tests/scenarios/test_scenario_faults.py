"""The same rollout behind a proxy that breaks calls: no step is skipped, none is taken twice, the end is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from okra.testing.aws_world import AwsWorld, Route
from okra.testing.fault_process import FaultProxyProcess
from okra.testing.faults import Fault, FaultKind, Record
from okra.testing.moto_server import environ_for
from tests.scenarios.conftest import Observe
from tests.scenarios.eventually import eventually
from tests.scenarios.manifests import cell, steps
from tests.scenarios.observer import Observer
from tests.scenarios.okra_process import Okra
from tests.scenarios.written import fed_at_once, percents

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(600)]

WRITES = ("ModifyRule", "AddTags")
OPERATIONS = (
    "DescribeListeners",
    "DescribeLoadBalancers",
    "DescribeRules",
    "DescribeTags",
    "DescribeTargetGroups",
    "DescribeTargetHealth",
    "GetResources",
    *WRITES,
)
"""Every operation that a rollout uses."""
REGIONS = ("us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1")
TEN_STEPS = list(range(0, 101, 10))

REFUSED: dict[str, dict[str, Any]] = {
    "throttled": {"kind": FaultKind.THROTTLE},
    "429 with an empty body": {"kind": FaultKind.TOO_MANY_REQUESTS},
    "unavailable": {"kind": FaultKind.UNAVAILABLE},
    "an internal error": {"kind": FaultKind.ERROR, "status": 500, "code": "InternalFailure", "message": "oops"},
}
UNKNOWN: dict[str, dict[str, Any]] = {
    "500 with a page": {"kind": FaultKind.HTML},
    "200 with a page, applied": {"kind": FaultKind.GARBAGE, "applied": True},
    "reset": {"kind": FaultKind.RESET},
    "reset after applying": {"kind": FaultKind.RESET, "applied": True},
}
HANGS = [("DescribeRules", False), ("DescribeTargetHealth", False), ("ModifyRule", False), ("ModifyRule", True)]


@pytest.mark.parametrize("kinds", [REFUSED, UNKNOWN], ids=["refused", "of unknown outcome"])
def test_every_third_call_of_every_operation_broken_leads_to_the_same_end(
    world: AwsWorld, tmp_path: Path, kinds: Mapping[str, Mapping[str, Any]]
) -> None:
    def broken(kind: str) -> Sequence[Fault]:
        return [Fault(operation=operation, every=3, **kinds[kind]) for operation in OPERATIONS]

    for kind, records in rollouts(world, tmp_path, {kind: broken(kind) for kind in kinds}).items():
        struck = {record.call.operation for record in records if record.fault}
        assert struck >= {"ModifyRule", "DescribeRules", "DescribeTargetHealth"}, kind


def test_a_call_without_an_answer_holds_the_rollout_up_and_no_more(world: AwsWorld, tmp_path: Path) -> None:
    faults = {
        f"{operation} {'applied' if applied else 'lost'}": [
            Fault(FaultKind.HANG, operation, applied=applied, skip=4, times=1)
        ]
        for operation, applied in HANGS
    }
    faults["AddTags applied"] = [Fault(FaultKind.HANG, "AddTags", applied=True, times=1)]
    for name, records in rollouts(world, tmp_path, faults).items():
        assert [record.call.operation for record in records if record.fault] == [name.split()[0]]


def rollouts(world: AwsWorld, folder: Path, faults: Mapping[str, Sequence[Fault]]) -> dict[str, list[Record]]:
    """One rollout behind each set of faults, all at once, each in a region of its own; each comes to the same end."""
    with ThreadPoolExecutor(len(REGIONS)) as lanes:
        places = zip(faults, REGIONS, strict=False)
        found = lanes.map(lambda place: rollout(world.url, place[1], folder / place[1], faults[place[0]]), places)
        return dict(zip(faults, found, strict=True))


def rollout(url: str, region: str, folder: Path, faults: Sequence[Fault]) -> list[Record]:
    folder.mkdir()
    with AwsWorld(url, region=region) as world, FaultProxyProcess(url) as proxy:
        route = world.route(replicas=1, targets=1, tags={"role": "web"})
        okra = Okra(folder, environ_for(proxy.url) | {"AWS_REGION": region, "AWS_DEFAULT_REGION": region})
        okra.write(cell("web", route))
        proxy.add(*faults)
        seen = Observer(url, route)
        with closing(okra):
            code, process = okra.run(within=300)
        assert code == 0, process.said
        seen.assert_fit_for_a_load_balancer()
        assert set(seen.percents("1.1.0")) <= set(TEN_STEPS)
        assert_the_same_end(world, okra, proxy, route)
        return proxy.records()


def assert_the_same_end(world: AwsWorld, okra: Okra, proxy: FaultProxyProcess, route: Route) -> None:
    """Nothing skipped, nothing taken back, and all of the traffic where it belongs."""
    new = route.groups["1.1.0"]
    writes = proxy.reached("ModifyRule")
    assert percents(writes, route.arn, new) == TEN_STEPS
    assert fed_at_once(writes, route.arn, route.groups["1.0.0"]) == []
    assert {arn for arn, weight in world.weights(route.arn).items() if weight} == set(new)
    status = okra.status()
    assert (status["phase"], status["stableVersion"], status["blockedVersions"]) == ("Synced", "1.1.0", [])


def test_a_write_that_lands_late_is_recognized_and_written_over(
    world: AwsWorld, faulty: Okra, proxy: FaultProxyProcess, observe: Observe
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    proxy.add(Fault(FaultKind.LATE, "ModifyRule", skip=2, every=4, seconds=3))
    faulty.write(cell("web", route))
    seen = observe(route)
    code, process = faulty.run(within=300)
    assert code == 0, process.said
    shares = seen.percents("1.1.0")
    assert set(shares) == set(TEN_STEPS)
    highest = [max(shares[: number + 1]) for number in range(len(shares))]
    assert all(later - earlier in (0, 10) for earlier, later in pairwise(highest)), shares
    assert "WeightsDrifted" not in process.reasons()
    weights = world.weights(route.arn)
    assert {arn for arn, weight in weights.items() if weight} == set(route.groups["1.1.0"])


def test_a_write_that_lands_after_the_last_step_is_put_right_before_the_run_ends(
    world: AwsWorld, faulty: Okra, proxy: FaultProxyProcess, observe: Observe
) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    proxy.add(Fault(FaultKind.LATE, "ModifyRule", skip=1, times=1, seconds=4))
    faulty.write(cell("web", route, updateStrategy=steps(90)))
    seen = observe(route)
    code, process = faulty.run(within=300)
    assert code == 0, process.said
    assert seen.percents("1.1.0")[-1] == 100
    assert len(proxy.reached("ModifyRule")) >= 5, "at 0, at 90 late and again, at 100, and once more when that landed"
    assert faulty.status()["phase"] == "Synced"


def test_an_outage_in_mid_rollout_skips_nothing(world: AwsWorld, faulty: Okra, proxy: FaultProxyProcess) -> None:
    route = world.route(replicas=1, targets=1, tags={"role": "web"})
    faulty.write(cell("web", route))
    process = faulty.start()
    faulty.until(lambda status: status.get("weight") == "30%")
    proxy.add(Fault(FaultKind.RESET))
    began = len(proxy.records())
    eventually(proxy.records, lambda now: len(now) > began and now[-1].call.at - now[began].call.at >= 8)
    proxy.clear()
    assert process.wait() == 0, process.said
    assert_the_same_end(world, faulty, proxy, route)
