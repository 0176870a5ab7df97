"""The complex Cell of the source documents, filled in."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from okra.api.cell import Cell
from okra.api.parse import parse

REGION = "arn:aws:elasticloadbalancing:us-east-1:123456789012"
LISTENER = f"{REGION}:listener/app/web/50dc6c495c0c9188/f2f7dc8efc522ab2"


def group(name: str) -> str:
    return f"{REGION}:targetgroup/{name}/0123456789abcdef"


def argocd(role: str, **more: Any) -> dict[str, Any]:
    return {"clusterSecret": {"labels": {"myservice-role": role}}, "applicationSet": {"name": role}, **more}


def alb(priority: int, **source: Any) -> dict[str, Any]:
    return {
        "listenerARN": LISTENER,
        "forwardConfig": {"priority": priority, "targetGroup": source or {"arnFromLabel": "targetGroupARN"}},
        "updateStrategy": {"stepWeight": 10, "totalWeight": 100},
    }


def check(name: str, **more: Any) -> dict[str, Any]:
    provider = {"prometheus": {"address": "http://prometheus.example:9090"}}
    return {"name": name, "analysis": {"query": "errors", "max": 0.1, "provider": provider, **more}}


SPEC: dict[str, Any] = {
    "clusters": [
        {
            "name": "web-1",
            "eks": {"clusterName": "eks-web-1"},
            "labels": {"role": "web", "targetGroupARN": group("w1")},
        },
        {"name": "web-2", "eks": None, "labels": {"role": "web", "targetGroupARN": group("w2")}},
        {"name": "api-1", "readyTimeout": "60m", "labels": {"role": "api", "targetGroupARN": group("a1")}},
        {"name": "jobs-1", "requireReady": False, "labels": {"role": "jobs"}},
    ],
    "applications": [
        {
            "name": "web",
            "clusterSelector": {"matchLabels": {"role": "web"}},
            "argocd": argocd("web"),
            "alb": alb(10),
            "prechecks": [check("first")],
            "checks": [check("dd", query="errors{cluster:{{.Vars.clusterName}}}")],
            "postchecks": [check("last", interval="2m")],
        },
        {"name": "api", "clusterSelector": {"role": "api"}, "argocd": argocd("api"), "alb": alb(11)},
        {
            "name": "jobs",
            "clusterSelector": {"role": "jobs"},
            "argocd": argocd("jobs", updateStrategy={"type": "DeleteBeforeCreate"}),
        },
    ],
}


def complex_cell(kind: str = "Cell", group: str = "okra.mumoshu.github.io", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{group}/v1alpha1",
        "kind": kind,
        "metadata": {"namespace": "default", "name": "mysystem", "uid": "u-1"},
        "spec": {**deepcopy(SPEC), **spec},
    }


def model(obj: dict[str, Any]) -> Cell:
    found, findings = parse(obj)
    assert isinstance(found, Cell), findings
    return found
