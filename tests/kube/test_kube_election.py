"""The rules of the Lease: never two that may write at one time, and always soon one that may."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from okra.kube.election import Election, Lease, Read, Term, Timing, Wait, Write
from tests.kube.elections import Move, World, moves, play, rivals

T = Timing(duration=15, renew=3, margin=3, write=5)
ME = Election("me", T)
OTHERS = Lease("other", 15.0, transitions=4, version="7")


def leader(at: float = 0.0, sent: float = 0.0) -> Election:
    """`me` as it leads since `sent`, in a Lease that nobody held before."""
    return ME.read(None, sent).wrote(Lease("me", 15.0, version="1"), sent, at)


@given(moves)
@settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
def test_never_two_may_write_at_one_time(played: list[Move]) -> None:
    assert rivals(play(played)) == []


class Hasty(Election):
    """Writes as soon as it leads."""

    def wrote(self, lease: Lease, sent: float, at: float) -> Election:
        entered = super().wrote(lease, sent, at)
        return replace(entered, term=replace(entered.term, writes_from=at)) if entered.term else entered


class Late(Election):
    """Counts its lease from the answer."""

    def wrote(self, lease: Lease, sent: float, at: float) -> Election:
        entered = super().wrote(lease, sent, at)
        return replace(entered, term=replace(entered.term, ends=at + T.duration)) if entered.term else entered


class Trusting(Election):
    """Takes a Lease without a holder for one that was released."""

    def read(self, lease: Lease | None, at: float) -> Election:
        return super().read(replace(lease, released=not lease.holder) if lease else None, at)


class Endless(Election):
    """Doesn't look at the clock before a write."""

    def read(self, lease: Lease | None, at: float) -> Election:
        entered = super().read(lease, at)
        return replace(entered, term=replace(entered.term, ends=at + T.duration)) if entered.term else entered


ANSWERED_LATE: list[Move] = [
    ("reign", 0, 0.0), ("step", 0, 0.1), ("serve", 0, 0.1), ("clear", 0, 0.1), ("turn", 1, 0.0), ("turn", 1, 0.1),
    ("answer", 0, 9.0), ("reign", 1, 0.0),
]  # fmt: skip
READ_LATE: list[Move] = [
    ("reign", 0, 0.0), ("step", 0, 0.1), ("lose", 0, 5.0), ("step", 0, 0.0), ("serve", 0, 0.1), ("clear", 0, 0.1),
    ("reign", 1, 0.0), ("answer", 0, 0.0),
]  # fmt: skip
EMPTIED: list[Move] = [("reign", 0, 0.0), ("clear", 0, 0.1), ("turn", 1, 0.0), ("turn", 1, 0.1)]


@pytest.mark.parametrize(
    ("mutant", "played"), [(Hasty, EMPTIED), (Late, ANSWERED_LATE), (Trusting, EMPTIED), (Endless, READ_LATE)]
)
def test_the_play_notices_rules_that_are_broken(mutant: type[Election], played: list[Move]) -> None:
    assert rivals(play(played, mutant))
    assert rivals(play(played)) == []


@pytest.mark.parametrize("crashed", [False, True])
def test_without_trouble_somebody_may_write_soon(crashed: bool) -> None:
    """A minute is enough: the lease's end, the wait of a new leader, the steps in between."""
    world = World()
    if crashed:
        world.turn(0)
        world.turn(0)
        world.crash(0)
    for _ in range(120):
        world.now += 0.5
        world.turn(0)
        world.turn(1)
    assert any(machine.election.may_write(machine.offset + machine.rate * world.now) for machine in world.machines)


def test_after_a_release_the_next_waits_for_the_last_write_only() -> None:
    world = World()
    for _ in range(60):
        world.now += 0.5
        world.turn(0)
    before = world.now
    world.resign(0)
    world.serve(0)
    while not world.machines[1].election.may_write(1000.0 + world.machines[1].rate * world.now):
        world.now += 0.1
        world.turn(1)
    assert world.now - before == pytest.approx(T.write, abs=0.5)


def test_first_it_looks_then_makes_the_lease_that_is_not_there() -> None:
    assert ME.next(0.0) == Read()
    assert ME.read(None, 0.1).next(0.1) == Write(Lease("me", 15.0), None)


def test_a_new_leader_may_write_after_a_lease_and_a_write() -> None:
    entered = leader(at=0.5)
    assert entered.leading(0.5)
    assert entered.term == Term(ends=15.0, writes_from=0.5 + 15 + 5)
    assert not entered.may_write(0.5)
    renewed = entered.wrote(Lease("me", 15.0, version="2"), 9.0, 9.1).wrote(Lease("me", 15.0, version="3"), 18.0, 18.1)
    assert not renewed.may_write(20.49)
    assert renewed.may_write(20.5)


def test_a_lease_counts_from_before_its_renewal_was_sent_and_ends_with_a_margin() -> None:
    renewed = replace(leader(), term=Term(ends=15.0, writes_from=0.0)).wrote(Lease("me", 15.0, version="2"), 10.0, 14.0)
    assert renewed.may_write(21.9)
    assert not renewed.may_write(22.0)
    assert renewed.leading(24.9)
    assert not renewed.leading(25.0)


def test_anothers_lease_is_taken_when_it_stood_unchanged_for_its_duration() -> None:
    seen = ME.read(OTHERS, 100.0)
    assert seen.next(101.0) == Wait(103.0)
    looked = seen.read(OTHERS, 113.0)
    assert looked.next(114.0) == Wait(115.0)
    assert looked.next(115.0) == Write(Lease("me", 15.0, transitions=5), "7")


def test_a_renewal_begins_the_wait_anew() -> None:
    seen = ME.read(OTHERS, 100.0).read(replace(OTHERS, version="8"), 112.0)
    assert seen.next(116.0) == Read()
    assert seen.read(replace(OTHERS, version="8"), 126.9).next(126.9) == Wait(127.0)


def test_anothers_longer_lease_is_respected_before_and_after_it_is_taken() -> None:
    seen = ME.read(replace(OTHERS, duration=60.0), 0.0).read(replace(OTHERS, duration=60.0), 59.0)
    assert isinstance(seen.next(59.5), Wait)
    taken = seen.wrote(Lease("me", 15.0, version="8"), 60.0, 60.0)
    assert taken.term == Term(ends=75.0, writes_from=60.0 + 60 + 5)


def test_a_lease_without_a_duration_lasts_as_long_as_ours() -> None:
    assert ME.read(replace(OTHERS, duration=0.0), 0.0).next(2.9) == Wait(3.0)
    assert ME.read(replace(OTHERS, duration=0.0), 14.0).next(14.0) == Wait(17.0)


def test_a_released_lease_is_taken_at_once_and_written_after_one_write() -> None:
    free = ME.read(Lease("", 15.0, 4, released=True, version="8"), 10.0)
    assert free.next(10.0) == Write(Lease("me", 15.0, transitions=5), "8")
    assert free.wrote(Lease("me", 15.0, version="9"), 10.0, 10.2).term == Term(25.0, 10.2 + 5)


def test_a_lease_that_a_person_emptied_is_taken_at_once_but_written_late() -> None:
    free = ME.read(Lease("", 15.0, 4, version="8"), 10.0)
    assert isinstance(free.next(10.0), Write)
    assert free.wrote(Lease("me", 15.0, version="9"), 10.0, 10.2).term == Term(25.0, 10.2 + 20)


def test_the_leader_renews_in_time_and_looks_first_when_it_does_not_know_what_became_of_a_renewal() -> None:
    entered = leader()
    assert entered.next(1.0) == Wait(3.0)
    assert entered.next(3.0) == Write(Lease("me", 15.0), "1")
    assert entered.doubted().next(3.5) == Read()
    seen = entered.doubted().read(Lease("me", 15.0, version="2"), 4.0)
    assert seen.term == entered.term, "a renewal that nobody saw succeed prolongs nothing"
    assert seen.next(4.0) == Write(Lease("me", 15.0), "2")


@pytest.mark.parametrize("found", [None, OTHERS])
def test_a_leader_that_finds_its_lease_gone_or_taken_stops_at_once(found: Lease | None) -> None:
    assert not replace(leader(), term=Term(15.0, 0.0)).read(found, 5.0).may_write(5.0)


def test_a_term_that_is_over_is_not_prolonged_by_a_late_renewal() -> None:
    """Whoever slept through the end of its lease is a new leader, with all that one waits for."""
    woken = leader().at(15.0)
    assert woken.term is None
    assert woken.next(15.0) == Read()
    again = woken.read(Lease("me", 15.0, version="1"), 15.1)
    assert again.next(15.1) == Write(Lease("me", 15.0), "1")
    assert again.wrote(Lease("me", 15.0, version="2"), 15.1, 15.2).term == Term(30.1, 15.2 + 20)


def test_a_renewal_that_is_answered_after_the_end_begins_a_new_term() -> None:
    """In between nobody led, and whoever asked heard so: what stopped then doesn't just go on."""
    late = leader().doubted().wrote(Lease("me", 15.0, version="2"), 14.9, 15.1)
    assert late.term == Term(29.9, 15.1 + 20)
    assert not late.may_write(15.2)


def test_before_its_end_a_term_stays_what_it_is() -> None:
    assert leader().at(14.9) == leader()


def test_a_leader_that_resigns_is_none_at_once_and_says_that_it_has_stopped() -> None:
    election, write = leader().resigned()
    assert not election.leading(1.0)
    assert write == Write(Lease("", 15.0, released=True, version="1"), "1")
    assert ME.resigned()[1] is None


@pytest.mark.parametrize(
    "wrong", [{"renew": 0.0}, {"renew": 12.0}, {"margin": -1.0}, {"write": -1.0}, {"duration": 5.0}]
)
def test_a_timing_that_can_not_work_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="renewed"):
        Timing(**wrong)
