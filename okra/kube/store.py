"""`okra.ports.ObjectStore` on a real API server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from okra.errors import AlreadyExists, Conflict, NotFound
from okra.kube.calls import Call
from okra.kube.changes import apply_patch, check_preconditions, metadata_of, newborn, sendable
from okra.kube.client import MERGE_PATCH, KubeClient
from okra.kube.events import EVENT, Events
from okra.kube.listing import list_all, slim
from okra.kube.watch import Patience, watch
from okra.ports import EventRecord, Kind, Listing, Object, WatchEvent

STRICT = [("fieldValidation", "Strict")]
"""What the cluster's CRDs don't know would be dropped in silence, and a status is all the memory that Okra has."""
TRIES = 5
"""Of an apply, which others' writes may get in the way of."""


class KubeStore:
    """The objects of one API server. `async with`, or `close()`, ends its client."""

    def __init__(self, client: KubeClient, *, instance: str = "okra", patience: Patience | None = None) -> None:
        """`instance` names this process in Events."""
        self.client = client
        self._patience = patience or Patience()
        self._events = Events(client, instance)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self.client.close()

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        return slim(await self.client.ask(Call("get", kind, namespace, name)))

    async def list(self, kind: Kind, namespace: str | None = None, selector: str | None = None) -> Listing:
        return await list_all(self.client, Call("list", kind, namespace or ""), selector)

    def watch(
        self,
        kind: Kind,
        resource_version: str,
        namespace: str | None = None,
        selector: str | None = None,
    ) -> AsyncIterator[WatchEvent]:
        return watch(self.client, Call("watch", kind, namespace or ""), resource_version, selector, self._patience)

    async def create(self, kind: Kind, body: Object) -> Object:
        sent = newborn(kind, body)
        call = Call("create", kind, str(sent["metadata"]["namespace"]), str(sent["metadata"].get("name") or ""))
        return slim(await self.client.ask(call, sent, query=STRICT))

    async def apply(self, kind: Kind, body: Object) -> Object:
        sent = newborn(kind, body)
        guarded = any(metadata_of(body).get(field) for field in ("uid", "resourceVersion"))
        for _ in range(TRIES - 1):
            try:
                return await self._apply(kind, body, sent)
            except AlreadyExists:
                continue
            except Conflict:
                if guarded:  # by the caller, for one version
                    raise
        return await self._apply(kind, body, sent)

    async def _apply(self, kind: Kind, body: Object, sent: Object) -> Object:
        """Made of what was read. AlreadyExists or Conflict when somebody else was quicker."""
        namespace, name = str(sent["metadata"]["namespace"]), str(sent["metadata"].get("name") or "")
        try:
            old = await self.get(kind, namespace, name)
        except NotFound:
            return await self.create(kind, sent)
        check_preconditions(old, body)
        patch = apply_patch(old, sent)
        if not patch:
            return old
        guard = {"resourceVersion": old["metadata"]["resourceVersion"]}
        patch["metadata"] = {**patch.get("metadata", {}), **guard}
        call = Call("patch", kind, namespace, name)
        try:
            return await self._patch(call, patch)
        except NotFound as error:
            raise Conflict(f"{call}: it was deleted meanwhile") from error

    async def patch(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]) -> Object:
        return await self._patch(Call("patch", kind, namespace, name), sendable(patch))

    async def patch_status(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        status: Mapping[str, Any],
        *,
        resource_version: str | None = None,
    ) -> Object:
        guard = {} if resource_version is None else {"metadata": {"resourceVersion": resource_version}}
        if not status:  # the server would make a status of nothing
            found = await self.get(kind, namespace, name)
            check_preconditions(found, {"metadata": {}, **guard})
            return found
        return await self._patch(Call("patch", kind, namespace, name, "status"), {**guard, "status": status})

    async def _patch(self, call: Call, patch: Mapping[str, Any]) -> Object:
        return slim(await self.client.ask(call, patch, content_type=MERGE_PATCH, query=STRICT))

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str | None = None, resource_version: str | None = None
    ) -> None:
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        guard = {"uid": uid, "resourceVersion": resource_version}
        if preconditions := {field: value for field, value in guard.items() if value is not None}:
            options["preconditions"] = preconditions
        await self.client.ask(Call("delete", kind, namespace, name), options)

    async def emit(self, event: EventRecord) -> None:
        await self._events.emit(event)

    async def events_about(self, obj: Object) -> Sequence[Object]:
        """The Events about this very object, in no order; one of the same name that was there before is another."""
        metadata = obj["metadata"]
        about = ("regarding.uid", metadata["uid"]), ("regarding.name", metadata["name"])
        call = Call("list", EVENT, metadata["namespace"])
        return (await list_all(self.client, call, None, ",".join("=".join(each) for each in about))).items
