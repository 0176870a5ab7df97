"""Values of settings that Helm and the controller both take, and such that neither does."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

DATADOG = {"datadog": {"site": "datadoghq.eu", "secretRef": {"name": "dd"}}}
DURATION = (
    ["0s", "500ms", "1.5h", "1h30m", "8760h", "250µs", "0", 0],
    ["60", "-1m", "1 hour", "soon", "9999999h", "NaN", 60],
)
INTERVAL = (["500ms", "1.5h", "1h30m", "8760h"], ["0s", "0", "0h0m", 0, *DURATION[1]])
WEIGHT = ([10, 11, 1000], [0, -5, 1001, 1.5, "ten", True])

TABLE: Mapping[str, tuple[list[Any], list[Any]]] = {
    "stepWeight": ([1, 10, 100], WEIGHT[1]),
    "totalWeight": WEIGHT,
    "stepInterval": DURATION,
    "propagationDelay": DURATION,
    "bakeTime": DURATION,
    "retainFor": DURATION,
    "rereadAfterRevert": (["10s,60s", "5s, 1m,10m", "1m"], ["garbage", "10s;60s", "10s,soon", "9999999h", "60,70"]),
    "install": (["okra", "prod-eu_1.a"], ["a/b", "x" * 64, "ä"]),
    "healthTimeout": DURATION,
    "claimSettle": DURATION,
    "minHealthyTargets": (
        [1, 1000000, "3", "75%", "100%", "0%"],
        [0, -1, "0", "150%", "101%", "half", "-1%", "1.5", 1.5, "1000000000"],
    ),
    "onFailure": (["Rollback", "Stop"], ["rollback", "Retry"]),
    "onFailureDelay": DURATION,
    "discoveryInterval": INTERVAL,
    "pollInterval": INTERVAL,
    "awsRateShare": ([0.3, 1, 100, "0.3", ".5", "100", "100.0"], [0, -1, 101, "0", "0.0", "50%", "100.5", "101"]),
    "checkProvider": (
        [
            DATADOG,
            {"prometheus": {"address": "http://prometheus:9090"}},
            {"web": {"url": "https://m/q", "headers": {"X-Team": "a"}, "timeout": "5s"}},
            {"cloudWatch": {"metrics": [{"id": "m1", "expression": "1+1", "returnData": True}]}},
        ],
        [
            "garbage",
            {},
            {"datadog": {"sight": "x"}},
            {"datadog": "eu"},
            {"web": {}},
            {**DATADOG, "prometheus": {"address": "http://prometheus:9090"}},
            {"cloudWatch": {"metrics": []}},
        ],
    ),
}
"""Setting → what both take, what neither takes; as values of YAML."""


def rows(which: int) -> list[dict[str, Any]]:
    """A value of each setting, as long as it has some."""
    columns = [column[which] for column in TABLE.values()]
    named = [zip(TABLE, row, strict=True) for row in zip_longest(*columns)]
    return [{name: value for name, value in row if value is not None} for row in named]
