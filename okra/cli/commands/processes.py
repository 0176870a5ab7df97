"""The commands that go on for a while: Okra itself, in its three surroundings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from okra.cli.options import READ_ONLY, Context, Kubeconfig, LogLevel, NamespaceOrAll, TextOrJson


def run(
    file: Annotated[
        list[Path],
        typer.Option(
            "--file",
            "-f",
            help="A file or folder with Cells and Checks; - for standard input; repeatable.",
            metavar="PATH",
        ),
    ],
    state: Annotated[
        Path | None,
        typer.Option(help="What it has done so far; default: .okra/state.db beside the input.", metavar="FILE"),
    ] = None,
    timeout: Annotated[str | None, typer.Option(help="Give up after this long (10s, 1h30m): exit code 3.")] = None,
    listen: Annotated[str | None, typer.Option(help="HOST:PORT of the health and debug pages.")] = None,
    output: TextOrJson = "text",
    read_only: Annotated[bool, typer.Option("--read-only", help=READ_ONLY)] = False,
    log_level: Annotated[
        LogLevel,
        typer.Option(
            help="Of the log on standard error: debug, info, warning, error.", metavar="LEVEL", case_sensitive=False
        ),
    ] = "error",
) -> None:
    """Run Cells without Kubernetes, until none moves any more.

    The OKRA_ variables that `okra controller --help` lists are the defaults of what a Cell leaves out. When it was
    interrupted the weights stay, and the same command goes on from there.

    Exit code: 0 all Synced, 1 one failed (reverted, or not healthy in time), 2 bad input, or it runs already on this
    state, 3 the timeout ran out, 130 interrupted.

    Example: okra run -f cell.yaml --timeout 2h
    """
    from okra.cli.run import run as start

    raise typer.Exit(start(file, state, timeout, listen, output, read_only, log_level))


def controller(
    namespace: NamespaceOrAll = None,
    selector: Annotated[str | None, typer.Option("--selector", "-l", help="Only what has these labels.")] = None,
    listen: Annotated[str | None, typer.Option(help="HOST:PORT of /healthz, /readyz, /metrics, /debug.")] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    read_only: Annotated[bool | None, typer.Option(help=READ_ONLY)] = None,
    leader_elect: Annotated[bool | None, typer.Option(help="Of several replicas one works.")] = None,
    lease_name: Annotated[str | None, typer.Option(help="The Lease by which they elect it.")] = None,
    lease_duration: Annotated[str | None, typer.Option(help="How long a leader that is gone is waited for.")] = None,
    config_map: Annotated[str | None, typer.Option(help="The ConfigMap that can pause every Cell.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Look after the Cells of a Kubernetes cluster, until SIGTERM.

    Reaches the API server as its pod's service account, or by KUBECONFIG. Replicas elect one that works, the others
    stand by. Every option is also an environment variable, as all settings below are; an option that is given wins.

    Exit code: 0 stopped as told, 1 failed, 2 it can't begin with these settings.

    Example: okra controller --namespace production --read-only
    """
    from okra.cli.controller import controller as start

    raise typer.Exit(
        start(
            namespace=namespace,
            selector=selector,
            listen=listen,
            kubeconfig=None if kubeconfig is None else str(kubeconfig),
            context=context,
            read_only=read_only,
            leader_elect=leader_elect,
            lease_name=lease_name,
            lease_duration=lease_duration,
            config_map=config_map,
            log_level=log_level,
        )
    )


def demo(
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a live picture.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Stay afterwards, to look around; Ctrl-C ends it.")] = False,
    kubernetes: Annotated[
        bool, typer.Option("--kubernetes", help="With `okra controller` on a real control plane on this machine.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", hidden=True)] = False,
    sabotage: Annotated[bool, typer.Option("--sabotage", hidden=True)] = False,
) -> None:
    """Show the main job on a double of AWS, in about a minute: a good version, then a bad one.

    With --kubernetes it needs etcd, kube-apiserver, kube-controller-manager and kubectl: `make controlplane` builds
    them, or KUBEBUILDER_ASSETS names a folder. It prints the kubectl lines to watch it.

    Exit code: 0 all of it really happened, 1 something did not, 2 what it needs is missing, 130 interrupted.

    Example: okra demo --keep
    """
    from okra.cli.demo import demo as perform

    raise typer.Exit(perform(plain=plain, keep=keep, quick=quick, sabotage=sabotage, kubernetes=kubernetes))
