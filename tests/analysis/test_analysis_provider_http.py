"""Every provider's HTTP call: each way of failing has its own error, none tells a secret, none reads without end."""

from __future__ import annotations

import gzip
import socket
import traceback
from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from okra.analysis.providers.guard import checked_url, is_forbidden, open_session
from okra.analysis.providers.http import LARGEST, Request, fetch, fetch_json, header_values, parse_json
from okra.errors import (
    AccessDenied,
    CredentialsInvalid,
    Invalid,
    NotFound,
    OkraError,
    Refused,
    Retryable,
    Throttled,
    Unavailable,
)
from tests.analysis.servers import HTML, Handler, Server, endless, redirecting, reset, saying, serving, slow, truncated

SECRET = "s3cr3t-k3y-0123456789"


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(saying('{"ok": true}')) as running:
        yield running


def asking(server: Server, *, path: str = "/q", method: str = "GET", timeout: float = 5.0) -> Request:
    headers = {"Authorization": f"Bearer {SECRET}"}
    return Request("The API", method, server.url + path, headers=headers, timeout=timeout, secrets=(SECRET,))


async def failing(http: aiohttp.ClientSession, request: Request) -> OkraError:
    with pytest.raises(OkraError) as caught:
        await fetch_json(http, request)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(request)
    assert SECRET not in shown
    assert caught.value.__cause__ is None
    return caught.value


async def test_an_answer_is_its_json(http: aiohttp.ClientSession, server: Server) -> None:
    assert await fetch_json(http, asking(server)) == {"ok": True}
    assert server.requests[0].headers["Authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        (400, Invalid, "correct the query"),
        (401, CredentialsInvalid, "check the keys in the secret"),
        (403, AccessDenied, "permission"),
        (404, NotFound, "check the address"),
        (405, Invalid, "method"),
        (408, Unavailable, ""),
        (410, Refused, "check the address"),
        (422, Invalid, "correct the query"),
        (425, Unavailable, ""),
        (429, Throttled, ""),
        (500, Unavailable, ""),
        (502, Unavailable, ""),
        (503, Unavailable, ""),
        (504, Unavailable, ""),
        (599, Unavailable, ""),
        (300, Refused, "check the address"),
    ],
)
async def test_every_status_is_an_error_of_its_kind_with_what_to_do(
    http: aiohttp.ClientSession, server: Server, status: int, kind: type[OkraError], remedy: str
) -> None:
    server.faults.append(saying('{"error": "the reason"}', status))
    error = await failing(http, asking(server))
    assert type(error) is kind
    assert f"The API answered {status}" in str(error)
    assert "the reason" in str(error)
    assert remedy in str(error)


async def test_an_error_page_is_not_quoted(http: aiohttp.ClientSession, server: Server) -> None:
    server.faults.append(saying(HTML, 500, "text/html"))
    assert str(await failing(http, asking(server))) == "The API answered 500 Internal Server Error"


async def test_an_empty_error_has_no_detail(http: aiohttp.ClientSession, server: Server) -> None:
    server.faults.append(saying("", 429))
    assert str(await failing(http, asking(server))) == "The API answered 429 Too Many Requests"


async def test_a_secret_that_the_server_repeats_is_blotted_out(http: aiohttp.ClientSession, server: Server) -> None:
    server.faults.append(saying(f'{{"error": "bad token {SECRET}"}}', 401))
    assert "bad token ***" in str(await failing(http, asking(server)))


async def test_a_quoted_answer_is_one_short_printable_line(http: aiohttp.ClientSession, server: Server) -> None:
    server.faults.append(saying("a\n\x1b[31m\x00é" + "x" * 5000, 500))
    message = str(await failing(http, asking(server)))
    assert len(message) < 250
    assert message.isprintable()


async def test_a_server_that_never_answers_is_given_up(http: aiohttp.ClientSession, server: Server) -> None:
    server.faults.append(slow)
    error = await failing(http, asking(server, timeout=0.1))
    assert isinstance(error, Unavailable)
    assert str(error) == "The API did not answer within 0.1 s"


@pytest.mark.parametrize("fault", [reset, truncated])
async def test_a_cut_connection_is_no_answer(http: aiohttp.ClientSession, server: Server, fault: Handler) -> None:
    server.faults += [fault, fault]  # aiohttp may try a kept connection once more
    error = await failing(http, asking(server))
    assert isinstance(error, Unavailable)
    assert "no answer that can be read" in str(error)


async def test_nobody_there_is_no_answer(http: aiohttp.ClientSession) -> None:
    async with serving(saying("{}")) as gone:
        pass
    error = await failing(http, asking(gone))
    assert isinstance(error, Unavailable)
    assert str(error).startswith("cannot connect to The API: ")


async def test_a_name_that_does_not_exist_is_no_answer(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(self: object, host: str, port: int = 0, family: int = 0) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("aiohttp.resolver.DefaultResolver.resolve", resolve)
    error = await failing(http, Request("The API", "GET", "http://nowhere.test/"))
    assert isinstance(error, Retryable)
    assert str(error) == "cannot connect to The API: Name or service not known"


@pytest.mark.parametrize("body", [HTML, "plain text", '{"cut": ', "[" * 100_000, "\xff"])
async def test_an_answer_that_is_not_json_may_pass_by_itself(
    http: aiohttp.ClientSession, server: Server, body: str
) -> None:
    server.faults.append(saying(body))
    error = await failing(http, asking(server))
    assert isinstance(error, Unavailable)
    assert "instead of JSON" in str(error)


@pytest.mark.parametrize(
    ("body", "value"),
    [(b"", None), (b" \n", None), (b"NaN", None), (b'{"a": NaN}', {"a": None}), (b"0.5", 0.5), (b"[]", [])],
)
def test_json_as_servers_write_it_is_understood(body: bytes, value: object) -> None:
    assert parse_json(body, "The API") == value


def test_infinity_is_understood() -> None:
    assert parse_json(b"[Infinity, -Infinity]", "The API") == [float("inf"), float("-inf")]


@pytest.mark.parametrize(
    "fault",
    [
        saying(b" " * (LARGEST + 1)),
        saying(gzip.compress(b" " * (50 * LARGEST)), headers={"Content-Encoding": "gzip"}),
        endless,
    ],
)
async def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    http: aiohttp.ClientSession, server: Server, fault: Handler
) -> None:
    server.faults.append(fault)
    error = await failing(http, asking(server))
    assert isinstance(error, Refused)
    assert "more than 1024 KiB; narrow" in str(error)


async def test_the_largest_answer_is_read(http: aiohttp.ClientSession, server: Server) -> None:
    server.faults.append(saying(b"1" + b" " * (LARGEST - 1)))
    assert await fetch_json(http, asking(server)) == 1


async def test_a_redirect_within_the_host_is_followed(http: aiohttp.ClientSession, server: Server) -> None:
    server.faults.append(redirecting("/elsewhere?x=1"))
    assert await fetch_json(http, asking(server)) == {"ok": True}
    assert [request.path_qs for request in server.requests] == ["/q", "/elsewhere?x=1"]


async def test_no_secret_follows_a_redirect_to_another_host(http: aiohttp.ClientSession, server: Server) -> None:
    async with serving(saying('{"stolen": true}')) as other:
        server.faults.append(redirecting(other.url))
        error = await failing(http, asking(server))
        assert isinstance(error, Refused)
        assert "redirects to another host" in str(error)
        assert other.requests == []


async def test_redirects_have_an_end(http: aiohttp.ClientSession, server: Server) -> None:
    server.faults += [redirecting("/again")] * 10
    assert "redirects more than 3 times" in str(await failing(http, asking(server)))


async def test_what_was_posted_is_not_posted_elsewhere(http: aiohttp.ClientSession, server: Server) -> None:
    server.faults.append(redirecting("/elsewhere", 307))
    error = await failing(http, asking(server, method="POST"))
    assert isinstance(error, Refused)
    assert len(server.requests) == 1


async def test_a_redirect_that_leads_nowhere_is_no_answer(http: aiohttp.ClientSession, server: Server) -> None:
    server.faults.append(redirecting("http://[::1"))
    assert isinstance(await failing(http, asking(server)), Unavailable)


async def test_cookies_of_one_check_do_not_reach_another(http: aiohttp.ClientSession, server: Server) -> None:
    server.faults.append(saying("{}", headers={"Set-Cookie": "session=1; Path=/"}))
    await fetch(http, asking(server))
    await fetch(http, asking(server))
    assert "Cookie" not in server.requests[1].headers


async def test_the_environments_proxy_is_not_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with open_session() as http:
        assert await fetch_json(http, asking(server)) == {"ok": True}


@pytest.mark.parametrize(
    "url", ["ftp://h/", "h:9090", "http://", "//h/", "", "file:///etc/passwd", "http://[::1", "http:///x"]
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match=r"provider\.web\.url: not a URL"):
        checked_url(url, "provider.web.url")


@pytest.mark.parametrize("url", [f"http://{SECRET}@h/", f"http://user:{SECRET}@h/"])
def test_credentials_in_a_url_are_refused_without_being_said(url: str) -> None:
    with pytest.raises(Invalid, match="put them into the secret") as caught:
        checked_url(url, "provider.web.url")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.170.23",
        "2852039166",
        "0xA9FEA9FE",
        "0251.0376.0251.0376",
        "169.254.43518",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
    ],
)
def test_the_addresses_that_keep_credentials_are_refused_in_every_form(host: str) -> None:
    with pytest.raises(Invalid, match="link-local"):
        checked_url(f"http://{host}/latest/meta-data/", "provider.web.url")


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "localhost", "prometheus.monitoring.svc", "[::1]", "1"])
def test_other_addresses_may_be_called(host: str) -> None:
    assert checked_url(f"http://{host}:9090/x", "f") == f"http://{host}:9090/x"
    assert not is_forbidden(host.strip("[]"))


async def test_a_name_that_leads_to_a_link_local_address_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(self: object, host: str, port: int = 0, family: int = 0) -> list[dict[str, object]]:
        answers = {"both.test": ["169.254.169.254", "127.0.0.1"], "meta.test": ["169.254.169.254"]}
        return [
            {"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for address in answers[host]
        ]

    monkeypatch.setattr("aiohttp.resolver.DefaultResolver.resolve", resolve)
    async with open_session() as http:
        both = Request("The API", "GET", str(URL(server.url).with_host("both.test")))
        assert await fetch_json(http, both) == {"ok": True}
        with pytest.raises(Unavailable, match="link-local address, which Okra does not call"):
            await fetch(http, Request("The API", "GET", "http://meta.test/"))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0x7f000001",
        "localhost",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:0:0]",
    ],
)
async def test_okras_own_pages_are_asked_by_no_check_in_whatever_form(host: str, server: Server) -> None:
    own = URL(server.url).port or 0
    async with open_session({own}) as http:
        with pytest.raises(Unavailable, match="that is Okra itself, which no check may ask"):
            await fetch(http, Request("The API", "GET", f"http://{host}:{own}/debug/cells/other/web"))
    assert server.requests == []


async def test_others_on_this_machine_may_be_asked(server: Server) -> None:
    async with open_session({1}) as http:
        assert await fetch_json(http, asking(server)) == {"ok": True}


def test_a_secrets_last_newline_is_no_part_of_it() -> None:
    assert header_values({"token": "abc\n"}, "provider.x.secretRef") == {"token": "abc"}


@pytest.mark.parametrize("value", ["a\nb", "a\r\nX-Evil: 1", "a\x00b"])
def test_a_secret_that_is_no_header_is_refused_without_being_said(value: str) -> None:
    with pytest.raises(CredentialsInvalid, match="the value of key token has control characters") as caught:
        header_values({"token": value}, "provider.x.secretRef")
    assert value not in str(caught.value)
