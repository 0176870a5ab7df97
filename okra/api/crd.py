"""The CustomResourceDefinition of every kind, made from its models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from okra.api.crd_columns import COLUMNS
from okra.api.crd_schema import structural
from okra.api.crd_text import as_yaml
from okra.api.kinds import KINDS, KindInfo

CATEGORY = "okra"
"""`kubectl get okra` lists objects of every kind."""

_ABOUT = {
    "apiVersion": "The API's group and version.",
    "kind": "The kind.",
    "status": "What Okra found and did. Written by Okra only.",
}


def crd(info: KindInfo) -> dict[str, Any]:
    """The kind's CustomResourceDefinition (apiextensions.k8s.io/v1)."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": info.resource},
        "spec": {
            "group": info.group,
            "names": {
                "categories": [CATEGORY],
                "kind": info.kind,
                "listKind": f"{info.kind}List",
                "plural": info.plural,
                "singular": info.kind.lower(),
                **({"shortNames": list(info.short_names)} if info.short_names else {}),
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": info.version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [column.as_json() for column in COLUMNS[info.kind]],
                    "schema": {"openAPIV3Schema": _schema(info)},
                }
            ],
        },
    }


def crd_files() -> Mapping[str, str]:
    """File name → YAML text of one CustomResourceDefinition, in the order of KINDS. The same at every call."""
    return {f"{info.group}_{info.plural}.yaml": as_yaml(crd(info)) for info in KINDS}


def _schema(info: KindInfo) -> dict[str, Any]:
    model = info.model
    return {
        "description": _about(model),
        "type": "object",
        "properties": {
            "apiVersion": {"description": _ABOUT["apiVersion"], "type": "string"},
            "kind": {"description": _ABOUT["kind"], "type": "string"},
            "metadata": _metadata(model),
            "spec": structural(_field(model, "spec")) | {"description": model.model_fields["spec"].description},
            "status": structural(info.status, nullable=True, defaults=False) | {"description": _ABOUT["status"]},
        },
        "required": ["spec"],
    }


def _metadata(model: type[BaseModel]) -> dict[str, Any]:
    """A CRD may say something about the name and nothing else of the metadata, not even a description."""
    name = structural(_field(model, "metadata"))["properties"]["name"]
    return {"type": "object", "properties": {"name": name}}


def _field(model: type[BaseModel], name: str) -> type[BaseModel]:
    annotation = model.model_fields[name].annotation
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        raise TypeError(f"{model.__name__}.{name} is no model")
    return annotation


def _about(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())
