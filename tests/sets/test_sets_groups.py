"""What a TargetGroupSet decides about each cluster's target group: by what the tags in AWS say, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okra.api.target_group_set import TargetGroupTemplate
from okra.ports import Account
from okra.ports_clusters import FoundCluster, TargetGroupBinding
from okra.ports_groups import ExistingGroup, GroupSettings, HealthSettings
from okra.rollout.observation import Problem
from okra.sets import bound_groups
from okra.sets.census import Fleets, Located, Source, problems
from okra.sets.group_settings import (
    ATTRIBUTES,
    CLUSTER,
    EKS_CLUSTER,
    OWNER,
    Change,
    Wanted,
    changes,
    digest,
    immutable,
    tags_for,
    wanted_from,
)
from okra.sets.groups import Decision, Groups, decide, leave
from okra.sets.names import group_name
from okra.sets.removal import Phase, Rules
from okra.sets.report import summary
from tests.sets.worlds import DENIED, DOWN, EUROPE, HERE, OTHER, cluster, source

ME = "okra/default/web"
SETTINGS = GroupSettings("HTTP", 8080, "ip", "", HealthSettings(path="/healthz"))
THERE = GroupSettings("HTTP", 8080, "ip", "vpc-1", HealthSettings("HTTP", None, "/healthz", 30, 5, 5, 2, "200"))
WANTED = Wanted("web", {"role": "web"}, ("version",), SETTINGS)
RULES = Rules(600.0, 1)


def group(of: FoundCluster, *balancers: str, tags: Mapping[str, str] | None = None) -> ExistingGroup:
    name = group_name(ME, "web", of.name, of.arn)
    return ExistingGroup(f"arn:{name}", name, {**tags_for(ME, WANTED, of), **(tags or {})}, THERE, balancers)


def decided(
    fleets: Fleets,
    groups: Groups,
    *,
    wanted: Wanted = WANTED,
    sources: Sequence[Source] = (source(),),
    missing: Mapping[str, float] | None = None,
    rules: Rules = RULES,
    delete: bool = True,
    most: int = 99,
    vpcs: Mapping[str, str] | None = None,
) -> Decision:
    seen = {account: 30.0 for account, each in fleets.items() if not isinstance(each, Problem)}
    return decide(
        ME, wanted, sources, fleets, groups, missing or {}, seen, rules, delete=delete, most=most, vpcs=vpcs or {}
    )


def test_a_cluster_without_a_group_gets_one_with_its_tags() -> None:
    blue = cluster("blue", version="v1", tier="gold")
    (made,) = decided({HERE: [blue]}, {HERE: []}).make
    assert made.tags == {
        "role": "web",
        "version": "v1",
        CLUSTER: "blue",
        OWNER: ME,
        EKS_CLUSTER: blue.arn,
    }
    assert made.name == group_name(ME, "web", "blue", blue.arn)


def test_what_the_set_says_goes_before_a_tag_of_the_cluster() -> None:
    wanted = Wanted("web", {"role": "web", "version": "pinned"}, ("version",), SETTINGS)
    assert tags_for(ME, wanted, cluster("blue", version="v1"))["version"] == "pinned"


def test_one_that_is_as_it_should_be_is_left_alone() -> None:
    blue = cluster("blue", version="v1")
    found = decided({HERE: [blue]}, {HERE: [group(blue)]})
    assert (found.make, found.mend, found.remove) == ((), (), ())
    assert [(each.name, each.phase) for each in found.entries.values()] == [(group(blue).arn, Phase.PRESENT)]


def test_its_own_is_known_by_its_tags_whatever_it_is_called() -> None:
    blue = cluster("blue")
    renamed = ExistingGroup("arn:any", "any", tags_for(ME, WANTED, blue), THERE)
    assert decided({HERE: [blue]}, {HERE: [renamed]}).make == ()


@pytest.mark.parametrize("owner", ["other/default/web", "okra/team/web", "okra/default/api", ""])
def test_whoever_elses_is_none_of_its_business(owner: str) -> None:
    blue = cluster("blue")
    other = group(blue, tags={OWNER: owner})
    found = decided({HERE: [blue]}, {HERE: [other]}, rules=Rules(0.0, 9))
    assert (found.make, found.mend, found.remove) == ((), (), ())
    assert [(each.phase, each.reason) for each in found.entries.values()] == [(Phase.REFUSED, "NameTaken")]
    assert decided({HERE: []}, {HERE: [other]}, missing={blue.arn: 1e9}, rules=Rules(0.0, 9)).remove == ()
    assert leave(ME, {HERE: [other]}, Rules(0.0, 9)).remove == ()


def test_an_account_of_two_names_shows_a_group_twice_and_it_is_one() -> None:
    blue = cluster("blue")
    both: Fleets = {HERE: [blue], OTHER: [blue]}
    found = decided(both, {HERE: [group(blue)], OTHER: [group(blue)]}, sources=(source(), source(OTHER)))
    assert (found.make, found.mend, len(found.entries)) == ((), (), 1)


def test_where_groups_cannot_be_listed_none_is_made() -> None:
    found = decided({HERE: [cluster("blue")]}, {HERE: DOWN})
    assert found.make == ()
    assert [each.phase for each in found.entries.values()] == [Phase.UNKNOWN]
    said = summary(list(found.entries.values()), problems({HERE: []}, {HERE: DOWN}), RULES, 0, 9)
    assert (said.ready, said.unknown, said.reason) == (False, True, "Unavailable")


def test_a_set_has_room_for_so_many() -> None:
    found = decided({HERE: [cluster(f"web-{number}") for number in range(4)]}, {HERE: []}, most=3)
    assert (len(found.make), len(found.entries), found.beyond) == (3, 3, 1)


# What differs

DIFFERENCES: list[tuple[dict[str, Any], str]] = [
    ({"protocol": "HTTPS"}, "protocol is HTTP and should be HTTPS"),
    ({"port": 9090}, "port is 8080 and should be 9090"),
    ({"target_type": "instance"}, "targetType is ip and should be instance"),
    ({"vpc_id": "vpc-2"}, "vpcID is vpc-1 and should be vpc-2"),
]


@pytest.mark.parametrize(("fields", "says"), DIFFERENCES)
def test_what_aws_does_not_change_is_said_and_all_else_is_mended(fields: dict[str, Any], says: str) -> None:
    blue = cluster("blue")
    wanted = replace(WANTED, settings=replace(SETTINGS, **fields), labels={"role": "new"})
    found = decided({HERE: [blue]}, {HERE: [group(blue)]}, wanted=wanted)
    (entry,) = found.entries.values()
    assert (entry.phase, entry.reason, says in entry.message) == (Phase.REFUSED, "Immutable", True)
    assert [each.change for each in found.mend] == [Change(tags={"role": "new"})]


def test_a_group_in_another_vpc_than_its_cluster_is_said_unless_the_set_names_the_vpc() -> None:
    blue = cluster("blue")
    for vpc, wanted, phase in (
        ("vpc-2", WANTED, Phase.REFUSED),
        ("vpc-1", WANTED, Phase.PRESENT),
        ("vpc-2", replace(WANTED, settings=replace(SETTINGS, vpc_id="vpc-1")), Phase.PRESENT),
    ):
        found = decided({HERE: [blue]}, {HERE: [group(blue)]}, wanted=wanted, vpcs={blue.arn: vpc})
        assert found.entries[blue.arn].phase is phase


HEALTH = [
    HealthSettings(protocol="HTTPS"),
    HealthSettings(port=8081),
    HealthSettings(path="/"),
    HealthSettings(interval=10),
    HealthSettings(timeout=4),
    HealthSettings(healthy_threshold=3),
    HealthSettings(unhealthy_threshold=3),
    HealthSettings(matcher="204"),
]


@pytest.mark.parametrize("health", HEALTH, ids=str)
def test_only_what_differs_of_health_checks_is_changed(health: HealthSettings) -> None:
    settings = GroupSettings("HTTP", 8080, "ip", "", health)
    assert changes(Wanted("web", settings=settings), group(cluster("blue")), {}) == Change(health=health)


def test_what_the_set_does_not_say_of_health_checks_stays() -> None:
    wanted = Wanted("web", settings=GroupSettings("HTTP", 8080, "ip", ""))
    assert not changes(wanted, group(cluster("blue")), {})


def test_attributes_are_set_when_their_hash_differs() -> None:
    wanted = replace(WANTED, attributes={"stickiness.enabled": "true"})
    blue = group(cluster("blue"))
    assert changes(wanted, blue, {}) == Change(attributes={"stickiness.enabled": "true"})
    done = group(cluster("blue"), tags={ATTRIBUTES: digest(wanted.attributes)})
    assert not changes(wanted, done, {})
    assert not changes(WANTED, done, {}), "without any nothing is taken back"


def test_a_change_is_told_in_words() -> None:
    change = Change({"role": "web", "a": "b"}, HealthSettings(path="/"), {"stickiness.enabled": "true"})
    assert str(change) == "tags a, role; health checks; attributes stickiness.enabled"
    assert str(Change(tags={"a": "b"})) == "tags a"


def test_a_tag_that_somebody_else_put_there_stays() -> None:
    blue = cluster("blue", version="v1")
    assert not changes(WANTED, group(blue, tags={"theirs": "x"}), tags_for(ME, WANTED, blue))
    assert changes(WANTED, group(blue, tags={"role": "x"}), tags_for(ME, WANTED, blue)).tags == {"role": "web"}


def test_a_template_is_read_as_it_is_written() -> None:
    spec = {
        "metadata": {"labels": {"role": "web"}},
        "spec": {
            "protocol": "TCP",
            "port": 443,
            "targetType": "instance",
            "vpcID": "vpc-0a",
            "healthCheck": {"protocol": "HTTP", "port": 81, "path": "/", "interval": "10s", "timeout": "5s"},
            "attributes": {"preserve_client_ip.enabled": "true"},
        },
    }
    assert wanted_from("web", TargetGroupTemplate.model_validate(spec)) == Wanted(
        "web",
        {"role": "web"},
        ("okra.mumoshu.github.io/version",),
        GroupSettings("TCP", 443, "instance", "vpc-0a", HealthSettings("HTTP", 81, "/", 10, 5)),
        {"preserve_client_ip.enabled": "true"},
    )
    assert wanted_from("web", TargetGroupTemplate()).settings is None
    assert immutable(Wanted("web"), group(cluster("blue"))) == ""


# What isn't found any more


def test_by_default_what_was_made_for_a_cluster_that_is_gone_stays_and_is_named() -> None:
    blue = cluster("blue")
    found = decided({HERE: []}, {HERE: [group(blue)]}, missing={blue.arn: 1e9}, delete=False)
    assert found.remove == ()
    assert [each.phase for each in found.entries.values()] == [Phase.RETAINED]
    assert summary(list(found.entries.values()), (), RULES, 0, 9).ready


def test_one_that_a_load_balancer_uses_takes_nobodys_turn_and_is_not_deleted() -> None:
    blue, green = cluster("blue"), cluster("green")
    groups = {HERE: [group(blue, "arn:lb"), group(green)]}
    found = decided({HERE: []}, groups, missing={blue.arn: 900.0, green.arn: 600.0})
    assert [each.cluster_arn for each in found.remove] == [green.arn]
    assert "arn:lb" in found.entries[blue.arn].message


@pytest.mark.parametrize("problem", [DOWN, DENIED])
def test_where_clusters_cannot_be_listed_nothing_is_deleted(problem: Problem) -> None:
    blue = cluster("blue")
    found = decided({HERE: problem}, {HERE: [group(blue)]}, missing={blue.arn: 1e9}, rules=Rules(0.0, 9))
    assert (found.remove, found.entries[blue.arn].phase) == ((), Phase.UNKNOWN)


def test_a_set_that_leaves_deletes_what_is_unused_so_many_at_a_time() -> None:
    names = ("blue", "gold", "green")
    groups = {HERE: [group(cluster(name), *(("arn:lb",) if name == "gold" else ())) for name in names]}
    found = leave(ME, groups, Rules(0.0, 1))
    assert [each.cluster_arn for each in found.remove] == [cluster("blue").arn]
    assert [each.cluster_arn for each in leave(ME, groups, Rules(0.0, 9)).remove] == [
        cluster(name).arn for name in ("blue", "green")
    ]
    assert leave(ME, groups, Rules(0.0, 9, "Every Cell is paused.")).remove == ()


# What is found by bindings


def bound(
    there: Sequence[TargetGroupBinding] | Problem, groups: Sequence[ExistingGroup] | Problem, wanted: Wanted = WANTED
) -> Decision:
    blue = cluster("blue")
    located = {blue.arn: Located(blue, HERE)}
    return bound_groups.decide(wanted, located, {blue.arn: there}, {HERE: groups}, most=9)


def binding(arn: str) -> TargetGroupBinding:
    return TargetGroupBinding("apps", "web", arn)


THEIRS = ExistingGroup("arn:theirs", "theirs", {"theirs": "x"}, THERE)
ONLY_TAGS = Wanted("web", {"role": "web"})
BOUND: list[tuple[Any, Any, Phase, str]] = [
    ([], [], Phase.WAITING, "BindingNotFound"),
    ([binding("")], [], Phase.WAITING, "BindingNotFound"),
    ([binding("arn:a"), binding("arn:b")], [], Phase.REFUSED, "SeveralBindings"),
    ([binding("arn:theirs")], [], Phase.REFUSED, "TargetGroupNotFound"),
    ([binding("arn:theirs")], DOWN, Phase.UNKNOWN, ""),
    ([binding(group(cluster("blue")).arn)], [group(cluster("blue"))], Phase.REFUSED, "NotShared"),
    (DOWN, [THEIRS], Phase.WAITING, "Unavailable"),
    (DENIED, [THEIRS], Phase.REFUSED, "AccessDenied"),
    ([binding("arn:theirs"), binding("arn:theirs")], [THEIRS], Phase.PRESENT, ""),
]


@pytest.mark.parametrize(("there", "groups", "phase", "reason"), BOUND)
def test_what_a_binding_leads_to(there: Any, groups: Any, phase: Phase, reason: str) -> None:
    found = bound(there, groups, ONLY_TAGS)
    (entry,) = found.entries.values()
    assert (entry.phase, entry.reason) == (phase, reason)
    assert (found.make, found.remove) == ((), ())
    if phase is Phase.PRESENT:
        assert [each.change for each in found.mend] == [Change(tags={CLUSTER: "blue", "role": "web"})]
    else:
        assert found.mend == ()


@pytest.mark.parametrize("first", ["v1", "v2", ""])
@pytest.mark.parametrize("silent", [None, DOWN, DENIED])
def test_a_group_that_several_clusters_name_is_tagged_for_none(first: str, silent: Problem | None) -> None:
    """Also when the one that it is tagged for can't be asked for now."""
    blue, evil = cluster("blue", version="v1"), cluster("evil", version="v2")
    theirs = replace(THEIRS, tags={CLUSTER: "blue", "version": first})
    located = {each.arn: Located(each, HERE) for each in (blue, evil)}
    bindings = {blue.arn: silent or [binding(THEIRS.arn)], evil.arn: [binding(THEIRS.arn)]}
    found = bound_groups.decide(WANTED, located, bindings, {HERE: [theirs]}, most=9)
    assert found.mend == ()
    assert (found.entries[evil.arn].phase, found.entries[evil.arn].reason) == (Phase.REFUSED, "TargetGroupShared")
    moved = {blue.arn: [], evil.arn: [binding(THEIRS.arn)]}
    found = bound_groups.decide(WANTED, located, moved, {HERE: [theirs]}, most=9)
    assert [each.change.tags[CLUSTER] for each in found.mend] == ["evil"], "it was left to this one"


def test_messages_say_what_is_waited_for_and_how_many_more() -> None:
    waiting = list(bound([], [], ONLY_TAGS).entries.values())
    assert summary(waiting, (), RULES, 0, 9).reason == "BindingNotFound"
    assert "And 2 more." in summary(waiting * 12, (), RULES, 0, 99).message


# Whatever happens

NAMES = ("blue", "green", "gold")


def listed(account: Account) -> st.SearchStrategy[Any]:
    some = st.sets(st.sampled_from(NAMES)).map(lambda names: [cluster(each, account) for each in sorted(names)])
    return st.one_of(st.sampled_from([DOWN, DENIED]), some)


looks_ = st.fixed_dictionaries({account: listed(account) for account in (HERE, EUROPE)})
blind = st.sets(st.sampled_from([HERE, EUROPE]))


@given(st.lists(st.tuples(looks_, blind, st.sets(st.sampled_from(NAMES))), max_size=30), st.integers(0, 2))
def test_no_history_makes_two_for_a_cluster_or_deletes_what_is_used_or_not_missed_long_enough(
    looks: list[tuple[Fleets, set[Account], set[str]]], most: int
) -> None:
    """AWS is simulated beside it, and keeps its own record of who was absent from how many listings in a row."""
    rules, sources = Rules(60.0, most), (source(), source(EUROPE))
    aws: dict[Account, dict[str, ExistingGroup]] = {HERE: {}, EUROPE: {}}
    missing: dict[str, float] = {}
    absent: dict[str, int] = {}
    for fleets, unlisted, used in looks:
        at = {
            account: {
                arn: ExistingGroup(each.arn, each.name, each.tags, each.settings, ("arn:lb",) if n in used else ())
                for arn, each in groups.items()
                for n in [each.tags[CLUSTER]]
            }
            for account, groups in aws.items()
        }
        groups: Groups = {a: DOWN if a in unlisted else list(at[a].values()) for a in aws}
        seen = {account: 30.0 for account, each in fleets.items() if not isinstance(each, Problem)}
        found = decide(ME, WANTED, sources, fleets, groups, missing, seen, rules, delete=True, most=99, vpcs={})
        for account, fleet in fleets.items():
            if not isinstance(fleet, Problem):
                arns = {each.arn for each in fleet}
                absent |= {arn: 0 if arn in arns else absent.get(arn, 0) + 1 for arn in aws[account]}
        assert len(found.remove) <= most
        for made in found.make:
            assert made.located.account not in unlisted
            assert made.cluster_arn not in aws[made.located.account]
            aws[made.located.account][made.cluster_arn] = ExistingGroup(f"arn:{made.name}", made.name, made.tags, THERE)
        for gone in found.remove:
            assert not at[gone.account][gone.cluster_arn].load_balancer_arns
            assert not isinstance(fleets[gone.account], Problem)
            assert (absent[gone.cluster_arn] - 1) * 30.0 >= rules.grace
            del aws[gone.account][gone.cluster_arn]
        missing = {arn: each.missing for arn, each in found.entries.items() if each.missing is not None}
        names = [each.name for each in itertools.chain.from_iterable(each.values() for each in aws.values())]
        assert len(names) == len(set(names))
