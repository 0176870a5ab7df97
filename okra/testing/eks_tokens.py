"""What an EKS cluster does with a bearer token: the authenticator's rules, with the double in the place of STS.

For webhook authenticators of tests. The rules are those of the one that EKS runs; a refusal says which was broken.
https://github.com/kubernetes-sigs/aws-iam-authenticator
"""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import SplitResult, parse_qsl, urlsplit

HEADER = "x-k8s-aws-id"
_PREFIX = "k8s-aws-v1."
_LONGEST = 4096
_STS = re.compile(r"sts\.[a-z]+(-[a-z]+)+-\d\.amazonaws\.(com|com\.cn|eu)")
_PARAMETERS = {
    "action",
    "version",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
}


class TokenRefused(Exception):
    """The cluster answers 401."""


def identity(token: str, cluster: str, sts_url: str) -> str:
    """The ARN of who made `token` for `cluster`; `sts_url` is the double's. Blocking. TokenRefused says why not."""
    url = presigned(token)
    _check(url, dict(parse_qsl(url.query, keep_blank_values=True)))
    request = urllib.request.Request(
        f"{sts_url}/?{url.query}", headers={"Host": url.netloc, HEADER: cluster, "Accept": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise TokenRefused(f"STS: {json.load(error)['Error']['Message']}") from None
    return str(found["GetCallerIdentityResponse"]["GetCallerIdentityResult"]["Arn"])


def presigned(token: str) -> SplitResult:
    """The request to STS that a token is."""
    if len(token) > _LONGEST or not token.startswith(_PREFIX):
        raise TokenRefused("too long, or not an EKS token")
    encoded = token.removeprefix(_PREFIX)
    if "=" in encoded:
        raise TokenRefused("base64 with padding")
    return urlsplit(b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode())


def _check(url: SplitResult, query: Mapping[str, str]) -> None:
    said = {key.lower(): value for key, value in query.items()}
    signed_at = datetime.strptime(said["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    for holds, broken in (
        (url.scheme == "https" and url.path == "/", "not a request to STS"),
        (_STS.fullmatch(url.netloc) is not None, f"{url.netloc} is not a host of STS"),
        (said.keys() <= _PARAMETERS, "a parameter that doesn't belong there"),
        (len(parse_qsl(url.query)) == len(said), "a parameter twice"),
        (said.get("action") == "GetCallerIdentity", "another action"),
        (HEADER in said["x-amz-signedheaders"].split(";"), "the cluster isn't signed"),
        (0 <= int(said["x-amz-expires"]) <= 900, "X-Amz-Expires"),
        (time.time() <= signed_at + 900, "expired"),
    ):
        if not holds:
            raise TokenRefused(broken)
