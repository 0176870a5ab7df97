"""Every kind of failure becomes one of Okra's errors, with a reason for a condition and a message for a person."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from okra.aws.errors import Attempt, translate
from okra.aws.operations import ASSUME_ROLE, DESCRIBE_LISTENERS, GET_METRIC_DATA, MODIFY_RULE
from okra.errors import (
    AccessDenied,
    CredentialsInvalid,
    Fatal,
    Invalid,
    NotFound,
    OkraError,
    Refused,
    Retryable,
    Throttled,
    Unavailable,
)

RULE = "arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/app/a/b/c/d"
ATTEMPT = Attempt(MODIFY_RULE, "us-east-1", target=RULE)
WHO = "arn:aws:sts::111122223333:assumed-role/okra/okra"


def answered(code: str, message: str = "no", status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "ModifyRule")


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (answered("Throttling"), Throttled, "Throttled"),
        (answered("ThrottlingException"), Throttled, "Throttled"),
        (answered("RequestLimitExceeded", status=503), Throttled, "Throttled"),
        (answered("TooManyRequestsException", status=429), Throttled, "Throttled"),
        (answered("429", status=429), Throttled, "Throttled"),
        (answered("", status=429), Throttled, "Throttled"),
        (answered("AccessDenied", status=403), AccessDenied, "AccessDenied"),
        (answered("UnauthorizedOperation", status=403), AccessDenied, "AccessDenied"),
        (answered("ExpiredToken", status=403), CredentialsInvalid, "CredentialsInvalid"),
        (answered("InvalidClientTokenId", status=403), CredentialsInvalid, "CredentialsInvalid"),
        (answered("SignatureDoesNotMatch", status=403), CredentialsInvalid, "CredentialsInvalid"),
        (answered("UnrecognizedClientException"), CredentialsInvalid, "CredentialsInvalid"),
        (answered("RuleNotFound"), NotFound, "RuleNotFound"),
        (answered("ListenerNotFound"), NotFound, "ListenerNotFound"),
        (answered("TargetGroupNotFound"), NotFound, "TargetGroupNotFound"),
        (answered("LoadBalancerNotFound"), NotFound, "LoadBalancerNotFound"),
        (answered("ResourceNotFoundException", status=404), NotFound, "ClusterNotFound"),
        (answered("ValidationError"), Invalid, "InvalidSpec"),
        (answered("TargetGroupAssociationLimit"), Refused, "TargetGroupAssociationLimit"),
        (answered("TooManyUniqueTargetGroupsPerLoadBalancer"), Refused, "TooManyUniqueTargetGroupsPerLoadBalancer"),
        (answered("IncompatibleProtocols"), Refused, "IncompatibleProtocols"),
        (answered("SomethingNew"), Refused, "Refused"),
        (answered("HTTP403", status=403), Refused, "Refused"),
        (answered("SomethingNew", status=500), Unavailable, "Unavailable"),
        (answered("ServiceUnavailable", status=503), Unavailable, "Unavailable"),
        (answered("InternalFailure", status=500), Unavailable, "Unavailable"),
        (ConnectTimeoutError(endpoint_url="u", error=None), Unavailable, "Unavailable"),
        (ReadTimeoutError(endpoint_url="u", error=None), Unavailable, "Unavailable"),
        (EndpointConnectionError(endpoint_url="u", error=None), Unavailable, "Unavailable"),
        (ConnectionClosedError(endpoint_url="u", error=None), Unavailable, "Unavailable"),
        (HTTPClientError(error=ValueError("x")), Unavailable, "Unavailable"),
        (ResponseParserError("not XML"), Unavailable, "Unavailable"),
        (aiohttp.ClientPayloadError("cut"), Unavailable, "Unavailable"),
        (TimeoutError(), Unavailable, "Unavailable"),
        (KeyError("DescribeRulesResult"), Unavailable, "Unavailable"),
        (NoCredentialsError(), CredentialsInvalid, "CredentialsInvalid"),
        (PartialCredentialsError(provider="env", cred_var="key"), CredentialsInvalid, "CredentialsInvalid"),
        (CredentialRetrievalError(provider="imds", error_msg="no"), CredentialsInvalid, "CredentialsInvalid"),
        (TokenRetrievalError(provider="sso", error_msg="no"), CredentialsInvalid, "CredentialsInvalid"),
        (ProfileNotFound(profile="prod"), CredentialsInvalid, "CredentialsInvalid"),
        (NoRegionError(), Invalid, "InvalidSpec"),
        (ParamValidationError(report="bad"), Invalid, "InvalidSpec"),
    ],
    ids=lambda value: (
        getattr(value, "__name__", None) or (type(value).__name__ if isinstance(value, Exception) else value)
    ),
)
def test_each_failure_has_its_kind_and_its_reason(error: Exception, kind: type[OkraError], reason: str) -> None:
    translated = translate(error, ATTEMPT)
    assert type(translated) is kind
    assert translated.reason == reason
    assert str(translated)
    assert "\n" not in str(translated)


def test_an_error_of_okras_own_passes_unchanged() -> None:
    error = Invalid("x")
    assert translate(error, ATTEMPT) is error


def test_a_missing_permission_names_the_action_the_principal_and_the_command_that_helps() -> None:
    said = f"User: {WHO} is not authorized to perform: elasticloadbalancing:ModifyRule on resource: {RULE} because no"
    message = str(translate(answered("AccessDenied", said, 403), ATTEMPT))
    assert all(part in message for part in (WHO, "elasticloadbalancing:ModifyRule", RULE, "okra iam-policy"))


def test_a_missing_permission_is_named_even_when_aws_does_not_say_it() -> None:
    attempt = Attempt(GET_METRIC_DATA, "us-east-1", "arn:aws:iam::1:role/reader")
    message = str(translate(answered("AccessDeniedException", "", 403), attempt))
    assert "cloudwatch:GetMetricData" in message
    assert "arn:aws:iam::1:role/reader" in message


def test_a_role_that_may_not_be_assumed_says_what_to_check() -> None:
    attempt = Attempt(ASSUME_ROLE, "us-east-1", "arn:aws:iam::1:role/okra", "arn:aws:iam::1:role/okra")
    said = f"User: {WHO} is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/okra"
    message = str(translate(answered("AccessDenied", said, 403), attempt))
    assert all(part in message for part in (WHO, "arn:aws:iam::1:role/okra", "trust policy", "aws.externalID"))
    message = str(translate(answered("AccessDenied", "", 403), attempt))
    assert message.startswith("the identity that Okra runs as may not assume the role arn:aws:iam::1:role/okra")
    message = str(translate(answered("ExpiredToken", "", 403), attempt))
    assert "the credentials of the identity that Okra runs as have expired" in message, (
        "not the role's, of which are none"
    )


def test_a_wrong_arn_is_named_with_the_region_it_was_looked_for_in() -> None:
    attempt = Attempt(DESCRIBE_LISTENERS, "eu-west-1", target="arn:x")
    message = str(translate(answered("ListenerNotFound"), attempt))
    assert "arn:x" in message
    assert "eu-west-1" in message


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2"])
def test_an_endpoint_where_nobody_listens_names_the_variable_that_moved_it_there(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    nobody = EndpointConnectionError(endpoint_url="http://127.0.0.1:5000/")
    assert "AWS_ENDPOINT_URL" not in str(translate(nobody, ATTEMPT))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:4")
    monkeypatch.setenv(name, "http://127.0.0.1:5000")
    assert f"{name} says so: start what should listen there, or unset it" in str(translate(nobody, ATTEMPT))


def test_only_what_may_pass_by_itself_is_retryable() -> None:
    for code, status in (("Throttling", 400), ("InternalFailure", 500)):
        assert isinstance(translate(answered(code, status=status), ATTEMPT), Retryable)
    for code in ("AccessDenied", "ExpiredToken", "RuleNotFound", "ValidationError", "SomethingNew"):
        assert isinstance(translate(answered(code), ATTEMPT), Fatal)


def test_a_signature_error_does_not_repeat_what_aws_echoes() -> None:
    said = "The Canonical String for this request should have been 'POST / x-amz-security-token:SECRET'"
    assert "SECRET" not in str(translate(answered("SignatureDoesNotMatch", said, 403), ATTEMPT))
