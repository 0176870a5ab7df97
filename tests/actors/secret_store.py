"""An embedded store that takes Secrets: the state file of `okra run` never holds one, so it doesn't by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from okra.embedded.store import EmbeddedStore
from okra.ports import Kind, Listing, Object, WatchEvent

STAND_IN = Kind("", "v1", "StandInForSecret", "standinsforsecrets")


def _inside(kind: Kind) -> Kind:
    return STAND_IN if kind.kind == "Secret" else kind


def _put(kind: Kind, body: Object) -> Object:
    return {**body, "kind": _inside(kind).kind}


def _out(obj: Object) -> Object:
    return {**obj, "kind": "Secret"} if obj["kind"] == STAND_IN.kind else obj


class SecretStore(EmbeddedStore):
    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        return _out(await super().get(_inside(kind), namespace, name))

    async def list(self, kind: Kind, namespace: str | None = None, selector: str | None = None) -> Listing:
        listing = await super().list(_inside(kind), namespace, selector)
        return Listing([_out(each) for each in listing.items], listing.resource_version)

    async def watch(
        self, kind: Kind, resource_version: str, namespace: str | None = None, selector: str | None = None
    ) -> AsyncIterator[WatchEvent]:
        async for event in super().watch(_inside(kind), resource_version, namespace, selector):
            yield WatchEvent(event.type, _out(event.object))

    async def create(self, kind: Kind, body: Object) -> Object:
        return _out(await super().create(_inside(kind), _put(kind, body)))

    async def apply(self, kind: Kind, body: Object) -> Object:
        return _out(await super().apply(_inside(kind), _put(kind, body)))

    async def patch(self, kind: Kind, namespace: str, name: str, patch: Mapping[str, Any]) -> Object:
        return _out(await super().patch(_inside(kind), namespace, name, patch))

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str | None = None, resource_version: str | None = None
    ) -> None:
        await super().delete(_inside(kind), namespace, name, uid=uid, resource_version=resource_version)
