"""Reading maps so that nothing gets lost: what nobody took is left over, and said.

A conversion asks for each field that it knows. Whatever else a map holds, a later version's field or a typo, is then
reported by `leftovers` instead of vanishing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from okra.convert.document import Unconvertible, without_userinfo

_LONGEST = 200
HIDDEN = "(not shown: it may be a secret)"
_SECRET = re.compile(
    r"^headers\b|^env |passw|secret|token|credential|(?:api|app|access|private|secret|license)[_-]?key|authorization",
    re.I,
)
"""Names of fields whose values may be secrets; an entry of `env` is known as `env NAME`."""
_NAMES = ("name", "key", "namespace")
_INDEX = re.compile(r"\[\d+\]$")


class Fields:
    """One map of another tool's, and which of its fields were taken."""

    def __init__(self, data: object, path: str = "") -> None:
        if not isinstance(data, Mapping):
            raise Unconvertible(path, f"must be a map, not {_shown(told(_named(path), data))}")
        self._data: Mapping[str, Any] = {str(key): value for key, value in data.items() if value is not None}
        self.path = path
        self._taken: set[str] = set()
        self._children: dict[str, list[Fields]] = {}
        """Made once, so that who asks again goes on where the first left off."""

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def where(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str) -> Any:
        """The value as it is, or None."""
        self._taken.add(key)
        return self._data.get(key)

    def ignore(self, *keys: str) -> None:
        """Fields that mean nothing to anybody but the old tool's own machinery."""
        self._taken.update(keys)

    def text(self, key: str) -> str | None:
        value = self.take(key)
        if value is None or isinstance(value, str):
            return value
        raise Unconvertible(self.where(key), f"must be a string, not {self._shown(key)}: put it in quotes")

    def required(self, key: str) -> str:
        value = self.text(key)
        if not value:
            raise Unconvertible(self.where(key), "is required")
        return value

    def whole(self, key: str) -> int | None:
        """A whole number; other tools take one in quotes, too."""
        value = self.take(key)
        if isinstance(value, str) and value.strip().lstrip("-").isdigit():
            return int(value)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise Unconvertible(self.where(key), f"must be a whole number, not {self._shown(key)}")

    def number(self, key: str) -> float | int | None:
        value = self.take(key)
        if isinstance(value, str):
            try:
                return float(value)
            except ValueError:
                pass
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        raise Unconvertible(self.where(key), f"must be a number, not {self._shown(key)}")

    def words(self, key: str) -> list[str]:
        value = self.take(key)
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return list(value)
        raise Unconvertible(self.where(key), f"must be a list of strings, not {self._shown(key)}")

    def labels(self, key: str) -> dict[str, str]:
        value = self.take(key)
        if value is None:
            return {}
        if isinstance(value, Mapping) and all(isinstance(each, str) for each in value.values()):
            return {str(name): each for name, each in value.items()}
        raise Unconvertible(self.where(key), f"must be a map of strings, not {self._shown(key)}")

    def inside(self, key: str) -> Fields:
        """The map under a key; an empty one if there is none."""
        if key not in self._children:
            self._children[key] = [Fields(self.take(key) or {}, self.where(key))]
        return self._children[key][0]

    def each(self, key: str) -> list[Fields]:
        """The maps of a list."""
        if key not in self._children:
            value = self.take(key)
            if value is not None and not isinstance(value, list):
                raise Unconvertible(self.where(key), f"must be a list, not {self._shown(key)}")
            places = ((each, f"{self.where(key)}[{index}]") for index, each in enumerate(value or []))
            self._children[key] = [Fields(each, place) for each, place in places]
        return self._children[key]

    def _shown(self, key: str) -> str:
        """A field's value in short. What may be a secret isn't repeated: comments get into repositories."""
        shown = told(_named(self.path), self._data)
        assert isinstance(shown, Mapping)
        return _shown(shown[key])

    def leftovers(self) -> Iterator[tuple[str, str]]:
        """Where each field is that nobody took, and its value in short."""
        for key in self._data:
            if key not in self._taken:
                yield self.where(key), self._shown(key)
        for children in self._children.values():
            for child in children:
                yield from child.leftovers()


def _named(path: str) -> str:
    """The field's own name; of a list's item that of the list."""
    return _INDEX.sub("", path).rpartition(".")[2]


def told(key: str, value: object) -> object:
    """The value, with what may be a secret by its name left out: what something is to be found by stays."""
    if isinstance(value, Mapping):
        return {name: told(_known_as(key, str(name), value), each) for name, each in value.items()}
    if isinstance(value, list):
        return [told(key, each) for each in value]
    return HIDDEN if _SECRET.search(key) else value


def _known_as(key: str, name: str, holder: Mapping[Any, Any]) -> str:
    """What a field goes by: of `{name: X, value: Y}` Y by X, and under the name of a secret everything by that."""
    title = holder.get("name") or holder.get("key")
    if name == "value" and title:
        return f"{key} {title}"
    within = key.lower() == "env" or _SECRET.search(key)
    return f"{key} {name}" if within and name not in _NAMES else name


def _shown(value: object) -> str:
    text = without_userinfo(str(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
