"""A metrics API of the test: what it answers is a function that the test gives, called at each request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Answer:
    value: Any = 0.0
    """What `{"value": …}` holds."""
    status: int = 200
    body: bytes | None = None
    """Instead of that."""
    hang: bool = False
    """No answer before the test ends."""


@dataclass
class Metrics:
    answer: Callable[[], Answer]
    asked: int = 0
    url: str = ""
    _closing: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        metrics = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                metrics.asked += 1
                answer = metrics.answer()
                if answer.hang:
                    metrics._closing.wait(60)
                    return
                body = answer.body if answer.body is not None else json.dumps({"value": answer.value}).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="metrics").start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
