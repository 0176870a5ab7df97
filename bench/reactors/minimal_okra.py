"""The same on Okra's store."""

from __future__ import annotations

import asyncio

from bench.kube import KIND
from okra.kube.client import KubeClient
from okra.kube.store import KubeStore
from okra.kube.target import find_target


async def main() -> None:
    async with await KubeClient.open(await find_target()) as client, KubeStore(client) as store:
        listing = await store.list(KIND, "default")
        async for event in store.watch(KIND, listing.resource_version, "default"):
            if event.type == "ADDED":
                metadata = event.object["metadata"]
                status, version = {"phase": "Synced"}, metadata["resourceVersion"]
                await store.patch_status(KIND, "default", metadata["name"], status, resource_version=version)


if __name__ == "__main__":
    asyncio.run(main())
