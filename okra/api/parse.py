"""From JSON to a model, or to all that is wrong with it. The controller and `okra lint` judge with this one function.

It never raises, whatever it is given: an object may have reached the store past every validation.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from okra.api.base import Loc
from okra.api.findings import Finding, did_you_mean, printable, remedy_for
from okra.api.json_values import defects
from okra.api.kinds import BY_NAME, GROUPS, KINDS, KindInfo
from okra.api.meta import OKRA_GROUP, VERSION, ObjectMeta, Resource
from okra.api.rendering import MAX_FINDINGS, findings_of, unknown_fields
from okra.api.schema_walk import fields_of, place_of

M = TypeVar("M", bound=BaseModel)

_PASSES = 4
_METADATA = frozenset(alias for alias, _ in fields_of(ObjectMeta))


def parse(obj: object) -> tuple[Resource | None, list[Finding]]:
    """The object's model, or None and every finding. Status is ignored."""
    if broken := list(defects(obj)):
        return None, broken
    if not isinstance(obj, dict):
        return None, [Finding("", "an object is a map with apiVersion, kind, metadata and spec")]
    info, findings = kind_of(obj)
    if info is None:
        return None, findings
    model, more = _validate(info.model, {**_relevant(obj), "apiVersion": info.api_version})
    return (None, findings + more) if findings else (model, more)


def parse_as(model: type[M], value: object) -> tuple[M | None, list[Finding]]:
    """A part of an object (a `Provider` from a setting, say) by itself; paths are relative to it."""
    broken = list(defects(value))
    return (None, broken) if broken else _validate(model, value)


def kind_of(obj: dict[str, Any]) -> tuple[KindInfo | None, list[Finding]]:
    """Which of Okra's kinds an object is. With a finding, the kind that was probably meant, so that all is judged."""
    api_version, kind = obj.get("apiVersion"), obj.get("kind")
    if not isinstance(kind, str) or not kind:
        return None, [Finding.at(("kind",), f"is required: {', '.join(dict.fromkeys(info.kind for info in KINDS))}")]
    same = [info for info in KINDS if info.kind == kind]
    if not isinstance(api_version, str) or not api_version:
        wanted = " or ".join(info.api_version for info in same) or f"{OKRA_GROUP}/{VERSION}"
        return next(iter(same), None), [Finding.at(("apiVersion",), f"is required: {wanted}")]
    if info := BY_NAME.get((api_version, kind)):
        return info, []
    if known := [info.kind for info in KINDS if info.api_version == api_version]:
        meant = BY_NAME.get((api_version, did_you_mean(kind, known) or ""))
        remedy = remedy_for(kind, known)
        return meant, [Finding.at(("kind",), f"{printable(kind)!r} is no kind of {api_version}; {remedy}")]
    versions = [f"{group}/{VERSION}" for group in GROUPS]
    near = next((each for each in versions if each.startswith(api_version.partition("/")[0] + "/")), None)
    near = near or did_you_mean(api_version, versions)
    remedy = f"did you mean {near}?" if near else f"Okra's are {' and '.join(versions)}"
    meant = BY_NAME.get((near, kind)) if near else next(iter(same), None)
    return meant, [Finding.at(("apiVersion",), f"{printable(api_version)!r} is unknown; {remedy}")]


def _relevant(obj: dict[str, Any]) -> dict[str, Any]:
    """Without status, and without metadata that only a newer API server knows.

    What a store gave back (it has a uid) was judged there; a field that Kubernetes adds one day must not stop Okra.
    """
    relevant = {key: value for key, value in obj.items() if key != "status"}
    metadata = relevant.get("metadata")
    if isinstance(metadata, dict) and metadata.get("uid"):
        relevant["metadata"] = {key: value for key, value in metadata.items() if key in _METADATA}
    return relevant


def _validate(model: type[M], data: object) -> tuple[M | None, list[Finding]]:
    """Unknown fields are corrected after they were found, so that a typo doesn't hide what else is wrong."""
    unknown: list[Finding] = []
    for _ in range(_PASSES):
        try:
            valid = model.model_validate(data, by_alias=True, by_name=False)
        except ValidationError as error:
            findings = findings_of(error, model)
            extra = unknown_fields(error)
            if not 0 < len(extra) <= MAX_FINDINGS:
                return None, unknown + findings
            unknown += [finding for finding in findings if finding.loc in extra]
            data = _without(data, extra, model)
        else:
            return (None, unknown) if unknown else (valid, [])
    return None, unknown


def _without(data: object, extra: set[Loc], model: type[BaseModel]) -> Any:
    """A copy in which each unknown field is renamed to what was probably meant, or dropped."""
    copy = _copied(data)
    for loc in extra:
        holder: Any = copy
        for item in loc[:-1]:
            holder = holder[item]
        value = holder.pop(loc[-1])
        near = did_you_mean(str(loc[-1]), place_of(model, loc).siblings)
        if near is not None:
            holder.setdefault(near, value)
    return copy


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value
