"""Text from outside, made fit for a status, an Event and a log line."""

from __future__ import annotations


def plain(text: str, most: int) -> str:
    """At most `most` characters that can be encoded: JSON and exceptions may hold halves of surrogate pairs."""
    return text[:most].encode("utf-8", "replace").decode()
