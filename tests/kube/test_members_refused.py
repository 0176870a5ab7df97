"""What a cluster that doesn't let Okra in is said to need: whom to let in, and the command that does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from okra.errors import AccessDenied
from okra.kube.members import KubeMembers
from okra.ports import Account
from okra.ports_clusters import ClusterInfo
from tests.kube.member_servers import Tls, member_server, tls

__all__ = ["tls"]

OWN, OTHER = "arn:aws:iam::123456789012:role/okra", "arn:aws:iam::210987654321:role/eks"
TOKEN = "k8s-aws-v1.secret"
DOCUMENTED = "aws eks create-access-entry --cluster-name web-1 --principal-arn {} --kubernetes-groups okra"


async def _token(account: Account, name: str) -> str:
    return TOKEN


async def _nobody(_: web.Request) -> web.Response:
    status = {"kind": "Status", "status": "Failure", "message": "Unauthorized", "reason": "Unauthorized", "code": 401}
    return web.json_response(status, status=401)


@pytest.fixture
async def closed(tls: Tls) -> AsyncIterator[ClusterInfo]:
    """A cluster that knows nobody."""
    arn = "arn:aws:eks:us-east-1:123456789012:cluster/web-1"
    async with member_server(tls, _nobody) as url:
        yield ClusterInfo("web-1", arn, "ACTIVE", url, tls[1], "1.33")


@pytest.mark.parametrize(
    ("own", "account", "refused", "command"),
    [
        ("", Account(), "the identity that Okra runs as", DOCUMENTED.format("ARN_OF_ITS_ROLE")),
        (OWN, Account(), OWN, DOCUMENTED.format(OWN)),
        (OWN, Account(role_arn=OTHER), OTHER, DOCUMENTED.format(OTHER)),
    ],
)
async def test_it_says_who_was_refused_and_the_command_that_lets_them_in(
    closed: ClusterInfo, own: str, account: Account, refused: str, command: str
) -> None:
    async def identity(account: Account) -> str:
        return account.role_arn or own

    async with KubeMembers(_token, identity=identity) as members:
        with pytest.raises(AccessDenied) as raised:
            await members.answers(account, closed)
    said = str(raised.value)
    assert raised.value.reason == "ClusterUnauthorized"
    assert f"doesn't let in {refused}" in said
    assert command in said
    assert TOKEN not in said
