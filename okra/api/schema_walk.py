"""From a place in an object to the field that describes it, so that messages know names, values and descriptions."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from okra.api.base import Loc
from okra.api.durations import Duration

_SEARCH_DEPTH = 3
"""Levels of models in which a misplaced field is looked for."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an object. `owner` is None inside maps and lists of scalars."""

    name: str
    owner: type[BaseModel] | None
    annotation: Any
    description: str = ""

    @property
    def siblings(self) -> list[str]:
        """The fields that may stand here, as they are written."""
        return [alias for alias, _ in fields_of(self.owner)] if self.owner else []

    @property
    def homes(self) -> list[str]:
        """Where below a sibling a field of this name exists, as paths: the nearest such places."""
        level = [("", self.owner)] if self.owner else []
        for _ in range(_SEARCH_DEPTH):
            level = [
                (f"{path}.{alias}" if path else alias, below)
                for path, model in level
                for alias, field in fields_of(model)
                if (below := model_in(field.annotation))
            ]
            if homes := [path for path, model in level if self.name in dict(fields_of(model))]:
                return homes
        return []

    @property
    def is_duration(self) -> bool:
        return _unwrap(self.annotation) is Duration

    @property
    def values(self) -> list[str]:
        """An enum's values."""
        plain = _unwrap(self.annotation)
        return [str(member.value) for member in plain] if isinstance(plain, type) and issubclass(plain, Enum) else []


def place_of(model: type[BaseModel], loc: Loc) -> Place:
    """The place that `loc` leads to from `model`."""
    place = Place("", None, model)
    for item in loc:
        place = _step(place.annotation, item)
    return place


def fields_of(model: type[BaseModel] | None) -> Iterator[tuple[str, FieldInfo]]:
    """Fields as (name in YAML, field)."""
    if model is not None:
        for name, field in model.model_fields.items():
            yield field.alias or name, field


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation holds directly or optionally."""
    plain = _unwrap(annotation)
    return plain if isinstance(plain, type) and issubclass(plain, BaseModel) else None


def _step(annotation: Any, item: str | int) -> Place:
    if isinstance(item, str) and (owner := model_in(annotation)) is not None:
        field = dict(fields_of(owner)).get(item)
        if field is None:
            return Place(item, owner, None)
        return Place(item, owner, field.annotation, field.description or "")
    plain = _unwrap(annotation, of_list=isinstance(item, int))
    element = {tuple: 0, dict: 1}.get(get_origin(plain))
    return Place(str(item), None, None if element is None else get_args(plain)[element])


def _unwrap(annotation: Any, *, of_list: bool = False) -> Any:
    """Without Annotated and None. Of what may be one thing or a list of some: the one, or the list."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            some = [each for each in get_args(annotation) if each is not type(None)]
            annotation = next((each for each in some if of_list and get_origin(each) is tuple), some[0])
        else:
            return annotation
