"""SIGKILL at every boundary between two effects of a rollout: the next process brings it to the same end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from okra.testing.aws_world import AwsWorld, Route
from okra.testing.fault_process import FaultProxyProcess
from okra.testing.moto_server import environ_for
from tests.scenarios.killed import AFTER, EFFECTS
from tests.scenarios.manifests import cell, error_rate, steps
from tests.scenarios.metrics import Answer, Metrics
from tests.scenarios.okra_process import Okra
from tests.scenarios.written import fed_at_once, percents

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(600)]

REGIONS = ("us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-central-1")
"""One a lane: each region has its own target groups to list."""
PARTS = 2
FEWEST = 60
"""Boundaries that a ten-step rollout has at least: ten times record, write, read, confirm, and what is around them."""
FEWEST_IN_A_REVERT = 15
TEN_STEPS = list(range(0, 101, 10))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_between_any_two_effects_of_ten_steps_leads_to_the_same_end(
    world: AwsWorld, proxy: FaultProxyProcess, tmp_path: Path, part: int
) -> None:
    def judge(okra: Okra, lane: Lane) -> None:
        code, process = okra.run()
        assert code == 0, process.said
        writes = proxy.reached("ModifyRule")
        assert percents(writes, lane.rule, [lane.new]) == TEN_STEPS
        assert fed_at_once(writes, lane.rule, [lane.old]) == []
        assert lane.world.weights(lane.rule) == {lane.old: 0, lane.new: 1}
        status = okra.status()
        assert (status["phase"], status["stableVersion"], status["rollouts"]) == ("Synced", "1.1.0", 1)

    ends = walk_all(world, proxy, tmp_path, {}, judge, first=part * len(REGIONS), stride=PARTS * len(REGIONS))
    assert min(ends) >= FEWEST


def test_a_kill_between_any_two_effects_of_a_revert_leads_to_the_same_end(
    world: AwsWorld, proxy: FaultProxyProcess, tmp_path: Path
) -> None:
    def judge(okra: Okra, lane: Lane) -> None:
        code, process = okra.run()
        assert code == 1, process.said
        assert percents(proxy.reached("ModifyRule"), lane.rule, [lane.new]) == [0, 50, 0]
        weights = lane.world.weights(lane.rule)
        assert {arn: weight for arn, weight in weights.items() if weight} == {lane.old: 1}
        status = okra.status()
        assert (status["phase"], status["stableVersion"], status["rollouts"]) == ("Failed", "1.0.0", 1)
        assert [block["version"] for block in status["blockedVersions"]] == ["1.1.0"]

    with Metrics(lambda: Answer(0.9)) as metrics:
        spec = {"updateStrategy": steps(50), "checks": [error_rate(metrics.url)]}
        ends = walk_all(world, proxy, tmp_path, spec, judge, first=0, stride=len(REGIONS))
    assert min(ends) >= FEWEST_IN_A_REVERT


@dataclass(frozen=True)
class Lane:
    """A rule of its own, and the two groups of its rollout."""

    world: AwsWorld
    rule: str
    old: str
    new: str


def walk_all(
    world: AwsWorld,
    proxy: FaultProxyProcess,
    folder: Path,
    spec: dict[str, Any],
    judge: Callable[[Okra, Lane], None],
    *,
    first: int,
    stride: int,
) -> list[int]:
    """The first boundary of each lane at which the rollout ended before the kill came.

    One lane a region; each kills at its own boundaries, further and further. `judge` runs Okra again, and judges.
    """

    def walk(lane: int) -> int:
        boundary = first + lane
        with AwsWorld(world.url, region=REGIONS[lane]) as own:
            listener = own.listener(own.load_balancer("kills"))
            while kill_at(own, proxy, folder, listener, boundary, spec, judge):
                boundary += stride
        return boundary

    with ThreadPoolExecutor(len(REGIONS)) as lanes:
        return list(lanes.map(walk, range(len(REGIONS))))


def kill_at(
    world: AwsWorld,
    proxy: FaultProxyProcess,
    folder: Path,
    listener: str,
    boundary: int,
    spec: dict[str, Any],
    judge: Callable[[Okra, Lane], None],
) -> bool:
    """One rollout, killed after so many effects and continued. False: it ended before that."""
    role = f"web-{boundary}"
    old = world.target_group(f"old-{boundary}", version="1.0.0", tags={"role": role}, targets=1)
    new = world.target_group(f"new-{boundary}", version="1.1.0", tags={"role": role}, targets=1)
    rule = world.rule(listener, boundary + 1, {old: 1})
    place = folder / role
    place.mkdir()
    okra = Okra(place, environ_for(proxy.url) | {"AWS_REGION": world.region, "AWS_DEFAULT_REGION": world.region})
    okra.settings |= {"OKRA_STEP_INTERVAL": "0s", "OKRA_REREAD_AFTER_REVERT": "100ms"}
    okra.write(cell("web", Route(listener, rule, "", priority=boundary + 1), role=role, **spec))
    effects = place / "effects.txt"
    with closing(okra):
        killed = okra.start(module=("tests.scenarios.killed",), **{AFTER: str(boundary), EFFECTS: str(effects)})
        was_killed = killed.wait() == -signal.SIGKILL
        if was_killed:
            assert len(effects.read_text().splitlines()) == boundary
        try:
            judge(okra, Lane(world, rule, old, new))
        except AssertionError as error:
            raise AssertionError(f"killed at boundary {boundary}: {error}\n{killed.said}") from error
    return was_killed
