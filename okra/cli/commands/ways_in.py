"""The ways in: from other tools' files, and from a route as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from okra.cli.options import OUTPUT


def convert(
    files: Annotated[
        list[Path],
        typer.Argument(help="Files, folders, or - for standard input.", show_default=False, metavar="PATH"),
    ],
    value: Annotated[
        list[str] | None,
        typer.Option(
            help="What a reference in Terraform's files stands for (aws_lb_target_group.blue.arn=arn:…); repeatable.",
            metavar="REFERENCE=VALUE",
        ),
    ] = None,
    output: Annotated[Literal["yaml", "json"], OUTPUT] = "yaml",
) -> None:
    """Rewrite other tools' objects as Okra's, with comments on what has no counterpart.

    Go okra's kinds (okra.mumo.co/v1alpha1), with the AnalysisTemplates that their steps name; and of
    terraform-provider-eksctl the resources eksctl_courier_alb and eksctl_courier_route53_record, in HCL (.tf, .tfvars)
    or in what `terraform show -json` prints, which also gives the values of references. It needs neither AWS nor a
    cluster, and nothing is dropped in silence.

    Exit code: 0 all converted, 1 something needs a person (said on standard error and in a comment), 2 if anything
    couldn't be read.

    Example: kubectl get cells.okra.mumo.co,clustersets.okra.mumo.co -A -o yaml | okra convert - > okra.yaml

    Example: okra convert main.tf state.json > alb.yaml
    """
    from okra.cli.convert import convert as rewrite

    raise typer.Exit(rewrite(files, value or [], output))
