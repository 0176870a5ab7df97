"""How each server of the control plane is started: as in a real cluster where behaviour shows, and fast elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from okra.testing.controlplane.certificates import Authority, write_key
from okra.testing.controlplane.kubeconfig import write_kubeconfig

STAGES = Path(__file__).parent / "stages.yaml"
"""What kwok plays: nodes become ready, their pods run, and the pods of Jobs succeed."""

Command = list[str]


@dataclass(frozen=True, slots=True)
class Ports:
    etcd: int
    apiserver: int


class Commands:
    """The command lines of one control plane, whose files are in `folder`."""

    def __init__(self, folder: Path, binaries: Mapping[str, Path], ports: Ports) -> None:
        self._binaries = binaries
        self._ports = ports
        self.url = f"https://127.0.0.1:{ports.apiserver}"
        self.etcd_data = folder / "etcd"
        authority = Authority(folder)
        self.authority = authority.certificate
        self._server = authority.server()
        self.admin = authority.client("admin", "system:masters")
        self._token_key = write_key(folder / "service-accounts.key")
        self.kubeconfig = write_kubeconfig(
            folder / "kubeconfig",
            self.url,
            self.authority,
            {"client-certificate": str(self.admin.certificate), "client-key": str(self.admin.key)},
        )

    def etcd(self) -> Command:
        """Nothing is synced to the disk: what a test wrote need not survive the machine."""
        return [
            str(self._binaries["etcd"]),
            f"--data-dir={self.etcd_data}",
            f"--listen-client-urls=http://127.0.0.1:{self._ports.etcd}",
            f"--advertise-client-urls=http://127.0.0.1:{self._ports.etcd}",
            "--listen-peer-urls=http://127.0.0.1:0",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def apiserver(self) -> Command:
        """With RBAC, all default admission plugins and tokens for service accounts."""
        return [
            str(self._binaries["kube-apiserver"]),
            f"--etcd-servers=http://127.0.0.1:{self._ports.etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._ports.apiserver}",
            f"--tls-cert-file={self._server.certificate}",
            f"--tls-private-key-file={self._server.key}",
            f"--client-ca-file={self.authority}",
            "--authorization-mode=Node,RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={self._token_key}",
            f"--service-account-key-file={self._token_key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",  # it refuses a loopback address
            "--allow-privileged",
        ]

    def controller_manager(self) -> Command:
        return [
            str(self._binaries["kube-controller-manager"]),
            f"--kubeconfig={self.kubeconfig}",
            f"--root-ca-file={self.authority}",
            f"--service-account-private-key-file={self._token_key}",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        ]

    def scheduler(self) -> Command:
        return [
            str(self._binaries["kube-scheduler"]),
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--secure-port=0",
        ]

    def kwok(self) -> Command:
        return [
            str(self._binaries["kwok"]),
            f"--kubeconfig={self.kubeconfig}",
            f"--config={STAGES}",
            "--manage-all-nodes",
            "--server-address=127.0.0.1:0",
        ]
