"""The example of sets as a story: after one `kubectl apply` clusters come and go, and nobody does anything.

The one double beside AWS's is that of the AWS Load Balancer Controller: it registers a pod in whatever target group the
Application that Argo CD deployed names. So a group has targets only if its ARN came all the way.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from okra.argocd.names import APPLICATION, TARGET_GROUP_OF
from okra.testing.aws_world import VERSION_TAG
from tests.e2e.fleet import Fleet
from tests.scenarios.eventually import eventually
from tests.scenarios.observer import Observer

NAME = "storefront"
EXAMPLE = "12-target-group-set"
ENV = {"env": "production"}
BEFORE = "before"
"""The target group that the listener forwards to when the story begins. Okra knows nothing of it."""
QUICK = {"OKRA_STEP_WEIGHT": "50", "OKRA_POLL_INTERVAL": "300ms"}
PATIENCE = 200.0
Manifest = dict[str, Any]


@dataclass
class Storefront:
    fleet: Fleet
    grace: str = "2s"
    """For so long a cluster must be missing before what was made for it goes."""
    registered: set[str] = field(default_factory=set)
    """Target groups with pods."""

    def begin(self) -> None:
        """What is there before Okra is: a listener, and what it forwards to. Then the example, and Okra."""
        fleet = self.fleet
        fleet.groups[BEFORE] = fleet.world.target_group(BEFORE, targets=1)
        fleet.route_of(NAME, None, [BEFORE])
        fleet.sets = {NAME: NAME}
        fleet.argocd.applications.watch = self._bind
        fleet.apply(self._documents())
        self.start()

    def start(self) -> None:
        """A controller: the first, or one after another that was killed."""
        self.fleet.okra.start("--no-leader-elect", **QUICK)

    def appears(self, cluster: str, version: str) -> None:
        """A new EKS cluster, with the right tags: all that anybody does."""
        self.fleet.bare_cluster(cluster, version, {**ENV, VERSION_TAG: version})

    def _documents(self) -> list[Manifest]:
        listener = self.fleet.routes[NAME].listener_arn
        found = self.fleet.example(EXAMPLE, lambda text: re.sub(r"arn:aws:elasticloadbalancing:\S+", listener, text))
        for each in found:
            if each["kind"].endswith("Set") and each["kind"] != "ApplicationSet":
                each["spec"]["removal"] = {"gracePeriod": self.grace}
        return found

    def _bind(self) -> None:
        """What the chart's TargetGroupBinding does with the ARN that the Application gives it."""
        for source in self.fleet.argocd.applications.deployed.values():
            arn = self._arn_in(source)
            if arn and arn not in self.registered:
                self.registered.add(arn)
                self.fleet.world.register(arn, f"10.0.1.{len(self.registered)}:8080")

    @staticmethod
    def _arn_in(source: Manifest) -> str:
        """Argo CD leaves out what is empty."""
        parameters = {each["name"]: each.get("value", "") for each in source["helm"]["parameters"]}
        return str(parameters["targetGroupARN"])

    # -- what is to be seen ----------------------------------------------------------------------------------------

    def group_of(self, cluster: str) -> dict[str, Any]:
        """Its target group, as AWS describes it; empty when there is none. Not more than one."""
        groups = self.fleet.world.elb.describe_target_groups()["TargetGroups"]
        found = [each for each in groups if each["TargetGroupName"].startswith(f"{NAME}-{cluster[:8]}-")]
        assert len(found) <= 1, found
        return dict(found[0]) if found else {}

    def arn_of(self, cluster: str) -> str:
        return str(self.group_of(cluster).get("TargetGroupArn", ""))

    def secret_of(self, cluster: str) -> dict[str, Any]:
        """Its cluster secret; empty when there is none."""
        path = f"/api/v1/namespaces/{self.fleet.argocd.namespace}/secrets/{NAME}-{cluster}"
        answer = self.fleet.argocd.plane.call("GET", path)
        return dict(answer.body) if answer.status == 200 else {}

    def told(self, cluster: str) -> str:
        """The ARN that its cluster secret names."""
        annotations = self.secret_of(cluster).get("metadata", {}).get("annotations", {})
        return str(annotations.get(f"{TARGET_GROUP_OF}{NAME}", ""))

    def server_of(self, cluster: str) -> str:
        return base64.b64decode(self.secret_of(cluster)["data"]["server"]).decode()

    def named_in_application(self, cluster: str) -> str:
        """The ARN in the Application that the ApplicationSet made for it."""
        path = f"/apis/{APPLICATION.api_version}/namespaces/{self.fleet.argocd.namespace}/{APPLICATION.plural}"
        answer = self.fleet.argocd.plane.call("GET", f"{path}/{NAME}-{NAME}-{cluster}")
        return self._arn_in(answer.body["spec"]["source"]) if answer.status == 200 else ""

    def clusters(self) -> set[str]:
        """The ArgoCDClusters."""
        return {each["metadata"]["name"] for each in self._listed("argocdclusters")}

    def weight_of(self, cluster: str) -> int:
        weights = self.fleet.world.weights(self.fleet.routes[NAME].arn)
        return weights.get(self.arn_of(cluster), 0)

    def observe(self) -> Observer:
        return self.fleet.observe(NAME)

    def until_it_serves(self, cluster: str, version: str) -> None:
        """All traffic is there, and nothing moves any more."""

        def serves(status: dict[str, Any]) -> bool:
            return bool(status.get("phase") == "Synced" and status.get("stableVersion") == version)

        self.until(lambda: self.named_in_application(cluster))
        self.fleet.groups[cluster] = self.arn_of(cluster)
        self.fleet.until_it_says(serves, name=NAME)
        assert set(self.fleet.traffic(NAME)) == {cluster}

    def until(self, holds: Callable[[], object]) -> None:
        """What Okra says is in the error."""
        try:
            eventually(holds, within=PATIENCE)
        except AssertionError as error:
            kinds = ("clustersets", "targetgroupsets", "argocdclusters")
            said = json.dumps([[each.get("status") for each in self._listed(kind)] for kind in kinds])
            raise AssertionError(f"{error}\n{said}\n{self.fleet.told(name=NAME)}") from None

    def _listed(self, plural: str) -> list[dict[str, Any]]:
        path = f"/apis/okra.mumoshu.github.io/v1alpha1/namespaces/{self.fleet.okra.namespace}/{plural}"
        return list(self.fleet.argocd.plane.call("GET", path).body["items"])

    def set_says(self, plural: str) -> dict[str, str]:
        """Its condition."""
        return self.fleet.okra.condition(NAME, "Ready", plural)
