"""Every message between the domain's actors. No message is load-bearing: what it says can be read again."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from okra.actors.runtime.messages import Ask, Level
from okra.actors.runtime.ref import ActorRef
from okra.ports import Account, Object, RouteRef
from okra.rollout.observation import Problem, RouteReading, TargetGroup, Token, Verdict

Key = tuple[str, str]
"""(namespace, name)."""


def key_of(obj: Object) -> Key:
    metadata = obj["metadata"]
    return metadata.get("namespace", "default"), metadata["name"]


def one_copy(known: Object, read: Object) -> Object:
    """What was read; the known object itself if it is of the same version: of ten thousand one copy each is enough."""
    same = known["metadata"].get("resourceVersion") == read["metadata"].get("resourceVersion")
    return known if same else read


# -- from watchers, through directories ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """All objects of a kind at one moment: what isn't among them is gone."""

    objects: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class ObjectChanged(Level):
    """An object as it is now."""

    object: Object

    @property
    def coalesce_key(self) -> Hashable:
        return ObjectChanged, key_of(self.object)


@dataclass(frozen=True, slots=True)
class ObjectGone(Level):
    """An object was deleted. Its key is the change's, so that of deleted-and-made-again only the newest is told."""

    object: Object

    @property
    def coalesce_key(self) -> Hashable:
        return ObjectChanged, key_of(self.object)


@dataclass(frozen=True, slots=True)
class Forward:
    """For the actor of one object, which is started if `object` is given and nobody has seen it yet."""

    key: Key
    message: RunSeries
    object: Object | None = None


@dataclass(frozen=True, slots=True)
class Lookup(Ask["ActorRef[Any] | None"]):
    """Which actor looks after this object?"""

    key: Key


@dataclass(frozen=True, slots=True)
class Objects(Ask[tuple[Object, ...]]):
    """Every object that a directory knows, as last seen."""


# -- discovery -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subscribe(Level):
    """A Cell tells what concerns it. A newer one replaces it, and so does its end: thousands may come at once."""

    cell: ActorRef[Any]
    key: Key
    created: str
    """metadata.creationTimestamp: of two Cells on one route the older one wins."""
    owner: str
    refs: tuple[RouteRef, ...]
    labels: tuple[Mapping[str, str], ...] = ()
    """Tags that the groups of interest have, one map a route; a route without any is interested in all."""
    listed: frozenset[str] = frozenset()
    """The ARNs of groups of interest that the spec names one by one, whatever their tags."""

    @property
    def coalesce_key(self) -> Hashable:
        return Subscribe, self.key


@dataclass(frozen=True, slots=True)
class Unsubscribe(Level):
    key: Key

    @property
    def coalesce_key(self) -> Hashable:
        return Subscribe, self.key


@dataclass(frozen=True, slots=True)
class Forget(Level):
    """The Cell wrote its routes: what it was told before it must be told again, should it be so once more."""

    key: Key

    @property
    def coalesce_key(self) -> Hashable:
        return Forget, self.key


@dataclass(frozen=True, slots=True)
class Discovered(Level):
    """What AWS showed in one account and region, as far as it concerns the receiver."""

    account: Account
    groups: tuple[TargetGroup, ...] | None
    """None: the listing failed; what was known before still holds."""
    readings: Mapping[str, RouteReading] = field(default_factory=dict)
    problems: Mapping[str, Problem] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    """Routes that an older Cell of this installation names too → its owner tag."""

    @property
    def coalesce_key(self) -> Hashable:
        return Discovered, self.account


# -- checks ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunSeries:
    """A Cell asks for one series of a Check. Asking again with the same cell and token is the same request."""

    cell: Key
    token: Token
    not_before: float | None
    """Nothing measured before is evidence (epoch seconds); None: a precheck, which judges no step."""
    reply_to: ActorRef[Any]
    uid: str = ""
    """The Cell's: one that was made anew counts its rollouts from 1 again."""
    stable: Mapping[str, Any] | None = None
    """The same analysis for the stable side, when a condition compares the two."""
    account: Account = field(default_factory=Account)
    generation: int = 0
    """Of the Check as it is to be asked: what a watch has told of it may be older."""


RunKey = tuple[Key, str, Token] | None
"""Whose series: a Cell's, or (None) the Check's own."""


@dataclass(frozen=True, slots=True)
class SeriesDone:
    """The verdict of a Check on one series."""

    check: str
    """The Check object's name."""
    cell: Key
    token: Token
    verdict: Verdict
    message: str


# -- one's own -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wake(Level):
    """It is time to look again. `key`: to a directory, for the actor of that object only."""

    key: Key | None = None

    @property
    def coalesce_key(self) -> Hashable:
        return Wake, self.key


@dataclass(frozen=True, slots=True)
class AskAgain(Level):
    """It is time to ask once more for what was refused or not answered: a claim, a series of checks."""


@dataclass(frozen=True, slots=True)
class Describe(Ask[dict[str, Any]]):
    """Everything that the actor knows, for /debug. Holds no secret."""
