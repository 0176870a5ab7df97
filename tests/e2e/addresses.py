"""Further addresses of a server: EKS gives each cluster one of its own, a control plane of the tests has only one."""

from __future__ import annotations

import contextlib
import socket
import threading
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Self
from urllib.parse import urlsplit


class Address(ThreadingTCPServer):
    """`with Address(plane.url) as address`: bytes go through as they are, TLS too, until the test ends."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, url: str) -> None:
        behind = urlsplit(url)
        self.behind = behind.hostname or "", behind.port or 0
        super().__init__(("127.0.0.1", 0), _Pass)
        self.url = f"{behind.scheme}://127.0.0.1:{self.server_address[1]}"
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name=f"address of {url}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        for each in [*self._open]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def pass_on(self, here: socket.socket) -> None:
        with socket.create_connection(self.behind) as there:
            pair = {here, there}
            self._open |= pair
            back = threading.Thread(target=_copy, args=(there, here), daemon=True)
            back.start()
            _copy(here, there)
            back.join()
            self._open -= pair


class _Pass(BaseRequestHandler):
    server: Address

    def handle(self) -> None:
        self.server.pass_on(self.request)


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Until one of the two ends it."""
    with contextlib.suppress(OSError):
        while data := source.recv(2**16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
