"""One careful HTTP call, as every provider makes it: bounded in time and size, and silent about secrets.

What a provider's error says ends up in `status`, in events and in logs. So it is made here, from the status code and a
short, cleaned extract of the answer, and never has the transport's exception as its cause: aiohttp's hold the request,
and their repr its headers.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp
from yarl import URL

from okra.errors import AccessDenied, CredentialsInvalid, Invalid, NotFound, OkraError, Refused, Throttled, Unavailable

TIMEOUT = 10.0
"""Seconds for a whole call, redirects included."""
LARGEST = 1024 * 1024
"""Bytes of an answer."""
REDIRECTS = 3

_REMEDIES: Mapping[int, tuple[type[OkraError], str]] = {
    400: (Invalid, "correct the query"),
    401: (CredentialsInvalid, "check the keys in the secret that secretRef names"),
    403: (AccessDenied, "give the keys in the secret the permission to query"),
    404: (NotFound, "check the address"),
    405: (Invalid, "check the address and the method"),
    408: (Unavailable, ""),
    422: (Invalid, "correct the query"),
    425: (Unavailable, ""),
    429: (Throttled, ""),
}
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. `repr` shows no header, body or query string: secrets may be there."""

    who: str
    """Who is asked, for messages: `Datadog`."""
    method: str
    url: str = field(repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    """Body fields, URL-encoded."""
    body: str | None = field(default=None, repr=False)
    timeout: float = TIMEOUT
    secrets: Collection[str] = field(default=(), repr=False)
    """Values that must not be seen even if the answer repeats them."""


async def fetch(http: aiohttp.ClientSession, request: Request) -> bytes:
    """The body of a 2xx answer.

    Raises Unavailable or Throttled when it may pass by itself, otherwise the Fatal error that says what to do.
    """
    problem: OkraError
    try:
        async with asyncio.timeout(request.timeout):
            return await _follow(http, request)
    except TimeoutError:
        problem = Unavailable(f"{request.who} did not answer within {request.timeout:g} s")
    except aiohttp.ClientConnectorError as error:
        problem = Unavailable(f"cannot connect to {request.who}: {error.os_error.strerror or error.os_error}")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        problem = Unavailable(f"{request.who} gave no answer that can be read ({type(error).__name__})")
    raise problem


async def fetch_json(http: aiohttp.ClientSession, request: Request) -> Any:
    """The JSON value of a 2xx answer; an empty one is None, NaN is None. Errors as `fetch`."""
    return parse_json(await fetch(http, request), request.who)


def parse_json(body: bytes, who: str) -> Any:
    """JSON as servers write it: NaN, which JSON doesn't have, is None. Raises Unavailable for anything else."""
    if not body.strip():
        return None
    try:
        return json.loads(body, parse_constant=lambda name: None if name == "NaN" else float(name))
    except (ValueError, RecursionError):
        kind = "an HTML page" if body.lstrip()[:1] == b"<" else "something else"
    raise Unavailable(f"{who} answered {kind} instead of JSON")


def header_values(secret: Mapping[str, str], field: str) -> dict[str, str]:
    """A secret's values, each fit to be a header: a last newline, as editors leave it, is dropped."""
    values = {key: value.strip() for key, value in secret.items()}
    for key, value in values.items():
        if not value.isprintable():
            raise CredentialsInvalid(f"{field}: the value of key {key} has control characters; write it again")
    return values


async def _follow(http: aiohttp.ClientSession, request: Request) -> bytes:
    url, params = URL(request.url), dict(request.params)
    for _ in range(REDIRECTS + 1):
        async with http.request(
            request.method,
            url,
            params=params,
            headers=request.headers,
            data=request.body or request.form,
            allow_redirects=False,
        ) as response:
            location = response.headers.get("Location")
            if not (300 <= response.status < 400 and location and request.method == "GET"):
                return _body(request, response.status, await _read(request, response))
        target = url.join(URL(location))
        if target.origin() != url.origin():
            raise Refused(f"{request.who} redirects to another host; set the address to where it leads")
        url, params = target, {}
    raise Refused(f"{request.who} redirects more than {REDIRECTS} times; check the address")


async def _read(request: Request, response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        body += chunk
        if len(body) > LARGEST:
            raise Refused(f"{request.who} answers more than {LARGEST // 1024} KiB; narrow what is asked for")
    return bytes(body)


def _body(request: Request, status: int, body: bytes) -> bytes:
    if 200 <= status < 300:
        return body
    kind, remedy = _REMEDIES.get(status, (Unavailable, "") if status >= 500 else (Refused, "check the address"))
    phrase = f" {_PHRASES[status]}" if status in _PHRASES else ""
    detail = _detail(body, request.secrets)
    raise kind(f"{request.who} answered {status}{phrase}" + f": {detail}" * bool(detail) + f"; {remedy}" * bool(remedy))


def _detail(body: bytes, secrets: Collection[str]) -> str:
    """What an error's body says, in short and in one line; `""` for a page."""
    text = body[:2000].decode(errors="replace")
    if text.lstrip().startswith("<"):
        return ""
    for secret in secrets:
        text = text.replace(secret, "***") if secret else text
    return re.sub(r"[^\x20-\x7e]+", " ", text).strip()[:160]
