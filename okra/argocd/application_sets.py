"""An ApplicationSet of Argo CD: whether it has done its work, and what it would leave behind."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from okra.argocd.applications import Application
from okra.argocd.generators import Generator, selects
from okra.argocd.secrets import ClusterSecret
from okra.ports import Object

_NEVER_DELETE = ("create-only", "create-update")
_CASCADES = "resources-finalizer.argocd.argoproj.io"
"""The finalizer by which a deleted Application takes its resources with it; `…/background` is one of its forms."""


@dataclass(frozen=True, slots=True)
class ApplicationSet:
    name: str
    generators: tuple[Generator, ...]
    up_to_date: bool
    """ResourcesUpToDate is True."""
    error: str
    """What ErrorOccurred says while it is True."""
    rolling: bool
    """RollingSync, in an Argo CD that does it: it syncs the Applications step by step, whatever their own policy."""
    rolled: bool
    """All its steps are done."""
    steps: Mapping[str, str]
    """Application → how far RollingSync is with it: Waiting, Pending, Progressing, Healthy."""
    preserves: str
    """By what deleted Applications leave their resources running, or `""`: they don't."""
    keeps: bool
    """It never deletes an Application."""
    template: str
    """The text of what it makes of a cluster."""

    def selects(self, secret: ClusterSecret, labels: Mapping[str, str]) -> bool | None:
        """Would it make an Application for a cluster with these labels? None: that can't be known."""
        return selects(self.generators, secret, labels)

    def goes_by(self, label: str) -> bool:
        """Would another value of this label of a cluster's secret change anything of it? Where a generator so much as
        mentions it, it may."""
        used = r"metadata\.labels[^\w{}]*" + re.escape(label)
        return label in json.dumps(self.generators) or re.search(used, self.template) is not None

    def reads(self, annotation: str) -> bool:
        """Does it fill an annotation of a cluster's secret in? Where there is none Argo CD leaves the text as it is; a
        Go template, which may ask whether there is one, has another form."""
        return (
            re.search(r"\{\{\s*metadata\.annotations\." + re.escape(annotation) + r"\s*}}", self.template) is not None
        )

    def waits_for(self, applications: Iterable[Application]) -> list[str]:
        """The Applications that RollingSync isn't done with."""
        if not self.rolling:
            return []
        return sorted(each.name for each in applications if self.steps.get(each.name) != "Healthy")


def read_application_set(obj: Object) -> ApplicationSet:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    conditions = {each.get("type"): each for each in status.get("conditions") or ()}
    policy, strategy = spec.get("syncPolicy") or {}, spec.get("strategy") or {}
    rollout = conditions.get("RolloutProgressing")
    return ApplicationSet(
        name=obj["metadata"]["name"],
        generators=tuple(spec.get("generators") or ()),
        up_to_date=_is_true(conditions.get("ResourcesUpToDate")),
        error=_error(conditions.get("ErrorOccurred")),
        # An Argo CD in which progressive syncs aren't switched on ignores the strategy and never sets the condition.
        rolling=strategy.get("type") == "RollingSync" and rollout is not None,
        rolled=rollout is None or not _is_true(rollout),
        steps={each["application"]: each.get("status", "") for each in status.get("applicationStatus") or ()},
        preserves=_preserves(spec, policy),
        keeps=policy.get("applicationsSync") in _NEVER_DELETE,
        template=json.dumps([spec.get("template"), spec.get("templatePatch")]),
    )


def _preserves(spec: Mapping[str, Any], policy: Mapping[str, Any]) -> str:
    """Finalizers of the template take the place of the one that Argo CD adds by itself."""
    metadata = (spec.get("template") or {}).get("metadata") or {}
    if finalizers := metadata.get("finalizers"):
        cascades = any(str(each).partition("/")[0] == _CASCADES for each in finalizers)
        return "" if cascades else f"finalizers of its template's own without {_CASCADES}"
    return "preserveResourcesOnDeletion" if policy.get("preserveResourcesOnDeletion") is True else ""


def _is_true(condition: Mapping[str, Any] | None) -> bool:
    return condition is not None and condition.get("status") == "True"


def _error(condition: Mapping[str, Any] | None) -> str:
    if condition is None or not _is_true(condition):
        return ""
    return str(condition.get("message") or condition.get("reason") or "an error occurred")
