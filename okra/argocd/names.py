"""How things are called: Argo CD's own labels, and Okra's on a cluster secret."""

from __future__ import annotations

from okra.api import secret_labels
from okra.api.meta import OKRA_GROUP
from okra.ports import Kind

SECRET = Kind("", "v1", "Secret", "secrets")
APPLICATION = Kind("argoproj.io", "v1alpha1", "Application", "applications")
APPLICATION_SET = Kind("argoproj.io", "v1alpha1", "ApplicationSet", "applicationsets")

SECRET_TYPE, CLUSTER = "argocd.argoproj.io/secret-type", "cluster"
MANAGED_BY, OKRA = "app.kubernetes.io/managed-by", "okra"
RESERVED = secret_labels.FIXED
"""What makes a secret a cluster secret of Okra's: nobody publishes or unpublishes by these."""

CLUSTER_SECRET = f"{OKRA_GROUP}/cluster-secret"
"""The label that holds `clusterSecret.name`."""
OWNER, OWNER_UID = f"{OKRA_GROUP}/owner", f"{OKRA_GROUP}/owner-uid"
"""The annotations that say which ArgoCDCluster writes the secret."""
OWN_KEYS = f"{OKRA_GROUP}/cluster-labels"
"""The annotation that lists which other labels and annotations come from the ArgoCDCluster's spec.labels."""
SHARED_WITH = secret_labels.SHARED_WITH
"""The annotation, from the ArgoCDCluster's spec.labels, that names other namespaces which may publish the cluster."""
TARGET_GROUP_OF = f"target-group.{OKRA_GROUP}/"
"""Begins the annotation that holds the ARN of the target group that a TargetGroupSet, whose name comes behind it, has
for the cluster: of an ArgoCDCluster, and of its secret."""
REGION, TARGET_GROUP = f"{OKRA_GROUP}/region", secret_labels.TARGET_GROUP
"""Annotations for the templates of ApplicationSets; the version's is `okra.api.meta.VERSION_LABEL`."""
