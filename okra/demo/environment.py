"""Nothing of the demo may reach anybody's real AWS: an environment in which the SDKs know only the double."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from okra.testing.moto_server import environ_for

_FOREIGN = ("AWS_", "OKRA_")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def isolated(environ: Mapping[str, str], url: str) -> dict[str, str]:
    """`environ` without a trace of the user's AWS, Okra settings and proxies, and with the double at `url`."""
    kept = {name: value for name, value in environ.items() if not name.startswith(_FOREIGN) and name not in _PROXIES}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**kept, **environ_for(url), **nowhere}


@contextmanager
def isolated_environment(url: str) -> Iterator[None]:
    """This process's environment, isolated for the length of the block."""
    before = dict(os.environ)
    _become(isolated(before, url))
    try:
        yield
    finally:
        _become(before)


def _become(environ: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
