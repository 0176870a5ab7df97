"""Who may write to AWS: the rules of a Lease, as a state machine over what was read and written and a monotonic clock.

Pure: no I/O and no clock in it, so that two candidates, lost answers and frozen processes can be played in every order.
What makes it safe:

- Other machines' clocks are never compared with ours. A candidate measures on its own monotonic clock how long the
  Lease has stood *unchanged*, from the moment it first saw it so; the holder counts from before it *sent* its renewal.
- Every write names the resourceVersion it was decided on, so that of two takers one loses.
- A new leader waits the longest that any leader before it may believe in its own lease, and then for a write to AWS
  that was sent at its last moment. Only a leader that said it had stopped (`released`) shortens this to the write. So a
  Lease that a person deletes or edits under a living leader doesn't make two.
- Each write to AWS asks `may_write` first: a margin before the end it is no more. A process that is frozen between that
  question and the write sends at most one; AWS has no fencing token that would stop it, reading back finds it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    duration: float = 15.0
    """How long a lease lasts after its renewal was sent."""
    renew: float = 3.0
    """Between two renewals of the leader, and between two looks of the others."""
    margin: float = 3.0
    """Before its end a lease counts as over: for clocks that don't run alike."""
    write: float = 5.0
    """The longest that a write to AWS takes from the question `may_write` to its last effect."""

    def __post_init__(self) -> None:
        if not (0 < self.renew < self.duration - self.margin and self.margin >= 0 and self.write >= 0):
            raise ValueError(f"a lease of {self.duration:g} s can't be renewed every {self.renew:g} s in time: {self}")


@dataclass(frozen=True, slots=True)
class Lease:
    """What a Lease says. `holder` is empty when nobody holds it; `released`: its last holder said it had stopped."""

    holder: str
    duration: float
    transitions: int = 0
    released: bool = False
    version: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """A time as leader, on our monotonic clock: it holds until `ends`, and AWS is written from `writes_from`."""

    ends: float
    writes_from: float


@dataclass(frozen=True, slots=True)
class Read:
    """Look at the Lease, then tell `read`."""


@dataclass(frozen=True, slots=True)
class Write:
    """Make `lease` of the one with `version` (None: create it), then tell `wrote`, `read(None)` or `doubted`."""

    lease: Lease
    version: str | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until`."""

    until: float


@dataclass(frozen=True, slots=True)
class Election:
    """One candidate's view. `me` is unique to this process: a restarted one is another candidate."""

    me: str
    timing: Timing
    lease: Lease | None = None
    """As last seen; None: there was none, or nobody has looked."""
    since: float = float("-inf")
    """When `lease` was first seen as it is."""
    looked: float | None = None
    """When it was last seen; None: a write of ours may have changed it since."""
    longest: float = 0.0
    """The longest duration that a leader has used."""
    term: Term | None = None

    def may_write(self, now: float) -> bool:
        """May AWS be written at this moment?"""
        term = self.term
        return term is not None and term.writes_from <= now < term.ends - self.timing.margin

    def leading(self, now: float) -> bool:
        return self.term is not None and now < self.term.ends

    def next(self, now: float) -> Read | Write | Wait:
        """What to do now."""
        if self.looked is None:
            return Read()
        if self.leading(now) and self.lease is not None:
            due = self.lease_renewed_at() + self.timing.renew
            return Write(self._mine(self.lease), self.lease.version) if now >= due else Wait(due)
        if self.lease is None:
            return Write(self._mine(None), None)
        over = self.since + (self.lease.duration or self.timing.duration)
        if self.lease.holder in ("", self.me) or now >= over:
            return Write(self._mine(self.lease), self.lease.version)
        again = self.looked + self.timing.renew
        return Read() if now >= again else Wait(min(again, over))

    def read(self, lease: Lease | None, at: float) -> Election:
        """The Lease as an answer that arrived `at` shows it; None: there is none."""
        same = lease is not None and self.lease is not None and lease.version == self.lease.version
        mine = lease is not None and lease.holder == self.me
        return replace(
            self,
            lease=lease,
            since=self.since if same else at,
            looked=at,
            longest=max(self.longest, lease.duration if lease is not None else 0.0),
            term=self.term if mine else None,
        )

    def wrote(self, lease: Lease, sent: float, at: float) -> Election:
        """Our write that was sent at `sent` was taken, as an answer that arrived `at` says; `lease` is its result."""
        ends, term = sent + self.timing.duration, self.at(at).term
        if term is not None:  # a renewal: the version says that nobody held it in between
            term = Term(ends, term.writes_from)
        elif self.lease is not None and self.lease.released:
            term = Term(ends, at + self.timing.write)
        else:
            term = Term(ends, at + max(self.longest, self.timing.duration) + self.timing.write)
        longest = max(self.longest, self.timing.duration)
        return replace(self, lease=lease, since=at, looked=at, longest=longest, term=term)

    def doubted(self) -> Election:
        """Our write was refused, or nobody knows what became of it: look before anything else."""
        return replace(self, looked=None)

    def at(self, now: float) -> Election:
        """Without a term that is over. Whoever leads again afterwards is a new leader."""
        if self.term is not None and now >= self.term.ends:
            return replace(self, term=None, looked=None)
        return self

    def resigned(self) -> tuple[Election, Write | None]:
        """No leader any more, for one that has stopped writing; and what tells the others, if the Lease is ours."""
        write = None
        if self.term is not None and self.lease is not None:
            write = Write(replace(self.lease, holder="", released=True), self.lease.version)
        return replace(self, term=None, looked=None), write

    def lease_renewed_at(self) -> float:
        """When our last renewal was sent."""
        return self.term.ends - self.timing.duration if self.term is not None else float("-inf")

    def _mine(self, before: Lease | None) -> Lease:
        transitions = 0 if before is None else before.transitions + (before.holder != self.me)
        return Lease(self.me, self.timing.duration, transitions)
