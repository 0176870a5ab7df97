"""What Datadog's two query APIs answer, as points. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from okra.api.provider import DatadogAggregator as Aggregator
from okra.errors import Invalid, Unavailable
from okra.ports import Window

_AGGREGATES: Mapping[Aggregator, Callable[[Sequence[float]], float]] = {
    Aggregator.LAST: lambda values: values[-1],
    Aggregator.AVG: lambda values: math.fsum(values) / len(values),
    Aggregator.MIN: min,
    Aggregator.MAX: max,
    Aggregator.SUM: math.fsum,
}


@dataclass(frozen=True, slots=True)
class Points:
    """One series: (start of the bucket, value) oldest first, and the length of a bucket. Seconds."""

    points: Sequence[tuple[float, float]]
    bucket: float

    def within(self, window: Window) -> list[float]:
        """The values of the buckets that lie in `window` as a whole, oldest first."""
        return [value for at, value in self.points if window.start <= at and at + self.bucket <= window.end]


def v1_points(answer: Any, bucket: float) -> Points:
    """The one series of a v1 query's answer. `bucket`: its length if the answer doesn't tell.

    Raises Invalid when Datadog refuses the query or there are several series, Unavailable when it isn't an answer.
    """
    match answer:
        case {"status": "error"} | {"errors": [_, *_]}:
            raise _refused(answer.get("error") or answer.get("errors"))
        case {"series": []} | {"series": None}:
            return Points((), bucket)
        case {"series": [{"pointlist": list(points)} as series]}:
            pairs = [(point[0], point[1]) for point in points if isinstance(point, list) and len(point) == 2]
            return _points(pairs, series.get("interval"), bucket)
        case {"series": list(several)} if len(several) > 1:
            raise _several(len(several))
        case _:
            raise _unknown()


def v2_points(answer: Any, bucket: float) -> Points:
    """The one series of a v2 timeseries answer; otherwise as `v1_points`."""
    match answer:
        case {"errors": str() | [_, *_] as reason}:
            raise _refused(reason)
        case {"data": {"attributes": {"values": []} | {"series": []}}}:
            return Points((), bucket)
        case {"data": {"attributes": {"times": list(times), "values": [list(values)]}}}:
            return _points(list(zip(times, values, strict=False)), None, bucket)
        case {"data": {"attributes": {"values": list(several)}}} if len(several) > 1:
            raise _several(len(several))
        case _:
            raise _unknown()


def _points(pairs: Sequence[tuple[Any, Any]], interval: Any, default: float) -> Points:
    """Of (milliseconds, value); null values are no points. A bucket is as long as Datadog says, or points are apart."""
    starts = sorted(at / 1000 for at, _ in pairs if _is_number(at))
    apart = min((later - earlier for earlier, later in pairwise(starts) if later > earlier), default=default)
    points = sorted((at / 1000, float(value)) for at, value in pairs if _is_number(at) and _is_number(value))
    return Points(points, float(interval) if _is_number(interval) and interval > 0 else apart)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)


def aggregate(values: Sequence[float], aggregator: Aggregator) -> float | None:
    """One value of several, oldest first; None of none."""
    return _AGGREGATES[aggregator](values) if values else None


def _refused(reason: Any) -> Invalid:
    text = "; ".join(map(str, reason)) if isinstance(reason, list) else str(reason)
    return Invalid(f"Datadog refuses the query: {text[:160]}")


def _several(count: int) -> Invalid:
    return Invalid(f"the query answers {count} series; ask for one, without `by {{…}}`")


def _unknown() -> Unavailable:
    return Unavailable("Datadog answered JSON that is no query result")
