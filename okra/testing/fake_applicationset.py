"""What an ApplicationSet makes of the clusters that there are: a pure double of Argo CD's cluster generator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from okra.api.selectors import Operator, Requirement, Selector
from okra.argocd.names import APPLICATION_SET
from okra.argocd.secrets import ClusterSecret
from okra.ports import Object
from okra.testing.application_controller import FINALIZER, LOCAL

PROJECTS = ("default",)


def application_set(
    name: str,
    labels: Mapping[str, str],
    *,
    own: Mapping[str, str] | None = None,
    namespace: str = "argocd",
    helm: Mapping[str, str] | None = None,
    **spec: Any,
) -> Object:
    """One that deploys to clusters with these labels, and syncs by itself. `own`: its labels; `helm`: parameters."""
    source: dict[str, Any] = {"repoURL": "https://git.example/apps", "path": name, "targetRevision": "main"}
    if helm:
        source["helm"] = {"parameters": [{"name": key, "value": value} for key, value in helm.items()]}
    destination = {"server": "{{server}}", "namespace": "default"}
    template = {
        "metadata": {"name": name + "-{{name}}"},
        "spec": {
            "project": "default",
            "source": source,
            "destination": destination,
            "syncPolicy": {"automated": {}},
        },
    }
    generators = [{"clusters": {"selector": {"matchLabels": dict(labels)}}}]
    return {
        "apiVersion": APPLICATION_SET.api_version,
        "kind": APPLICATION_SET.kind,
        "metadata": {"name": name, "namespace": namespace, "labels": dict(own or {})},
        "spec": {"generators": generators, "template": template, **spec},
    }


PARAMETERS = "ApplicationGenerationFromParamsError"
"""The reason when a generator fails, so that it isn't known what is wanted."""


class CannotGenerate(Exception):
    """`str()` is what the condition says."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def generated(of: Object, clusters: Sequence[ClusterSecret]) -> list[Object]:
    """The Applications, the valid and the others."""
    return [_application(of, each) for each in _parameters(of, clusters)]


def invalid(of: Object, applications: Sequence[Object]) -> dict[str, str]:
    """Name of each Application that can't be made → why."""
    names = [each["metadata"]["name"] for each in applications]
    found = {each["metadata"]["name"]: _why_not(each, of, names) for each in applications}
    return {name: why for name, why in found.items() if why}


def policy(of: Object) -> Mapping[str, Any]:
    found: Mapping[str, Any] = of["spec"].get("syncPolicy") or {}
    return found


def _application(of: Object, parameters: Mapping[str, str]) -> Object:
    template = _filled(of["spec"]["template"], parameters)
    metadata, uid = template["metadata"], of["metadata"]["uid"]
    owner = {"apiVersion": APPLICATION_SET.api_version, "kind": APPLICATION_SET.kind, "controller": True}
    keeps = policy(of).get("preserveResourcesOnDeletion")
    return {
        "metadata": {
            **metadata,
            "namespace": of["metadata"]["namespace"],
            "finalizers": metadata.get("finalizers") or ([] if keeps else [FINALIZER]),
            "ownerReferences": [{**owner, "name": of["metadata"]["name"], "uid": uid}],
        },
        "spec": template["spec"],
    }


def _parameters(of: Object, clusters: Sequence[ClusterSecret]) -> Iterator[dict[str, str]]:
    """Of each cluster that a generator selects; twice of one that two select."""
    for generator in of["spec"]["generators"]:
        if "clusters" in generator:
            written = generator["clusters"].get("selector") or {}
            selector = _selector(written)
            for each in clusters:
                if selector.matches(each.labels):
                    yield _of_secret(each)
            if not selector.requirements:
                yield from ({"name": name, "nameNormalized": name, "server": server} for name, server in LOCAL.items())


def _selector(written: Mapping[str, Any]) -> Selector:
    try:
        expressions = [
            Requirement(each["key"], Operator(each["operator"]), tuple(each.get("values") or ()))
            for each in written.get("matchExpressions") or ()
        ]
    except ValueError as error:
        raise CannotGenerate(PARAMETERS, str(error)) from error
    return Selector.of(written.get("matchLabels") or {}, expressions)


def _of_secret(secret: ClusterSecret) -> dict[str, str]:
    normalized = re.sub(r"[^a-z0-9-]+", "-", secret.cluster.lower()).strip("-.")
    found = {"name": secret.cluster, "nameNormalized": normalized, "server": secret.server}
    found |= {f"metadata.labels.{key}": value for key, value in secret.labels.items()}
    return found | {f"metadata.annotations.{key}": value for key, value in secret.annotations.items()}


def _filled(template: Any, parameters: Mapping[str, str]) -> Any:
    """What isn't known stays as it is written."""
    match template:
        case str():
            return re.sub(r"{{(.*?)}}", lambda found: parameters.get(found[1].strip(), found[0]), template)
        case Mapping():
            return {key: _filled(value, parameters) for key, value in template.items()}
        case list() | tuple():
            return [_filled(each, parameters) for each in template]
    return template


def _why_not(application: Object, of: Object, names: Sequence[str]) -> str:
    name, project = application["metadata"]["name"], application["spec"]["project"]
    if names.count(name) > 1:
        return f"ApplicationSet {of['metadata']['name']} contains applications with duplicate name: {name}"
    return "" if project in PROJECTS else f"application references project {project} which does not exist"
