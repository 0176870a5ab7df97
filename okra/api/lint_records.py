"""What is right in a Cell with Route 53 records, and yet good to know before it moves traffic."""

from __future__ import annotations

from collections.abc import Iterator

from okra.api.base import Violation
from okra.api.cell import CellSpec

_COUNTS = "so it counts as healthy, and only checks can find that it isn't"


def record_notes(spec: CellSpec) -> Iterator[Violation]:
    """Endpoints of which nothing tells whether they can serve. Places are relative to the spec."""
    for loc, ingress in spec.routes:
        for index, endpoint in enumerate(ingress.route53.endpoints if ingress.route53 else ()):
            at = (*loc, "route53", "endpoints", index)
            if endpoint.health_check_id is not None:
                continue
            if endpoint.alias is None:
                said = "nothing tells Okra whether it can serve, unless its record has a health check"
            elif endpoint.alias.evaluate_target_health:
                said = "Route 53 doesn't answer with it while its target is unhealthy, but Okra can't see that"
            else:
                said = "nothing tells whether it can serve"
            yield Violation(at, f"has no healthCheckID: {said}, {_COUNTS}")
