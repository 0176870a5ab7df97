"""AWS's protocols as they pass a proxy: which operation a request is, and how an error is said."""

from __future__ import annotations

import json
import re
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from aiohttp import web

from okra.testing.faults import Call


@dataclass(slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def error_answer(call: Call, status: int, code: str, message: str) -> tuple[int, str, bytes]:
    """Status, content type and body of an API error in the protocol of `call`."""
    if call.protocol in {"json", "rest-json"}:
        return status, "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message}).encode()
    if call.protocol == "cbor":
        return status, "application/cbor", _cbor({"__type": code, "message": message})
    document = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        "</Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
    )
    return status, "text/xml", document.encode()


def _cbor(texts: Mapping[str, str]) -> bytes:
    """A CBOR map of texts; both the map and its texts short enough for two length bytes."""

    def text(value: str) -> bytes:
        raw = value.encode()
        return b"\x79" + len(raw).to_bytes(2, "big") + raw

    return bytes([0xA0 + len(texts)]) + b"".join(text(key) + text(value) for key, value in texts.items())


_ROUTE53 = {
    r"GET /[0-9-]+/hostedzone/([^/]+)/rrset": ("ListResourceRecordSets", "HostedZoneId"),
    r"POST /[0-9-]+/hostedzone/([^/]+)/rrset/?": ("ChangeResourceRecordSets", "HostedZoneId"),
    r"GET /[0-9-]+/change/([^/]+)": ("GetChange", "Id"),
    r"GET /[0-9-]+/healthcheck/([^/]+)/status": ("GetHealthCheckStatus", "HealthCheckId"),
}
"""Method and path of what Okra calls → the operation, and the parameter that is in the path."""


def call_from(method: str, path: str, headers: Mapping[str, str], body: bytes, at: float) -> Call:
    """Which operation a request is, in each of AWS's protocols."""
    scope = headers.get("Authorization", "").partition("Credential=")[2].split(",")[0].split("/")
    access_key, region = scope[0], scope[2] if len(scope) > 2 else ""
    route, _, query = path.partition("?")
    if "X-Amz-Target" in headers:
        sent = json.loads(body or b"{}")
        flat = {name: value if isinstance(value, str) else json.dumps(value) for name, value in sent.items()}
        return Call(headers["X-Amz-Target"].rpartition(".")[2], flat, "json", region, access_key, at)
    if route.startswith("/service/") and "/operation/" in route:
        return Call(route.rpartition("/")[2], {}, "cbor", region, access_key, at)
    if headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        parameters = dict(parse_qsl(body.decode(), keep_blank_values=True))
        return Call(parameters.get("Action", ""), parameters, "query", region, access_key, at)
    if method == "GET" and route == "/clusters":
        return Call("ListClusters", dict(parse_qsl(query)), "rest-json", region, access_key, at)
    cluster = re.fullmatch(r"/clusters/([^/]+)", route)  # EKS
    if method == "GET" and cluster:
        return Call("DescribeCluster", {"name": unquote(cluster[1])}, "rest-json", region, access_key, at)
    for pattern, (operation, name) in _ROUTE53.items():
        if found := re.fullmatch(pattern, f"{method} {route}"):
            parameters = {**dict(parse_qsl(query)), name: unquote(found[1]), "Body": body.decode(errors="replace")}
            return Call(operation, parameters, "rest-xml", region, access_key, at)
    return Call(f"{method} {route}", dict(parse_qsl(query)), "rest", region, access_key, at)


def response(answer: Answer) -> web.Response:
    headers = {**answer.headers, "Content-Type": answer.content_type}
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def cut(request: web.Request) -> web.Response:
    """Cut the connection with a reset, as a crashed peer or a firewall does. What is returned goes nowhere."""
    transport = request.transport
    if transport is not None:
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()
