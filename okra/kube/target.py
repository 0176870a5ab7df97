"""Which API server, and as whom: a service account in a pod, or a kubeconfig and its context.

`kubernetes_asyncio` reads the files; what it gets wrong about keeping tokens fresh is in `credentials`.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config import ConfigException
from kubernetes_asyncio.config.incluster_config import InClusterConfigLoader
from kubernetes_asyncio.config.kube_config import ConfigNode, KubeConfigLoader, KubeConfigMerger
from yaml import YAMLError

from okra.errors import CredentialsInvalid
from okra.kube.credentials import Certificate, Credentials, Identity, reloaded
from okra.kube.exec_plugin import ExecPlugin

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PROVIDER_DEADLINE = 20.0
"""Seconds for an identity provider that the library asks over the network (OIDC, GCP)."""


UNREADABLE = (
    ConfigException,
    YAMLError,
    OSError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the library makes of a file of any shape: it asserts, indexes and casts."""


@dataclass(frozen=True, slots=True)
class Trust:
    """How the server is verified: by the authorities in a file, or given as PEM. Neither: by the system's."""

    ca: str | None = None
    verify: bool = True
    server_name: str | None = None
    ca_data: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """An API server. `namespace` is the one that is meant when none is named; `origin` is for people."""

    server: str
    credentials: Credentials
    trust: Trust = Trust()
    proxy: str | None = None
    namespace: str = "default"
    origin: str = ""


async def find_target(
    kubeconfig: str | None = None,
    context: str | None = None,
    environ: Mapping[str, str] = os.environ,
    account: Path = SERVICE_ACCOUNT,
) -> Target:
    """What was named; else KUBECONFIG; else the pod's service account; else `~/.kube/config`: kubectl's order.

    CredentialsInvalid names the file and what is missing in it.
    """
    return await asyncio.to_thread(_find, kubeconfig, context, environ, account)


def _find(kubeconfig: str | None, context: str | None, environ: Mapping[str, str], account: Path) -> Target:
    named = kubeconfig or environ.get("KUBECONFIG")
    if not named and not context and environ.get("KUBERNETES_SERVICE_HOST") and (account / "token").exists():
        return _in_cluster(environ, account)
    files = named or str(Path(environ.get("HOME") or Path.home()) / ".kube" / "config")
    if not any(Path(each).expanduser().is_file() for each in files.split(os.pathsep) if each):
        remedy = "correct --kubeconfig" if kubeconfig else "KUBECONFIG names it: correct it, or unset it"
        raise CredentialsInvalid(
            f"There is no kubeconfig at {files}: {remedy if named else 'set KUBECONFIG, or run in a pod'}"
        )
    return _from_kubeconfig(files, context)


def _in_cluster(environ: Mapping[str, str], account: Path) -> Target:
    def load() -> Configuration:
        configuration = Configuration()
        try:
            loader = InClusterConfigLoader(str(account / "token"), str(account / "ca.crt"), False, dict(environ))
            loader.load_and_set(configuration)
        except (ConfigException, OSError) as error:
            raise CredentialsInvalid(f"The pod's service account in {account} can't be used: {error}") from error
        return configuration

    configuration = load()
    namespace = account / "namespace"
    return Target(
        server=str(configuration.host),
        credentials=reloaded(lambda: _identity(load())),
        trust=Trust(configuration.ssl_ca_cert),
        namespace=namespace.read_text().strip() if namespace.exists() else "default",
        origin="the pod's service account",
    )


def _from_kubeconfig(files: str, context: str | None) -> Target:
    chosen = _choose(files, context)
    configuration = _load(files, chosen.context)
    if chosen.plugin:
        plugin = ExecPlugin.of(chosen.plugin, _told(chosen.cluster, configuration), chosen.folder)
        credentials = Credentials(plugin)
    else:
        credentials = reloaded(lambda: _identity(_load(files, chosen.context)))
    return Target(
        server=str(configuration.host),
        credentials=credentials,
        trust=Trust(configuration.ssl_ca_cert, configuration.verify_ssl, configuration.tls_server_name),
        proxy=_proxy(files, configuration.proxy),
        namespace=chosen.namespace,
        origin=f"context {chosen.context} of {files}",
    )


def _proxy(files: str, proxy: str | None) -> str | None:
    if proxy and not proxy.startswith(("http://", "https://")):
        raise CredentialsInvalid(
            f"The kubeconfig {files} can't be used: its proxy-url must begin with http:// or https://"
        )
    return proxy or None


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A context of a kubeconfig, its name pinned: somebody may switch the current one while Okra runs."""

    context: str
    namespace: str
    cluster: Mapping[str, Any]
    plugin: Mapping[str, Any] | None = field(repr=False)
    folder: Path
    """Of the file that the user stands in: relative paths begin there."""


def _choose(files: str, context: str | None) -> _Chosen:
    try:
        merged: Any = KubeConfigMerger(files).config
        name = str(context or merged["current-context"])
        there_are = [str(each["name"]) for each in merged.value.get("contexts") or ()]
        if context and context not in there_are:
            listed = f"there are: {', '.join(sorted(there_are))}" if there_are else "there is none"
            raise CredentialsInvalid(f"There is no context {context} in {files}; {listed}")
        entries = merged["contexts"].get_with_name(name)["context"].value
        cluster = merged["clusters"].get_with_name(entries["cluster"])["cluster"].value
        user = merged["users"].get_with_name(entries["user"], safe=True) if entries.get("user") else None
        return _Chosen(
            context=name,
            namespace=str(entries.get("namespace") or "default"),
            cluster=cluster,
            plugin=_entries(user).get("exec") if user is not None else None,
            folder=Path(user.path if user is not None else ".").resolve().parent,
        )
    except UNREADABLE as error:
        raise _unusable(files, error) from None


def _load(files: str, context: str) -> Configuration:
    """Everything but the plugin, which the library runs in a way of its own. Blocking: for a thread."""
    configuration = Configuration()
    try:
        merged: Any = KubeConfigMerger(files).config
        for user in merged.value["users"]:
            _entries(user).pop("exec", None)
        loader = KubeConfigLoader(merged, context, config_base_path=None)
        asyncio.run(asyncio.wait_for(loader.load_and_set(configuration), PROVIDER_DEADLINE))
    except Exception as error:  # noqa: BLE001 (whatever the library's parsers and providers raise)
        raise _unusable(files, error) from None
    return configuration


def _entries(user: ConfigNode) -> dict[str, Any]:
    entries: dict[str, Any] = user.value.get("user") or {}
    return entries


def _identity(configuration: Configuration) -> Identity:
    """Tokens in files end with a newline, which no header may hold."""
    certificate = None
    if configuration.cert_file:
        certificate = Certificate(configuration.cert_file, configuration.key_file or "")
    return Identity(configuration.api_key.get("BearerToken", "").strip(), certificate)


def _told(cluster: Mapping[str, Any], configuration: Configuration) -> dict[str, Any]:
    """What a plugin with `provideClusterInfo` gets to know."""
    names = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
    return {name: cluster[name] for name in names if name in cluster} | {"server": configuration.host}


def _unusable(files: str, error: Exception) -> CredentialsInvalid:
    """The library names an entry by its whole content, tokens included: that part is left out, and so is the cause."""
    said = re.sub(r"/\{.*", "", " ".join(str(error).split())) or type(error).__name__
    return CredentialsInvalid(f"The kubeconfig {files} can't be used: {said}")
