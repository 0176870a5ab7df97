"""Elections played in any order: candidates whose processes freeze, whose requests are slow, lost or applied late, on
clocks that don't run alike; and people who delete or edit the Lease. What each candidate believed is kept as intervals.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import combinations

from hypothesis import strategies as st

from okra.kube.election import Election, Lease, Read, Timing, Wait, Write

TIMING = Timing()
RATES = (0.995, 1.004)
"""How fast the two machines' clocks run."""


@dataclass
class Request:
    sender: str
    step: Read | Write
    sent: float
    answer: Lease | str | None = "unserved"
    """A Lease or None (there is none) as the server answered; or a word."""


@dataclass
class Machine:
    rate: float
    offset: float
    election: Election
    since: float = 0.0
    """True time at which `election` became what it is."""
    request: Request | None = None


@dataclass
class World:
    kind: type[Election] = Election
    now: float = 0.0
    lease: Lease | None = None
    versions: int = 0
    flying: list[Request] = field(default_factory=list)
    beliefs: list[tuple[str, float, float]] = field(default_factory=list)
    """(who, from, until) in true time: it would have been told that it may write."""
    processes: int = 0
    machines: list[Machine] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.machines = [Machine(rate, 1000.0 * index, self._process()) for index, rate in enumerate(RATES)]

    def _process(self) -> Election:
        self.processes += 1
        return self.kind(f"p{self.processes}", TIMING)

    def _clock(self, machine: Machine) -> float:
        return machine.offset + machine.rate * self.now

    def _become(self, machine: Machine, election: Election) -> None:
        self._remember(machine, self.now)
        machine.election, machine.since = election, self.now

    def _remember(self, machine: Machine, until: float) -> None:
        term = machine.election.term
        if term is None:
            return
        begin = (term.writes_from - machine.offset) / machine.rate
        end = (term.ends - TIMING.margin - machine.offset) / machine.rate
        begin, end = max(begin, machine.since), min(end, until)
        if begin < end:
            self.beliefs.append((machine.election.me, begin, end))

    def end(self) -> None:
        for machine in self.machines:
            self._remember(machine, float("inf"))

    # What a machine does

    def step(self, index: int) -> None:
        """Do what the election says, up to sending a request."""
        machine = self.machines[index]
        if machine.request is not None:
            return
        now = self._clock(machine)
        self._become(machine, machine.election.at(now))
        step = machine.election.next(now)
        if isinstance(step, Wait):
            assert step.until > now, "a wait that is over is no wait"
            return
        machine.request = Request(machine.election.me, step, now)
        self.flying.append(machine.request)

    def serve(self, index: int) -> None:
        """The server gets the oldest request that it hasn't of this machine, however old that is."""
        machine = self.machines[index]
        for request in self.flying:
            if request.answer == "unserved" and (request is machine.request or machine.request is None):
                self.flying.remove(request)
                request.answer = self._serve(request)
                return

    def _serve(self, request: Request) -> Lease | str | None:
        step = request.step
        if isinstance(step, Read):
            return self.lease
        if step.version is None and self.lease is not None:
            return "conflict"
        if step.version is not None and self.lease is None:
            return None
        if self.lease is not None and step.version != self.lease.version:
            return "conflict"
        self.set(step.lease)
        return self.lease

    def answer(self, index: int) -> None:
        """The answer arrives, and the process isn't frozen."""
        machine = self.machines[index]
        request = machine.request
        if request is None or request.answer == "unserved":
            return
        machine.request = None
        now, election = self._clock(machine), machine.election
        if isinstance(request.answer, str):
            self._become(machine, election.doubted())
        elif request.answer is None or isinstance(request.step, Read):
            self._become(machine, election.read(request.answer, now))
        else:
            self._become(machine, election.wrote(request.answer, request.sent, now))

    def lose(self, index: int) -> None:
        """The machine gives the request up; the server may get it later all the same."""
        machine = self.machines[index]
        if machine.request is not None:
            machine.request = None
            self._become(machine, machine.election.doubted())

    def drop(self, index: int) -> None:
        """A request that the server will never get."""
        self.flying = [request for request in self.flying if request is not self.machines[index].request][-3:]

    def turn(self, index: int) -> None:
        """Without trouble, all at once."""
        self.step(index)
        self.serve(index)
        self.answer(index)

    def reign(self, index: int) -> None:
        """Half a minute without trouble: long enough to take a Lease that nobody holds, and to write."""
        for _ in range(10):
            self.turn(index)
            self.now += TIMING.renew + 0.1

    def crash(self, index: int) -> None:
        """Another process on the same machine."""
        machine = self.machines[index]
        machine.request = None
        self._become(machine, self._process())

    def resign(self, index: int) -> None:
        """A graceful end: the process has stopped writing and says so, and the next one starts."""
        machine = self.machines[index]
        election, write = machine.election.resigned()
        self._become(machine, election)
        if write is not None:
            self.flying.append(Request(election.me, write, self._clock(machine)))
        self.crash(index)

    # What people do

    def set(self, lease: Lease | None) -> None:
        self.versions += 1
        self.lease = None if lease is None else replace(lease, version=str(self.versions))

    def delete(self, _: int) -> None:
        self.set(None)

    def clear(self, _: int) -> None:
        if self.lease is not None:
            self.set(replace(self.lease, holder="", released=False))

    def label(self, _: int) -> None:
        self.set(self.lease)


MOVES = ("reign", "turn", "step", "serve", "answer", "lose", "drop", "crash", "resign", "delete", "clear", "label")
Move = tuple[str, int, float]
moves = st.lists(
    st.tuples(st.sampled_from(MOVES), st.integers(0, 1), st.sampled_from((0.0, 0.1, 1.0, 3.1, 5.0, 9.0, 15.5, 20.0))),
    min_size=4,
    max_size=30,
)


def play(played: list[Move], kind: type[Election] = Election) -> World:
    """`(what, which machine, seconds before it)` in order; then nothing happens for ever."""
    world = World(kind)
    for what, index, seconds in played:
        world.now += seconds
        getattr(world, what)(index)
    world.end()
    return world


def rivals(world: World) -> list[tuple[tuple[str, float, float], tuple[str, float, float]]]:
    """Pairs of processes that may have written at one time: a write lasts on after the question whether it may."""
    return [
        (one, other)
        for one, other in combinations(sorted(world.beliefs, key=lambda belief: belief[1]), 2)
        if one[0] != other[0] and other[1] < one[2] + TIMING.write
    ]
