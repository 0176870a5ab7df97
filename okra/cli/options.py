"""What several commands take: each option once, and what those that name a place mean together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

StateFile = Annotated[
    Path | None,
    typer.Option(
        "--state", help="A state file of `okra run`; default: ./.okra/state.db if it is there.", metavar="FILE"
    ),
]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig", help="The kubeconfig; else KUBECONFIG, else the pod's own, else ~/.kube/config.", metavar="FILE"
    ),
]
Context = Annotated[str | None, typer.Option("--context", help="The kubeconfig's context.")]
NamespaceOrAll = Annotated[str | None, typer.Option("--namespace", "-n", help="Only this namespace; default: all.")]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="The Cell's namespace; default: the kubeconfig context's, or `default`."),
]
AllNamespaces = Annotated[
    bool, typer.Option("--all-namespaces", "-A", help="Of all namespaces, as without -n; wins over it.")
]
CellName = Annotated[str, typer.Argument(help="The Cell's name.", show_default=False)]

OUTPUT = typer.Option("--output", "-o", help="In which form.")
TextOrJson = Annotated[Literal["text", "json"], OUTPUT]

READ_ONLY = "Decide and report, but never write to AWS."
LogLevel = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Place:
    """What the options name. Nothing: `./.okra/state.db` if it is there, else the kubeconfig's present context."""

    state: Path | None = None
    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None
    everywhere: bool = False
    """Without a namespace all are meant, not the kubeconfig context's."""

    @property
    def named(self) -> bool:
        return self.state is not None or self.in_cluster

    @property
    def in_cluster(self) -> bool:
        return self.kubeconfig is not None or self.context is not None
