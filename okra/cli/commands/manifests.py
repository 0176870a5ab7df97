"""The commands that only read and print: they need neither AWS nor a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from okra.cli.options import OUTPUT, TextOrJson


def lint(
    files: Annotated[
        list[Path],
        typer.Argument(help="Files, folders, or - for standard input.", show_default=False, metavar="PATH"),
    ],
    output: TextOrJson = "text",
) -> None:
    """Judge manifests; needs neither AWS nor a cluster.

    Exit code: 0 clean, 1 findings, 2 if anything couldn't be read: a file that isn't there, broken YAML.

    Example: okra lint cells/ check.yaml
    """
    from okra.cli.lint import lint as judge

    raise typer.Exit(judge(files, output))


def crds(
    kind: Annotated[
        list[str] | None,
        typer.Argument(
            help="Only these: Cell, checks, chk, checks.hotswap.mumoshu.github.io …", show_default=False, metavar="KIND"
        ),
    ] = None,
    output: Annotated[Literal["yaml", "json"], OUTPUT] = "yaml",
    no_policies: Annotated[
        bool, typer.Option("--no-policies", help="Only the CustomResourceDefinitions, for a cluster older than 1.30.")
    ] = False,
) -> None:
    """Print what a cluster needs to know Okra's kinds: their definitions, and the policies that judge with them.

    The policies (ValidatingAdmissionPolicies, each with its binding) refuse what a definition's schema can't describe:
    selectors that may be a string or a map, and templates. Without them such an object is accepted, and the controller
    says InvalidSpec. The Helm chart installs the same.

    Exit code: 0, or 2 for an unknown kind.

    Example: okra crds | kubectl apply --server-side -f -
    """
    from okra.cli.crds import crds as show

    raise typer.Exit(show(kind or [], output, with_policies=not no_policies))


def iam_policy(
    role: Annotated[
        list[str] | None,
        typer.Option(
            help="A role that Cells name (aws.roleARN, clusters[].eks.roleARN), which Okra may assume; repeatable.",
            metavar="ARN",
        ),
    ] = None,
    partition: Annotated[Literal["aws", "aws-cn", "aws-us-gov"], typer.Option(help="Of the ARNs.")] = "aws",
    sets: Annotated[
        bool, typer.Option("--sets", help="Also what ClusterSets and TargetGroupSets need: they make target groups.")
    ] = False,
) -> None:
    """Print the least-privilege IAM policy that Okra needs.

    For the identity that Okra runs as. A role in another account that a Cell names needs the same policy, without
    --role, and must trust this identity.

    Exit code: 0, or 2 for a role that is no ARN of one.

    Example: okra iam-policy > policy.json
    """
    import json

    from pydantic import TypeAdapter, ValidationError

    from okra.api.fields import RoleARN
    from okra.aws.iam import policy

    try:
        TypeAdapter(list[RoleARN]).validate_python(role or [])
    except ValidationError as error:
        raise typer.BadParameter("; ".join(each["msg"] for each in error.errors()), param_hint="'--role'") from None

    print(json.dumps(policy(roles=role or (), partition=partition, sets=sets), indent=2))
