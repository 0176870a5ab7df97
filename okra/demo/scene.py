"""The stage: clusters, the load balancer in AWS and its data plane, users, metrics. Okra is not part of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from okra.demo.clusters import clusters_of, serving
from okra.demo.ledger import Ledger
from okra.demo.load import Load
from okra.demo.metrics import Meter
from okra.demo.proxy import Proxy, proxying
from okra.demo.script import FIRST, Script
from okra.demo.world import DemoWorld
from okra.testing.aws_world import AwsWorld


class Scene:
    """Valid inside `staged`."""

    def __init__(self, script: Script, world: DemoWorld, ledger: Ledger, stack: AsyncExitStack) -> None:
        self.script, self.world, self.ledger = script, world, ledger
        self._stack = stack
        self.load: Load
        self.proxy: Proxy

    async def add_version(self, version: str, *, fail_every: int = 0) -> None:
        """New clusters come up, and their target groups with them; the listener knows nothing of them yet."""
        clusters = clusters_of(version, self.script.clusters, fail_every)
        for cluster in clusters:
            await self._stack.enter_async_context(serving(cluster))
        if self.world.listener_arn:
            arns = await self.world.add(clusters)
        else:
            arns = await self.world.build(clusters)
        self.ledger.clusters.update(zip(arns, clusters, strict=True))


@asynccontextmanager
async def staged(script: Script, aws_url: str, ledger: Ledger) -> AsyncIterator[Scene]:
    """The first version serves behind the proxy; the users wait for `load.start()`. All of it ends with the block."""
    async with AsyncExitStack() as stack:
        world = DemoWorld(stack.enter_context(AwsWorld(aws_url)))
        scene = Scene(script, world, ledger, stack)
        await scene.add_version(FIRST)
        meter = Meter(world.publish, world.names)
        # Every connection is our own and short: no limit, no DNS, no proxy of the environment.
        to_clusters = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        to_proxy = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        proxy = Proxy(to_clusters, world.weights, world.addresses, on_answer=meter.count, on_weights=ledger.saw_weights)
        scene.proxy = await stack.enter_async_context(proxying(proxy))
        scene.load = Load(to_proxy, proxy.url, script.rate)
        stack.push_async_callback(scene.load.kill)
        async with asyncio.TaskGroup() as group:
            publishing = group.create_task(meter.publish_forever())
            yield scene
            publishing.cancel()
