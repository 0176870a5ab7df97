"""What tests of one ArgoCDApplicationDeployment begin with, say of it, and watch all the time."""

from collections.abc import Callable
from typing import Any

from tests.actors.argo_world import ArgoWorld, condition


def server(name: str) -> str:
    return f"https://{name}.eks.example"


def phases(status: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["phase"] for each in status.get("clusters", ())}


def because(reason: str) -> Callable[[dict[str, Any]], bool]:
    def holds(status: dict[str, Any]) -> bool:
        return bool(status.get("conditions")) and condition(status, "Ready")[1] == reason

    return holds


async def deployed(w: ArgoWorld, *clusters: str, beside: tuple[str, ...] = (), **options: Any) -> None:
    """What is to be synced once the actors run."""
    await w.application_set()
    for name in (*clusters, *beside):
        await w.cluster(name)
    await w.deployment(*clusters, **options)


def never_none(w: ArgoWorld) -> Callable[[], None]:
    seen = False

    def watch() -> None:
        nonlocal seen
        seen = seen or bool(w.argo.workloads)
        assert w.argo.workloads or not seen, "no cluster runs the application"

    return watch


def never_both(w: ArgoWorld) -> Callable[[], None]:
    def watch() -> None:
        assert len({server for server, _ in w.argo.workloads}) <= 1, "two clusters run the workers"

    return watch
