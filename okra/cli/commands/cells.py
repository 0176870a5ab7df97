"""The commands about Cells that are there: of a state file, or of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import typer

from okra.cli.options import (
    OUTPUT,
    AllNamespaces,
    CellName,
    Context,
    Kubeconfig,
    Namespace,
    NamespaceOrAll,
    Place,
    StateFile,
)

Wait = Annotated[str, typer.Option(help="How long to wait for a running Okra to execute it.")]

VERBS: Mapping[str, str] = {
    "abort": "Revert the rollout that moves, and block its version.",
    "pause": "Raise nothing any more; checks and health still revert.",
    "resume": "Go on after a pause, or after weights that somebody changed.",
    "approve": "Let a rollout that waits for an approval go on.",
    "promote": "Skip pauses, approvals and checks of this rollout, never health.",
}
VERSIONED_VERBS: Mapping[str, str] = {
    "retry": "Unblock the version of the last rollout (or another) and start it again; measure again what was "
    "inconclusive.",
    "rollback": "Go back to the previous version (or another) in one step; the present one is blocked. A Cell of "
    "whole clusters: to the last spec that reached Synced on others, or to that of the ControllerRevision with this "
    "number, until its spec is edited.",
    "unblock": "Unblock the version of the last rollout (or another) without starting it. A Cell of whole clusters: "
    "one that is named, and that its spec doesn't ask for; what it asks for begins with retry.",
}
EXECUTED = """On ./.okra/state.db if it is there, else on the cluster that kubectl would ask. Where no Okra works now
it is recorded, and executed by the next one.

Exit code: 0 executed or recorded, 1 refused, 2 there is no such Cell."""


def get(
    name: Annotated[str | None, typer.Argument(help="One Cell; left out: all.", show_default=False)] = None,
    namespace: NamespaceOrAll = None,
    all_namespaces: AllNamespaces = False,
    state: StateFile = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: Annotated[Literal["text", "wide", "json", "yaml"], OUTPUT] = "text",
) -> None:
    """List the Cells: phase, versions, weight and step.

    Of ./.okra/state.db if it is there, else of the cluster that kubectl would ask.

    Exit code: 0, or 2 if there is no such Cell or place.

    Example: okra get -o wide
    """
    from okra.cli.show import get as show

    only = None if all_namespaces else namespace
    raise typer.Exit(show(name, Place(state, kubeconfig, context, only, everywhere=True), output))


def status(
    name: CellName,
    namespace: Namespace = None,
    state: StateFile = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: Annotated[Literal["text", "json", "yaml"], OUTPUT] = "text",
) -> None:
    """Show one Cell: where it is and why, its weights, checks and last events.

    Of ./.okra/state.db if it is there, else of the cluster that kubectl would ask.

    Exit code: 0, or 2 if there is no such Cell or place.

    Example: okra status web
    """
    from okra.cli.show import status as show

    raise typer.Exit(show(name, Place(state, kubeconfig, context, namespace), output))


def verb(verb: str) -> Callable[..., None]:
    """The command of a verb without an argument."""

    def send(
        name: CellName,
        namespace: Namespace = None,
        state: StateFile = None,
        kubeconfig: Kubeconfig = None,
        context: Context = None,
        wait: Wait = "5s",
    ) -> None:
        _send(verb, name, "", Place(state, kubeconfig, context, namespace), wait)

    return send


def versioned_verb(verb: str) -> Callable[..., None]:
    """The command of a verb that takes a version."""

    def send(
        name: CellName,
        version: Annotated[str, typer.Argument(help="Another version (or revision).", show_default=False)] = "",
        namespace: Namespace = None,
        state: StateFile = None,
        kubeconfig: Kubeconfig = None,
        context: Context = None,
        wait: Wait = "5s",
    ) -> None:
        _send(verb, name, version, Place(state, kubeconfig, context, namespace), wait)

    return send


def _send(verb: str, name: str, arg: str, place: Place, wait: str) -> None:
    from okra.api.durations import Duration
    from okra.cli.verbs import command

    try:
        seconds = Duration(wait).seconds
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--wait'") from None
    raise typer.Exit(command(verb, name, arg, place, seconds))
