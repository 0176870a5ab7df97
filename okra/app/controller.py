"""`okra controller`: the actors on a Kubernetes API server, in one of several replicas, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Container, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from okra.actors.argocd import ArgoCD
from okra.actors.cell import CellActor
from okra.actors.executor import EffectExecutor
from okra.actors.kinds import HOTSWAP, OKRA
from okra.actors.unsaved import UnsavedVerdicts
from okra.actors.wiring import WriteGate, unchanged
from okra.analysis.providers import open_session
from okra.app.clock import SystemClock
from okra.app.controller_settings import ControllerSettings
from okra.app.controller_view import ControllerView
from okra.app.heap import short_pauses
from okra.app.leading import Candidate, Leadership, Unopposed
from okra.app.pause import FIRST, GlobalPause
from okra.app.sources import Sources
from okra.app.system import Parts, System, running
from okra.app.writes import LANDS_WITHIN, Writes
from okra.aws.budget import Rates
from okra.aws.facade import open_aws
from okra.kube.client import KubeClient
from okra.kube.election import Timing
from okra.kube.lease import Elector
from okra.kube.members import KubeMembers
from okra.kube.secrets import KubeSecrets
from okra.kube.store import KubeStore
from okra.kube.target import Target, find_target
from okra.ports_clusters import ClusterInventory, MemberClusters
from okra.web.metrics import Metrics
from okra.web.server import serve

log = structlog.get_logger("okra")

STOPS = (signal.SIGTERM, signal.SIGINT)
STOP_TIMEOUT = LANDS_WITHIN + 0.5
"""Seconds for the actors: a write to AWS that has begun is waited for, hardly anything else."""
FLUSH_TIMEOUT = 1.0


@dataclass(frozen=True, slots=True)
class ControllerOptions:
    settings: ControllerSettings
    wrap: Callable[[EffectExecutor], EffectExecutor] = unchanged
    cell_actor: Callable[..., Any] = CellActor


async def control(options: ControllerOptions) -> None:
    """Run until SIGTERM or SIGINT. An OkraError says what can't be begun with: a kubeconfig, an address."""
    settings, stop = options.settings, asyncio.Event()
    with stopping(stop):  # from the start: the first process of a container is deaf to signals that it doesn't handle
        target = await find_target(settings.kubeconfig, settings.context)
        own_ports: set[int] = set()
        async with (
            opened(options, target, stop, own_ports) as leadership,
            serve(ControllerView(leadership), settings.listen, strict=True, own_ports=own_ports) as at,
        ):
            log.info("Started", server=target.server, target=target.origin, namespace=target.namespace, listen=at)
            await leadership.serve()
    log.info("Stopped")


@contextlib.contextmanager
def stopping(stop: asyncio.Event) -> Iterator[None]:
    """The signals by which a controller is told to stop."""
    loop = asyncio.get_running_loop()
    for number in STOPS:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in STOPS:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def opened(
    options: ControllerOptions, target: Target, stop: asyncio.Event, own_ports: Container[int]
) -> AsyncIterator[Leadership]:
    """All that a controller holds open, for as long as it runs; its terms come and go within."""
    settings, clock, metrics = options.settings, SystemClock(), Metrics()
    identity = f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(await KubeClient.open(target))
        candidate: Candidate = Unopposed()
        if settings.leader_elect:
            own = await stack.enter_async_context(await KubeClient.open(target))
            candidate = Elector(own, target.namespace, settings.lease_name, identity, timing(settings.lease_duration))
        rates = Rates.share(settings.aws_rate_share)
        aws = await stack.enter_async_context(open_aws(clock=clock, on_call=metrics.aws_call, rates=rates))
        members = await stack.enter_async_context(KubeMembers(aws.clusters.token, identity=aws.identity))
        http = await stack.enter_async_context(open_session(own_ports))
        store = KubeStore(client, instance=identity)
        writes, unsaved = Writes(aws.router, clock), UnsavedVerdicts()
        pause = GlobalPause(store, target.namespace, settings.config_map)

        def parts(gate: WriteGate) -> Parts:
            return Parts(
                store=store,
                clock=clock,
                defaults=settings.defaults(),
                router=writes,
                inventory=aws.inventory,
                sources=Sources(KubeSecrets(client), http, aws.metric_data),
                gate=gate,
                jobs=True,
                argocd=argocd_of(settings, aws.clusters, members),
                groups=aws.groups,
                families=(OKRA, HOTSWAP) if settings.hotswap else (OKRA,),
                held=pause.said,
                wrap=options.wrap,
                wait_estimate=aws.wait_estimate,
                unsaved=unsaved,
                metrics=metrics,
                namespace=settings.namespace,
                selector=settings.selector,
                stop_timeout=STOP_TIMEOUT,
                flush_timeout=FLUSH_TIMEOUT,
                cell_actor=options.cell_actor,
            )

        yield Leadership(
            candidate,
            lambda gate: term(parts(gate), pause),
            lambda: unsaved.save(store, clock),
            writes,
            clock,
            stop,
            metrics,
            read_only=settings.read_only,
        )


def argocd_of(settings: ControllerSettings, clusters: ClusterInventory, members: MemberClusters) -> ArgoCD | None:
    """A term's own, with a lock that nobody before it holds."""
    if not settings.argocd:
        return None
    namespace, auth, settled = settings.argocd_namespace, settings.argocd_auth, settings.argocd_settled
    return ArgoCD(clusters, members, namespace, auth, settled)


@asynccontextmanager
async def term(parts: Parts, pause: GlobalPause) -> AsyncIterator[System]:
    """The work of one term. Whether every Cell is paused is asked first: then no status says that it isn't known."""
    gc.collect()  # a term before this one: what it left would be taken for permanent
    await pause.look(FIRST)
    async with running(parts) as system:
        follow = asyncio.create_task(pause.follow(system.wake), name="pause")
        try:
            with short_pauses(system.missing):
                yield system
        finally:
            follow.cancel()
            await asyncio.wait((follow,))


def timing(duration: float) -> Timing:
    """A Lease of so many seconds: renewed five times in that time, distrusted in its last fifth."""
    return Timing(duration=duration, renew=duration / 5, margin=duration / 5, write=LANDS_WITHIN)
