"""Who Okra is: service accounts, kubeconfigs, plugins; and that a token is renewed in time."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from okra.errors import CredentialsInvalid
from okra.kube.credentials import Credentials, Identity, Issued, reloaded
from okra.kube.exec_plugin import ExecPlugin
from okra.kube.target import find_target

VERSION = "client.authentication.k8s.io/v1"
IN_POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def account(folder: Path, token: str = "t1\n") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "token").write_text(token)
    (folder / "ca.crt").write_text("authority")
    (folder / "namespace").write_text("okra-system")
    return folder


def kubeconfig(path: Path, user: dict[str, Any], name: str = "here", **cluster: Any) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443/", **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def plugin(folder: Path, script: str, name: str = "plugin.sh") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def credential(**status: Any) -> str:
    return json.dumps({"apiVersion": VERSION, "kind": "ExecCredential", "status": status})


async def test_in_a_pod_the_service_account_is_used_and_its_tokens_newline_is_not(tmp_path: Path) -> None:
    target = await find_target(environ=IN_POD, account=account(tmp_path))
    assert target.server == "https://10.0.0.1:443"
    assert target.namespace == "okra-system"
    assert target.trust.ca == str(tmp_path / "ca.crt")
    assert await target.credentials.current() == Identity("Bearer t1")


async def test_an_ipv6_cluster_has_brackets(tmp_path: Path) -> None:
    environ = {**IN_POD, "KUBERNETES_SERVICE_HOST": "fd00::1"}
    assert (await find_target(environ=environ, account=account(tmp_path))).server == "https://[fd00::1]:443"


async def test_a_refused_service_account_token_is_read_again(tmp_path: Path) -> None:
    credentials = (await find_target(environ=IN_POD, account=account(tmp_path))).credentials
    first = await credentials.current()
    account(tmp_path, "t2\n")
    assert await credentials.current() == first, "it is young"
    credentials._last_try -= 60
    assert await credentials.renewed(first) == Identity("Bearer t2")


async def test_a_token_file_is_read_again_after_a_minute_and_the_old_one_serves_while_it_is_missing() -> None:
    time, tokens = Time(), ["1", "", "2"]

    def load() -> Identity:
        if not (token := tokens.pop(0)):
            raise CredentialsInvalid("no token")
        return Identity(token)

    credentials = reloaded(load)
    credentials._monotonic = time
    assert await credentials.current() == Identity("1")
    time.now = 59.0
    assert await credentials.current() == Identity("1")
    time.now = 60.0
    assert await credentials.current() == Identity("1"), "the file wasn't there"
    time.now = 65.0
    assert await credentials.current() == Identity("1"), "not asked at every request"
    time.now = 71.0
    assert await credentials.current() == Identity("2")


async def test_a_source_that_never_worked_says_why() -> None:
    def load() -> Identity:
        raise CredentialsInvalid("no token")

    with pytest.raises(CredentialsInvalid, match="no token"):
        await reloaded(load).current()


async def test_credentials_that_are_refused_again_and_again_are_not_asked_for_every_time() -> None:
    time, runs = Time(), 0

    async def source() -> Issued:
        nonlocal runs
        runs += 1
        return Issued(Identity("same"))

    credentials = Credentials(source, time)
    identity = await credentials.current()
    for _ in range(30):
        time.now += 1
        assert await credentials.renewed(identity) == identity
    assert runs == 4


async def test_whoever_comes_second_gets_what_the_first_one_renewed() -> None:
    time, issued = Time(), iter(range(10))

    async def source() -> Issued:
        await asyncio.sleep(0)
        return Issued(Identity(str(next(issued))))

    credentials = Credentials(source, time)
    first = await credentials.current()
    time.now = 60.0
    both = await asyncio.gather(credentials.renewed(first), credentials.renewed(first))
    assert [*both] == [Identity("1"), Identity("1")]


async def test_a_kubeconfigs_token_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t1\n")
    path = kubeconfig(tmp_path / "config", {"tokenFile": "token"})
    target = await find_target(str(path))
    assert target.server == "https://127.0.0.1:6443"
    assert target.namespace == "team"
    assert str(path) in target.origin
    first = await target.credentials.current()
    assert first == Identity("Bearer t1")
    (tmp_path / "token").write_text("t2\n")
    target.credentials._last_try -= 60
    assert await target.credentials.renewed(first) == Identity("Bearer t2")


async def test_the_order_is_named_then_kubeconfig_then_pod_then_home(tmp_path: Path) -> None:
    pod = account(tmp_path / "account")
    home = tmp_path / ".kube"
    home.mkdir()
    kubeconfig(home / "config", {"token": "t"}, name="home")
    named = str(kubeconfig(tmp_path / "named", {"token": "t"}, name="named"))
    variable = str(kubeconfig(tmp_path / "variable", {"token": "t"}, name="variable"))
    environ = {**IN_POD, "HOME": str(tmp_path)}
    assert "named" in (await find_target(named, environ={**environ, "KUBECONFIG": variable}, account=pod)).origin
    assert "variable" in (await find_target(environ={**environ, "KUBECONFIG": variable}, account=pod)).origin
    assert "pod" in (await find_target(environ=environ, account=pod)).origin
    assert "home" in (await find_target(environ={"HOME": str(tmp_path)}, account=pod)).origin


async def test_a_context_that_is_switched_later_changes_nothing(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", {"token": "mine"})
    target = await find_target(str(path))
    content = yaml.safe_load(path.read_text())
    content["current-context"] = "other"
    content["contexts"].append({"name": "other", "context": {"cluster": "c", "user": "v"}})
    content["users"].append({"name": "v", "user": {"token": "theirs"}})
    path.write_text(yaml.safe_dump(content))
    assert await target.credentials.current() == Identity("Bearer mine")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "can't be used"),
        ("[1, 2]", "can't be used"),
        ("a: [", "can't be used"),
        ("current-context: x", "can't be used"),
        ("contexts: [{name: x, context: {cluster: y}}]\ncurrent-context: x\nclusters: []\nusers: []", "name y"),
    ],
)
async def test_a_kubeconfig_that_makes_no_sense_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(CredentialsInvalid, match=said) as raised:
        await find_target(str(path))
    assert str(path) in str(raised.value)


async def test_a_proxy_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    path = str(kubeconfig(tmp_path / "http", {"token": "t"}, **{"proxy-url": "http://proxy:3128"}))
    assert (await find_target(path)).proxy == "http://proxy:3128"
    path = str(kubeconfig(tmp_path / "socks", {"token": "t"}, **{"proxy-url": "socks5://proxy:1080"}))
    with pytest.raises(CredentialsInvalid, match="proxy-url"):
        await find_target(path)


@pytest.mark.parametrize("missing", ["ca.crt", "content"])
async def test_a_service_account_that_is_not_whole_is_named(tmp_path: Path, missing: str) -> None:
    account(tmp_path, token="" if missing == "content" else "t")
    if missing == "ca.crt":
        (tmp_path / missing).unlink()
    with pytest.raises(CredentialsInvalid, match=str(tmp_path)):
        await find_target(environ=IN_POD, account=tmp_path)


async def test_a_source_that_takes_too_long_is_given_up() -> None:
    go_on = threading.Event()

    def load() -> Identity:
        go_on.wait(30)
        return Identity("late")

    try:
        with pytest.raises(CredentialsInvalid, match=r"within 0\.05 s"):
            await reloaded(load, deadline=0.05).current()
    finally:
        go_on.set()


async def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", {"token": "s3cret"})
    with pytest.raises(CredentialsInvalid) as raised:
        await find_target(str(path), "elsewhere")
    assert str(raised.value) == f"There is no context elsewhere in {path}; there are: here"


async def test_no_kubeconfig_at_all_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(CredentialsInvalid, match="KUBECONFIG"):
        await find_target(environ={"HOME": str(tmp_path)}, account=tmp_path)


async def test_a_kubeconfig_that_is_not_there_is_said_with_who_named_it() -> None:
    with pytest.raises(CredentialsInvalid, match=r"^There is no kubeconfig at /nope: correct --kubeconfig$"):
        await find_target("/nope", environ={"KUBECONFIG": "/other"})
    with pytest.raises(CredentialsInvalid, match=r"^There is no kubeconfig at /nope: KUBECONFIG names it"):
        await find_target(environ={"KUBECONFIG": "/nope"})


async def test_an_error_about_an_entry_does_not_show_its_token(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", {"token": "s3cret"})
    content = yaml.safe_load(path.read_text())
    content["users"][0]["user"]["auth-provider"] = {"name": "oidc", "config": {"refresh-token": "s3cret"}}
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(CredentialsInvalid) as raised:
        await (await find_target(str(path))).credentials.current()
    assert "s3cret" not in str(raised.value)
    assert raised.value.__suppress_context__


async def test_a_plugin_gives_a_token_and_gets_its_environment(tmp_path: Path) -> None:
    answer = credential(token="t-$CLUSTER").replace("$CLUSTER", "'$CLUSTER'")
    script = (
        f"""test "$KUBERNETES_EXEC_INFO" || exit 1; echo "$KUBERNETES_EXEC_INFO" > {tmp_path}/told; echo '{answer}'"""
    )
    plugin(tmp_path, script)
    user = {
        "exec": {
            "apiVersion": VERSION,
            "command": "./plugin.sh",
            "args": ["get-token"],
            "env": [{"name": "CLUSTER", "value": "blue"}],
            "provideClusterInfo": True,
        }
    }
    target = await find_target(str(kubeconfig(tmp_path / "config", user)))
    assert await target.credentials.current() == Identity("Bearer t-blue")
    told = json.loads((tmp_path / "told").read_text())
    assert told["spec"] == {"interactive": False, "cluster": {"server": "https://127.0.0.1:6443"}}


@pytest.mark.parametrize(("life", "good_for"), [(3600.0, 3540.0), (40.0, 20.0), (-5.0, 0.0)])
async def test_a_plugins_credential_is_renewed_before_it_expires(tmp_path: Path, life: float, good_for: float) -> None:
    now = 1_700_000_000.0
    expires = datetime.fromtimestamp(now + life, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    path = plugin(tmp_path, f"echo '{credential(token='t', expirationTimestamp=expires)}'")
    issued = await ExecPlugin(str(path), now=lambda: now)()
    assert issued.good_for == good_for


async def test_a_plugins_expiry_that_makes_no_sense_is_none(tmp_path: Path) -> None:
    path = plugin(tmp_path, f"echo '{credential(token='t', expirationTimestamp='soon')}'")
    assert (await ExecPlugin(str(path))()).good_for is None


async def test_a_plugin_may_give_a_certificate(tmp_path: Path) -> None:
    path = plugin(tmp_path, f"echo '{credential(clientCertificateData='CERT', clientKeyData='KEY')}'")
    issued = await ExecPlugin(str(path))()
    assert issued.good_for is None
    assert issued.identity.certificate is not None
    assert issued.identity.certificate.inline
    assert "KEY" not in repr(issued)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo no session, log in first >&2; exit 3", "exit code 3: no session, log in first"),
        ("echo hello", "no JSON"),
        ("echo '[]'", "no ExecCredential"),
        ("""echo '{"apiVersion": "v0", "status": {"token": "x"}}'""", "no ExecCredential"),
        (f"echo '{credential()}'", "neither a token"),
        ("head -c 1000000 /dev/zero >&2; exit 1", "exit code 1"),
    ],
)
async def test_a_plugin_that_gives_nothing_says_why(tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(CredentialsInvalid, match=said):
        await ExecPlugin(str(plugin(tmp_path, script)))()


async def test_a_plugin_that_is_not_installed_is_explained() -> None:
    with pytest.raises(CredentialsInvalid, match="get it at example"):
        await ExecPlugin("no-such-plugin-here", install_hint="get it at example.com")()


async def test_a_plugin_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    path = plugin(tmp_path, f"sleep 600 & echo $! > {tmp_path}/child; wait")
    with pytest.raises(CredentialsInvalid, match="didn't answer"):
        await ExecPlugin(str(path), deadline=1.0)()
    child = Path("/proc", (tmp_path / "child").read_text().strip())
    deadline = asyncio.get_running_loop().time() + 10
    while "sleep" in _command(child):
        assert asyncio.get_running_loop().time() < deadline


@pytest.mark.parametrize(
    "spec",
    [{"apiVersion": VERSION}, {"command": "x"}, {"command": "x", "apiVersion": VERSION, "interactiveMode": "Always"}],
)
def test_a_plugin_that_can_not_be_run_here_is_refused_at_once(spec: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(CredentialsInvalid):
        ExecPlugin.of(spec, {}, tmp_path)


def _command(process: Path) -> str:
    """Empty for one that is gone, or a zombie."""
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""
