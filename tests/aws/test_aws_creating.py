"""Rules that Okra makes: what is sent, what AWS keeps of it, and what can't be made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from okra.aws.facade import Aws
from okra.aws.rule_conditions import difference, overlap, to_api
from okra.errors import Conflict, Invalid, NotFound, OkraError, Refused
from okra.ports import Account, RequestCondition, RouteRef
from okra.rollout.observation import ABSENT, OVERLAPS, RouteReading
from okra.testing.aws_world import AwsWorld, forward
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind

OWNER = "okra/default/web"
EVERY = (
    RequestCondition("host-header", (("", "Shop.example.com"), ("", "*.shop.example.com"))),
    RequestCondition("path-pattern", (("", "/Api/*"),)),
    RequestCondition("http-request-method", (("", "GET"),)),
    RequestCondition("http-header", (("", "Yes"),), "X-Canary"),
    RequestCondition("query-string", (("v", "2"), ("", "beta"))),
    RequestCondition("source-ip", (("", "10.0.0.0/8"),)),
)
AS_AWS_SAYS = [
    {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}},
    {"Field": "query-string", "QueryStringConfig": {"Values": [{"Value": "BETA"}, {"Key": "V", "Value": "2"}]}},
    {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-canary", "Values": ["yes"]}},
    {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}},
    {"Field": "path-pattern", "Values": ["/Api/*"], "PathPatternConfig": {"Values": ["/Api/*"]}},
    {
        "Field": "host-header",
        "Values": ["*.shop.example.com", "shop.example.com"],
        "HostHeaderConfig": {"Values": ["*.shop.example.com", "shop.example.com"]},
    },
]


def condition(field: str, *values: str, header: str = "") -> RequestCondition:
    return RequestCondition(field, tuple(("", value) for value in values), header)


# -- conditions ----------------------------------------------------------------------------------------------------


def test_the_same_conditions_in_another_order_and_case_are_the_same() -> None:
    assert difference(EVERY, AS_AWS_SAYS) == ""
    assert difference(EVERY, to_api(EVERY)) == ""


def test_a_range_of_addresses_is_the_same_in_another_spelling() -> None:
    wanted = [condition("source-ip", "10.1.2.3/8", "2001:DB8:0::/32")]
    assert difference(wanted, to_api([condition("source-ip", "2001:db8::/32", "10.0.0.0/8")])) == ""
    assert difference(wanted, to_api([condition("source-ip", "10.0.0.0/8", "of no form")]))


@pytest.mark.parametrize(
    ("wanted", "there", "said"),
    [
        (
            [condition("path-pattern", "/a")],
            [condition("path-pattern", "/A")],
            "it takes path-pattern: /A and should take path-pattern: /a",
        ),
        ([condition("host-header", "a.io")], [], "should take host-header: a.io"),
        (
            [condition("host-header", "a.io")],
            [condition("host-header", "a.io"), condition("http-request-method", "GET")],
            "it takes http-request-method: GET",
        ),
        (
            [condition("http-header", "1", header="X-A")],
            [condition("http-header", "1", header="X-B")],
            "it takes http-header x-b: 1 and should take http-header x-a: 1",
        ),
        (
            [RequestCondition("query-string", (("a", "1"), ("", "2")))],
            [RequestCondition("query-string", (("", "2"),))],
            "it takes query-string: 2 and should take query-string: 2 or a=1",
        ),
    ],
    ids=["case of a path", "missing", "one more", "another header", "fewer values"],
)
def test_what_differs_is_said_in_words(
    wanted: list[RequestCondition], there: list[RequestCondition], said: str
) -> None:
    assert difference(wanted, to_api(there)) == said


@pytest.mark.parametrize(
    ("wanted", "there", "said"),
    [
        (
            condition("http-header", "1", "2", header="X-A"),
            condition("http-header", "1 or 2", header="X-A"),
            'it takes http-header x-a: "1 or 2" and should take http-header x-a: 1 or 2',
        ),
        (
            RequestCondition("query-string", (("a", "b"),)),
            RequestCondition("query-string", (("", "a=b"),)),
            'it takes query-string: "a=b" and should take query-string: a=b',
        ),
        (
            condition("http-header", "x: 1", header="a"),
            condition("http-header", "1", header="a: x"),
            'it takes http-header a: x: 1 and should take http-header a: "x: 1"',
        ),
    ],
    ids=["two values and one", "a key and none", "header and value"],
)
def test_conditions_that_only_read_alike_differ(wanted: RequestCondition, there: RequestCondition, said: str) -> None:
    assert difference([wanted], to_api([there])) == said


def test_a_regular_expression_is_like_no_condition_of_okras() -> None:
    raw = [{"Field": "host-header", "HostHeaderConfig": {"Values": [], "RegexValues": ["a.*"]}}]
    said = difference([condition("host-header", "a.io")], raw)
    assert said == "it takes host-header: regexvalues=a.* and should take host-header: a.io"


# -- other rules' requests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ([condition("host-header", "a.io")], [condition("host-header", "b.io", "c.io")]),
        ([condition("host-header", "A.io")], [condition("host-header", "*.b.io")]),
        ([condition("path-pattern", "/api/*")], [condition("path-pattern", "/web/*", "/web")]),
        ([condition("path-pattern", "/a")], [condition("path-pattern", "/A")]),
        ([condition("http-request-method", "GET")], [condition("http-request-method", "POST")]),
        (
            [condition("host-header", "a.io"), condition("path-pattern", "/*")],
            [condition("path-pattern", "/x"), condition("host-header", "b.io")],
        ),
    ],
    ids=["hosts", "endings", "beginnings", "case of a path", "methods", "one of two fields"],
)
def test_conditions_that_no_request_meets_together(
    wanted: list[RequestCondition], there: list[RequestCondition]
) -> None:
    assert not overlap(wanted, to_api(there))
    assert not overlap(there, to_api(wanted))


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ([condition("path-pattern", "/api/v2/*")], [condition("path-pattern", "/api/*")]),
        ([condition("host-header", "a.io")], [condition("host-header", "A.IO")]),
        ([condition("host-header", "a.b.io")], [condition("host-header", "*.io")]),
        ([condition("host-header", "a.io", "c.io")], [condition("host-header", "b.io", "c.io")]),
        ([condition("path-pattern", "/?b")], [condition("path-pattern", "/a?")]),
        ([condition("host-header", "a.io")], [condition("path-pattern", "/web")]),
        ([condition("http-header", "1", header="a")], [condition("http-header", "2", header="a")]),
        ([condition("host-header", "a.io")], []),
    ],
    ids=["within", "case of a host", "wildcard", "one in common", "question marks", "fields", "headers", "none"],
)
def test_conditions_that_one_request_may_meet(wanted: list[RequestCondition], there: list[RequestCondition]) -> None:
    assert overlap(wanted, to_api(there))
    assert overlap(there, to_api(wanted))


@pytest.mark.parametrize("config", [{"RegexValues": ["b.*"]}, {"Values": ["b.io"], "RegexValues": ["a.*"]}, {}])
def test_what_okra_cannot_read_may_be_met_by_anything(config: dict[str, Any]) -> None:
    assert overlap([condition("host-header", "a.io")], [{"Field": "host-header", "HostHeaderConfig": config}])


async def absence(aws: Aws, ref: RouteRef) -> NotFound:
    found = (await aws.router.read([ref]))[ref]
    assert isinstance(found, NotFound), found
    return found


async def test_a_rule_behind_that_has_its_requests_now_is_named_with_the_remedy(
    aws: Aws, aws_world: AwsWorld, listener: str
) -> None:
    ref = ref_of(listener, 7, condition("path-pattern", "/api/v2/*"))
    aws_world.rule(listener, 3, conditions=to_api([condition("path-pattern", "/api/*")]))
    aws_world.rule(listener, 15, conditions=to_api([condition("path-pattern", "/web/*")]))
    assert (await absence(aws, ref)).reason == ABSENT
    behind = aws_world.rule(listener, 20, conditions=to_api([condition("path-pattern", "/api/*")]))
    aws_world.rule(listener, 30)
    error = await absence(aws, ref)
    assert error.reason == OVERLAPS
    assert f"{behind} (priority 20)" in str(error)
    assert "create this one by hand" in str(error)
    aws_world.elb.delete_rule(RuleArn=behind)
    assert "(priority 30)" in str(await absence(aws, ref)), "a host and a path may both be met"


# -- what is made --------------------------------------------------------------------------------------------------


@pytest.fixture
def listener(aws_world: AwsWorld) -> str:
    old, new = (aws_world.target_group(f"web-{each}", version=f"1.{each}.0") for each in (0, 1))
    sticky = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}
    return aws_world.listener(aws_world.load_balancer(), actions=[forward({old: 3, new: 0}, **sticky)])


def ref_of(listener: str, priority: int = 7, *conditions: RequestCondition) -> RouteRef:
    return RouteRef(Account(), listener, priority=priority, conditions=conditions or EVERY[:5])


async def create(aws: Aws, ref: RouteRef) -> None:
    default = RouteRef(Account(), ref.listener_arn)
    reading = (await aws.router.read([default]))[default]
    assert isinstance(reading, RouteReading), reading
    await aws.router.create(ref, OWNER, reading)


async def made(aws: Aws, ref: RouteRef) -> RouteReading:
    await create(aws, ref)
    found = (await aws.router.read([ref]))[ref]
    assert isinstance(found, RouteReading), found
    return found


@pytest.mark.parametrize("each", EVERY, ids=lambda each: each.field)
async def test_each_kind_of_condition_is_read_as_it_was_made(aws: Aws, listener: str, each: RequestCondition) -> None:
    assert (await made(aws, ref_of(listener, 7, each))).differs == ""


async def test_stickiness_weights_and_zeros_of_the_default_action_are_copied(
    aws: Aws, aws_world: AwsWorld, listener: str
) -> None:
    reading = await made(aws, ref_of(listener))
    assert aws_world.actions(reading.arn) == aws_world.actions(listener)
    assert reading.sticky
    assert aws_world.tags(reading.arn) == {"okra.mumoshu.github.io/owner": OWNER}


async def test_whoever_signs_in_by_cognito_before_does_so_on_the_copy(aws: Aws, aws_world: AwsWorld) -> None:
    group = aws_world.target_group("web")
    pool = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a"
    cognito: Mapping[str, Any] = {"UserPoolArn": pool, "UserPoolClientId": "a", "UserPoolDomain": "a"}
    actions = [
        {"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": cognito},
        forward({group: 1}) | {"Order": 2},
    ]
    listener = aws_world.listener(aws_world.load_balancer(), actions=actions, protocol="HTTPS", port=443)
    reading = await made(aws, ref_of(listener))
    assert aws_world.actions(reading.arn) == aws_world.actions(listener)


async def test_a_secret_that_nobody_tells_is_a_reason_to_make_nothing(
    aws: Aws, aws_world: AwsWorld, fault_proxy: FaultProxy
) -> None:
    group = aws_world.target_group("web")
    oidc = {"Issuer": "https://a", "ClientId": "a", "ClientSecret": "s", "AuthorizationEndpoint": "https://a/a"}
    oidc |= {"TokenEndpoint": "https://a/t", "UserInfoEndpoint": "https://a/u"}
    actions = [
        {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": oidc},
        forward({group: 1}) | {"Order": 2},
    ]
    listener = aws_world.listener(aws_world.load_balancer(), actions=actions, protocol="HTTPS", port=443)
    with pytest.raises(Refused) as caught:
        await create(aws, ref_of(listener))
    assert caught.value.reason == "ActionNotCopied"
    assert "create the rule by hand" in str(caught.value)
    assert fault_proxy.calls("CreateRule") == []


async def test_one_that_is_there_by_now_is_left_alone(aws: Aws, aws_world: AwsWorld, listener: str) -> None:
    arn = aws_world.rule(listener, 7)
    with pytest.raises(Conflict):
        await create(aws, ref_of(listener))
    assert aws_world.tags(arn) == {}


@pytest.mark.parametrize(
    ("code", "expected", "said"),
    [
        ("PriorityInUse", Conflict, "read again"),
        ("TooManyRules", Refused, "ask for a higher quota"),
        ("TooManyUniqueTargetGroupsPerLoadBalancer", Refused, "as many target groups as AWS allows"),
        ("ValidationError", Invalid, "not valid"),
    ],
)
async def test_what_aws_refuses_is_said_with_the_rule_and_the_remedy(
    aws: Aws, listener: str, fault_proxy: FaultProxy, code: str, expected: type[OkraError], said: str
) -> None:
    fault_proxy.add(Fault(FaultKind.ERROR, "CreateRule", status=400, code=code, message="no"))
    with pytest.raises(expected) as caught:
        await create(aws, ref_of(listener))
    assert said in str(caught.value)
    assert f"{listener}#7" in str(caught.value)
