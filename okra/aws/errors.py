"""The wall: what AWS, the SDK or the network says becomes one of `okra.errors`, with a message that says what to do.

Outside this room nobody knows a botocore error code. The kind decides who acts: Throttled (a write was certainly not
applied), Unavailable (it may have been), Fatal (a person). A code that isn't known is judged by its HTTP status.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.parsers import ResponseParserError

from okra.aws.operations import ASSUME_ROLE, Operation
from okra.errors import (
    AccessDenied,
    AlreadyExists,
    Conflict,
    CredentialsInvalid,
    Invalid,
    NotFound,
    OkraError,
    Refused,
    Throttled,
    Unavailable,
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried: the context that turns an error code into a sentence for a person."""

    operation: Operation | None = None
    """None: a preparation that belongs to no call yet, such as finding the region."""
    region: str = ""
    role_arn: str = ""
    target: str = ""
    """The ARN that the call was about, when it was about one."""

    @property
    def about(self) -> str:
        return f" of {self.target}" if self.target else ""

    @property
    def name(self) -> str:
        """What was tried, of what: how a message begins."""
        return f"{self.operation.name if self.operation else 'Getting ready'}{self.about}"

    @property
    def identity(self) -> str:
        by_role = self.role_arn and self.operation != ASSUME_ROLE
        return f"the role {self.role_arn}" if by_role else "the identity that Okra runs as"


_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "Forbidden",
        "NotAuthorized",
        "UnauthorizedOperation",
    }
)
_CREDENTIALS = {
    "ExpiredToken": "have expired",
    "ExpiredTokenException": "have expired",
    "RequestExpired": "have expired, or the clock of this machine is wrong",
    "AuthFailure": "were refused",
    "IncompleteSignature": "were refused",
    "InvalidAccessKeyId": "were refused: the access key does not exist",
    "InvalidClientTokenId": "were refused: the access key does not exist or is not active",
    "InvalidIdentityToken": "were refused: the web identity token is not valid",
    "InvalidSignatureException": "were refused: the secret key does not fit, or the clock of this machine is wrong",
    "MissingAuthenticationToken": "are missing",
    "MissingAuthenticationTokenException": "are missing",
    "OptInRequired": "were refused: the account is not subscribed to this service or region",
    "SignatureDoesNotMatch": "were refused: the secret key does not fit, or the clock of this machine is wrong",
    "UnrecognizedClientException": "were refused: the access key does not exist or is not active here",
}
_BY_ARN = "the ARN and aws.region"
_NOT_FOUND = {
    "ListenerNotFound": ("ListenerNotFound", "no such listener", _BY_ARN),
    "RuleNotFound": ("RuleNotFound", "no such listener rule", _BY_ARN),
    "TargetGroupNotFound": ("TargetGroupNotFound", "no such target group", _BY_ARN),
    "LoadBalancerNotFound": ("LoadBalancerNotFound", "no such load balancer", _BY_ARN),
    "NoSuchHostedZone": ("HostedZoneNotFound", "no such hosted zone", "hostedZoneID and roleARN"),
    "NoSuchHealthCheck": ("HealthCheckNotFound", "no such health check", "healthCheckID"),
    "NoSuchChange": ("ChangeNotFound", "no such change", "roleARN"),
    "ResourceNotFoundException": ("ClusterNotFound", "no such EKS cluster", "its name, region and roleARN"),
}
"""AWS's code → the condition's reason, what there isn't, what a person should look at."""
_INVALID = frozenset(
    {
        "InvalidInput",
        "InvalidParameterCombination",
        "InvalidParameterException",
        "InvalidParameterValue",
        "MissingParameter",
        "MissingRequiredParameter",
        "ValidationError",
        "ValidationException",
    }
)
_REFUSED = {
    "IncompatibleProtocols": "the target group's protocol does not fit the listener's",
    "InvalidChangeBatch": "Route 53 does not take these records",
    "InvalidConfigurationRequest": "the load balancer does not allow this configuration",
    "InvalidLoadBalancerAction": "the load balancer does not support this action",
    "InvalidTarget": "a target group is in another VPC than the load balancer, or a target does not exist",
    "OperationNotPermitted": "AWS does not permit this operation here",
    "ResourceInUse": "the resource is in use",
    "TargetGroupAssociationLimit": "a target group is on another load balancer already, and an NLB shares none",
    "TooManyActions": "the rule has too many actions",
    "TooManyRules": "the load balancer has as many rules as AWS allows: delete one, or ask for a higher quota",
    "TooManyRegistrationsForTargetId": "a target is registered too often with this load balancer",
    "TooManyTags": "the route has as many tags as AWS allows: remove one so that Okra can mark its owner",
    "TooManyTargets": "the load balancer has as many targets as AWS allows",
    "TooManyTargetGroups": "the account has as many target groups as AWS allows: delete one, or ask for a higher quota",
    "TooManyUniqueTargetGroupsPerLoadBalancer": "the load balancer has as many target groups as AWS allows",
    "UnsupportedProtocol": "the target group's protocol is not supported by the load balancer",
}
_CREDENTIAL_ERRORS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
# "User: arn:… is not authorized to perform: elasticloadbalancing:ModifyRule on resource: arn:… because no …"
_NOT_AUTHORIZED = re.compile(r"(?:User: (?P<who>\S+) )?is not authorized to perform: (?P<what>[\w-]+:\w+)")


_CHANGED = re.compile(r"but it was not found|do not match the current values|but it already exists")
"""What Route 53 says of a record that isn't what a DELETE or CREATE takes it for."""


def translate(error: Exception, attempt: Attempt) -> OkraError:
    """The error of Okra's tree that `error` means. Never raises; the caller chains `error` as the cause."""
    match error:
        case OkraError():
            return error
        case ClientError():
            return _service_error(error, attempt)
        case _ if isinstance(error, _CREDENTIAL_ERRORS):
            return CredentialsInvalid(
                f"No usable AWS credentials ({_sentence(error)}): give Okra a role (EKS Pod Identity or IRSA), or set"
                " AWS_PROFILE or AWS_ACCESS_KEY_ID"
            )
        case NoRegionError():
            return Invalid("No AWS region: set spec.aws.region, or AWS_REGION for Okra")
        case ParamValidationError():
            return Invalid(f"{attempt.name} was not sent: {_sentence(error)}")
        case ResponseParserError():
            return Unavailable(f"{attempt.name}: the answer was not one of AWS's API")
        case TimeoutError():
            return Unavailable(f"{attempt.name}: AWS did not answer in time")
        case EndpointConnectionError():
            return Unavailable(f"{attempt.name}: no answer from AWS: {_sentence(error)}{_moved_by(error)}")
        case BotoCoreError():
            return Unavailable(f"{attempt.name}: no answer from AWS: {_sentence(error)}")
        case _:
            return Unavailable(f"{attempt.name}: no usable answer ({type(error).__name__})")


def status_of(error: ClientError) -> int:
    """The HTTP status that AWS answered, or 0."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _service_error(error: ClientError, attempt: Attempt) -> OkraError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    said = str(error.response.get("Error", {}).get("Message") or "").strip()
    status = status_of(error)
    name = attempt.name
    if code in _THROTTLED or status == 429:
        return Throttled(f"{name}: AWS throttles this account in {attempt.region}; it is tried again")
    if code in _DENIED:
        return _denied(said, attempt)
    if code in _CREDENTIALS:
        return CredentialsInvalid(
            f"{name}: the credentials of {attempt.identity} {_CREDENTIALS[code]} ({code}): renew them"
        )
    if code in _NOT_FOUND:
        reason, what, where = _NOT_FOUND[code]
        return NotFound(f"{what} in {attempt.region}: {attempt.target or said}. Check {where}", reason=reason)
    if code == "InvalidChangeBatch" and _CHANGED.search(said):
        return Conflict(f"{name}: the records changed since they were read ({said}); they are read again")
    if code == "PriorityInUse":
        return Conflict(f"{name}: there is a rule at this priority by now; it is read again")
    if code == "DuplicateTargetGroupName":
        return AlreadyExists(
            f"There is a target group {attempt.target} already, with other settings. Delete it, or rename the set",
            reason="NameTaken",
        )
    if status >= 500:
        return Unavailable(f"{name}: AWS answered {code or status}; it is tried again")
    if code in _INVALID:
        return Invalid(f"{name}: AWS says the request is not valid: {said}")
    if code in _REFUSED:
        return Refused(f"{name} was refused, {_REFUSED[code]} ({code}: {said})", reason=code)
    return Refused(f"{name} was refused with {code or f'HTTP {status}'}: {said or 'no reason given'}")


def _denied(said: str, attempt: Attempt) -> AccessDenied:
    found = _NOT_AUTHORIZED.search(said)
    action = found["what"] if found else attempt.operation.action if attempt.operation else "for this"
    who = (found["who"] if found else None) or attempt.identity
    if attempt.operation == ASSUME_ROLE:
        return AccessDenied(
            f"{who} may not assume the role {attempt.role_arn}: allow sts:AssumeRole on it, let the role's trust policy"
            " name this identity, and check aws.externalID"
        )
    return AccessDenied(f"{who} lacks the permission {action}{attempt.about}: `okra iam-policy` prints what Okra needs")


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _moved_by(error: EndpointConnectionError) -> str:
    """The variable that sent the call there instead of to AWS. The SDK reads the process's own environment."""
    url = str(error.kwargs.get("endpoint_url"))
    names = [name for name in sorted(os.environ) if name.startswith("AWS_ENDPOINT_URL") and os.environ[name]]
    name = next((name for name in names if url.startswith(os.environ[name].rstrip("/"))), None)
    return f". {name} says so: start what should listen there, or unset it" if name else ""
