"""Who Okra is to AWS, as messages name it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from okra.aws.facade import open_aws
from okra.ports import Account
from okra.testing.aws_world import AwsWorld
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind
from tests.aws.conftest import TIMEOUTS, SystemClock

OWN, OTHER = "arn:aws:iam::123456789012:role/okra", "arn:aws:iam::210987654321:role/eks"
IRSA = {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/team/okra", "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token"}
POD = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@pytest.fixture(autouse=True)
def session(aws_world: AwsWorld, aws_environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of a role without its name, as Pod Identity gives them."""
    found = aws_world.client("sts").assume_role(RoleArn=OWN, RoleSessionName="eks-web-okra-1")["Credentials"]
    for name, key in zip(POD, ("AccessKeyId", "SecretAccessKey", "SessionToken"), strict=True):
        monkeypatch.setenv(name, found[key])


@pytest.mark.parametrize(
    ("environ", "account", "arn", "asked"),
    [
        ({}, Account(), OWN, ["GetCallerIdentity"]),
        ({"AWS_ROLE_ARN": OTHER}, Account("eu-west-1"), OWN, ["GetCallerIdentity"]),
        (IRSA, Account(), IRSA["AWS_ROLE_ARN"], []),
        (IRSA, Account(role_arn=OTHER), OTHER, []),
    ],
)
async def test_the_role_that_asks_is_known(
    environ: dict[str, str],
    account: Account,
    arn: str,
    asked: list[str],
    fault_proxy: FaultProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    async with open_aws(clock=SystemClock(), timeouts=TIMEOUTS) as aws:
        assert [await aws.identity(account) for _ in range(2)] == [arn, arn]
    assert [call.operation for call in fault_proxy.calls()] == asked


async def test_where_aws_doesnt_say_who_okra_is_nobody_does_until_it_is_asked_again(fault_proxy: FaultProxy) -> None:
    fault_proxy.add(Fault(FaultKind.ERROR, "GetCallerIdentity", times=1, status=403, code="AccessDenied"))
    async with open_aws(clock=SystemClock(), timeouts=TIMEOUTS) as aws:
        assert [await aws.identity(Account()) for _ in range(2)] == ["", OWN]


async def test_who_has_no_role_is_named_as_he_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    async with open_aws(clock=SystemClock(), timeouts=TIMEOUTS) as aws:
        assert await aws.identity(Account()) == "arn:aws:sts::123456789012:user/moto"
