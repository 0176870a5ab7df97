"""The template variables of queries: which exist, and the references that a text holds.

A query that names an unknown one would only fail in mid-rollout; so it is refused when it is written.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

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

_SPACE = r"[ \t\r\n\f]*"
_REFERENCE = re.compile(rf"\{{\{{{_SPACE}\.Vars\.([A-Za-z][A-Za-z0-9]*){_SPACE}\}}\}}")
_ACTION = re.compile(r"\{\{([^{}]*)(\}{0,2})")


def problem_of(text: str) -> str | None:
    """What is wrong with the templates in `text`, or None."""
    for name in _REFERENCE.findall(text):
        if name not in VARIABLES:
            near = difflib.get_close_matches(name, VARIABLES, n=1)
            remedy = f"did you mean .Vars.{near[0]}?" if near else f"known are {', '.join(VARIABLES)}"
            return f"the variable .Vars.{name} is unknown; {remedy}"
    for literal in _REFERENCE.split(text)[::2]:
        if action := _ACTION.search(literal):
            if action[2] != "}}":
                return "a {{ is not closed: write {{.Vars.NAME}}"
            return f"{{{{{action[1][:40]}}}}} is no template that Okra knows: write {{{{.Vars.NAME}}}}"
    return None


_KNOWN = rf"\{{\{{{_SPACE}\.Vars\.({'|'.join(VARIABLES)}){_SPACE}\}}\}}"
PATTERN = rf"^(\{{?[^{{]|\{{?{_KNOWN})*\{{?$"
"""What has no problem, for the API server: no two braces in a row but those of a known variable."""


class _Templated:
    """Annotates a string in which `{{.Vars.NAME}}` is replaced. Messages never show it: it may be a header.

    A CRD says nothing of it: PATTERN on a query exceeds the budget of a schema, so a policy judges it.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    @staticmethod
    def _check(text: str) -> str:
        if problem := problem_of(text):
            raise PydanticCustomError("form", "{problem}", {"problem": problem})
        return text


Templated = _Templated()
