"""A real Kubernetes control plane on this machine: etcd, the API server, its controllers, and nodes if asked for.

    with OwnControlPlane.start(folder, binaries) as control_plane:
        control_plane.kubectl("apply", "-f", "-", given=manifest)
        control_plane.freeze_apiserver()

It takes about four seconds to start, listens on free ports of the loopback interface only, keeps its data in `folder`,
and ends with this process however that ends. The binaries come from the caller, by name.
"""

from __future__ import annotations

from okra.testing.controlplane.access import APPLY, MERGE, Answer, ControlPlane, Unreachable
from okra.testing.controlplane.own import OwnControlPlane, start_shared

__all__ = ["APPLY", "MERGE", "Answer", "ControlPlane", "OwnControlPlane", "Unreachable", "start_shared"]
