"""What the actors need from outside, as Protocols. The composition root (`okra.app`) chooses who answers.

Every method may raise `okra.errors.OkraError` and nothing else; every one has a deadline of its own inside.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from okra.api.records import endpoint_arn
from okra.api.route53 import Route53
from okra.errors import OkraError
from okra.rollout.observation import RouteReading, TargetGroup, TargetHealth, Weights
from okra.rollout.policy import route_key

Object = dict[str, Any]
"""A Kubernetes object as JSON: apiVersion, kind, metadata, spec, status."""


class Clock(Protocol):
    """Persisted times come from `now` (epoch seconds, UTC); waits and deadlines from `monotonic`."""

    def now(self) -> float: ...
    def monotonic(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """What a store is asked for. `plural` is the resource's name in URLs."""

    group: str
    version: str
    kind: str
    plural: str

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True)
class Listing:
    items: list[Object]
    resource_version: str
    """Where a watch of the same kind resumes."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: Object


class ObjectStore(Protocol):
    """Where the objects live (DESIGN §8). Semantics are the Kubernetes API's.

    `kube` and `embedded` share one contract suite.
    NotFound, AlreadyExists, Conflict, Expired, Invalid, Unavailable are the ordinary errors.
    """

    async def get(self, kind: Kind, namespace: str, name: str) -> Object: ...

    async def list(self, kind: Kind, namespace: str | None = None, selector: str | None = None) -> Listing:
        """All objects (in `namespace`, or everywhere), optionally by label selector (`a=b,c in (d,e),!f`)."""
        ...

    def watch(
        self,
        kind: Kind,
        resource_version: str,
        namespace: str | None = None,
        selector: str | None = None,
    ) -> AsyncIterator[WatchEvent]:
        """Changes after `resource_version`, until the caller stops. Raises Expired when it is too old: list again."""
        ...

    async def create(self, kind: Kind, body: Object) -> Object: ...

    async def apply(self, kind: Kind, body: Object) -> Object:
        """Create, or replace metadata.labels/annotations/ownerReferences that `body` names and the whole spec.

        Unchanged → no write, the same resourceVersion. Status is never touched.
        """
        ...

    async def patch(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]) -> Object:
        """JSON merge patch (RFC 7386) of all but status; guarded (Conflict) if it has metadata.resourceVersion."""
        ...

    async def patch_status(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        status: Mapping[str, Any],
        *,
        resource_version: str | None = None,
    ) -> Object:
        """JSON merge patch of `.status`; with `resource_version`, only if the object is still at it (Conflict)."""
        ...

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str | None = None, resource_version: str | None = None
    ) -> None:
        """Delete; an object with finalizers gets a deletionTimestamp and stays until they are gone.

        Objects whose every owner is gone are deleted as well. NotFound if there is none; Conflict if `uid` or
        `resource_version` differs.
        """
        ...

    async def emit(self, event: EventRecord) -> None:
        """Record an Event about an object; equal ones (same object, rollout, reason, message) are counted, not
        repeated."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class EventRecord:
    kind: Kind
    namespace: str
    name: str
    uid: str
    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    at: datetime
    action: str = ""
    rollout: int | None = None
    """The Cell's rollout that it belongs to: equal ones of two rollouts are two."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose AWS, and where. Empty strings mean the process's own credentials and region."""

    region: str = ""
    role_arn: str = ""
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class RequestCondition:
    """One condition of a listener's rule: it fits a request that one of `values` fits."""

    field: str
    """As AWS calls it: host-header, path-pattern, http-request-method, http-header, query-string, source-ip."""
    values: tuple[tuple[str, str], ...]
    """(key, value). Only parameters of the query have a key, and not all of them."""
    header: str = ""
    """The name of an http-header."""


@dataclass(frozen=True, slots=True)
class RouteRef:
    """How a Cell names a route. Neither `rule_arn` nor `priority`: the listener's default action."""

    account: Account
    listener_arn: str
    network: bool = False
    rule_arn: str = ""
    priority: int | None = None
    conditions: tuple[RequestCondition, ...] = ()
    """Of the rule at `priority`, which is made where it isn't there. Empty: it has to be there, whatever it takes."""
    pinned: str = ""
    """The ARN of the rule that was adopted here: where that has another priority by now, the route isn't absent."""

    @property
    def key(self) -> str:
        """Stable name of the route within Okra."""
        return route_key(self.listener_arn, self.rule_arn, self.priority)


@dataclass(frozen=True, slots=True)
class RecordSetRef(RouteRef):
    """How a Cell names weighted records of Route 53: `listener_arn` is their set's (`okra.api.records`)."""

    records: Route53 | None = None
    """What the spec says of them; None for a set that only `status` names: its records are weighed, none is made."""

    @property
    def checks(self) -> Mapping[str, str]:
        """The health checks that the spec names, by the ARN of the record that each is about."""
        endpoints = self.records.endpoints if self.records else ()
        return {
            endpoint_arn(self.listener_arn, each): each.health_check_id for each in endpoints if each.health_check_id
        }


@dataclass(frozen=True, slots=True)
class OwnerReading:
    """The owner tag of a route as one read showed it."""

    owner: str
    """`<install>/<namespace>/<name>`, or `""`."""
    sent_at: float
    """When the request was sent, which may be long after it was asked for: it waits for the rate budget. What the read
    shows is at least that old. Seconds of `Clock.monotonic`: what a wall clock says may jump."""


class TrafficRouter(Protocol):
    """Reads and writes the weights of routes (DESIGN §5.7, §6).

    What is said of target groups and actions holds of Route 53's records too, and of the owner tag that of their owner
    record.
    """

    async def read(self, refs: Collection[RouteRef]) -> Mapping[RouteRef, RouteReading | OkraError]:
        """Read routes with as few calls as possible: one per listener, whoever asks. An error is a route's own.

        A rule that could be made is `NotFound` with the reason `RuleAbsent`; or `RulesOverlap`, where one of a higher
        number may have some of its requests now. One that takes other requests than it should has
        `RouteReading.differs`. Refused with `RouteChanged`: the pinned rule has another priority by now.
        Concurrent callers may share calls, but no reading began before its caller asked.
        """
        ...

    async def write(self, ref: RouteRef, weights: Weights, basis: RouteReading, *, urgent: bool = False) -> None:
        """Replace the forward action's weights; all else of `basis.raw` is resent as it is.

        `basis` is the newest reading, from which the weights were computed. Returns when AWS said success. Unavailable
        means the outcome is unknown; Throttled and every Fatal, that nothing was changed. Never retried inside.
        `urgent`: a revert, served from the reserved tokens of the rate budget.
        """
        ...

    async def create(self, ref: RouteRef, owner: str, default: RouteReading, *, take_over: bool = False) -> None:
        """Make the rule that `ref` describes, tagged as `owner`'s, as a copy of its listener's default action: what it
        takes goes on as before. `default` is the newest reading of that. Never retried inside.

        Conflict: there is a rule at this priority by now. Unavailable: it may have been made. Refused with
        `RouteNotForward`: the default action is a redirect or a fixed response, and may not be copied (`take_over`).
        """
        ...

    async def owner(self, ref: RouteRef, arn: str) -> OwnerReading:
        """Whose the route is, by a request that was sent after this was asked, and when that was."""
        ...

    async def claim(self, ref: RouteRef, arn: str, owner: str) -> str:
        """Tag the route unless another owner has; the owner in force as read back afterwards."""
        ...

    async def release(self, ref: RouteRef, arn: str, owner: str) -> None:
        """Remove the owner tag if it is `owner`."""
        ...


class TargetInventory(Protocol):
    async def target_groups(self, account: Account, listed: Collection[str] = ()) -> Sequence[TargetGroup]:
        """Every target group that exists and has tags, all pages, and those of the ARNs `listed` that have none."""
        ...

    async def health(self, account: Account, arn: str, check: str = "") -> TargetHealth:
        """One DescribeTargetHealth; of a record of Route 53 what its health check says, or `check`, which the Cell
        names for it."""
        ...

    async def active_flows(self, account: Account, group: TargetGroup) -> float | None:
        """Requests (ALB) or flows (NLB) of the last complete minute; None when nothing can be known."""
        ...


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time to measure, epoch seconds. `start` is never before the weight it is evidence for."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a metric source answered: a number (web: any JSON value), or `value=None` for no data."""

    value: Any
    query: str
    """As it was sent, for people. Holds no secret."""
    samples: int | None = None
    """How many data points or requests it rests on, when the source can say."""


@dataclass(frozen=True, slots=True)
class Grain:
    """How a metric source divides time, in seconds: what a window must respect to hold only whole, settled data."""

    period: float = 0.0
    """Length of its buckets, aligned to the epoch. 0: it answers for any moment."""
    lag: float = 0.0
    """How long after its end a bucket may still change."""
    lookback: float = 0.0
    """How far before its end the query itself reaches (PromQL's `[5m]`)."""
    settle: float = 0.0
    """An empty answer about a window shorter than this means nothing yet: data may still arrive."""


class MetricSource(Protocol):
    @property
    def grain(self) -> Grain: ...

    async def measure(self, window: Window) -> Reading:
        """One measurement. Retryable errors say nothing about the app; Invalid means the query is wrong."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One answered query of CloudWatch's GetMetricData. `points` are (epoch seconds, value), oldest first."""

    id: str
    label: str
    points: list[tuple[float, float]]


class MetricData(Protocol):
    """CloudWatch's GetMetricData, injected where metrics are judged: only `okra.aws` speaks to AWS."""

    async def __call__(
        self, account: Account, queries: list[dict[str, Any]], start: float, end: float
    ) -> list[MetricSeries]:
        """All pages of `queries` (MetricDataQueries as the API takes them) in [start, end), epoch seconds.

        A query without data answers a series without points; one with several series (SEARCH) answers several of its
        id. Invalid when a query is wrong; Retryable when it says nothing about the app.
        """
        ...
