"""The template variables of queries: which exist, and the references that a text holds.

A query that names an unknown one would only fail in mid-rollout; so it is refused when it is written.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

VARIABLES: Mapping[str, str] = {
    "clusterName": "the cluster of the target group: its tag okra.mumoshu.github.io/cluster, else its name",
    "eksClusterName": "the EKS cluster's name",
    "albListenerARN": "the listener's ARN",
    "targetGroupARN": "the target group's ARN",
    "targetGroupName": "the target group's name",
    "loadBalancer": "the load balancer as CloudWatch names it (app/name/id)",
    "version": "the version that is being introduced",
    "stableVersion": "the version that holds the traffic",
}
"""Variable → what it stands for."""

_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_REFERENCE = re.compile(r"\s*\.Vars\.([A-Za-z][A-Za-z0-9]*)\s*")


def problem_of(text: str) -> str | None:
    """What is wrong with the templates in `text`, or None."""
    for action in _ACTION.findall(text):
        found = _REFERENCE.fullmatch(action)
        if found is None:
            return f"{{{{{action[:40]}}}}} is no template that Okra knows: write {{{{.Vars.NAME}}}}"
        if found[1] not in VARIABLES:
            near = difflib.get_close_matches(found[1], VARIABLES, n=1)
            remedy = f"did you mean .Vars.{near[0]}?" if near else f"known are {', '.join(VARIABLES)}"
            return f"the variable .Vars.{found[1]} is unknown; {remedy}"
    if "{{" in _ACTION.sub("", text):
        return "a {{ is not closed: write {{.Vars.NAME}}"
    return None


def _check(text: str) -> str:
    if problem := problem_of(text):
        raise PydanticCustomError("form", "{problem}", {"problem": problem})
    return text


Templated = AfterValidator(_check)
"""Annotates a string in which `{{.Vars.NAME}}` is replaced."""
