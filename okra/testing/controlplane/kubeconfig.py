"""A kubeconfig of one user, as Kubernetes' own clients and Okra read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

_NAME = "okra-test"


def write_kubeconfig(
    file: Path, url: str, authority: Path, user: Mapping[str, str], *, namespace: str = "default"
) -> Path:
    """`user`: `token`, or `client-certificate` and `client-key`. JSON is YAML; for its owner's eyes only."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _NAME, "cluster": {"server": url, "certificate-authority": str(authority)}}],
        "users": [{"name": _NAME, "user": dict(user)}],
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME, "namespace": namespace}}],
        "current-context": _NAME,
    }
    file.touch(mode=0o600)
    file.write_text(json.dumps(content, indent=2))
    return file
