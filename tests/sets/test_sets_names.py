"""Names are the cluster's alone, fit where they go, and never mean two things."""

from __future__ import annotations

import re

from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from okra.api.fields import ObjectName
from okra.sets.names import LONGEST_GROUP, LONGEST_OBJECT, child_name, group_name

OBJECT: TypeAdapter[str] = TypeAdapter(ObjectName)
AWS_NAME = re.compile(r"(?!.*--)(?!-)(?!internal-)[A-Za-z0-9-]{1,32}(?<!-)")
set_names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
clusters = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", fullmatch=True)
places = st.sampled_from(["us-east-1:111111111111", "eu-west-1:111111111111", "us-east-1:222222222222"])


def arn(place: str, cluster: str) -> str:
    return f"arn:aws:eks:{place}:cluster/{cluster}"


def test_a_cluster_beside_okra_is_called_after_the_set_and_itself() -> None:
    assert child_name("prod", "web-1", arn("us-east-1:1", "web-1"), home=True) == "prod-web-1"


def test_one_elsewhere_has_a_hash_of_its_own() -> None:
    here, there = (arn(place, "web-1") for place in ("us-east-1:1", "eu-west-1:1"))
    names = {child_name("prod", "web-1", each, home=False) for each in (here, there)}
    assert len(names) == 2
    assert all(re.fullmatch(r"prod-web-1-[0-9a-f]{8}", each) for each in names)


@given(set_names, clusters, places, st.booleans())
def test_a_childs_name_is_one_in_kubernetes_and_short_enough_for_a_label(
    set_name: str, cluster: str, place: str, home: bool
) -> None:
    name = child_name(set_name, cluster, arn(place, cluster), home=home)
    assert OBJECT.validate_python(name) == name
    assert len(name) <= LONGEST_OBJECT


@given(set_names, clusters, clusters, places, places)
def test_no_two_clusters_of_a_set_have_one_name(set_name: str, one: str, other: str, here: str, there: str) -> None:
    """`here` is where Okra is: what is found there may be found by its region's name as well."""
    assume((here, one) != (there, other))
    first = child_name(set_name, one, arn(here, one), home=True)
    assert first != child_name(set_name, other, arn(there, other), home=here == there)


@given(set_names, clusters, places)
def test_a_groups_name_is_one_in_aws(set_name: str, cluster: str, place: str) -> None:
    name = group_name(f"okra/default/{set_name}", set_name, cluster, arn(place, cluster))
    assert AWS_NAME.fullmatch(name), name
    assert len(name) <= LONGEST_GROUP


@given(set_names, clusters, places)
def test_a_groups_name_tells_installations_sets_and_clusters_apart(set_name: str, cluster: str, place: str) -> None:
    owners = (f"okra/default/{set_name}", f"other/default/{set_name}", f"okra/team/{set_name}", "okra/default/x-y")
    there = (arn(place, cluster), arn("ap-south-1:333333333333", cluster), arn(place, cluster + "x"))
    names = {group_name(owner, set_name, cluster, each) for owner in owners for each in there}
    assert len(names) == len(owners) * len(there)


def test_a_groups_name_shows_whose_it_is() -> None:
    name = group_name("okra/default/storefront-web", "storefront-web", "prod_blue_7", arn("us-east-1:1", "prod_blue_7"))
    assert re.fullmatch(r"storefront-web-prod-blu-[0-9a-f]{8}", name)


def test_names_stay_what_they_are() -> None:
    """What exists is found by these: a change of the rule would make everything anew."""
    here = arn("us-east-1:111111111111", "web-1")
    assert child_name("prod", "web-1", here, home=False) == "prod-web-1-4aa707cc"
    assert group_name("okra/default/web", "web", "web-1", here) == "web-web-1-3fc56557"
