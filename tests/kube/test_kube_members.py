"""Member clusters: who is let in, what is found there, and what becomes of one that doesn't answer.

Each is a real API server that asks a webhook about EKS's tokens, which are signed as in production.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import traceback
from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qs

import pytest
import structlog
from aiohttp.web import Response

from okra.app.clock import SystemClock
from okra.aws.facade import Aws, open_aws
from okra.errors import AccessDenied, Fatal, Invalid, OkraError, Unavailable
from okra.kube.client import Timeouts
from okra.kube.listing import PAGE
from okra.kube.members import KubeMembers
from okra.ports import Account
from okra.ports_clusters import ClusterInfo, TargetGroupBinding
from okra.testing.aws_world import AwsWorld
from okra.testing.controlplane.members import Member
from okra.testing.eks_tokens import presigned
from okra.testing.eks_world import EksWorld
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind
from tests.kube.api_server import ApiServer, answers
from tests.kube.relay import Relay
from tests.support.members import Members

HERE = Account()
ROLE = "arn:aws:iam::123456789012:role/okra"
STRANGER = Account(role_arn="arn:aws:iam::123456789012:role/stranger")
ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/7"
IMPATIENT = Timeouts(connect=3.0, read=3.0, total=6.0)
"""For what hangs, and what must answer meanwhile."""


@pytest.fixture
async def aws(aws_environ: Mapping[str, str], aws_world: AwsWorld) -> AsyncIterator[Aws]:
    async with open_aws(clock=SystemClock(), environ=aws_environ) as opened:
        yield opened


@pytest.fixture
async def reached(aws: Aws) -> AsyncIterator[KubeMembers]:
    """What is tested."""
    async with KubeMembers(aws.clusters.token) as reached:
        yield reached


@pytest.fixture
async def impatient(aws: Aws) -> AsyncIterator[KubeMembers]:
    async with KubeMembers(aws.clusters.token, IMPATIENT) as reached:
        yield reached


def info(member: Member, *, endpoint: str = "", ca_data: str = "") -> ClusterInfo:
    arn = f"arn:aws:eks:us-east-1:123456789012:cluster/{member.name}"
    return ClusterInfo(member.name, arn, "ACTIVE", endpoint or member.endpoint, ca_data or member.ca_data)


def authority(*pem: str) -> str:
    """As EKS reports one, or two while one is being replaced."""
    return base64.b64encode("".join(pem).encode()).decode()


# Who is let in


@pytest.mark.parametrize("account", [HERE, Account(role_arn=ROLE)], ids=["own", "role"])
async def test_a_member_is_reached_where_eks_reports_it_by_whom_the_docs_let_in(
    reached: KubeMembers, aws: Aws, aws_world: AwsWorld, members: Members, account: Account
) -> None:
    eks = EksWorld(aws_world)
    for member in members:
        eks.create(member.name, endpoint=member.endpoint, ca_data=member.ca_data)
        cluster = await aws.clusters.cluster(HERE, member.name)
        await reached.answers(account, cluster)
        assert await reached.target_group_bindings(account, cluster, "none=such") == []


async def test_an_identity_without_an_access_entry_is_told_to_make_one_and_is_let_in_once_it_has(
    reached: KubeMembers, members: Members
) -> None:
    web = members[0]
    for asked in (reached.answers(STRANGER, info(web)), reached.target_group_bindings(STRANGER, info(web), "")):
        with pytest.raises(Fatal) as raised:
            await asked
        assert raised.value.reason == "ClusterUnauthorized"
        for part in ("web-1", f"create-access-entry --cluster-name web-1 --principal-arn {STRANGER.role_arn}"):
            assert part in str(raised.value)
    web.admit(STRANGER.role_arn)
    await reached.answers(STRANGER, info(web))


@pytest.mark.parametrize("token", ["k8s-aws-v1.guessed", "guessed", "of another cluster"])
async def test_a_token_that_the_cluster_does_not_take_is_no_answer(aws: Aws, members: Members, token: str) -> None:
    async def given(account: Account, _: str) -> str:
        return await aws.clusters.token(account, "web-2") if token == "of another cluster" else token

    async with KubeMembers(given) as reached:
        with pytest.raises(Fatal) as raised:
            await reached.answers(HERE, info(members[0]))
        assert raised.value.reason == "ClusterUnauthorized"
        assert "the identity that Okra runs as" in str(raised.value)


async def test_an_identity_without_the_role_is_in_and_is_told_what_it_needs_for_bindings(
    reached: KubeMembers, members: Members
) -> None:
    web = members[0]
    web.admit(STRANGER.role_arn, "others")
    await reached.answers(STRANGER, info(web))
    with pytest.raises(Fatal) as raised:
        await reached.target_group_bindings(STRANGER, info(web), "")
    assert raised.value.reason == "ClusterUnauthorized"
    for part in (
        "web-1",
        "assumed-role/stranger",
        'apiGroups: ["elbv2.k8s.aws"], resources: ["targetgroupbindings"], verbs: ["list"]',
    ):
        assert part in str(raised.value)


async def test_an_identity_that_aws_does_not_give_is_no_matter_of_the_cluster(
    reached: KubeMembers, fault_proxy: FaultProxy, members: Members
) -> None:
    fault_proxy.add(Fault(FaultKind.ERROR, "AssumeRole", times=1, status=403, code="AccessDenied"))
    account = Account(role_arn=ROLE)
    with pytest.raises(AccessDenied, match="trust policy") as raised:
        await reached.answers(account, info(members[0]))
    assert raised.value.reason == "AccessDenied"
    await reached.answers(account, info(members[0]))


# What is found there


async def test_bindings_are_those_that_the_selector_matches_in_all_namespaces(
    reached: KubeMembers, members: Members
) -> None:
    web, other = members
    web.bind("selected-a", "one", {"targetGroupARN": ARN, "serviceRef": {"name": "web"}}, app="selected", tier="a")
    web.bind("selected-b", "two", {"targetGroupARN": ARN + "2"}, app="selected", tier="b")
    web.bind("selected-b", "else", {"targetGroupARN": ARN + "3"}, app="else")
    other.bind("selected-a", "there", {"targetGroupARN": ARN + "4"}, app="selected")

    async def found(selector: str, member: Member = web) -> list[TargetGroupBinding]:
        bindings = await reached.target_group_bindings(HERE, info(member), selector)
        return sorted(bindings, key=lambda binding: binding.arn)

    one, two = TargetGroupBinding("selected-a", "one", ARN), TargetGroupBinding("selected-b", "two", ARN + "2")
    assert await found("app=selected") == [one, two]
    assert await found("app=selected,tier in (b,c)") == [two]
    assert await found("app=selected,tier notin (b)") == [one]
    assert await found("app=selected", other) == [TargetGroupBinding("selected-a", "there", ARN + "4")]
    with pytest.raises(Invalid, match="unable to parse"):
        await found("app in")


@pytest.mark.parametrize("spec", [None, "text", [], {}, {"targetGroupARN": None}, {"targetGroupARN": {"a": 1}}])
async def test_a_binding_that_names_no_target_group_is_there_and_has_none(
    reached: KubeMembers, members: Members, request: pytest.FixtureRequest, spec: object
) -> None:
    name = f"odd-{request.node.callspec.indices['spec']}"
    members[0].bind(name, name, spec, odd=name)
    assert await reached.target_group_bindings(HERE, info(members[0]), f"odd={name}") == [
        TargetGroupBinding(name, name, "")
    ]


async def test_more_bindings_than_a_page_holds_are_all_found(reached: KubeMembers, members: Members) -> None:
    names = {f"b{number}" for number in range(PAGE + 1)}
    for name in names:
        members[0].bind("many", name, {"targetGroupARN": ARN}, size="many")
    found = await reached.target_group_bindings(HERE, info(members[0]), "size=many")
    assert {binding.name for binding in found} == names


async def test_where_the_kind_is_unknown_there_are_no_bindings(reached: KubeMembers, members: Members) -> None:
    web = members[1]
    await asyncio.to_thread(web.remove_bindings)
    try:
        assert await reached.target_group_bindings(HERE, info(web), "") == []
    finally:
        await asyncio.to_thread(web.install_bindings)


# What doesn't answer


async def test_a_frozen_member_is_given_up_in_time_and_holds_up_no_other(
    impatient: KubeMembers, members: Members
) -> None:
    frozen, other = members
    await impatient.answers(HERE, info(frozen))
    await asyncio.to_thread(frozen.plane.freeze_apiserver)
    try:
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(outcome(impatient, frozen))
            await impatient.answers(HERE, info(other))
            assert not asked.done()
    finally:
        await asyncio.to_thread(frozen.plane.thaw_apiserver)
    assert isinstance(asked.result(), Unavailable)
    assert frozen.endpoint in str(asked.result())
    await impatient.answers(HERE, info(frozen))


async def outcome(reached: KubeMembers, member: Member) -> OkraError | None:
    try:
        await reached.answers(HERE, info(member))
    except OkraError as error:
        return error
    return None


async def test_an_endpoint_behind_a_closed_door_is_said_with_what_has_to_be_open(aws: Aws, members: Members) -> None:
    async with (
        Relay(members[0].endpoint) as relay,
        KubeMembers(aws.clusters.token, Timeouts(connect=0.3)) as reached,
    ):
        relay.hold()
        cluster = info(members[0], endpoint=relay.url)
        for asked in (reached.answers(HERE, cluster), reached.target_group_bindings(HERE, cluster, "")):
            with pytest.raises(Unavailable) as raised:
                await asked
            for part in ("web-1", relay.url, "security groups"):
                assert part in str(raised.value)


async def test_a_deadline_is_for_the_question_as_a_whole(members: Members) -> None:
    async def never(_: Account, __: str) -> str:
        await asyncio.Event().wait()
        return ""

    async with KubeMembers(never, Timeouts(total=0.2)) as reached:
        with pytest.raises(Unavailable, match=r"web-1.* in time"):
            await reached.answers(HERE, info(members[0]))


@pytest.mark.parametrize(
    ("endpoint", "ca_data"),
    [
        ("", ""),
        ("https://127.0.0.1:9", ""),
        ("https://127.0.0.1:9", "LS0tLS1"),
        ("https://127.0.0.1:9", authority("no certificate")),
        ("https://127.0.0.1:9", authority("-----BEGIN CERTIFICATE-----\nü\n")),
    ],
)
async def test_nobody_is_given_a_token_before_eks_says_where_and_who_vouches_for_it(
    endpoint: str, ca_data: str
) -> None:
    async def token(_: Account, __: str) -> str:
        raise AssertionError("asked for")

    cluster = ClusterInfo("web-1", "arn", "CREATING", endpoint, ca_data)
    async with KubeMembers(token) as reached:
        with pytest.raises(Unavailable, match=r"EKS reports .*web-1"):
            await reached.answers(HERE, cluster)


async def test_a_token_never_goes_over_plain_http(aws: Aws, members: Members) -> None:
    async with ApiServer(answers(Response)) as server, KubeMembers(aws.clusters.token) as reached:
        with pytest.raises(Unavailable, match="no https endpoint"):
            await reached.answers(HERE, info(members[0], endpoint=server.url))
        assert server.requests == []


# What EKS reports changes


async def test_a_server_that_the_ca_does_not_vouch_for_gets_no_token_and_the_ca_that_does_is_taken_when_reported(
    reached: KubeMembers, members: Members
) -> None:
    web, other = members
    with pytest.raises(Unavailable, match=rf"{web.endpoint}.*doesn't match the CA that EKS reports for web-1"):
        await reached.answers(HERE, info(web, ca_data=other.ca_data))
    await reached.answers(HERE, info(web))
    with pytest.raises(Unavailable, match="CA"):
        await reached.answers(HERE, info(web, ca_data=other.ca_data))


async def test_a_cluster_has_one_client_which_is_replaced_when_its_ca_is(
    reached: KubeMembers, members: Members
) -> None:
    web, other = members
    async with Relay(web.endpoint) as relay:
        before = info(web, endpoint=relay.url)
        for _ in range(3):
            await reached.answers(HERE, before)
            await reached.target_group_bindings(HERE, before, "")
        await relay.until(accepted=1, present=1)
        await reached.answers(
            HERE, info(web, endpoint=relay.url, ca_data=authority(other.plane.ca.read_text(), web.plane.ca.read_text()))
        )
        await relay.until(accepted=2, present=1)
        await reached.close()
        await relay.until(accepted=2, present=0)


async def test_a_cluster_that_moves_is_followed(reached: KubeMembers, members: Members) -> None:
    web = members[0]
    async with Relay(web.endpoint) as first, Relay(web.endpoint) as second:
        await reached.answers(HERE, info(web, endpoint=first.url))
        await reached.answers(HERE, info(web, endpoint=second.url))
        await first.until(present=0)
        await second.until(accepted=1, present=1)


async def test_who_asks_by_the_old_client_gets_an_answer(reached: KubeMembers, members: Members) -> None:
    web = members[0]
    async with Relay(web.endpoint) as relay, asyncio.TaskGroup() as tasks:
        relay.hold()
        asked = tasks.create_task(reached.answers(HERE, info(web, endpoint=relay.url)))
        await relay.until(accepted=1)
        await reached.answers(HERE, info(web))
        assert not asked.done()
        relay.let_go()
        await asked
        await relay.until(present=0)


async def test_two_who_ask_as_different_identities_have_a_client_each(reached: KubeMembers, members: Members) -> None:
    web = members[0]
    for _ in range(2):
        await reached.answers(HERE, info(web))
        with pytest.raises(AccessDenied):
            await reached.answers(STRANGER, info(web))


# Secrets


async def test_the_token_is_in_no_error_no_log_line_and_no_repr(
    reached: KubeMembers, aws: Aws, members: Members, caplog: pytest.LogCaptureFixture
) -> None:
    web, other = members
    tokens = [await aws.clusters.token(account, web.name) for account in (HERE, STRANGER)]
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as logged:
        await reached.answers(HERE, info(web))
        shown = [repr([vars(reached), *(vars(each) for each in reached._members.values())])]
        for account, cluster in (
            (STRANGER, info(web)),
            (HERE, info(web, ca_data=other.ca_data)),
            (HERE, info(web, endpoint="https://127.0.0.1:9")),
        ):
            with pytest.raises(OkraError) as raised:
                await reached.answers(account, cluster)
            shown += [repr(raised.value), *traceback.format_exception(raised.value)]
    text = "".join([*shown, caplog.text, repr(logged)])
    assert text.count("web-1") >= 4, "what is looked at is there"
    for token in tokens:
        assert token not in text
        assert parse_qs(presigned(token).query)["X-Amz-Signature"][0] not in text
