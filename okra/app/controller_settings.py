"""The settings of `okra controller`: those of every Okra, and how it stands in a cluster."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from okra.api.selectors import Selector
from okra.app.settings import Seconds, Settings

LEAST_LEASE = 1.0
LABEL = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"


class ControllerSettings(Settings):
    """As `Settings`: each field is `OKRA_` and its name in capitals. A flag that is given wins."""

    namespace: str | None = Field(default=None, description="Look after this namespace only.")
    selector: str | None = Field(
        default=None, description="Look after objects with these labels only (a=b,c in (d,e))."
    )
    kubeconfig: str | None = Field(
        default=None, description="Path of a kubeconfig; else KUBECONFIG, else the pod's own."
    )
    context: str | None = Field(default=None, description="The kubeconfig's context.")
    read_only: bool = Field(default=False, description="Decide and report, but never write to AWS.")
    leader_elect: bool = Field(default=True, description="Replicas elect one that works. False: there is only one.")
    lease_name: str = Field(
        default="okra", pattern=LABEL, description="The Lease by which they do, in the controller's namespace."
    )
    lease_duration: Seconds = Field(
        default=15.0, ge=LEAST_LEASE, le=600, description="How long a leader that is gone is waited for."
    )
    config_map: str = Field(
        default="okra", pattern=LABEL, description='ConfigMap there whose key `paused: "true"` pauses every Cell.'
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Of the log.")

    @field_validator("selector")
    @classmethod
    def _a_selector(cls, selector: str | None) -> str | None:
        Selector.parse(selector or "")
        return selector

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_any_case(cls, level: object) -> object:
        return level.lower() if isinstance(level, str) else level
