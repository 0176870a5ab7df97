"""The fault proxy in a process of its own, for tests of other processes: started and controlled from sync code."""

from __future__ import annotations

import json
import urllib.request
from typing import Any, Self

from okra.testing.child import Child
from okra.testing.faults import Call, Fault, Record, fault_to


class FaultProxyProcess:
    """A context manager. `url` is the proxy's, once entered."""

    def __init__(self, upstream: str) -> None:
        self._child = Child("okra.testing.fault_proxy", "--upstream", upstream)
        self.url = ""

    def __enter__(self) -> Self:
        self.url = self._child.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()

    def add(self, *faults: Fault) -> None:
        self._control("POST", "/__faults", [fault_to(fault) for fault in faults])

    def clear(self) -> None:
        self._control("DELETE", "/__faults")

    def forget(self) -> None:
        """No calls have arrived."""
        self._control("DELETE", "/__calls")

    def records(self) -> list[Record]:
        return [
            Record(Call(**record["call"]), record["fault"], record["reached"])
            for record in self._control("GET", "/__calls")
        ]

    def calls(self, operation: str = "") -> list[Call]:
        return [record.call for record in self.records() if operation in ("", record.call.operation)]

    def reached(self, operation: str = "") -> list[Call]:
        return [record.call for record in self.records() if record.reached and operation in ("", record.call.operation)]

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
