"""What a Cell does about newer versions, failures, deadlines, drift and its own deletion."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from okra.api.base import Model
from okra.api.durations import Duration
from okra.api.fields import TagKey
from okra.api.meta import VERSION_LABEL


class VersionedBy(Model):
    """What tells versions apart."""

    label: TagKey = Field(default=VERSION_LABEL, description="The target groups' tag that holds the version.")


class OnNewerVersion(StrEnum):
    RESTART = "Restart"
    FINISH = "Finish"


class OnFailureAction(StrEnum):
    ROLLBACK = "Rollback"
    STOP = "Stop"


class OnFailure(Model):
    """What a failed check or an unhealthy canary leads to."""

    action: OnFailureAction | None = Field(
        default=None, description="Rollback: put the stable weights back. Stop: freeze the weights where they are."
    )
    delay: Duration | None = Field(
        default=None, description="Wait this long before the rollback, while no traffic is on the canary."
    )


class DeadlineAction(StrEnum):
    REPORT = "Report"
    REVERT = "Revert"


class OnDrift(StrEnum):
    RESPECT = "Respect"
    REASSERT = "Reassert"


class DeletionPolicy(StrEnum):
    RETAIN = "Retain"
    DELETE = "Delete"
