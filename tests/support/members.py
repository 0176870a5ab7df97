"""Two EKS clusters that let Okra in as docs/install.md says: import into a conftest

    from tests.support.members import member_planes, members

beside `aws_server`, `control_plane_binaries` and `control_plane_may_block`. Tell the double of EKS where they are:
`eks_world.create(each.name, endpoint=each.endpoint, ca_data=each.ca_data)`.

A file's tests share the control planes, which take three seconds each: a test names the namespaces that it makes after
itself, and thaws what it froze.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from blockbuster import BlockBuster

from okra.testing.controlplane.members import Member
from okra.testing.controlplane.members import members as started
from okra.testing.moto_server import MotoServer
from tests.app.documents import ROOT, commands

ANYBODY = "arn:aws:iam::123456789012:root"
"""Whom the double takes Okra for where no role is named."""

Members = tuple[Member, Member]


@pytest.fixture(scope="session")
def members_may_block(detector: BlockBuster) -> None:
    """Tests look at members as they do at the control plane."""
    for function in detector.functions.values():
        function.can_block_in("okra/testing/controlplane/members.py", set(dir(Member)))


@pytest.fixture(scope="module")
def member_planes(
    control_plane_binaries: Mapping[str, Path],
    control_plane_may_block: None,
    aws_server: MotoServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Members]:
    """`web-1` and `web-2`, with TargetGroupBindings and the role for them."""
    folder = tmp_path_factory.mktemp("members")
    with started(folder, control_plane_binaries, aws_server.url, "web-1", "web-2") as (one, two):
        for each in (one, two):
            each.install_bindings()
            for words in documented("kubectl"):
                each.plane.kubectl(*words[1:])
        yield one, two


@pytest.fixture
def members(member_planes: Members, members_may_block: None) -> Members:
    """With the access entry of the docs, and one for whom the double takes Okra for without a role. No others."""
    (words,) = [each for each in documented("aws") if "--kubernetes-groups" in each]  # the others are Argo CD's
    options = dict(zip(words[3::2], words[4::2], strict=True))
    group = options["--kubernetes-groups"]
    for each in member_planes:
        each.entries.clear()
        each.admit(options["--principal-arn"], group)
        each.admit(ANYBODY, group)
    return member_planes


def documented(program: str) -> list[list[str]]:
    """The commands that the docs tell people to run for each member."""
    section = (ROOT / "docs" / "install.md").read_text().split("\n## Member clusters\n")[1].split("\n## ")[0]
    return commands(section, program)
