"""What the fault tests share: the faults, the errors they must become, and the scene they happen in."""

from __future__ import annotations

from dataclasses import dataclass

from okra.aws.facade import Aws
from okra.errors import AccessDenied, CredentialsInvalid, OkraError, Refused, Throttled, Unavailable
from okra.ports import RouteRef
from okra.rollout.observation import RouteReading
from okra.testing.aws_world import AwsWorld, Route
from okra.testing.fault_proxy import FaultProxy
from okra.testing.faults import Fault, FaultKind

FAULTS: list[tuple[Fault, type[OkraError]]] = [
    (Fault(FaultKind.THROTTLE), Throttled),
    (Fault(FaultKind.TOO_MANY_REQUESTS), Throttled),
    (Fault(FaultKind.UNAVAILABLE), Unavailable),
    (Fault(FaultKind.HTML), Unavailable),
    (Fault(FaultKind.GARBAGE), Unavailable),
    (Fault(FaultKind.RESET), Unavailable),
    (Fault(FaultKind.HANG), Unavailable),
    (Fault(FaultKind.ERROR, status=403, code="AccessDenied", message="not authorized"), AccessDenied),
    (Fault(FaultKind.ERROR, status=403, code="ExpiredToken", message="expired"), CredentialsInvalid),
    (Fault(FaultKind.ERROR, status=400, code="SomethingNew", message="no"), Refused),
    (Fault(FaultKind.ERROR, status=500, code="SomethingNew", message="no"), Unavailable),
]


@dataclass
class Scene:
    """A route with one old and one new group, as last read."""

    aws: Aws
    world: AwsWorld
    proxy: FaultProxy
    route: Route
    ref: RouteRef
    basis: RouteReading

    @property
    def group(self) -> str:
        return self.route.groups["1.0.0"][0]

    @property
    def target(self) -> dict[str, int]:
        """Where writes in these tests lead."""
        return dict.fromkeys(self.route.groups["1.0.0"], 9) | dict.fromkeys(self.route.groups["1.1.0"], 1)

    async def read(self, ref: RouteRef) -> RouteReading:
        result = (await self.aws.router.read([ref]))[ref]
        if isinstance(result, OkraError):
            raise result
        return result

    async def write(self) -> None:
        await self.aws.router.write(self.ref, self.target, self.basis)


def name_of(value: object) -> str | None:
    """A test id for a fault or an error."""
    match value:
        case Fault(kind=FaultKind.ERROR):
            return f"{value.status}-{value.code}"
        case Fault():
            return str(value.kind)
        case type():
            return value.__name__
        case _:
            return None
