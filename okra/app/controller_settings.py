"""The settings of `okra controller`: those of every Okra, and how it stands in a cluster."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from okra.api.selectors import Selector
from okra.app.settings import Seconds, Settings
from okra.argocd.content import Auth

LEAST_LEASE = 1.0
NAMESPACE = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
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
    argocd: bool = Field(
        default=True, description="Look after clusters and applications, which Argo CD deploys. False: routes only."
    )
    argocd_namespace: str = Field(default="argocd", pattern=NAMESPACE, description="Where Argo CD is.")
    argocd_auth: Auth = Field(
        default=Auth.AWS_AUTH_CONFIG, description="How Argo CD gets into clusters: awsAuthConfig or execProviderConfig."
    )
    argocd_settled: Seconds = Field(
        default=10.0, gt=0, description="A cluster's Applications must stay the same, or away, for so long."
    )
    hotswap: bool = Field(default=True, description="Look after hotswap's kinds as well, if they are installed.")
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
