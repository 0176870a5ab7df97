"""Groups and weights as people read them."""

from __future__ import annotations

from fractions import Fraction
from shlex import quote

from okra.api.records import RECORD_SET_PARTS, is_record
from okra.rollout.observation import Weights


def describe(weights: Weights) -> str:
    """Weights by the groups' names."""
    return ", ".join(f"{short(arn)}={weight}" for arn, weight in weights.items()) or "nothing"


def percent(share: Fraction) -> str:
    """A share of the traffic, 0 to 1."""
    return f"{float(share * 100):.4g} %"


def retry(cell: str, version: str) -> str:
    """The command that starts a version again, by its name: by then another one may have been the last."""
    return f"okra retry {cell} {quote(version)}"


def sentence(text: str) -> str:
    """What others said, with a full stop: another sentence may follow."""
    text = text.rstrip()
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def short(arn: str) -> str:
    """`targetgroup/NAME/ID` → NAME; of a record where it leads; anything else as it is."""
    parts = arn.split("/")
    if is_record(arn) and len(parts) > RECORD_SET_PARTS:
        return parts[-1]
    return parts[1] if len(parts) == 3 and ":targetgroup" in parts[0] else arn
