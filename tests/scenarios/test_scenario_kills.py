"""SIGKILL at every boundary between two effects of a ten-step rollout: the next process brings it to the same end."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from okra.testing.aws_world import AwsWorld, Route
from okra.testing.fault_process import FaultProxyProcess
from okra.testing.moto_server import environ_for
from tests.scenarios.killed import AFTER, EFFECTS
from tests.scenarios.manifests import cell
from tests.scenarios.okra_process import Okra
from tests.scenarios.written import percents

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(600)]

REGIONS = ("us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-central-1")
"""One a lane: each region has its own target groups to list."""
PARTS = 2
LANES = PARTS * len(REGIONS)
FEWEST = 60
"""Boundaries that a ten-step rollout has at least: ten times record, write, read, confirm, and what is around them."""
IN_TEN_STEPS = list(range(0, 101, 10))


@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_between_any_two_effects_leads_to_the_same_end(
    world: AwsWorld, proxy: FaultProxyProcess, tmp_path: Path, part: int
) -> None:
    """Each lane kills at its own boundaries, further and further, until the rollout ends before the kill comes."""

    def walk(lane: int) -> int:
        region = REGIONS[lane % len(REGIONS)]
        boundary = part * len(REGIONS) + lane
        with AwsWorld(world.url, region=region) as own:
            balancer = own.load_balancer(f"kills-{part}")
            listener = own.listener(balancer)
            while kill_at(own, proxy, tmp_path, listener, boundary):
                boundary += LANES
        return boundary

    with ThreadPoolExecutor(len(REGIONS)) as lanes:
        ends = list(lanes.map(walk, range(len(REGIONS))))
    assert min(ends) >= FEWEST


def kill_at(world: AwsWorld, proxy: FaultProxyProcess, folder: Path, listener: str, boundary: int) -> bool:
    """One rollout on a rule of its own, killed after so many effects and continued. False: it ended before that."""
    role = f"web-{boundary}"
    old = world.target_group(f"old-{boundary}", version="1.0.0", tags={"role": role}, targets=1)
    new = world.target_group(f"new-{boundary}", version="1.1.0", tags={"role": role}, targets=1)
    rule = world.rule(listener, boundary + 1, {old: 1})
    manifest = cell("web", Route(listener, rule, "", priority=boundary + 1), role=role)
    place = folder / role
    place.mkdir()
    okra = Okra(place, environ_for(proxy.url) | {"AWS_REGION": world.region, "AWS_DEFAULT_REGION": world.region})
    okra.settings["OKRA_STEP_INTERVAL"] = "0s"
    okra.write(manifest)
    try:
        effects = place / "effects.txt"
        done = {AFTER: str(boundary), EFFECTS: str(effects)}
        killed = okra.start(module=("tests.scenarios.killed",), **done)
        code = killed.wait()
        was_killed = code == -signal.SIGKILL
        assert was_killed or code == 0, killed.said
        if was_killed:
            assert len(effects.read_text().splitlines()) == boundary
            code, process = okra.run()
            assert code == 0, f"killed at boundary {boundary}\n{process.said}"
        written = percents(proxy.reached("ModifyRule"), rule, [new])
        assert written == IN_TEN_STEPS, f"killed at boundary {boundary}: {written}"
        assert world.weights(rule) == {old: 0, new: 1}, f"killed at boundary {boundary}"
        status = okra.status()
        assert (status["phase"], status["stableVersion"], status["rollouts"]) == ("Synced", "1.1.0", 1)
    finally:
        okra.close()
    return was_killed
