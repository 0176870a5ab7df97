"""What a ClusterSet decides: whatever the listings say, nothing is taken away by mistake, too early or too fast."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okra.ports import Account
from okra.ports_clusters import FoundCluster
from okra.rollout.observation import Problem
from okra.sets.census import LONGEST_BETWEEN, Fleets, Source, problems, watched
from okra.sets.clusters import Child, Decision, decide
from okra.sets.names import child_name
from okra.sets.removal import Phase, Rules
from okra.sets.report import summary
from tests.sets.worlds import DENIED, DOWN, EUROPE, HERE, OTHER, WEB, cluster, source

RULES = Rules(grace=600.0, most=1)


def child(name: str, account: Account = HERE, *, removing: bool = False, called: str = "") -> Child:
    return Child(called or f"prod-{name}", cluster(name, account).arn, account, removing)


def decided(
    fleets: Fleets,
    *children: Child,
    sources: Sequence[Source] = (source(),),
    missing: Mapping[str, float] | None = None,
    seconds: float = 30.0,
    rules: Rules = RULES,
    most: int = 1024,
) -> Decision:
    seen = {account: seconds for account, each in fleets.items() if not isinstance(each, Problem)}
    return decide("prod", sources, fleets, children, missing or {}, seen, rules, most=most)


def phases(decision: Decision) -> dict[str, Phase]:
    return {each.name: each.phase for each in decision.entries}


def test_each_cluster_with_the_tags_gets_a_child() -> None:
    other = FoundCluster("api-1", "arn:aws:eks:us-east-1:111111111111:cluster/api-1", {"role": "api"})
    found = decided({HERE: [cluster("web-1"), other, cluster("web-2")]})
    assert [each.name for each in found.members] == ["prod-web-1", "prod-web-2"]
    assert found.remove == ()


def test_all_generators_count_and_a_cluster_of_two_is_one() -> None:
    fleets: Fleets = {HERE: [cluster("web-1", env="prod"), cluster("web-2")], EUROPE: [cluster("web-1", EUROPE)]}
    found = decided(fleets, sources=(source(env="prod"), source(), source(EUROPE)))
    assert [each.located.cluster.arn for each in found.members] == [
        cluster("web-1").arn,
        cluster("web-1", EUROPE).arn,
        cluster("web-2").arn,
    ]
    assert len({each.name for each in found.members}) == 3


def test_a_cluster_that_two_accounts_show_stays_with_the_one_that_it_has() -> None:
    """The same cluster by Okra's own identity and by a role."""
    both = [cluster("web-1", OTHER)]
    sources = (source(), source(OTHER))
    assert decided({HERE: both, OTHER: both}, sources=sources).members[0].located.account == HERE
    has = child("web-1", OTHER, called="prod-web-1")
    for fleet in (both, DOWN):
        (member,) = decided({HERE: both, OTHER: fleet}, has, sources=sources).members
        assert (member.name, member.located.account) == ("prod-web-1", OTHER)
    (member,) = decided({HERE: both, OTHER: []}, has, sources=sources).members
    assert member.located.account == HERE, "that one doesn't find it any more"


def test_a_child_keeps_its_name_whatever_becomes_of_the_generators() -> None:
    arn, has = cluster("web-1", EUROPE).arn, child("web-1", EUROPE)
    (member,) = decided({EUROPE: [cluster("web-1", EUROPE)]}, has, sources=(source(EUROPE),)).members
    assert (member.name, member.located.cluster.arn) == ("prod-web-1", arn)


def test_a_name_that_one_of_its_own_has_for_another_cluster_is_refused() -> None:
    """Okra's own region is another than it was."""
    moved = FoundCluster("web-1", cluster("web-1", EUROPE).arn, WEB)
    found = decided({HERE: [moved]}, child("web-1"))
    assert found.members == ()
    assert [(each.name, each.arn, each.phase) for each in found.entries] == [
        ("prod-web-1", cluster("web-1").arn, Phase.MISSING),
        ("prod-web-1", moved.arn, Phase.REFUSED),
    ]


def test_a_child_whose_annotation_somebody_took_off_is_known_by_its_name() -> None:
    found = decided({HERE: [cluster("web-1")]}, Child("prod-web-1", "", HERE))
    assert [each.name for each in found.members] == ["prod-web-1"]
    assert phases(found) == {"prod-web-1": Phase.PRESENT}


def test_a_set_has_room_for_so_many_and_says_how_many_more_there_are() -> None:
    fleet = [cluster(f"web-{number}") for number in range(5)]
    found = decided({HERE: fleet}, child("web-4"), most=3)
    assert ([each.name for each in found.members], found.beyond) == (["prod-web-4", "prod-web-0", "prod-web-1"], 2)
    said = summary(found.entries, (), RULES, found.beyond, 3)
    assert (said.reason, said.stalled) == ("TooManyClusters", True)


# What isn't found any more


def test_a_cluster_that_vanishes_is_kept_until_the_grace_period_is_over() -> None:
    fleets: Fleets = {HERE: [cluster("web-1")]}
    first = decided(fleets, child("web-1"), child("web-2"))
    assert (phases(first)["prod-web-2"], first.remove) == (Phase.MISSING, ())
    almost = decided(fleets, child("web-1"), child("web-2"), missing={"prod-web-2": 569.0})
    assert (phases(almost)["prod-web-2"], almost.remove) == (Phase.MISSING, ())
    over = decided(fleets, child("web-1"), child("web-2"), missing={"prod-web-2": 570.0})
    assert (phases(over)["prod-web-2"], over.remove) == (Phase.DUE, ("prod-web-2",))


def test_the_first_look_that_misses_it_counts_no_time() -> None:
    """Nobody knows since when it has been gone."""
    found = decided({HERE: []}, child("web-1"), seconds=1e9)
    assert found.entries[0].missing == 0.0


def test_one_that_waits_for_its_turn_counts_no_further() -> None:
    """Its status would be written with each look for ever."""
    found = decided({HERE: []}, child("web-1"), missing={"prod-web-1": 615.0}, rules=Rules(600.0, 0))
    assert found.entries[0].missing == 615.0


def test_a_cluster_that_comes_back_begins_anew() -> None:
    found = decided({HERE: [cluster("web-1")]}, child("web-1"), missing={"prod-web-1": 599.0})
    assert found.entries[0].missing is None
    assert phases(found) == {"prod-web-1": Phase.PRESENT}


def test_one_that_lost_its_tag_is_missing_too() -> None:
    found = decided({HERE: [FoundCluster("web-1", cluster("web-1").arn, {"role": "api"})]}, child("web-1"))
    assert phases(found) == {"prod-web-1": Phase.MISSING}


@pytest.mark.parametrize("problem", [DOWN, DENIED])
def test_where_a_listing_fails_nothing_is_removed_and_no_time_counts(problem: Problem) -> None:
    found = decided({HERE: problem}, child("web-1"), missing={"prod-web-1": 600.0}, rules=Rules(0.0, 100))
    assert (phases(found), found.remove) == ({"prod-web-1": Phase.UNKNOWN}, ())
    assert found.entries[0].missing == 600.0


def test_one_account_that_fails_holds_up_its_own_clusters_and_no_others() -> None:
    sources = (source(), source(EUROPE))
    gone = {"prod-web-1": 600.0, "prod-web-2": 600.0}
    children = (child("web-1"), child("web-2", EUROPE))
    found = decided({HERE: [], EUROPE: DOWN}, *children, sources=sources, missing=gone, rules=Rules(600.0, 9))
    assert found.remove == ("prod-web-1",)
    assert phases(found)["prod-web-2"] == Phase.UNKNOWN


def test_after_an_edit_of_a_generators_account_every_generator_must_be_listed_first() -> None:
    """The edited one may be meant to find the same clusters by another role; and be wrong."""
    sources, has = (source(), source(OTHER)), child("web-1", EUROPE)
    gone = {has.name: 580.0}
    assert decided({HERE: [], OTHER: DENIED}, has, sources=sources, missing=gone).remove == ()
    assert decided({HERE: [], OTHER: []}, has, sources=sources, missing=gone).remove == (has.name,)


def test_an_empty_listing_takes_them_one_by_one_and_late() -> None:
    children = [child(f"web-{number}") for number in range(3)]
    gone = {each.name: 600.0 + number for number, each in enumerate(children)}
    held = decided({HERE: []}, *children)
    said = summary(held.entries, (), RULES, 0, 9)
    assert (held.remove, said.reason, said.ready) == ((), "NothingFound", False)
    assert "10 min" in said.message
    assert decided({HERE: []}, *children, missing=gone).remove == ("prod-web-2",), "the longest missing one first"
    assert len(decided({HERE: []}, *children, missing=gone, rules=Rules(600.0, 2)).remove) == 2
    assert decided({HERE: []}, *children, missing=gone, rules=Rules(600.0, 0)).remove == ()


def test_one_that_is_being_removed_takes_a_place() -> None:
    leaving = child("web-0", removing=True)
    gone = {"prod-web-1": 600.0}
    assert decided({HERE: []}, leaving, child("web-1"), missing=gone).remove == ()
    assert decided({HERE: []}, leaving, child("web-1"), missing=gone, rules=Rules(600.0, 2)).remove == ("prod-web-1",)


def test_one_that_is_being_removed_while_its_cluster_is_back_is_made_again_when_it_is_gone() -> None:
    found = decided({HERE: [cluster("web-1")]}, child("web-1", removing=True))
    assert (found.members, phases(found)) == ((), {"prod-web-1": Phase.REMOVING})
    assert [each.name for each in decided({HERE: [cluster("web-1")]}).members] == ["prod-web-1"]


def test_while_everything_is_paused_nothing_is_removed() -> None:
    rules = Rules(600.0, 9, "Every Cell is paused.")
    found = decided({HERE: []}, child("web-1"), missing={"prod-web-1": 600.0}, rules=rules)
    assert found.remove == ()
    assert "Every Cell is paused." in summary(found.entries, (), rules, 0, 9).message


# What it says


def test_names_that_are_taken_are_said_one_by_one() -> None:
    moved = [FoundCluster(name, cluster(name, EUROPE).arn, WEB) for name in ("web-1", "web-2")]
    found = decided({HERE: moved}, child("web-1"), child("web-2"))
    said = summary(found.entries, (), RULES, 0, 9)
    assert (said.reason, said.stalled, said.message.count("rename one")) == ("NameTaken", True, 2)


def test_what_a_person_must_mend_is_said_first() -> None:
    found = decided({HERE: [cluster("web-1")], EUROPE: DENIED}, sources=(source(), source(EUROPE)))
    said = summary(found.entries, problems({HERE: DOWN, EUROPE: DENIED}), RULES, 0, 9)
    assert (said.reason, said.stalled, said.ready) == ("AccessDenied", True, False)
    said = summary(found.entries, problems({HERE: DOWN}), RULES, 0, 9)
    assert (said.reason, said.stalled, said.unknown) == ("Unavailable", False, True)


def test_a_set_that_is_as_it_should_be_is_synced() -> None:
    found = decided({HERE: [cluster("web-1")]})
    assert summary(found.entries, (), RULES, 0, 9).message == "1 cluster."
    assert summary((), (), RULES, 0, 9).reason == "NoClusters"


def test_a_message_names_ten_and_says_that_there_are_more() -> None:
    found = decided({HERE: []}, *(child(f"web-{number}") for number in range(12)))
    assert summary(found.entries, (), RULES, 0, 99).message.count("prod-web-") == 10
    assert "maxRemovals is 0" in summary(found.entries, (), Rules(0.0, 0), 0, 99).message


def test_a_message_says_how_many_at_a_time_once_somebody_is_due() -> None:
    found = decided({HERE: []}, child("web-1"), child("web-2"), missing={"prod-web-1": 600.0})
    assert "at most 1 at a time" in summary(found.entries, (), RULES, 0, 9).message


# Watched time


def test_time_counts_between_two_complete_listings_only() -> None:
    assert watched({}, {HERE: []}, 100.0) == {HERE: 0.0}
    assert watched({HERE: 70.0}, {HERE: []}, 100.0) == {HERE: 30.0}
    assert watched({HERE: 70.0}, {HERE: DOWN}, 100.0) == {}
    assert watched({HERE: 0.0}, {HERE: []}, 1e6) == {HERE: LONGEST_BETWEEN}, "the process was frozen"


# Whatever happens

NAMES = ("web-1", "web-2", "web-3")
SOURCES = (source(), source(EUROPE), source(OTHER))


def fleet_of(account: Account) -> st.SearchStrategy[object]:
    listed = st.sets(st.sampled_from(NAMES)).map(lambda names: [cluster(each, account) for each in sorted(names)])
    return st.one_of(st.sampled_from([DOWN, DENIED]), listed)


fleets_ = st.fixed_dictionaries({account: fleet_of(account) for account in (HERE, EUROPE, OTHER)})


@given(st.lists(st.tuples(fleets_, st.booleans()), max_size=40), st.integers(0, 3), st.sampled_from([0.0, 45.0, 90.0]))
def test_no_history_of_listings_removes_what_was_not_missed_long_enough_or_too_many_at_a_time(
    looks: list[tuple[Fleets, bool]], most: int, grace: float
) -> None:
    """A world beside the decision keeps its own record: of the listings in a row that had a cluster not."""
    rules = Rules(grace, most)
    there: dict[str, Child] = {}
    missing: dict[str, float] = {}
    absent: dict[str, int] = {}
    listed: dict[Account, float] = {}
    for now, (fleets, slow) in zip(itertools.count(1000.0, 30.0), looks, strict=False):
        seen = watched(listed, fleets, now)
        listed = {account: now for account, each in fleets.items() if not isinstance(each, Problem)}
        found = decide("prod", SOURCES, fleets, list(there.values()), missing, seen, rules, most=99)
        for name, each in there.items():
            fleet = fleets[each.account]
            if not isinstance(fleet, Problem):
                absent[name] = 0 if each.arn in {one.arn for one in fleet} else absent.get(name, 0) + 1
        for name in found.remove:
            assert not isinstance(fleets[there[name].account], Problem)
            assert (absent[name] - 1) * 30.0 >= grace
        leaving = {name for name, each in there.items() if each.removing}
        assert len(leaving | {*found.remove}) <= max(most, len(leaving))
        assert not leaving & {*found.remove}
        there = {name: each for name, each in there.items() if not each.removing}
        for member in found.members:
            assert there.get(member.name, Child(member.name, member.located.cluster.arn, HERE)).arn == (
                member.located.cluster.arn
            )
            there[member.name] = Child(member.name, member.located.cluster.arn, member.located.account)
        for name in found.remove:
            each = there.pop(name)
            if slow:
                there[name] = Child(name, each.arn, each.account, removing=True)
        missing = {each.name: each.missing for each in found.entries if each.missing is not None}
        absent = {name: count for name, count in absent.items() if name in there}
        assert len({each.arn for each in there.values()}) == len(there)


@given(fleets_)
def test_each_cluster_found_has_one_child_and_each_child_one_cluster(fleets: Fleets) -> None:
    found = decided(fleets, sources=SOURCES)
    arns = {one.arn for fleet in fleets.values() if not isinstance(fleet, Problem) for one in fleet}
    assert {each.located.cluster.arn for each in found.members} == arns
    assert len({each.name for each in found.members}) == len(arns)
    again = decided(
        fleets,
        *(Child(each.name, each.located.cluster.arn, each.located.account) for each in found.members),
        sources=SOURCES,
    )
    assert again.members == found.members
    assert again.remove == ()


def test_home_is_where_a_generator_names_no_place() -> None:
    found = decided({HERE: [cluster("web-1")], EUROPE: [cluster("web-1", EUROPE)]}, sources=(source(EUROPE), source()))
    assert {each.name for each in found.members} == {
        "prod-web-1",
        child_name("prod", "web-1", cluster("web-1", EUROPE).arn, home=False),
    }
