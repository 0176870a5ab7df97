"""Whose the cluster secret of a server is."""

from collections.abc import Sequence

from okra.argocd.ownership import Free, Mine, Ownership, Shared, Taken, ownership
from okra.argocd.secrets import ClusterSecret, read_secret
from tests.argocd.objects import foreign, owner, secret, server

ME = owner("sys-a")


def judge(*secrets: ClusterSecret, named: ClusterSecret | None = None, at: str = server("sys-a")) -> Ownership:
    return ownership(ME, at, secrets, named)


def taken(found: Ownership) -> str:
    assert isinstance(found, Taken), found
    return found.reason


def every_order(*secrets: ClusterSecret) -> Sequence[tuple[ClusterSecret, ...]]:
    return [secrets, secrets[::-1]]


def test_a_server_that_nobody_knows_is_free() -> None:
    assert judge() == Free()
    assert judge(secret("other")) == Free()


def test_a_secret_of_ones_own_stays_ones_own() -> None:
    assert judge(secret("sys-a")) == Mine(secret("sys-a"))


def test_an_object_that_was_made_again_goes_on_with_its_secret() -> None:
    left = secret("sys-a", whose=owner("sys-a", uid="of-before"))
    assert judge(left) == Mine(left)


def test_ones_own_is_followed_to_another_server() -> None:
    assert judge(secret("sys-a"), at="https://new.example") == Mine(secret("sys-a"))


def test_one_that_argo_cd_doesnt_see_is_ones_own_all_the_same() -> None:
    hidden = secret("sys-a", metadata={"labels": {"argocd.argoproj.io/secret-type": None}})
    assert judge(named=hidden) == Mine(hidden)


def test_a_name_that_another_secret_has_is_taken() -> None:
    assert taken(judge(named=read_secret(foreign("sys-a", at="https://x.example")))) == "NameTaken"


def test_the_name_of_another_namespaces_cluster_is_taken() -> None:
    other = secret("sys-a", whose=owner("sys-a", namespace="team-b"), data={"server": "aHR0cHM6Ly94LmV4YW1wbGU="})
    assert taken(judge(other, named=other)) == "NameTaken"


def test_the_server_of_a_secret_that_isnt_okras_is_taken() -> None:
    assert taken(judge(read_secret(foreign("prod", at=server("sys-a"))))) == "ServerTaken"
    assert taken(judge(read_secret(foreign("prod", at=server("sys-a") + "/")))) == "ServerTaken"


def test_a_second_secret_of_the_same_server_is_reported() -> None:
    for secrets in every_order(secret("sys-a"), read_secret(foreign("prod", at=server("sys-a")))):
        assert taken(judge(*secrets)) == "DuplicateServer"


def test_a_server_that_another_cluster_of_okras_writes_is_shared() -> None:
    first = secret("sys-b", data={"server": "aHR0cHM6Ly9zeXMtYS5la3MuZXhhbXBsZQ=="})
    assert first.server == server("sys-a")
    assert judge(first) == Shared(first, owner("sys-b"))
    assert judge(first, named=read_secret(foreign("sys-a", at="https://x.example"))) == Shared(first, owner("sys-b"))


def test_following_ones_own_to_a_server_that_another_writes_would_make_two() -> None:
    other = secret("sys-b")
    assert taken(judge(secret("sys-a"), other, at=server("sys-b"))) == "DuplicateServer"
