"""Route 53's operations under every fault: the right error, a write sent once, and the truth in AWS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from okra.aws.budget import Rates
from okra.aws.facade import Aws
from okra.errors import Conflict, Fatal, OkraError, Throttled, Unavailable
from okra.ports import RecordSetRef
from okra.rollout.observation import RouteReading
from okra.testing.aws_world import AwsWorld
from okra.testing.dns_world import DnsWorld
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind
from tests.aws.dns import EVERYWHERE, NAME, NEW, OLD, arns, asked, read, ref_to
from tests.aws.faults import FAULTS, name_of

pytestmark = pytest.mark.usefixtures("no_backoff")

OWNER = "okra/default/web"


@dataclass
class Records:
    """A set of one record, as last read; the last change of it is on its way."""

    aws: Aws
    dns: DnsWorld
    proxy: FaultProxy
    ref: RecordSetRef
    basis: RouteReading

    @property
    def target(self) -> dict[str, int]:
        one, two = arns(self.ref)
        return {one: 9, two: 1}

    async def write(self) -> None:
        await self.aws.router.write(self.ref, self.target, self.basis)

    async def release(self) -> None:
        await self.aws.router.release(self.ref, self.ref.listener_arn, OWNER)

    async def claim(self) -> None:
        await self.aws.router.claim(self.ref, self.ref.listener_arn, OWNER)


@pytest.fixture
def rates() -> Rates:
    """More than Route 53 allows: these tests are about other things."""
    return Rates.share(20.0)


@pytest.fixture
async def scene(aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy) -> Records:
    dns = DnsWorld(aws_world)
    dns.weighted(NAME, {OLD: 10}, HealthCheckId={OLD: dns.health_check()})
    ref = ref_to(asked(dns.zone))
    scene = Records(aws, dns, fault_proxy, ref, await read(aws, ref))
    await aws.router.write(ref, scene.basis.weights, scene.basis)
    scene.basis = await read(aws, ref)
    return scene


READS: dict[str, Callable[[Records], Awaitable[object]]] = {
    "ListResourceRecordSets": lambda scene: read(scene.aws, scene.ref),
    "GetHealthCheckStatus": lambda scene: scene.aws.inventory.health(EVERYWHERE, arns(scene.ref)[0]),
}


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=name_of)
async def test_a_read_that_fails_is_an_error_and_never_an_empty_answer(
    scene: Records, operation: str, fault: Fault, expected: type[OkraError]
) -> None:
    scene.proxy.add(replace(fault, operation=operation))
    with pytest.raises(OkraError) as caught:
        await READS[operation](scene)
    assert type(caught.value) is expected, caught.value
    scene.proxy.clear()
    await READS[operation](scene)


@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=name_of)
async def test_who_cannot_ask_for_a_change_sees_the_records_and_counts_them_as_pending(
    scene: Records, fault: Fault, expected: type[OkraError]
) -> None:
    """What they hold is needed by a revert, whether or not anybody knows how far it has spread."""
    scene.proxy.add(replace(fault, operation="GetChange"))
    reading = await read(scene.aws, scene.ref)
    assert (reading.weights, reading.pending) == (scene.basis.weights, True)
    assert reading.problem is not None
    assert (reading.problem.reason, reading.problem.fatal) == (expected.reason, issubclass(expected, Fatal))
    scene.proxy.clear()
    while (reading := await read(scene.aws, scene.ref)).pending:
        pass
    assert reading.problem is None


WRITES: dict[str, Callable[[Records], Awaitable[object]]] = {
    "write": lambda scene: scene.write(),
    "claim": lambda scene: scene.claim(),
    "release": lambda scene: scene.release(),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=name_of)
async def test_a_change_that_fails_is_sent_once_and_changes_nothing(
    scene: Records, write: str, fault: Fault, expected: type[OkraError]
) -> None:
    if write == "release":
        await scene.claim()
    scene.proxy.records.clear()
    scene.proxy.add(replace(fault, operation="ChangeResourceRecordSets"))
    with pytest.raises(OkraError) as caught:
        await WRITES[write](scene)
    assert type(caught.value) is expected, caught.value
    assert len(scene.proxy.calls("ChangeResourceRecordSets")) == 1, "never retried inside"
    scene.proxy.clear()
    assert scene.dns.weights(NAME) == {OLD: 10}
    owner = await scene.aws.router.owner(scene.ref, scene.ref.listener_arn)
    assert owner.owner == (OWNER if write == "release" else "")


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.HANG, FaultKind.UNAVAILABLE, FaultKind.GARBAGE])
async def test_a_change_whose_answer_is_lost_is_unknown_and_was_made_once(scene: Records, kind: FaultKind) -> None:
    scene.proxy.records.clear()
    scene.proxy.add(Fault(kind, "ChangeResourceRecordSets", applied=True))
    with pytest.raises(Unavailable):
        await scene.write()
    assert len(scene.proxy.reached("ChangeResourceRecordSets")) == 1
    await scene.proxy.settled()
    assert scene.dns.weights(NAME) == {OLD: 9, NEW: 1}


async def test_a_late_change_is_unknown_and_lands_after_its_error(scene: Records) -> None:
    scene.proxy.add(Fault(FaultKind.LATE, "ChangeResourceRecordSets", seconds=0.5))
    with pytest.raises(Unavailable):
        await scene.write()
    assert scene.dns.weights(NAME) == {OLD: 10}
    await scene.proxy.settled()
    assert scene.dns.weights(NAME) == {OLD: 9, NEW: 1}


async def test_a_late_change_that_another_one_has_overtaken_never_lands(scene: Records) -> None:
    one, two = arns(scene.ref)
    scene.proxy.add(Fault(FaultKind.LATE, "ChangeResourceRecordSets", seconds=0.5))
    with pytest.raises(Unavailable):
        await scene.write()
    scene.proxy.clear()
    await scene.aws.router.write(scene.ref, {one: 7, two: 0}, scene.basis)
    await scene.proxy.settled()
    assert scene.dns.weights(NAME) == {OLD: 7, NEW: 0}


async def test_a_zone_that_has_its_hands_full_was_not_changed(scene: Records) -> None:
    code = "PriorRequestNotComplete"
    scene.proxy.add(Fault(FaultKind.ERROR, "ChangeResourceRecordSets", status=400, code=code, message="later"))
    with pytest.raises(Throttled):
        await scene.write()


async def test_a_change_that_route_53_has_forgotten_holds_nothing_up(scene: Records) -> None:
    scene.proxy.add(Fault(FaultKind.ERROR, "GetChange", status=404, code="NoSuchChange", message="gone"))
    assert not (await read(scene.aws, scene.ref)).pending


async def test_a_refusal_in_the_form_of_route_53s_own_is_understood(scene: Records) -> None:
    said = "Tried to delete resource record set [name='a.', type='A'] but it was not found"
    scene.proxy.add(Fault(FaultKind.ERROR, "ChangeResourceRecordSets", code="InvalidChangeBatch", message=said))
    with pytest.raises(Conflict):
        await scene.write()
