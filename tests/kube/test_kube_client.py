"""Calls: deadlines, credentials, content types, and no error but Okra's."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from okra.errors import CredentialsInvalid, Expired, Invalid, OkraError, Throttled, Unavailable
from okra.kube.calls import Call
from okra.kube.client import MERGE_PATCH, KubeClient, Timeouts
from okra.kube.credentials import Credentials, Identity, Issued, fixed
from okra.kube.target import Target, Trust
from okra.kube.tls import tls_context
from okra.ports import Kind
from okra.testing.wire import cut
from tests.kube.api_server import ApiServer, Handler, answers, failure

KIND = Kind("g", "v1", "Widget", "widgets")
GET = Call("get", KIND, "ns", "a")
PATCH = Call("patch", KIND, "ns", "a")
SHORT = Timeouts(connect=0.5, read=0.2, total=0.6)


def found() -> web.Response:
    return web.json_response({"kind": "Widget"})


async def test_a_patch_names_its_content_type_and_its_sender() -> None:
    async with ApiServer(answers(found)) as server, server.client() as client:
        await client.ask(PATCH, {"spec": {"a": None}}, content_type=MERGE_PATCH)
        (request,) = server.requests
        assert request.method == "PATCH"
        assert request.headers["Content-Type"] == "application/merge-patch+json"
        assert request.headers["Authorization"] == "Bearer t0ken"
        assert request.headers["User-Agent"] == "okra"
        assert server.body() == {"spec": {"a": None}}


async def test_a_query_reaches_the_server_as_it_is() -> None:
    query = [("continue", "a+b/c=="), ("labelSelector", "tier in (a,b),!c")]
    async with ApiServer(answers(found)) as server, server.client() as client:
        await client.ask(Call("list", KIND), query=query)
        assert list(server.requests[0].query.items()) == query


async def test_neither_the_environment_nor_a_netrc_file_has_a_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with ApiServer(answers(found)) as server, server.client() as client:
        await client.ask(GET)
        assert server.requests[0].headers["Authorization"] == "Bearer t0ken"


async def test_the_proxy_of_a_kubeconfig_is_asked_for_the_server() -> None:
    async with ApiServer(answers(found)) as proxy:
        target = Target("http://api.example:6443", fixed(Identity("Bearer t0ken")), proxy=proxy.url)
        async with await KubeClient.open(target) as client:
            assert await client.ask(GET) == {"kind": "Widget"}
        assert proxy.requests[0].host == "api.example"
        assert proxy.requests[0].headers["Authorization"] == "Bearer t0ken"


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def trickle(request: web.Request) -> web.StreamResponse:
    """A byte at a time, each within the read timeout, for ever."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("handler", [hang, trickle])
async def test_a_server_that_does_not_come_to_an_end_is_not_waited_for(handler: Handler) -> None:
    async with ApiServer(handler) as server, server.client(timeouts=SHORT) as client:
        with pytest.raises(Unavailable, match=r"get widgets\.g ns/a"):
            await client.ask(GET)


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with ApiServer() as server:
        target = server.target()
    async with await KubeClient.open(target, SHORT) as client:
        with pytest.raises(Unavailable, match="no answer from http://127"):
            await client.ask(GET)


@pytest.mark.parametrize(
    ("host", "cause"), [("127.0.0.1", "Connection refused"), ("nobody.invalid", r"\w[^<>]*"), ("[::1]", r"\w[^<>]*")]
)
async def test_a_server_that_is_not_there_is_said_with_its_address_the_cause_and_what_to_look_at(
    host: str, cause: str
) -> None:
    async with ApiServer() as server:
        port = server.url.rpartition(":")[2]
    target = Target(f"https://{host}:{port}", fixed(Identity("Bearer t0ken")), origin="context a of b")
    async with await KubeClient.open(target, SHORT) as client:
        with pytest.raises(Unavailable) as raised:
            await client.ask(GET)
    remedy = r"Is the cluster up, and the address right \(context a of b\)\?"
    assert re.fullmatch(rf"get .*: no answer from {re.escape(target.server)}: {cause}\. {remedy}", str(raised.value))


async def test_a_connection_that_is_cut_is_unavailable() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return cut(request)

    async with ApiServer(handler) as server, server.client() as client:
        with pytest.raises(Unavailable):
            await client.ask(PATCH, {})
        assert len(server.requests) == 1, "a write isn't sent twice"


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"[]", b'{"cut": '])
async def test_a_success_that_is_no_object_is_unavailable(content: bytes) -> None:
    async with ApiServer(answers(lambda: web.Response(body=content))) as server, server.client() as client:
        with pytest.raises(Unavailable, match="is no object"):
            await client.ask(GET)


async def test_a_redirect_is_not_followed_with_the_token() -> None:
    async with ApiServer(answers(lambda: web.Response(status=302, headers={"Location": "/x"}))) as server:
        async with server.client() as client:
            with pytest.raises(Unavailable, match="302"):
                await client.ask(GET)
        assert len(server.requests) == 1


async def test_a_call_refused_for_its_rate_is_made_again_when_the_server_said() -> None:
    busy = partial(web.json_response, {}, status=429, headers={"Retry-After": "0"})
    async with ApiServer(answers(busy, busy, found)) as server, server.client() as client:
        assert await client.ask(GET) == {"kind": "Widget"}
        assert len(server.requests) == 3


@pytest.mark.parametrize("headers", [{"Retry-After": "3600"}, {}])
async def test_a_wait_that_is_longer_than_a_call_may_take_is_the_callers(headers: dict[str, str]) -> None:
    busy = answers(lambda: web.json_response({}, status=429, headers=headers))
    async with ApiServer(busy) as server, server.client(timeouts=SHORT) as client:
        with pytest.raises(Throttled):
            await client.ask(GET)
        assert len(server.requests) == 1


async def test_an_error_of_the_api_is_one_of_okras() -> None:
    async with ApiServer(answers(lambda: failure(410, "Expired", "too old"))) as server, server.client() as client:
        with pytest.raises(Expired, match="too old"):
            await client.ask(GET)


def rotating() -> tuple[Credentials, list[int]]:
    runs: list[int] = []

    async def source() -> Issued:
        runs.append(len(runs) + 1)
        return Issued(Identity(f"Bearer {len(runs)}"))

    time = iter(range(0, 10_000, 20))
    return Credentials(source, lambda: next(time)), runs


async def only_second(request: web.Request) -> web.StreamResponse:
    return found() if request.headers["Authorization"] == "Bearer 2" else failure(401, "Unauthorized")


async def test_a_refused_token_is_renewed_once_and_the_call_made_again() -> None:
    credentials, runs = rotating()
    async with ApiServer(only_second) as server, server.client(credentials) as client:
        await client.ask(PATCH, {"a": 1})
        assert [request.headers["Authorization"] for request in server.requests] == ["Bearer 1", "Bearer 2"]
        assert server.bodies[0] == server.bodies[1]
        await client.ask(PATCH, {"a": 1})
        assert runs == [1, 2]


async def test_many_calls_that_are_refused_at_once_renew_the_token_once() -> None:
    credentials, runs = rotating()
    async with ApiServer(only_second) as server, server.client(credentials) as client:
        await asyncio.gather(*(client.ask(GET) for _ in range(20)))
        assert runs == [1, 2]


async def test_credentials_that_stay_refused_are_said_to_be() -> None:
    async with ApiServer(answers(lambda: failure(401, "Unauthorized"))) as server, server.client() as client:
        with pytest.raises(CredentialsInvalid):
            await client.ask(GET)
        assert len(server.requests) == 1


async def test_a_token_that_is_no_line_of_text_is_never_sent() -> None:
    async with ApiServer(answers(found)) as server, server.client(fixed(Identity("Bearer a\r\nX: y"))) as client:
        with pytest.raises(CredentialsInvalid):
            await client.ask(GET)
        assert server.requests == []


@pytest.mark.parametrize("body", [{"a": float("nan")}, {"a": {1, 2}}, {"a": object()}])
async def test_what_is_no_json_is_invalid(body: dict[str, object]) -> None:
    async with ApiServer(answers(found)) as server, server.client() as client:
        with pytest.raises(Invalid, match="JSON"):
            await client.ask(PATCH, body)


async def test_no_error_and_no_log_line_holds_the_token_or_a_body(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = answers(lambda: web.json_response({"data": {"key": "c2VjcmV0"}}), lambda: failure(401))
    async with ApiServer(secret) as server, server.client() as client:
        await client.ask(GET)
        with pytest.raises(CredentialsInvalid) as raised:
            await client.ask(GET)
        shown = repr(client.target) + repr(raised.value) + caplog.text
    assert "t0ken" not in shown
    assert "c2VjcmV0" not in shown


async def test_a_server_that_speaks_no_http_is_unavailable() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"220 smtp.example.com\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        await KubeClient.open(Target(f"http://127.0.0.1:{port}", fixed(Identity("Bearer t0ken")))) as client,
    ):
        with pytest.raises(OkraError) as raised:
            await client.ask(GET)
    assert isinstance(raised.value, Unavailable)
    assert raised.value.__suppress_context__, "the HTTP library's error holds the request's headers"


def test_certificates_that_can_not_be_used_say_so(tmp_path: Path) -> None:
    broken = tmp_path / "ca.crt"
    broken.write_text("no certificate")
    for trust in (Trust(str(broken)), Trust(str(tmp_path / "absent"))):
        with pytest.raises(CredentialsInvalid, match="certificates"):
            tls_context(trust, None)


def test_a_cluster_that_is_not_to_be_verified_is_not() -> None:
    context = tls_context(Trust(verify=False), None)
    assert context.verify_mode is ssl.CERT_NONE
    assert not context.check_hostname
    assert not tls_context(Trust(), None).verify_flags & ssl.VERIFY_X509_STRICT
