"""Whose AWS: regions, roles in other accounts, credentials that are missing, expired or refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from okra.aws.facade import Aws, open_aws
from okra.aws.operations import TAGGING
from okra.aws.sessions import Sessions, Timeouts
from okra.errors import AccessDenied, CredentialsInvalid, Invalid, OkraError, Unavailable
from okra.ports import Account, RouteRef
from okra.rollout.observation import RouteReading
from okra.testing.aws_world import AwsWorld
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind
from tests.aws.conftest import TIMEOUTS, Counted, SystemClock, ref_of

ROLE = "arn:aws:iam::222222222222:role/okra"
THERE = Account(role_arn=ROLE, external_id="s3cret-id")


@pytest.fixture
def other_account(aws_world: AwsWorld) -> Iterator[AwsWorld]:
    """A world in the account of the role, built with credentials of its own."""
    credentials = aws_world.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="test")["Credentials"]
    with AwsWorld(aws_world.url, credentials=credentials) as world:
        yield world


async def test_a_role_reads_and_writes_in_its_own_account(
    aws: Aws, aws_world: AwsWorld, other_account: AwsWorld, fault_proxy: FaultProxy
) -> None:
    aws_world.route(name="here")
    route = other_account.route(name="there")
    ref = replace(ref_of(route), account=THERE)
    fault_proxy.records.clear()

    reading = (await aws.router.read([ref]))[ref]
    assert isinstance(reading, RouteReading), reading
    await aws.router.write(ref, dict.fromkeys(route.groups["1.1.0"], 1), reading)

    assert other_account.weights(route.arn) == dict.fromkeys(route.groups["1.1.0"], 1)
    assert {group.name[:5] for group in await aws.inventory.target_groups(THERE)} == {"there"}
    assert {group.name[:4] for group in await aws.inventory.target_groups(Account())} == {"here"}
    (assumed,) = fault_proxy.calls("AssumeRole")
    assert assumed.parameters["RoleArn"] == ROLE
    assert assumed.parameters["ExternalId"] == "s3cret-id"
    assert assumed.access_key == "testing"
    assert {call.access_key for call in fault_proxy.calls("ModifyRule")} != {"testing"}


async def test_many_cells_of_one_role_assume_it_once(aws: Aws, other_account: AwsWorld, counted: Counted) -> None:
    refs = [RouteRef(THERE, other_account.route(name=f"r{number}", replicas=1).listener_arn) for number in range(3)]
    await asyncio.gather(*(aws.router.read([ref]) for ref in refs))
    await asyncio.gather(*(aws.inventory.target_groups(THERE) for _ in range(5)))
    assert counted.calls["AssumeRole"] == 1


async def test_credentials_of_a_role_are_renewed_before_they_expire(
    aws_environ: Mapping[str, str], fault_proxy: FaultProxy
) -> None:
    lifetimes = [timedelta(minutes=1), timedelta(hours=1)]

    async def assume(account: Account) -> dict[str, Any]:
        lifetime = lifetimes.pop(0)
        expires = datetime.now(UTC) + lifetime
        return {
            "Credentials": {
                "AccessKeyId": f"FOR{int(lifetime.total_seconds())}",
                "SecretAccessKey": "x",
                "SessionToken": "y",
                "Expiration": expires,
            }
        }

    sessions = Sessions(aws_environ, TIMEOUTS, assume)
    client = await sessions.client(replace(THERE, region="us-east-1"), TAGGING)
    for _ in range(3):
        await client.get_resources()
    await sessions.close()
    assert [call.access_key for call in fault_proxy.calls()] == ["FOR60", "FOR3600", "FOR3600"]


async def test_a_role_that_may_not_be_assumed_says_what_to_check_and_is_tried_again(
    aws: Aws, other_account: AwsWorld, fault_proxy: FaultProxy
) -> None:
    ref = replace(ref_of(other_account.route()), account=THERE)
    said = f"User: arn:aws:iam::1:user/okra is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    fault_proxy.add(Fault(FaultKind.ERROR, "AssumeRole", times=1, status=403, code="AccessDenied", message=said))

    error = (await aws.router.read([ref]))[ref]

    assert isinstance(error, AccessDenied)
    assert all(part in str(error) for part in (ROLE, "arn:aws:iam::1:user/okra", "trust policy", "externalID"))
    assert "s3cret-id" not in str(error)
    assert isinstance((await aws.router.read([ref]))[ref], RouteReading)


async def test_a_role_that_fails_does_not_touch_the_others(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    here = ref_of(aws_world.route())
    there = replace(here, account=THERE)
    fault_proxy.add(Fault(FaultKind.ERROR, "AssumeRole", status=403, code="AccessDenied"))
    results = await aws.router.read([here, there])
    assert isinstance(results[here], RouteReading)
    assert isinstance(results[there], AccessDenied)


@pytest.mark.parametrize(
    ("region", "environ", "expected"),
    [
        ("eu-west-1", {"AWS_REGION": "us-east-1"}, "eu-west-1"),
        ("", {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "us-east-1"}, "eu-central-1"),
        ("", {"AWS_DEFAULT_REGION": "ap-south-1"}, "ap-south-1"),
    ],
)
async def test_a_region_comes_from_the_cell_then_aws_region_then_aws_default_region(
    aws_environ: Mapping[str, str], fault_proxy: FaultProxy, region: str, environ: dict[str, str], expected: str
) -> None:
    async with open_aws(clock=SystemClock(), environ=environ, timeouts=TIMEOUTS) as aws:
        await aws.inventory.target_groups(Account(region=region))
    assert {call.region for call in fault_proxy.calls()} == {expected}


async def test_cells_of_two_regions_see_their_own(aws: Aws, aws_world: AwsWorld) -> None:
    with AwsWorld(aws_world.url, region="eu-west-1") as europe:
        europe.target_group("europe", version="1.0.0")
    aws_world.target_group("america", version="1.0.0")
    for region, name in (("eu-west-1", "europe"), ("us-east-1", "america")):
        assert [group.name for group in await aws.inventory.target_groups(Account(region=region))] == [name]


async def test_the_sdks_own_variable_moves_one_service_to_another_endpoint(
    aws_environ: Mapping[str, str], aws_world: AwsWorld, fault_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = aws_world.target_group("g")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2", fault_proxy.url)
    async with open_aws(clock=SystemClock(), environ=aws_environ, timeouts=TIMEOUTS) as aws:
        assert (await aws.inventory.health(Account(), group)).registered == 2
        with pytest.raises(Unavailable):
            await aws.inventory.target_groups(Account())


async def test_without_a_region_the_person_is_told_where_to_set_it(
    aws_environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    async with open_aws(clock=SystemClock(), environ={}, timeouts=TIMEOUTS) as aws:
        with pytest.raises(Invalid, match="AWS_REGION"):
            await aws.inventory.target_groups(Account())
        ref = RouteRef(Account(), "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/a/b/c")
        assert isinstance((await aws.router.read([ref]))[ref], Invalid)


async def test_without_credentials_the_person_is_told_and_later_ones_are_found(
    aws_environ: Mapping[str, str], aws_world: AwsWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws_world.target_group("g", version="1.0.0")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    async with open_aws(clock=SystemClock(), environ=aws_environ, timeouts=TIMEOUTS) as aws:
        with pytest.raises(CredentialsInvalid, match="No AWS credentials"):
            await aws.warm_up(Account())
        with pytest.raises(CredentialsInvalid):
            await aws.inventory.target_groups(Account())
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        assert len(await aws.inventory.target_groups(Account())) == 1


async def test_a_profile_that_does_not_exist_is_a_matter_of_credentials(
    aws_environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    async with open_aws(clock=SystemClock(), environ=aws_environ, timeouts=TIMEOUTS) as aws:
        with pytest.raises(CredentialsInvalid, match="nowhere"):
            await aws.inventory.target_groups(Account())


async def test_the_event_loop_goes_on_while_clients_are_made(
    aws_environ: Mapping[str, str], aws_world: AwsWorld
) -> None:
    """`nothing_blocks` watches for blocking calls; this for a loop that stands still for any other reason."""
    longest = began = last = 0.0

    async def heartbeat() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    async with open_aws(clock=SystemClock(), environ=aws_environ, timeouts=Timeouts()) as aws:
        began = last = time.perf_counter()
        beating = asyncio.create_task(heartbeat())
        await aws.warm_up(Account())
        beating.cancel()
    assert longest < max(1.0, (last - began) / 2), "on a slow machine all of it takes long"


async def test_closing_leaves_nothing_open_and_answers_whoever_waits(
    aws_environ: Mapping[str, str], aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    ref = ref_of(aws_world.route())
    fault_proxy.add(Fault(FaultKind.HANG, "DescribeRules"))
    async with open_aws(clock=SystemClock(), environ=aws_environ, timeouts=Timeouts()) as aws:
        reading = asyncio.create_task(aws.router.read([ref]))
        await fault_proxy.wait_for("DescribeRules", 1)
    assert isinstance((await reading)[ref], OkraError)
