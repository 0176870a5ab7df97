"""All objects of a kind, in pages: 5,000 in one answer would block the event loop for a second."""

from __future__ import annotations

from okra.errors import Expired
from okra.kube.calls import Call
from okra.kube.client import KubeClient
from okra.ports import Listing, Object

PAGE = 200
"""Objects a page. Of Cells in the middle of a rollout, with the managedFields that are thrown away, it is 2 MB of
JSON, where the usual 500 take more than the 50 ms that a turn of the event loop may (bench/kube.py)."""
TRIES = 3
"""Of a list whose later pages expire while the earlier ones are read."""


async def list_all(client: KubeClient, call: Call, selector: str | None, fields: str | None = None) -> Listing:
    """See `ObjectStore.list`; `fields` is a field selector, of those that the kind knows.

    One moment's objects: when the server has forgotten that moment, begin anew.
    """
    selectors = (("labelSelector", selector), ("fieldSelector", fields))
    query = [("limit", str(PAGE)), *((name, chosen) for name, chosen in selectors if chosen)]
    for _ in range(TRIES - 1):
        try:
            return await _pages(client, call, query)
        except Expired:
            continue
    return await _pages(client, call, query)


async def _pages(client: KubeClient, call: Call, query: list[tuple[str, str]]) -> Listing:
    items: list[Object] = []
    token = ""
    while True:
        page = await client.ask(call, query=[*query, ("continue", token)] if token else query)
        # Kubernetes' own kinds leave out in a list what they are.
        type_ = {"apiVersion": call.kind.api_version, "kind": call.kind.kind}
        items += [slim({**type_, **item}) for item in page.get("items") or ()]
        metadata = page.get("metadata") or {}
        token = metadata.get("continue") or ""
        if not token:
            return Listing(items, metadata.get("resourceVersion") or "")


def slim(obj: Object) -> Object:
    """Without managedFields, which nobody here reads and which are half of what an object costs in memory."""
    obj.get("metadata", {}).pop("managedFields", None)
    return obj
