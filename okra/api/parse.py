"""From JSON to a model, or to all that is wrong with it. The controller and `okra lint` judge with this one function.

It never raises, whatever it is given: an object may have reached the store past every validation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from okra.api.base import Loc
from okra.api.findings import Finding, did_you_mean, remedy_for
from okra.api.kinds import BY_NAME, GROUPS, KINDS, KindInfo
from okra.api.meta import OKRA_GROUP, VERSION, ObjectMeta, Resource
from okra.api.rendering import findings_of
from okra.api.schema_walk import fields_of, place_of

MAX_DEPTH = 64
MAX_VALUES = 100_000
_INT64 = 2**63
_PASSES = 4
_METADATA = frozenset(alias for alias, _ in fields_of(ObjectMeta))


def parse(obj: object) -> tuple[Resource | None, list[Finding]]:
    """The object's model, or None and every finding. Status is ignored."""
    if defects := list(_defects(obj)):
        return None, defects
    if not isinstance(obj, dict):
        return None, [Finding("", "an object is a map with apiVersion, kind, metadata and spec")]
    info = kind_of(obj)
    if isinstance(info, Finding):
        return None, [info]
    return _validate(info.model, _relevant(obj))


def kind_of(obj: dict[str, Any]) -> KindInfo | Finding:
    """Which of Okra's kinds an object is, or why it is none."""
    api_version, kind = obj.get("apiVersion"), obj.get("kind")
    if not isinstance(kind, str) or not kind:
        return Finding.at(("kind",), f"is required: one of {', '.join(sorted({info.kind for info in KINDS}))}")
    if not isinstance(api_version, str) or not api_version:
        groups = [info.api_version for info in KINDS if info.kind == kind]
        return Finding.at(("apiVersion",), f"is required: {' or '.join(groups) or f'{OKRA_GROUP}/{VERSION}'}")
    if info := BY_NAME.get((api_version, kind)):
        return info
    known = [info.kind for info in KINDS if info.api_version == api_version]
    if known:
        return Finding.at(("kind",), f"{kind[:63]!r} is no kind of {api_version}; {remedy_for(kind, known)}")
    wanted = [f"{group}/{VERSION}" for group in GROUPS]
    near = did_you_mean(api_version, wanted)
    if api_version.partition("/")[0] in GROUPS:
        near = f"{api_version.partition('/')[0]}/{VERSION}"
    remedy = f"did you mean {near}?" if near else f"Okra's are {' and '.join(wanted)}"
    return Finding.at(("apiVersion",), f"{api_version[:80]!r} is unknown; {remedy}")


def _relevant(obj: dict[str, Any]) -> dict[str, Any]:
    """Without status, and without metadata that only a newer API server knows.

    What a store gave back (it has a uid) was judged there; a field that Kubernetes adds one day must not stop Okra.
    """
    relevant = {key: value for key, value in obj.items() if key != "status"}
    metadata = relevant.get("metadata")
    if isinstance(metadata, dict) and metadata.get("uid"):
        relevant["metadata"] = {key: value for key, value in metadata.items() if key in _METADATA}
    return relevant


def _validate(model: type[Resource], data: dict[str, Any]) -> tuple[Resource | None, list[Finding]]:
    """Unknown fields are corrected after they were found, so that a typo doesn't hide what else is wrong."""
    unknown: list[Finding] = []
    for _ in range(_PASSES):
        try:
            valid = model.model_validate(data, by_alias=True, by_name=False)
        except ValidationError as error:
            findings = findings_of(error, model)
            extra = {tuple(each["loc"]) for each in error.errors() if each["type"] == "extra_forbidden"}
            if not extra:
                return None, unknown + findings
            unknown += [finding for finding in findings if finding.loc in extra]
            data = _without(data, extra, model)
        else:
            return (None, unknown) if unknown else (valid, [])
    return None, unknown


def _without(data: dict[str, Any], extra: set[Loc], model: type[BaseModel]) -> dict[str, Any]:
    """A copy in which each unknown field is renamed to what was probably meant, or dropped."""
    copy: dict[str, Any] = _copied(data)
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


def _defects(obj: object) -> Iterator[Finding]:
    """What no JSON object of a sane size holds. Ends at the first that makes going on pointless."""
    pending: list[tuple[Loc, object]] = [((), obj)]
    for count in range(MAX_VALUES + 1):
        if not pending:
            return
        if count == MAX_VALUES:
            yield Finding("", f"the object holds more than {MAX_VALUES} values")
            return
        loc, value = pending.pop()
        if len(loc) > MAX_DEPTH:
            yield Finding.at(loc[:4], f"is nested more than {MAX_DEPTH} deep")
            return
        match value:
            case dict():
                for key, each in value.items():
                    if not isinstance(key, str) or not _is_unicode(key):
                        yield Finding.at(loc, "has a key that is no string of valid Unicode")
                    else:
                        pending.append(((*loc, key), each))
            case list():
                pending.extend(((*loc, index), each) for index, each in enumerate(value))
            case _ if defect := _scalar_defect(value):
                yield Finding.at(loc, defect)


def _scalar_defect(value: object) -> str | None:
    match value:
        case str():
            return None if _is_unicode(value) else "is no valid Unicode"
        case bool() | None:
            return None
        case int():
            return None if -_INT64 <= value < _INT64 else "is a number too large for JSON's 64 bits"
        case float():
            return None if math.isfinite(value) else "must be a finite number"
        case _:
            return f"is no JSON value but a {type(value).__name__}"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
