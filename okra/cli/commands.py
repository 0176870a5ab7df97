"""Every command, its options and its help. What a command does is in the room that it imports when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from okra.cli.controller import ControllerCommand

app = typer.Typer(
    name="okra",
    help="The canary deployment of whole Kubernetes clusters.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Files = Annotated[list[Path], typer.Argument(help="Files, folders, or - for standard input.", show_default=False)]
Input = Annotated[
    list[Path], typer.Option("--file", "-f", help="A file or folder with Cells and Checks; - for standard input.")
]
StateFile = Annotated[Optional[Path], typer.Option("--state", help="The state file; default: .okra/state.db.")]  # noqa: UP045
Kubeconfig = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--kubeconfig", help="The kubeconfig; else KUBECONFIG, else the pod's own, else ~/.kube/config."),
]
Context = Annotated[Optional[str], typer.Option("--context", help="The kubeconfig's context.")]  # noqa: UP045
Output = Annotated[str, typer.Option("--output", "-o", help="text or json.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"okra {version('okra')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """The canary deployment of whole Kubernetes clusters."""


@app.command()
def lint(files: Files, output: Output = "text") -> None:
    """Judge manifests; needs neither AWS nor a cluster.

    Exit code: 0 clean, 1 findings, 2 unreadable.

    Example: okra lint cells/ check.yaml
    """
    from okra.cli.lint import lint as judge

    raise typer.Exit(judge(files, _choice(output, "text", "json")))  # type: ignore[arg-type]


@app.command()
def crds(
    kind: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(help="Only these: Cell, checks, chk, checks.hotswap.mumoshu.github.io …", show_default=False),
    ] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="yaml or json.")] = "yaml",
    no_policies: Annotated[
        bool, typer.Option("--no-policies", help="Only the CustomResourceDefinitions, for a cluster older than 1.30.")
    ] = False,
) -> None:
    """Print what a cluster needs to know Okra's kinds: their definitions, and the policies that judge with them.

    The policies (ValidatingAdmissionPolicies, each with its binding) refuse what a definition's schema can't describe:
    selectors that may be a string or a map, and templates. Without them such an object is accepted, and the controller
    says InvalidSpec. The Helm chart installs the same. Exit code: 0, or 2 for an unknown kind.

    Example: okra crds | kubectl apply --server-side -f -
    """
    from okra.cli.crds import crds as show

    chosen = _choice(output, "yaml", "json")
    raise typer.Exit(show(kind or [], chosen, with_policies=not no_policies))  # type: ignore[arg-type]


@app.command()
def run(
    file: Input,
    state: StateFile = None,
    timeout: Annotated[Optional[str], typer.Option(help="Give up after this long (10s, 1h30m): exit code 3.")] = None,  # noqa: UP045
    listen: Annotated[Optional[str], typer.Option(help="HOST:PORT of the health and debug pages.")] = None,  # noqa: UP045
    output: Output = "text",
    read_only: Annotated[bool, typer.Option("--read-only", help="Decide and report, but never write to AWS.")] = False,
    log_level: Annotated[
        str, typer.Option(help="Of the log on standard error: debug, info, warning, error.")
    ] = "error",
) -> None:
    """Run Cells without Kubernetes, until none moves any more.

    Exit code: 0 all Synced, 1 one failed (reverted, or not healthy in time), 2 bad input, 3 the timeout ran out,
    130 interrupted. The same command goes on where it stopped.

    Example: okra run -f cell.yaml --timeout 2h
    """
    from okra.cli.run import run as start

    level = _choice(log_level.lower(), "debug", "info", "warning", "error", option="--log-level")
    raise typer.Exit(start(file, state, timeout, listen, _choice(output, "text", "json"), read_only, level))


@app.command(cls=ControllerCommand)
def controller(
    namespace: Annotated[Optional[str], typer.Option("--namespace", "-n", help="Only this namespace.")] = None,  # noqa: UP045
    selector: Annotated[Optional[str], typer.Option("--selector", "-l", help="Only what has these labels.")] = None,  # noqa: UP045
    listen: Annotated[Optional[str], typer.Option(help="HOST:PORT of /healthz, /readyz, /metrics, /debug.")] = None,  # noqa: UP045
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    read_only: Annotated[Optional[bool], typer.Option(help="Decide and report, but never write to AWS.")] = None,  # noqa: UP045
    leader_elect: Annotated[Optional[bool], typer.Option(help="Of several replicas one works.")] = None,  # noqa: UP045
    lease_name: Annotated[Optional[str], typer.Option(help="The Lease by which they elect it.")] = None,  # noqa: UP045
    lease_duration: Annotated[Optional[str], typer.Option(help="How long a leader that is gone is waited for.")] = None,  # noqa: UP045
    config_map: Annotated[Optional[str], typer.Option(help="The ConfigMap that can pause every Cell.")] = None,  # noqa: UP045
    log_level: Annotated[Optional[str], typer.Option(help="debug, info, warning or error.")] = None,  # noqa: UP045
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


@app.command()
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


CellName = Annotated[str, typer.Argument(help="The Cell's name.", show_default=False)]
Namespace = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--namespace", "-n", help="The Cell's namespace; default: the kubeconfig context's, or `default`."),
]
Wait = Annotated[str, typer.Option(help="How long to wait for it to be executed.")]


@app.command()
def get(
    name: Annotated[Optional[str], typer.Argument(help="One Cell; left out: all.", show_default=False)] = None,  # noqa: UP045
    namespace: Annotated[Optional[str], typer.Option("--namespace", "-n", help="Only this namespace.")] = None,  # noqa: UP045
    state: StateFile = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: Annotated[str, typer.Option("--output", "-o", help="text, wide, json or yaml.")] = "text",
) -> None:
    """List the Cells: phase, versions, weight and step.

    Of ./.okra/state.db if it is there, else of the cluster that kubectl would ask.

    Example: okra get -o wide
    """
    from okra.cli.place import Place
    from okra.cli.show import get as show

    place = Place(state, kubeconfig, context, namespace)
    raise typer.Exit(show(name, place, _choice(output, "text", "wide", "json", "yaml")))


@app.command()
def status(
    name: CellName,
    namespace: Namespace = None,
    state: StateFile = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: Annotated[str, typer.Option("--output", "-o", help="text, json or yaml.")] = "text",
) -> None:
    """Show one Cell: where it is and why, its weights, checks and last events.

    Example: okra status web
    """
    from okra.cli.place import Place
    from okra.cli.show import status as show

    place = Place(state, kubeconfig, context, namespace)
    raise typer.Exit(show(name, place, _choice(output, "text", "json", "yaml")))


@app.command("iam-policy")
def iam_policy() -> None:
    """Print the least-privilege IAM policy that Okra needs.

    Example: okra iam-policy > policy.json
    """
    import json

    from okra.aws.iam import policy

    print(json.dumps(policy(), indent=2))


def _verb(verb: str, help_: str) -> None:
    """Add the command of a verb without an argument."""

    def send(
        name: CellName,
        namespace: Namespace = None,
        state: StateFile = None,
        kubeconfig: Kubeconfig = None,
        context: Context = None,
        wait: Wait = "5s",
    ) -> None:
        _send(verb, name, "", state, kubeconfig, context, namespace, wait)

    app.command(verb, help=f"{help_}\n\nExample: okra {verb} web")(send)


def _versioned_verb(verb: str, help_: str) -> None:
    """Add the command of a verb that takes a version."""

    def send(
        name: CellName,
        version: Annotated[str, typer.Argument(help="The version.", show_default=False)] = "",
        namespace: Namespace = None,
        state: StateFile = None,
        kubeconfig: Kubeconfig = None,
        context: Context = None,
        wait: Wait = "5s",
    ) -> None:
        _send(verb, name, version, state, kubeconfig, context, namespace, wait)

    app.command(verb, help=f"{help_}\n\nExample: okra {verb} web 1.2.0")(send)


def _send(
    verb: str,
    name: str,
    arg: str,
    state: Optional[Path],  # noqa: UP045
    kubeconfig: Optional[Path],  # noqa: UP045
    context: Optional[str],  # noqa: UP045
    namespace: Optional[str],  # noqa: UP045
    wait: str,
) -> None:
    from okra.api.durations import Duration
    from okra.cli.place import Place
    from okra.cli.verbs import command

    try:
        seconds = Duration(wait).seconds
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--wait'") from None
    raise typer.Exit(command(verb, name, arg, Place(state, kubeconfig, context, namespace), seconds))


_verb("abort", "Revert the rollout that moves, and block its version.")
_versioned_verb("retry", "Unblock a version and start it again; measure again what was inconclusive.")
_verb("approve", "Let a rollout that waits for an approval go on.")
_verb("pause", "Raise nothing any more; checks and health still revert.")
_verb("resume", "Go on after a pause, or after weights that somebody changed.")
_verb("promote", "Skip pauses, approvals and checks of this rollout, never health.")
_versioned_verb("rollback", "Go back to the previous version (or another) in one step; the present one is blocked.")
_versioned_verb("unblock", "Unblock a version without starting it.")


def _choice(value: str, *choices: str, option: str = "--output") -> str:
    if value not in choices:
        raise typer.BadParameter(f"{value!r}: choose one of {', '.join(choices)}", param_hint=f"'{option}'")
    return value
