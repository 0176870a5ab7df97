"""The webhook by which the API server of an EKS cluster finds out whose token it was given.

    with EksAuthenticator(moto_server.url) as authenticator:
        flags = authenticator.flags("web-1", folder)       # of kube-apiserver
        authenticator.entries["web-1"]["arn:aws:iam::123456789012:role/okra"] = ("okra",)

The token is judged by the real authenticator's rules and the double of STS, the identity by the cluster's access
entries. It runs in threads: it answers whatever a test waits for, also one without an event loop.
"""

from __future__ import annotations

import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from okra.testing.eks_tokens import TokenRefused, identity

Entries = dict[str, Sequence[str]]
"""A cluster's access entries: the ARN of a role or user → its Kubernetes groups."""
Status = dict[str, Any]
"""Of a TokenReview."""

_SESSION = re.compile(r"arn:([\w-]+):sts::(\d+):assumed-role/([^/]+)/.*")


class EksAuthenticator:
    """For any number of clusters. `entries` may be changed at any time."""

    def __init__(self, sts_url: str) -> None:
        self.entries: defaultdict[str, Entries] = defaultdict(dict)
        self.names: defaultdict[str, list[str]] = defaultdict(list)
        """Cluster → further names in EKS that the same API server has in a test."""
        self._sts_url = sts_url
        self._server = _Server(self._review)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="eks-authenticator")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def flags(self, cluster: str, folder: Path) -> list[str]:
        """With these an API server asks here about each token. One that was taken is taken for ten seconds more."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "webhook", "cluster": {"server": f"{self._server.url}/{cluster}"}}],
            "users": [{"name": "apiserver", "user": {}}],
            "contexts": [{"name": "webhook", "context": {"cluster": "webhook", "user": "apiserver"}}],
            "current-context": "webhook",
        }
        file = folder / f"{cluster}-webhook.json"
        file.write_text(json.dumps(config))
        return [
            f"--authentication-token-webhook-config-file={file}",
            "--authentication-token-webhook-version=v1",
            "--authentication-token-webhook-cache-ttl=0s",
        ]

    def _identity(self, token: str, cluster: str) -> str:
        """A token is signed for one name."""
        for name in self.names[cluster]:
            try:
                return identity(token, name, self._sts_url)
            except TokenRefused:
                continue
        return identity(token, cluster, self._sts_url)

    def _review(self, cluster: str, token: str) -> Status:
        try:
            arn = self._identity(token, cluster)
        except (TokenRefused, LookupError, ValueError) as error:  # the last two: it isn't built as a token is
            return {"authenticated": False, "error": f"{type(error).__name__}: {error}"}
        principal = _SESSION.sub(r"arn:\1:iam::\2:role/\3", arn)
        groups = self.entries[cluster].get(principal)
        if groups is None:
            return {"authenticated": False, "error": f"{principal} has no access entry"}
        return {"authenticated": True, "user": {"username": arn, "uid": arn, "groups": [*groups]}}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, review: Callable[[str, str], Status]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.review = review
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.review(self.path.partition("?")[0].strip("/"), review["spec"]["token"])
        answer = json.dumps({"apiVersion": review["apiVersion"], "kind": "TokenReview", "status": status}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""
