"""What a set does about a cluster that it doesn't find any more."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from okra.api.base import Model
from okra.api.durations import Duration
from okra.api.fields import Int


class Removal(Model):
    """When what was made for a cluster goes: late, and few at a time, for a listing may be wrong."""

    grace_period: Duration = Field(
        default=Duration("10m"),
        description="A cluster must be missing from every complete listing for so long; only watched time counts.",
    )
    max_removals: Annotated[Int, Field(ge=0, le=100)] = Field(
        default=1, description="At most so many are being removed at a time. 0: never any."
    )
