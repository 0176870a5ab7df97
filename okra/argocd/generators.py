"""Would an ApplicationSet make an Application for this cluster? Argo CD's generators, read without running them.

True, False, or None where that can't be known: a generator that asks Git, another service, or a template. Where it
can't be known, nothing is reported; what Argo CD does then shows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from okra.api.selectors import Operator, Requirement, Selector
from okra.argocd.names import CLUSTER, SECRET_TYPE
from okra.argocd.secrets import ClusterSecret

Generator = Mapping[str, Any]


def selects(generators: Iterable[Generator], secret: ClusterSecret, labels: Mapping[str, str]) -> bool | None:
    """Of the generators of an ApplicationSet, for a secret that had these labels."""
    return _any(_entry(each, secret, labels) for each in generators)


def _entry(entry: Generator, secret: ClusterSecret, labels: Mapping[str, str]) -> bool | None:
    """One item of `generators`. Its `selector` filters what its generator makes."""
    kinds = [(kind, value) for kind, value in entry.items() if kind != "selector" and value is not None]
    found = _any(_generator(kind, value, secret, labels) for kind, value in kinds)
    after = entry.get("selector")
    return _filtered(after, secret, labels) if found and after else found


def _generator(kind: str, value: Any, secret: ClusterSecret, labels: Mapping[str, str]) -> bool | None:
    if not isinstance(value, Mapping):
        return None
    match kind:
        case "clusters":
            selector = value.get("selector") or {}
            if "{{" in json.dumps(selector):  # filled in by the generator before it in a matrix
                return None
            wanted = _selector(selector)
            return None if wanted is None else wanted.matches({**labels, SECRET_TYPE: CLUSTER})
        case "list":
            return True if _mentions(value.get("elements"), {secret.server, secret.cluster}) else None
        case "matrix":
            return _all(_entry(each, secret, labels) for each in value.get("generators") or ())
        case "merge":  # the first one makes the items, the others complete them
            return next((_entry(each, secret, labels) for each in value.get("generators") or ()), None)
    return None


def _any(found: Iterable[bool | None]) -> bool | None:
    known = list(found)
    return True if True in known else None if None in known else False


def _all(found: Iterable[bool | None]) -> bool | None:
    """Of a product. A factor that can't be known is taken to make something."""
    known = [each for each in found if each is not None]
    return all(known) if known else None


def _filtered(selector: Any, secret: ClusterSecret, labels: Mapping[str, str]) -> bool | None:
    """Is the cluster among what a generator's selector leaves? It sees the parameters, not the labels."""
    parameters = {"name": secret.cluster, "nameNormalized": _normalized(secret.cluster), "server": secret.server}
    parameters |= {f"metadata.labels.{key}": value for key, value in labels.items()}
    parameters |= {f"metadata.annotations.{key}": value for key, value in secret.annotations.items()}
    wanted = _selector(selector)
    if wanted is None or any(each.key not in parameters for each in wanted.requirements):
        return None
    return wanted.matches(parameters)


def _selector(selector: Any) -> Selector | None:
    try:
        expressions = [
            Requirement(each["key"], Operator(each["operator"]), tuple(each.get("values") or ()))
            for each in selector.get("matchExpressions") or ()
        ]
        return Selector.of(selector.get("matchLabels") or {}, expressions)
    except (AttributeError, KeyError, TypeError, ValueError):  # Argo CD refuses it as well, in its own words
        return None


def _normalized(name: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-.")[:253]


def _mentions(value: Any, names: set[str]) -> bool:
    if isinstance(value, str):
        return bool(value) and value.rstrip("/") in names
    if isinstance(value, Mapping):
        value = value.values()
    return isinstance(value, Iterable) and any(_mentions(each, names) for each in value)
