"""Every error that crosses a room's wall, as one tree. Retryable or fatal is in the type, never in a message.

    OkraError
    ├── Retryable             the same call may succeed later; nobody has to do anything
    │   ├── Unavailable       no answer, a 5xx, a reset, a timeout: a write may or may not have been applied
    │   ├── Throttled         refused for its rate: a write was certainly not applied
    │   ├── Conflict          the object changed since it was read (HTTP 409): read again, decide again
    │   ├── Expired           the watch's resourceVersion is too old (HTTP 410): list again
    │   └── KindNotInstalled  404 without an object's name: the server knows no such kind; no object is known to be gone
    └── Fatal                 a person must do something; `reason` becomes a condition, the message says what to do
        ├── NotFound          the named thing does not exist
        ├── AlreadyExists     the name is taken
        ├── AccessDenied      the credentials work, the permission is missing
        ├── CredentialsInvalid  no credentials, or expired, or refused
        ├── Invalid           an input is wrong: a field, an ARN, a query
        └── Refused           the service understood and says no (limits, wrong type, wrong VPC)

Outside `okra.aws` nobody knows a botocore error code, outside `okra.kube` nobody an `ApiException`: each room
translates into this tree at its wall, with the original as `__cause__`.
"""

from __future__ import annotations


class OkraError(Exception):
    """Base of all. `reason` is a CamelCase condition reason, `str(error)` one sentence for a person."""

    reason: str = "Error"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        if reason is not None:
            self.reason = reason


class Retryable(OkraError):
    """The same call may succeed later."""

    reason = "Retrying"


class Unavailable(Retryable):
    """No answer that can be trusted. A write that ends so may have been applied, may still be."""

    reason = "Unavailable"


class Throttled(Retryable):
    """Refused for its rate. A write that ends so was not applied."""

    reason = "Throttled"


class Conflict(Retryable):
    """Somebody else changed the object since it was read."""

    reason = "Conflict"


class Expired(Retryable):
    """The resourceVersion to resume from is gone: list again."""

    reason = "Expired"


class KindNotInstalled(Retryable):
    """The server knows no such kind: its CRD is missing or being replaced, or a proxy answered in its place."""

    reason = "KindNotInstalled"


class Fatal(OkraError):
    """Trying again changes nothing until a person acts."""

    reason = "Failed"


class NotFound(Fatal):
    reason = "NotFound"


class AlreadyExists(Fatal):
    reason = "AlreadyExists"


class AccessDenied(Fatal):
    reason = "AccessDenied"


class CredentialsInvalid(Fatal):
    reason = "CredentialsInvalid"


class Invalid(Fatal):
    reason = "InvalidSpec"


class Refused(Fatal):
    reason = "Refused"
