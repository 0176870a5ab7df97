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


def import_(
    listener: Annotated[str, typer.Option(help="The listener's ARN.", metavar="ARN", show_default=False)],
    rule: Annotated[
        str | None, typer.Option(help="Its rule; left out: the default action.", metavar="PRIORITY|ARN")
    ] = None,
    version_label: Annotated[
        str | None,
        typer.Option(help="The tag that holds the version; default: okra.mumoshu.github.io/version.", metavar="TAG"),
    ] = None,
    name: Annotated[str, typer.Option(help="The Cell's name; default: the load balancer's.", show_default=False)] = "",
    role_arn: Annotated[
        str, typer.Option("--role-arn", help="The IAM role to assume.", metavar="ARN", show_default=False)
    ] = "",
    output: Annotated[Literal["yaml", "json"], OUTPUT] = "yaml",
) -> None:
    """Write the Cell that describes a listener's rule, or its default action, as it stands.

    It reads AWS (credentials from where every SDK looks) and writes nothing there. Target groups are selected by the
    tags that they have in common, or listed where there are none, or where one has no version; comments say what the
    route does now, and what would start at once.

    Exit code: 0, 1 if no Cell describes it (it forwards to no target group, say), 2 if it couldn't be read.

    Example: okra import --listener "$LISTENER_ARN" --rule 10 > cell.yaml
    """
    from okra.api.meta import VERSION_LABEL
    from okra.app.importing import Route
    from okra.cli.import_route import import_cell

    priority = int(rule) if rule is not None and rule.isdigit() else None
    if rule is not None and priority is None and not rule.startswith("arn:"):
        raise typer.BadParameter(f"{rule} is neither a priority nor an ARN", param_hint="'--rule'")
    rule_arn = rule if rule is not None and priority is None else ""
    route = Route(listener, priority, rule_arn, role_arn, version_label or VERSION_LABEL, name)
    raise typer.Exit(import_cell(route, output))
