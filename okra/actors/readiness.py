"""When a process knows enough of the world to work: it has listed the objects, and AWS has been asked once.

Once ready it stays so. What breaks later is said in conditions, and is no reason to restart anybody.
"""

from __future__ import annotations

from collections.abc import Iterable

from okra.actors.messages import Key


class Readiness:
    """Every expected kind is listed, and of each Cell found then is known what AWS shows, or that it can't be asked."""

    def __init__(self) -> None:
        self._unlisted: dict[str, str] = {}
        """Kind → why it couldn't be listed yet, if that was tried."""
        self._unseen: set[Key] = set()
        self._refused: dict[str, str] = {}
        """Who can't be asked before a person does something (AWS for an account and region, Argo CD) → why."""

    def expect(self, kind: str) -> None:
        """A watcher of this kind is about to start."""
        self._unlisted[kind] = ""

    def failed(self, kind: str, why: str) -> None:
        """A listing of this kind failed."""
        if kind in self._unlisted:
            self._unlisted[kind] = why

    def listed(self, kind: str, waiting_for: Iterable[Key] = ()) -> None:
        """The first listing of a kind is known; `waiting_for`: objects that want to hear of AWS first."""
        if kind in self._unlisted:
            del self._unlisted[kind]
            self._unseen.update(waiting_for)

    def seen(self, key: Key) -> None:
        """This object has heard of AWS, or never will: it is invalid, gone, or its actor crashed."""
        self._unseen.discard(key)

    def asked(self, account: str, refusal: str) -> bool:
        """AWS was asked there; empty: it answered, or nobody asks any more. Returns whether that is news."""
        return self.refused(f"AWS ({account})", refusal)

    def refused(self, whose: str, why: str) -> bool:
        """It can't be asked, or (empty) can again. Returns whether that is news."""
        before = self._refused.pop(whose, "")
        if why:
            self._refused[whose] = why
        return why != before

    @property
    def refusals(self) -> list[str]:
        """Of those who are ready all the same: a restart would mend none."""
        return [f"{whose}: {why}" for whose, why in sorted(self._refused.items())]

    @property
    def missing(self) -> list[str]:
        """What is still waited for, for people; empty when ready."""
        tried = sorted(self._unlisted.items())
        kinds = [f"the first listing of {kind}{f' ({why})' if why else ''}" for kind, why in tried]
        return kinds + [f"the first discovery for {'/'.join(key)}" for key in sorted(self._unseen)[:10]]
