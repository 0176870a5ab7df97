"""STS as AWS behaves where moto differs: a presigned GetCallerIdentity is looked at, and answered to who signed it.

moto takes such a request for one without credentials, and checks no signature: a token for another cluster, or made up,
would pass for anybody's. Here a signature is computed anew from what has arrived, by the rules and not by an SDK.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote

VALID_FOR = 900.0
"""Seconds after its date, whatever X-Amz-Expires says."""


@dataclass(frozen=True, slots=True)
class _Caller:
    arn: str
    secret: str
    session_token: str = ""


def answer(environ: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """Status line and JSON, as STS answers who accepts JSON; None for any other request."""
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if query.get("Action") != "GetCallerIdentity" or "X-Amz-Signature" not in query:
        return None
    caller = _caller(query["X-Amz-Credential"].partition("/")[0])
    if caller.session_token != query.get("X-Amz-Security-Token", ""):
        return _refused("InvalidClientTokenId", "The security token included in the request is invalid.")
    signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    if not -VALID_FOR < time.time() - signed_at < VALID_FOR:
        return _refused("SignatureDoesNotMatch", "Signature expired")
    if not hmac.compare_digest(_signature(environ, query, caller.secret), query["X-Amz-Signature"]):
        return _refused("SignatureDoesNotMatch", "The request signature we calculated does not match the signature")
    result = {"Arn": caller.arn, "Account": caller.arn.split(":")[4]}
    return "200 OK", json.dumps({"GetCallerIdentityResponse": {"GetCallerIdentityResult": result}}).encode()


def _refused(code: str, message: str) -> tuple[str, bytes]:
    return "403 Forbidden", json.dumps({"Error": {"Code": code, "Message": message}}).encode()


def _caller(access_key: str) -> _Caller:
    """Whose key it is; one that moto didn't give out is the account's root, whose secret every test knows."""
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    for sts in [backend for account in sts_backends.values() for backend in account.values()]:
        role = sts.get_assumed_role_from_access_key(access_key)
        if role is not None:
            return _Caller(role.arn, role.secret_access_key, role.session_token)
    for iam in [backend for account in iam_backends.values() for backend in account.values()]:
        user = iam.get_user_from_access_key_id(access_key)
        if user is not None:
            (secret,) = [key.secret_access_key for key in user.access_keys if key.access_key_id == access_key]
            return _Caller(user.arn, secret)
    return _Caller("arn:aws:iam::123456789012:root", "testing")


def _signature(environ: Mapping[str, Any], query: Mapping[str, str], secret: str) -> str:
    signed = {key: value for key, value in query.items() if key != "X-Amz-Signature"}
    text = "&".join(f"{quote(key, safe='-_.~')}={quote(signed[key], safe='-_.~')}" for key in sorted(signed))
    names = query["X-Amz-SignedHeaders"].split(";")
    headers = "".join(f"{name}:{_header(environ, name)}\n" for name in names)
    empty = hashlib.sha256(b"").hexdigest()
    request = f"GET\n/\n{text}\n{headers}\n{';'.join(names)}\n{empty}"
    scope = query["X-Amz-Credential"].partition("/")[2]
    hashed = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in [*scope.split("/"), f"AWS4-HMAC-SHA256\n{query['X-Amz-Date']}\n{scope}\n{hashed}"]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


def _header(environ: Mapping[str, Any], name: str) -> str:
    return str(environ.get("HTTP_" + name.upper().replace("-", "_"), "")).strip()
