"""What can go wrong between Okra and AWS, as values: which calls a fault hits, and what the caller gets instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    THROTTLE = "throttle"
    """AWS's own throttling error."""
    ERROR = "error"
    """An error of the API: the fault's `status`, `code`, `message`."""
    UNAVAILABLE = "unavailable"
    """503 with an error document."""
    TOO_MANY_REQUESTS = "too-many-requests"
    """429 with an empty body, as a load balancer before the API answers."""
    HTML = "html"
    """500 with a page for people."""
    GARBAGE = "garbage"
    """200 with a page for people."""
    RESET = "reset"
    """The connection is cut."""
    HANG = "hang"
    """No answer, until the caller gives up."""
    DELAY = "delay"
    """The true answer, `seconds` late."""
    LATE = "late"
    """The connection is cut, and the request applied `seconds` later all the same."""
    STALE = "stale"
    """The answer that the same request got before: eventual consistency. Without one, the true answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived. `at`: seconds of the proxy's monotonic clock."""

    operation: str
    """`ModifyRule`; for REST protocols the method and path, but for what Okra calls: `DescribeCluster`."""
    parameters: Mapping[str, str]
    """Flat, as the protocol names them: `RuleArn`, `Actions.member.1.Type`."""
    protocol: str
    """query, json, cbor, rest-json, rest-xml or rest."""
    region: str = ""
    access_key: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Record:
    """What became of a call."""

    call: Call
    fault: str = ""
    reached: bool = False
    """AWS got it (for `late`: will get it)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Hits calls of `operation` (`*`: all) whose parameters contain `where`.

    After the first `skip` of them every `every`-th, `times` in all (None: always). With `applied` the request reaches
    AWS, and only its answer is replaced.
    """

    kind: FaultKind
    operation: str = "*"
    applied: bool = False
    times: int | None = None
    skip: int = 0
    every: int = 1
    seconds: float = 0.0
    status: int = 400
    code: str = "ValidationError"
    message: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    """Parameter name → a part of its value."""
    when: Callable[[Call], bool] | None = None
    """Any other condition; in-process only."""

    def concerns(self, call: Call) -> bool:
        return (
            self.operation in ("*", call.operation)
            and all(part in call.parameters.get(name, "") for name, part in self.where.items())
            and (self.when is None or self.when(call))
        )


def fault_from(data: Mapping[str, Any]) -> Fault:
    """A fault as the control endpoint takes it: the fields' names and JSON values."""
    return Fault(**{**data, "kind": FaultKind(data["kind"])})


def fault_to(fault: Fault) -> dict[str, Any]:
    """The reverse. ValueError for a fault with a `when`: a condition in Python can't travel."""
    if fault.when is not None:
        raise ValueError("a fault with `when` works in-process only: use `where`")
    names = ("kind", "operation", "applied", "times", "skip", "every", "seconds", "status", "code", "message")
    return {**{name: getattr(fault, name) for name in names}, "where": dict(fault.where)}
