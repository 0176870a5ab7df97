"""What tests of one ArgoCDCluster say of it, and of its secret."""

import base64
from typing import Any

from okra.argocd.names import SECRET_TYPE
from tests.actors.argo_world import ArgoWorld, eventually


def ready(status: dict[str, Any]) -> bool:
    return status.get("ready") is True


def not_ready(status: dict[str, Any]) -> bool:
    return status.get("ready") is False


def data(secret: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def foreign(name: str, server: str) -> dict[str, Any]:
    content = {"name": name, "server": server, "config": "{}"}
    return {
        "metadata": {"namespace": "argocd", "name": name, "labels": {SECRET_TYPE: "cluster"}},
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in content.items()},
    }


async def gone(w: ArgoWorld, name: str) -> None:
    async def is_gone() -> bool:
        return name not in await w.names(w.kinds[0])

    await eventually(is_gone)
