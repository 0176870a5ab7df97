"""Events as `kubectl describe` and `kubectl events` show them: events.k8s.io/v1, one per cause, counted in its series.

The Event's name follows from its cause, so that a restarted Okra, or another replica, counts on in the same one.
https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from okra.errors import AlreadyExists, NotFound
from okra.kube.calls import Call
from okra.kube.client import MERGE_PATCH, KubeClient
from okra.ports import EventRecord, Kind, Object

EVENT = Kind("events.k8s.io", "v1", "Event", "events")
CONTROLLER = "okra.mumoshu.github.io/controller"
REMEMBERED = 4096
"""Causes whose count is known without asking."""
_NOTE, _ACTION, _INSTANCE = 1024, 128, 128
"""Bytes that the API server takes."""
_PREFIX = 200
"""Characters of the object's name in its Events' names."""


class Events:
    """Writes Events for one process, which `instance` names (a pod)."""

    def __init__(self, client: KubeClient, instance: str) -> None:
        self._client = client
        self._instance = _cut(instance, _INSTANCE) or "okra"
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()

    async def emit(self, event: EventRecord) -> None:
        """See `ObjectStore.emit`."""
        key = event.namespace or "default", name_of(event)
        count = self._counts.get(key)
        if count is not None:
            with suppress(NotFound):  # Events are deleted after an hour: then this one begins again
                await self._count(key, event, count + 1)
                return
        await self._begin(key, event)

    async def _begin(self, key: tuple[str, str], event: EventRecord) -> None:
        namespace, name = key
        try:
            await self._client.ask(Call("create", EVENT, namespace, name), new_event(event, self._instance))
        except AlreadyExists:
            found = await self._client.ask(Call("get", EVENT, namespace, name))
            series = found.get("series") or {}
            await self._count(key, event, int(series.get("count") or found.get("deprecatedCount") or 1) + 1)
        else:
            self._remember(key, 1)

    async def _count(self, key: tuple[str, str], event: EventRecord, count: int) -> None:
        call = Call("patch", EVENT, *key)
        series = {"count": count, "lastObservedTime": micro_time(event.at)}
        await self._client.ask(call, {"series": series}, content_type=MERGE_PATCH)
        self._remember(key, count)

    def _remember(self, key: tuple[str, str], count: int) -> None:
        self._counts[key] = count
        self._counts.move_to_end(key)
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)


def name_of(event: EventRecord) -> str:
    """The same for the same cause: object, rollout, type, reason, action and message."""
    what = (event.type, event.reason, event.action, event.message)
    cause = (event.kind.group, event.kind.kind, event.uid, str(event.rollout), *what)
    digest = hashlib.sha256("\0".join(cause).encode("utf-8", "replace")).hexdigest()[:16]
    return f"{event.name[:_PREFIX].rstrip('.-')}.{digest}"


def new_event(event: EventRecord, instance: str) -> Object:
    """The first of its series."""
    regarding: dict[str, Any] = {
        "apiVersion": event.kind.api_version,
        "kind": event.kind.kind,
        "name": event.name,
        "namespace": event.namespace,
        "uid": event.uid,
    }
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {"name": name_of(event), "namespace": event.namespace or "default"},
        "eventTime": micro_time(event.at),
        "reportingController": CONTROLLER,
        "reportingInstance": instance,
        "regarding": {field: value for field, value in regarding.items() if value},
        "type": event.type,
        "reason": _cut(event.reason, _ACTION),
        "action": _cut(event.action or event.reason, _ACTION),
        "note": _cut(event.message, _NOTE),
    }


def micro_time(at: datetime) -> str:
    """Kubernetes' MicroTime: UTC with six decimals, whatever zone `at` is in."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _cut(text: str, most: int) -> str:
    """At most so many bytes of UTF-8."""
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= most else encoded[: most - 3].decode("utf-8", "ignore") + "…"
