"""The seeds' minimal Cell, as written there, on each kind of route: all of the traffic moves in ten steps."""

from __future__ import annotations

import pytest

from okra.testing.aws_world import AwsWorld
from tests.scenarios.conftest import Observe
from tests.scenarios.okra_process import Okra

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]

RULE = """
apiVersion: okra.mumoshu.github.io/v1alpha1
kind: Cell
metadata:
  name: web
spec:
  ingress:
    type: AWSApplicationLoadBalancer
    awsApplicationLoadBalancer:
      listenerARN: {listener}
      rule:
        priority: 10
      targetGroupSelector:
        matchLabels:
          role: web
  replicas: 2
  versionedBy:
    label: "okra.mumoshu.github.io/version"
"""
DEFAULT = RULE.replace("      rule:\n        priority: 10\n", "")
NETWORK = DEFAULT.replace("AWSApplication", "AWSNetwork").replace("awsApplication", "awsNetwork")


@pytest.mark.parametrize(("kind", "manifest"), [("rule", RULE), ("default", DEFAULT), ("tls", NETWORK)])
def test_the_minimal_cell_moves_all_traffic_in_ten_steps(
    world: AwsWorld, okra: Okra, observe: Observe, kind: str, manifest: str
) -> None:
    route = world.route(kind=kind, tags={"role": "web"})
    okra.write(manifest.format(listener=route.listener_arn))
    okra.cold = True
    seen = observe(route)
    code, process = okra.run()
    assert code == 0, process.said
    assert seen.percents("1.1.0") == list(range(0, 101, 10))
    seen.assert_fit_for_a_load_balancer()
    old, new = route.groups["1.0.0"], route.groups["1.1.0"]
    assert seen.last() == {old[0]: 0, old[1]: 0, new[0]: 1, new[1]: 1}
    [last] = [event for event in process.events if "retained" in event]
    assert {each["arn"] for each in last["retained"]} == set(old), "attached, and nobody runs who could let them go"
    status = okra.status()
    assert (status["phase"], status["stableVersion"]) == ("Synced", "1.1.0")
    assert world.tags(route.arn)["okra.mumoshu.github.io/owner"] == "okra/default/web"
