"""What is counted as it happens, in a registry of its own: two systems in one process share nothing.

What can be read off the running system at the moment of a scrape is in `okra.web.collector`. Names and meanings:
docs/metrics.md.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from okra.ports import EventRecord

AWS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
ENDINGS = ("RolloutCompleted", "Reverted")
"""Events that are told once, when a rollout ends."""
VERDICTS = {
    "CheckPassed": "Passed",
    "CheckFailed": "Failed",
    "CheckInconclusive": "Inconclusive",
    "CheckError": "Error",
}


def _version() -> str:
    try:
        return version("okra")
    except PackageNotFoundError:
        return "unknown"


VERSION = _version()
"""Read from a file, and so at import: an event loop may make a Metrics."""


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._rollout: dict[tuple[str, str], tuple[int, str]] = {}
        """The newest rollout of each Cell that was heard of, and its outcome then."""
        self._rollouts = Counter("okra_rollouts", "Rollouts that ended, by how.", ["outcome"], registry=self.registry)
        self._checks = Counter(
            "okra_check_results",
            "Series of a Cell's checks that ended, by verdict.",
            ["check", "verdict"],
            registry=self.registry,
        )
        self._calls = Counter(
            "okra_aws_calls", "Finished AWS API calls.", ["operation", "outcome"], registry=self.registry
        )
        self._durations = Histogram(
            "okra_aws_call_duration_seconds",
            "How long AWS API calls took.",
            ["operation"],
            buckets=AWS_SECONDS,
            registry=self.registry,
        )
        self._lag = Histogram(
            "okra_event_loop_lag_seconds",
            "How much later than due the event loop came to a timer.",
            buckets=LAG_SECONDS,
            registry=self.registry,
        )
        self._leader = Gauge("okra_leader", "1 while this process works; 0: it stands by.", registry=self.registry)
        self._leader.set(1)
        build = Gauge(
            "okra_build_info", "1; what this process is made of.", ["version", "python"], registry=self.registry
        )
        build.labels(VERSION, platform.python_version()).set(1)
        for outcome in ("Synced", "Failed"):
            self._rollouts.labels(outcome)  # there from the first scrape: an alert on a rate needs the 0 before the 1
        GCCollector(registry=self.registry)
        self._process: ProcessCollector | None = None

    def collect(self) -> Iterator[Metric]:
        """All of it, for an encoder. In a thread: what is known of the process is read from files."""
        if self._process is None:
            self._process = ProcessCollector(registry=None)
        yield from self.registry.collect()
        yield from self._process.collect()

    def leads(self, leads: bool) -> None:
        """Whether this process works, or stands by for one that does."""
        self._leader.set(int(leads))

    def aws_call(self, operation: str, seconds: float, outcome: str) -> None:
        """An `okra.aws.calls.OnCall`."""
        self._calls.labels(operation, outcome).inc()
        self._durations.labels(operation).observe(seconds)

    def loop_lag(self, seconds: float) -> None:
        self._lag.observe(seconds)

    def event(self, event: EventRecord, fields: Mapping[str, Any]) -> None:
        """An event of the journal, with the fields of its log line."""
        if "check" in fields and event.reason in VERDICTS:
            self._checks.labels(str(fields["check"]), VERDICTS[event.reason]).inc()
        if "rollout" in fields and "outcome" in fields:
            self._ended((event.namespace, event.name), event.reason, int(fields["rollout"]), str(fields["outcome"]))

    def _ended(self, cell: tuple[str, str], reason: str, number: int, outcome: str) -> None:
        """Each rollout ends once, whatever is told of it afterwards, and by whichever process."""
        before = self._rollout.get(cell)
        self._rollout[cell] = number, outcome
        if outcome == "Running" or before == (number, outcome):
            return
        if before is not None or reason in ENDINGS:
            self._rollouts.labels(outcome).inc()


VERSION = _version()
"""Read once, at import: it takes a look at the disk."""
