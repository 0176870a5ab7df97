"""The AWS double: moto's server in a process of its own, behaving as AWS where moto alone doesn't.

A process of its own because moto's in-process mocks don't work with aiobotocore, and because what is tested through a
socket can also be killed, delayed and cut off. `python -m okra.testing.moto_server --port 0` prints its URL when ready;
`MotoServer` does that for tests and the demo. What is put right: see `moto_eks`, `moto_elb`, `moto_health`,
`moto_iam`, `moto_metrics`, `moto_route53`, `moto_sts`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
import urllib.request
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from okra.testing.child import WITH_PARENT, Child, end_with_parent

if TYPE_CHECKING:
    from moto.backends import SERVICE_NAMES

_SERVICES: tuple[SERVICE_NAMES, ...] = (
    "cloudwatch",
    "ec2",
    "eks",
    "elbv2",
    "resourcegroupstaggingapi",
    "route53",
    "sts",
)
"""Loaded before the URL is printed: moto imports a service at its first call, which takes up to a second."""


_RESET = "/okra-test/reset"
_RECORD = "/okra-test/weights"


class MotoServer:
    """Starts the server, and stops it: a context manager, sync or async. The child also ends when this process does."""

    def __init__(self, *, page_size: int | None = None) -> None:
        self._child = Child("okra.testing.moto_server", *(["--page-size", str(page_size)] if page_size else []))
        self.url = ""

    @property
    def environ(self) -> dict[str, str]:
        """What an SDK, in this process or a child, needs in its environment to use this server."""
        return environ_for(self.url)

    @property
    def log(self) -> str:
        """What the server has written: tracebacks of its own failures."""
        return self._child.log

    def start(self) -> Self:
        """Start, and return when it answers. RuntimeError with its log if it doesn't."""
        self.url = self._child.start()
        return self

    def stop(self) -> None:
        self._child.stop()

    def reset(self) -> None:
        """Forget everything but networks, whose making is the slowest part of a world. Takes some milliseconds."""
        request = urllib.request.Request(self.url + _RESET, method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)


def weights_record(url: str, route_arn: str) -> list[dict[str, int]]:
    """Every set of weights that a rule or listener of the double at `url` has had since the reset, oldest first."""
    with urllib.request.urlopen(f"{url}{_RECORD}?{urlencode({'arn': route_arn})}", timeout=30) as answer:
        found: list[dict[str, int]] = json.load(answer)
    return found


def environ_for(url: str) -> dict[str, str]:
    """The environment in which every SDK speaks to the double at `url`, or to a fault proxy before it."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m okra.testing.moto_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port; the URL is printed")
    parser.add_argument("--page-size", type=int, default=None, help="entries in a page of any listing at most")
    parser.add_argument(WITH_PARENT, action="store_true", help="end when standard input is closed")
    options = parser.parse_args(argv)
    if options.with_parent:
        end_with_parent()
    server = _server(options.host, options.port, options.page_size)
    print(f"http://{options.host}:{server.server_port}", flush=True)
    server.serve_forever()


def _server(host: str, port: int, page_size: int | None) -> Any:
    """The server, bound and ready. Imports moto only here: `MotoServer` itself must be cheap to import."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    from okra.testing import moto_eks, moto_elb, moto_health, moto_iam, moto_metrics, moto_record, moto_route53

    moto_eks.apply()
    moto_health.apply()
    moto_elb.apply(page_size)
    moto_metrics.apply(page_size)
    moto_record.apply()
    moto_route53.apply(page_size)
    moto_iam.apply()

    class Handler(MotoRequestHandler):
        protocol_version = "HTTP/1.1"
        """Connections stay open: a new one for each call costs as much as the call."""

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Silence: only failures are worth a line."""

    application = DomainDispatcherApplication(create_backend_app)
    for service in _SERVICES:
        application.app_instances[service] = create_backend_app(service)
    return make_server(host, port, _one_at_a_time(_with_tests_own(application)), threaded=True, request_handler=Handler)


def _with_tests_own(application: Any) -> Any:
    """What tests ask of the double and AWS doesn't offer, and what moto doesn't hear."""
    from moto.backends import get_backend

    from okra.testing import moto_iam, moto_record, moto_sts

    def answering(environ: Any, start_response: Any) -> Iterable[bytes]:
        path, status, body = environ.get("PATH_INFO"), "200 OK", b""
        if path == _RESET:
            for service in _SERVICES:
                for account in () if service == "ec2" else get_backend(service).values():
                    account.reset()
            moto_iam.reset()
        elif path == _RECORD:
            body = moto_record.record(environ.get("QUERY_STRING", ""))
        elif (said := moto_iam.answer(path)) is not None:
            body = said
        elif (identity := moto_sts.answer(environ)) is not None:
            status, body = identity
        else:
            answer: Iterable[bytes] = application(environ, start_response)
            return answer
        start_response(status, [("Content-Length", str(len(body)))])
        return [body]

    return answering


def _one_at_a_time(application: Any) -> Any:
    """moto's backends are plain dicts without locks; its threads change them while others iterate."""
    lock = threading.Lock()

    def locked(environ: Any, start_response: Any) -> Iterable[bytes]:
        with lock:
            answer: Iterable[bytes] = application(environ, start_response)
            return answer

    return locked


if __name__ == "__main__":
    main()
