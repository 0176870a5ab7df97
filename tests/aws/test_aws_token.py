"""Tokens for EKS clusters: taken by an authenticator with the real one's rules, kept for a while, and never shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from okra.aws.facade import Aws, open_aws
from okra.errors import AccessDenied, CredentialsInvalid, Invalid
from okra.ports import Account
from okra.testing.aws_world import AwsWorld
from okra.testing.eks_tokens import TokenRefused, identity, presigned
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind
from okra.testing.moto_server import MotoServer
from tests.aws.conftest import TIMEOUTS, SystemClock

HERE = Account(region="us-east-1")
ROLE = "arn:aws:iam::222222222222:role/okra"
THERE = replace(HERE, role_arn=ROLE)


class Standing(SystemClock):
    """A wall clock that stands until a test sets it, and the SDK's with it: `X-Amz-Date` is that time."""

    def __init__(self) -> None:
        self.at = float(int(time.time()))

    def now(self) -> float:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Standing:
    clock = Standing()
    monkeypatch.setattr(
        "botocore.auth.get_current_datetime", lambda: datetime.fromtimestamp(clock.at, UTC).replace(tzinfo=None)
    )
    return clock


@pytest.fixture
async def aws(aws_environ: Mapping[str, str], aws_world: AwsWorld, clock: Standing) -> AsyncIterator[Aws]:
    async with open_aws(clock=clock, environ=aws_environ, timeouts=TIMEOUTS) as opened:
        yield opened


@pytest.fixture
def user(aws_world: AwsWorld) -> Mapping[str, str]:
    """A user of the account, as the environment names it."""
    iam = aws_world.client("iam")
    iam.create_user(UserName="some")
    key = iam.create_access_key(UserName="some")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


async def caller(token: str, cluster: str, server: MotoServer) -> str:
    return await asyncio.to_thread(identity, token, cluster, server.url)


def asked(token: str) -> dict[str, str]:
    """The parameters of the request that a token is."""
    return {key: value for key, (value,) in parse_qs(presigned(token).query, strict_parsing=True).items()}


# What it is


async def test_a_token_is_a_signed_question_to_sts_that_names_the_cluster(aws: Aws, clock: Standing) -> None:
    clock.at = 1_800_000_000.0
    token = await aws.clusters.token(HERE, "web-1")
    assert presigned(token).scheme == "https"
    assert (presigned(token).netloc, presigned(token).path) == ("sts.us-east-1.amazonaws.com", "/")
    assert asked(token) == {
        "Action": "GetCallerIdentity",
        "Version": "2011-06-15",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": "testing/20270115/us-east-1/sts/aws4_request",
        "X-Amz-Date": "20270115T080000Z",
        "X-Amz-Expires": "60",
        "X-Amz-SignedHeaders": "host;x-k8s-aws-id",
        "X-Amz-Signature": asked(token)["X-Amz-Signature"],  # an authenticator judges it below
    }


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "sts.eu-west-1.amazonaws.com"),
        ("cn-north-1", "sts.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
        ("eusc-de-east-1", "sts.eusc-de-east-1.amazonaws.eu"),
    ],
)
async def test_the_host_is_stss_own_in_the_clusters_region_whatever_moves_the_sdks_endpoints(
    aws: Aws, aws_server: MotoServer, monkeypatch: pytest.MonkeyPatch, region: str, host: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", "legacy")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    token = await aws.clusters.token(Account(region=region), "web-1")
    assert presigned(token).netloc == host
    assert asked(token)["X-Amz-Credential"].split("/")[2] == region
    assert await caller(token, "web-1", aws_server) == "arn:aws:iam::123456789012:root"


async def test_a_region_that_nobody_knows_is_named(aws: Aws) -> None:
    with pytest.raises(Invalid, match="moon-1"):
        await aws.clusters.token(Account(region="moon-1"), "web-1")


# Who takes it


async def test_a_cluster_learns_who_okra_is(aws: Aws, aws_server: MotoServer) -> None:
    assert await caller(await aws.clusters.token(Account(), "web-1"), "web-1", aws_server) == (
        "arn:aws:iam::123456789012:root"
    )
    assert await caller(await aws.clusters.token(THERE, "web-1"), "web-1", aws_server) == (
        "arn:aws:sts::222222222222:assumed-role/okra/okra"
    )


async def test_a_cluster_learns_of_the_user_that_okra_runs_as(
    aws: Aws, aws_server: MotoServer, user: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in user.items():
        monkeypatch.setenv(name, value)
    token = await aws.clusters.token(HERE, "web-1")
    assert await caller(token, "web-1", aws_server) == "arn:aws:iam::123456789012:user/some"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "guessed")
    async with open_aws(clock=SystemClock(), timeouts=TIMEOUTS) as guessing:
        with pytest.raises(TokenRefused, match="does not match"):
            await caller(await guessing.clusters.token(HERE, "web-1"), "web-1", aws_server)


async def test_a_token_for_one_cluster_opens_no_other(aws: Aws, aws_server: MotoServer) -> None:
    token = await aws.clusters.token(HERE, "web-1")
    with pytest.raises(TokenRefused, match="does not match"):
        await caller(token, "web-2", aws_server)
    assert await aws.clusters.token(HERE, "web-2") != token


async def test_a_token_is_refused_a_quarter_of_an_hour_after_its_date(
    aws: Aws, aws_server: MotoServer, clock: Standing
) -> None:
    clock.at -= 800.0
    await caller(await aws.clusters.token(HERE, "web-1"), "web-1", aws_server)
    clock.at -= 800.0
    with pytest.raises(TokenRefused, match="expired"):
        await caller(await aws.clusters.token(HERE, "web-1"), "web-1", aws_server)


# How long it is kept


async def test_a_token_is_kept_for_ten_minutes_and_renewed_before_it_expires(aws: Aws, clock: Standing) -> None:
    token = await aws.clusters.token(HERE, "web-1")
    clock.at += 599.0
    assert await aws.clusters.token(HERE, "web-1") == token
    clock.at += 1.0
    renewed = await aws.clusters.token(HERE, "web-1")
    assert renewed != token
    clock.at += 599.0
    assert await aws.clusters.token(Account(), "web-1") == renewed


async def test_a_clock_that_was_set_back_makes_a_new_token(aws: Aws, clock: Standing) -> None:
    token = await aws.clusters.token(HERE, "web-1")
    clock.at -= 3600.0
    assert asked(await aws.clusters.token(HERE, "web-1"))["X-Amz-Date"] < asked(token)["X-Amz-Date"]


async def test_tokens_cost_no_call_but_their_roles(aws: Aws, fault_proxy: FaultProxy, clock: Standing) -> None:
    await asyncio.gather(*(aws.clusters.token(HERE, f"web-{number}") for number in range(20)))
    assert fault_proxy.calls() == []
    await asyncio.gather(*(aws.clusters.token(THERE, f"web-{number}") for number in range(20)))
    clock.at += 600.0
    await aws.clusters.token(THERE, "web-1")
    assert [call.operation for call in fault_proxy.calls()] == ["AssumeRole"]


# What goes wrong


async def test_a_role_that_may_not_be_assumed_says_what_to_check_and_is_tried_again(
    aws: Aws, aws_server: MotoServer, fault_proxy: FaultProxy
) -> None:
    fault_proxy.add(Fault(FaultKind.ERROR, "AssumeRole", times=1, status=403, code="AccessDenied"))
    with pytest.raises(AccessDenied) as caught:
        await aws.clusters.token(THERE, "web-1")
    assert all(part in str(caught.value) for part in ("the identity that Okra runs as", ROLE, "trust policy"))
    assert "assumed-role/okra" in await caller(await aws.clusters.token(THERE, "web-1"), "web-1", aws_server)


async def test_without_credentials_the_person_is_told_and_later_ones_are_found(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(CredentialsInvalid, match="No AWS credentials"):
        await aws.clusters.token(HERE, "web-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    assert asked(await aws.clusters.token(HERE, "web-1"))["X-Amz-Credential"].startswith("testing/")


async def test_neither_a_token_nor_what_signs_it_is_shown(aws: Aws) -> None:
    token = await aws.clusters.token(THERE, "web-1")
    tokens = aws.clusters._tokens  # type: ignore[attr-defined]
    shown = repr([aws, tokens._kept, await aws._calls.signer(THERE)])
    assert "made_at" in shown, "what is looked at is there"
    for secret in (token, asked(token)["X-Amz-Signature"], asked(token)["X-Amz-Security-Token"]):
        assert secret not in shown
