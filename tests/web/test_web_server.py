"""One address, and what happens when it is taken or wrong."""

from __future__ import annotations

import socket

import aiohttp
import pytest

from okra.errors import Invalid, Refused
from okra.web.address import parse_address
from okra.web.server import serve
from tests.web.site import FakeSystem, site


async def test_a_port_that_is_taken_is_refused_when_a_person_chose_it() -> None:
    async with site(FakeSystem()) as first:
        with pytest.raises(Refused, match="choose another with --listen"):
            async with serve(FakeSystem(), first.at, strict=True):
                pytest.fail("it listens twice")


async def test_a_default_port_that_is_taken_gives_way_to_a_free_one() -> None:
    async with site(FakeSystem()) as first, serve(FakeSystem(), first.at, strict=False) as second:
        assert second != first.at
        async with first.session.get(f"http://{second}/healthz") as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    ("listen", "parsed"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:80", ("::1", 80)), (":80", (None, 80)), ("host:0", ("host", 0))],
)
def test_addresses_that_are_some(listen: str, parsed: tuple[str, int]) -> None:
    assert parse_address(listen) == parsed


async def test_a_port_without_a_host_is_served_in_every_family_of_addresses_that_the_machine_has() -> None:
    """Pods have addresses of one family, of the other, or of both."""
    with socket.create_server(("", 0)) as free:
        port = free.getsockname()[1]
    async with serve(FakeSystem(), f":{port}", strict=True), aiohttp.ClientSession() as session:
        for host in local_addresses():
            async with session.get(f"http://{host}:{port}/healthz") as answer:
                assert answer.status == 200, host


def local_addresses() -> list[str]:
    """As hosts of URLs."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return ["127.0.0.1", "[::1]"]
    except OSError:
        return ["127.0.0.1"]


@pytest.mark.parametrize("listen", ["", "8080", "host:", "host:http", "host:70000"])
def test_addresses_that_are_none(listen: str) -> None:
    with pytest.raises(Invalid, match="is no address: write HOST:PORT"):
        parse_address(listen)
