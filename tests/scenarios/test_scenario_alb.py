"""An ALB of `okra run`: from one distribution to another, over a SIGKILL at every boundary, there and back."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from okra.actors.kinds import ALB
from okra.testing.aws_world import AwsWorld, Route
from okra.testing.fault_process import FaultProxyProcess
from okra.testing.faults import Fault, FaultKind
from okra.testing.moto_server import environ_for
from tests.scenarios.killed import AFTER, EFFECTS
from tests.scenarios.manifests import alb, cell, error_rate
from tests.scenarios.metrics import Answer, Metrics
from tests.scenarios.okra_process import Okra
from tests.scenarios.written import fed_at_once, percents

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(600)]

LANES = 4
FEWEST = 15
"""Boundaries that a way of two steps has at least."""


@pytest.mark.parametrize("good", [True, False], ids=["there", "back"])
def test_a_kill_between_any_two_effects_leads_to_the_same_end(
    world: AwsWorld, proxy: FaultProxyProcess, tmp_path: Path, good: bool
) -> None:
    listener = world.listener(world.load_balancer("divided"))

    def walk(lane: int) -> int:
        boundary = lane
        while killed_at(world, proxy, tmp_path, listener, boundary, metrics.url, good=good):
            boundary += LANES
        return boundary

    with Metrics(lambda: Answer(0.0 if good else 0.9)) as metrics, ThreadPoolExecutor(LANES) as lanes:
        assert min(lanes.map(walk, range(LANES))) >= FEWEST


def killed_at(
    world: AwsWorld, proxy: FaultProxyProcess, folder: Path, listener: str, boundary: int, metrics: str, *, good: bool
) -> bool:
    """One way, killed after so many effects and gone on. False: it was over before."""
    a, b, c = (world.target_group(f"{name}-{boundary}", version="", targets=1) for name in "abc")
    rule = world.rule(listener, boundary + 1, {a: 3, b: 1})
    place = folder / f"at-{boundary}"
    place.mkdir()
    okra = Okra(place, environ_for(proxy.url))
    okra.settings |= {"OKRA_STEP_INTERVAL": "0s", "OKRA_REREAD_AFTER_REVERT": "100ms"}
    route = Route(listener, rule, "", priority=boundary + 1)
    okra.write(alb("web", route, {a: 1, c: 1}, stepWeight=50, checks=[error_rate(metrics)]))
    effects = place / "effects.txt"
    with closing(okra):
        process = okra.start(module=("tests.scenarios.killed",), **{AFTER: str(boundary), EFFECTS: str(effects)})
        was_killed = process.wait() == -signal.SIGKILL
        code, again = okra.run()
        assert code == (0 if good else 1), f"killed at {boundary}: {process.said}{again.said}"
        writes = proxy.reached("ModifyRule")
        assert percents(writes, rule, [c]) == ([0, 25, 50] if good else [0, 25, 0]), f"killed at {boundary}"
        assert percents(writes, rule, [b]) == ([25, 12.5, 0] if good else [25, 12.5, 25]), f"killed at {boundary}"
        assert fed_at_once(writes, rule, [a, b]) == []
        left = {arn: weight for arn, weight in world.weights(rule).items() if weight}
        assert left == ({a: 1, c: 1} if good else {a: 3, b: 1})
        status = okra.status(kind=ALB)
        assert (status["phase"], status["rollouts"]) == ("Synced" if good else "Failed", 1)
    return was_killed


def test_faults_of_every_call_on_the_way_change_nothing_but_its_time(
    world: AwsWorld, proxy: FaultProxyProcess, faulty: Okra
) -> None:
    route = world.route({"1.0.0": 3, "1.1.0": 1}, replicas=1, targets=1)
    (a,), (b,) = (route.groups[version] for version in ("1.0.0", "1.1.0"))
    for operation in ("DescribeRules", "ModifyRule", "DescribeTargetHealth", "DescribeTags", "AddTags"):
        proxy.add(
            Fault(FaultKind.THROTTLE, operation, times=1), Fault(FaultKind.RESET, operation, applied=True, times=1)
        )
    faulty.write(alb("web", route, {a: 1, b: 3}, stepWeight=50))
    code, process = faulty.run()
    assert code == 0, process.said
    assert world.weights(route.arn) == {a: 1, b: 3}
    assert percents(proxy.reached("ModifyRule"), route.arn, [b]) == [50, 75]


def test_a_cell_and_an_alb_of_one_name_each_reach_their_end_and_are_told_apart(world: AwsWorld, okra: Okra) -> None:
    route, other = world.route(tags={"role": "web"}), world.route({"1.0.0": 1, "1.1.0": 0}, name="other", replicas=1)
    (a,), (b,) = (other.groups[version] for version in ("1.0.0", "1.1.0"))
    okra.write(cell("web", route, replicas=2), alb("web", other, {a: 1, b: 1}))
    code, process = okra.run()
    assert code == 0, process.said
    assert "cell/web: Synced, 1.1.0" in process.out
    assert "alb/web: Synced" in process.out
    assert world.weights(other.arn) == {a: 1, b: 1}
    tags = [world.tags(arn)["okra.mumoshu.github.io/owner"] for arn in (route.arn, other.arn)]
    assert tags == ["okra/default/web", "okra/default/ALB/web"]
