"""Secrets for checks."""

from __future__ import annotations

from base64 import b64encode
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from okra.errors import AccessDenied, Invalid, NotFound
from okra.kube.secrets import KubeSecrets
from tests.kube.api_server import ApiServer, answers, failure


def secret(**data: Any) -> web.Response:
    return web.json_response({"kind": "Secret", "metadata": {"name": "dd"}, "data": data})


async def test_a_secret_is_decoded_and_shows_only_its_keys() -> None:
    encoded = b64encode("schlüssel".encode()).decode()
    async with ApiServer(answers(lambda: secret(**{"api-key": encoded, "empty": ""}))) as server:
        async with server.client() as client:
            values = await KubeSecrets(client).read("web", "dd")
        assert server.requests[0].path == "/api/v1/namespaces/web/secrets/dd"
    assert dict(values) == {"api-key": "schlüssel", "empty": ""}
    assert repr(values) == str(values) == f"{values}" == "<Secret with api-key, empty>"


async def test_a_secret_without_data_has_no_keys() -> None:
    bare = answers(lambda: web.json_response({"kind": "Secret", "data": None}))
    async with ApiServer(bare) as server, server.client() as client:
        assert repr(await KubeSecrets(client).read("web", "dd")) == "<Secret with no keys>"


async def test_each_reading_asks_the_server() -> None:
    changing = answers(lambda: secret(a="MQ=="), lambda: secret(a="Mg=="))
    async with ApiServer(changing) as server, server.client() as client:
        secrets = KubeSecrets(client)
        assert [(await secrets.read("web", "dd"))["a"] for _ in range(2)] == ["1", "2"]


async def test_a_secret_that_is_not_there_says_how_to_make_one() -> None:
    missing = partial(failure, 404, "NotFound", 'secrets "dd" not found', name="dd", kind="secrets")
    async with ApiServer(answers(missing)) as server, server.client() as client:
        with pytest.raises(NotFound, match="kubectl create secret generic dd -n web") as raised:
            await KubeSecrets(client).read("web", "dd")
    assert raised.value.reason == "SecretNotFound"


async def test_a_secret_that_may_not_be_read_says_what_to_allow() -> None:
    denied = partial(failure, 403, "Forbidden", 'User "okra" cannot get resource "secrets"')
    async with ApiServer(answers(denied)) as server, server.client() as client:
        with pytest.raises(AccessDenied, match="may not get secrets in namespace web"):
            await KubeSecrets(client).read("web", "dd")


async def test_a_value_that_is_no_base64_is_not_shown() -> None:
    async with ApiServer(answers(lambda: secret(token="not base64"))) as server, server.client() as client:
        with pytest.raises(Invalid, match="token") as raised:
            await KubeSecrets(client).read("web", "dd")
    assert "not base64" not in str(raised.value)
