"""Objects as the text that is stored.

Keys are sorted, as the API server's are: whoever relies on the order of a map is found out here already, and two
objects are the same when their texts are. (Python's `==` calls `1`, `1.0` and `True` the same.)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from okra.errors import Invalid

MAX_BYTES = 1_572_864
"""etcd's limit for a request, 1.5 MiB: what is refused there is refused here."""


def encode(value: Any) -> str:
    """ASCII JSON. Invalid: something in `value` is not JSON (a date, NaN, bytes)."""
    try:
        return json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"the object can't be stored as JSON: {error}") from error


def decode(text: str) -> Any:
    return json.loads(text)


def encode_bounded(value: Any) -> str:
    """As `encode`; Invalid also when it is more than the API server would store."""
    text = encode(value)
    if len(text) > MAX_BYTES:
        raise Invalid(f"the object is too large: {len(text)} bytes, at most {MAX_BYTES} are stored")
    return text


def snapshot(value: Any) -> Any:
    """A deep copy as plain JSON types: what a caller hands in, so that nothing it changes later reaches the store."""
    return decode(encode_bounded(value))


def _plain(value: object) -> object:
    if isinstance(value, Mapping):  # a MappingProxyType, say
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not a JSON type")
