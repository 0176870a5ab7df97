"""Three old and three new groups on an ALB, which takes five: they are replaced in waves."""

from __future__ import annotations

from fractions import Fraction

import pytest

from okra.testing.aws_world import AwsWorld
from okra.testing.fault_process import FaultProxyProcess
from tests.scenarios.conftest import Observe
from tests.scenarios.manifests import cell
from tests.scenarios.okra_process import Okra
from tests.scenarios.written import fed_at_once

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(400)]


def test_six_groups_are_never_more_than_five_at_once_and_none_carries_more_than_a_third(
    world: AwsWorld, faulty: Okra, proxy: FaultProxyProcess, observe: Observe
) -> None:
    route = world.route(replicas=3, targets=1, tags={"role": "web"})
    faulty.write(cell("web", route, replicas=3))
    seen = observe(route)
    code, process = faulty.run()
    assert code == 0, process.said
    seen.assert_fit_for_a_load_balancer(groups=5)
    every = [*route.groups["1.0.0"], *route.groups["1.1.0"]]
    assert all(seen.share_of([arn], weights) <= Fraction(1, 3) for weights in seen.seen for arn in every)
    assert fed_at_once(proxy.reached("ModifyRule"), route.arn, route.groups["1.0.0"]) == []
    assert seen.percents("1.1.0") == list(range(0, 101, 10))
    shares = [seen.share_of([arn], seen.last()) for arn in every]
    assert shares == [Fraction(0)] * 3 + [Fraction(1, 3)] * 3
    assert faulty.status()["stableVersion"] == "1.1.0"
