"""What an answer of the API server other than success means: HTTP and `Status` in, `okra.errors` out.

Read from the API's conventions (a `Status` object with reason, message and details) and from what a real kube-apiserver
says. Pure, so that each case is a line of a table in the tests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from okra.api.meta import HOTSWAP_GROUP, OKRA_GROUP
from okra.errors import (
    AccessDenied,
    AlreadyExists,
    Conflict,
    CredentialsInvalid,
    Expired,
    Invalid,
    KindNotInstalled,
    NotFound,
    OkraError,
    Refused,
    Throttled,
    Unavailable,
)
from okra.kube.calls import Call

INSTALL = "okra crds | kubectl apply --server-side -f -"
OURS = (OKRA_GROUP, HOTSWAP_GROUP)
"""Whose definitions Okra has with it: of others' it can't say that they are of another release, or missing."""
UNOWNABLE = "cannot set blockOwnerDeletion"
"""What OwnerReferencesPermissionEnforcement says, without which owner it is about."""
LONGEST = 600
"""Characters of the server's own words in a message."""


class Unauthorized(CredentialsInvalid):
    """401: the API server knows nobody by these credentials."""


class Forbidden(AccessDenied):
    """403 of the authorizer. `said`: its own words, which name the user, the verb and the resource."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


class Overloaded(Throttled):
    """429. `retry_after`: seconds after which the server wants to be asked again, if it said so."""

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def refusal(call: Call, code: int, body: bytes, headers: Mapping[str, str]) -> OkraError:
    """The error for an HTTP answer that is no success."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("kind") != "Status":
        document = {"message": body.decode("utf-8", "replace").strip()}
    return refused(call, {**document, "code": code}, _seconds(headers.get("Retry-After")))


def refused(call: Call, status: Mapping[str, Any], retry_after: float | None = None) -> OkraError:
    """The error for a `Status` object, wherever it came: an answer, or an ERROR event of a watch."""
    code, reason = status.get("code") or 0, status.get("reason") or ""
    said = _shown(str(status.get("message") or reason or f"HTTP {code}"))
    details = _mapping(status.get("details"))
    match code:
        case 401:
            return Unauthorized(
                f"The API server doesn't accept Okra's credentials ({call}): {said}. Renew the token or the kubeconfig"
            )
        case 403:
            return _forbidden(call, said)
        case 404:
            return _missing(call, said, details)
        case 409 if reason == "AlreadyExists":
            return AlreadyExists(f"{call}: {said}")
        case 409:
            return Conflict(f"{call}: {said}")
        case 410:
            return Expired(f"{call}: {said}")
        case 429:
            retry_after = retry_after if retry_after is not None else _seconds(details.get("retryAfterSeconds"))
            return Overloaded(f"{call}: the API server asks for fewer requests: {said}", retry_after)
        case 400 | 422:
            return _invalid(call, said, details)
        case 500 if "etcdserver: request is too large" in said:
            return Refused(f"{call}: the object is larger than the API server stores: {said}")
        case _ if 400 <= code < 500 and code != 408:
            return Refused(f"{call}: HTTP {code}: {said}")
        case _:
            return Unavailable(f"{call}: HTTP {code}: {said}")


def _forbidden(call: Call, said: str) -> OkraError:
    """403 is RBAC's, but also a quota's, a webhook's and a terminating namespace's, for which no role would help."""
    if UNOWNABLE in said:  # an admission plugin's own words, about another permission than the request's
        return AccessDenied(
            f"Okra may not update the finalizers of whom the {call.resource} belongs to, which {call} needs: {said}. "
            "Allow it with a role that has the verb update on the owner's subresource finalizers, such as "
            "cells/finalizers (the chart's role has)"
        )
    if " cannot " not in said:
        return Refused(f"{call}: {said}")
    where = f" in namespace {call.namespace}" if call.namespace else " in all namespaces"
    resource, group = call.resource.partition(".")[0], call.kind.group
    if call.subresource:
        resource = f"{call.kind.plural}/{call.subresource}"
    flag = f" -n {call.namespace}" if call.namespace else " -A"
    return Forbidden(
        f"Okra may not {call.verb} {call.resource}{where}: {said}. Allow it with a role that has "
        f'apiGroups: ["{group}"], resources: ["{resource}"], verbs: ["{call.verb}"] '
        f"(the chart's role has; check with: kubectl auth can-i {call.verb} {call.resource}{flag} --as USER)",
        said,
    )


def _missing(call: Call, said: str, details: Mapping[str, Any]) -> OkraError:
    """404 is about an object when the server names one; otherwise it doesn't know the kind, or it isn't the server."""
    if details.get("name"):
        return NotFound(f"{call}: {said}")
    remedy = f". Install Okra's CRDs: {INSTALL}" if call.kind.group in OURS else ""
    return KindNotInstalled(f"{call}: the API server knows no {call.resource.partition('/')[0]} ({said}){remedy}")


def _invalid(call: Call, said: str, details: Mapping[str, Any]) -> OkraError:
    causes = [cause for cause in details.get("causes") or () if isinstance(cause, Mapping)]
    if causes and all(cause.get("field") == "metadata.uid" for cause in causes):
        return Conflict(f"{call}: it is another object of this name: {said}")
    # The message has the field paths too, unless it was cut: say those that it doesn't.
    listed = [(str(cause.get("field") or ""), _shown(str(cause.get("message", "")))) for cause in causes]
    unsaid = [f"{field}: {message}" for field, message in listed if field not in said and message not in said]
    if "unknown field" in said and call.kind.group in OURS:
        unsaid.append(f"the cluster's CRDs may be of another release than this Okra: {INSTALL}")
    return Invalid("; ".join([f"{call}: {said}", *unsaid]))


def _shown(text: str) -> str:
    """One line without a full stop at its end. Of one that quotes a whole object, what is said before and after."""
    line = " ".join(text.split()).rstrip(".")
    if (strict := line.find("strict decoding error: ")) >= 0:
        line = line[strict:]
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 2 :]}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _seconds(value: Any) -> float | None:
    """Retry-After in seconds; the form with a date isn't used by API servers."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < float("inf") else None
