"""Deletion and what it entails: finalizers, and the objects whose every owner is gone (by uid, as the API server's).

The collector of a real cluster does this some time after the deletion; here it is part of the same transaction, so
that no crash leaves an orphan behind.
"""

from __future__ import annotations

from okra.embedded.objects import finalizers_of, is_deleting, metadata_of, owners_of, tidy
from okra.embedded.transaction import Key, Transaction
from okra.ports import Object


def remove(tx: Transaction, key: Key, old: Object, at: str) -> bool:
    """Delete `old`, or mark it when finalizers hold it. Whether it is gone."""
    if not finalizers_of(old):
        tx.write("DELETED", key, old, old)
        return True
    if not is_deleting(old):
        metadata = metadata_of(old) | {"deletionTimestamp": at, "deletionGracePeriodSeconds": 0}
        metadata["generation"] += 1  # as the API server does: controllers compare it with observedGeneration
        tx.write("MODIFIED", key, {**old, "metadata": metadata}, old)
    return False


def collect_dependents(tx: Transaction, uid: str, at: str) -> None:
    """Follow the deletion of the object `uid` through everything it owned."""
    gone = [uid]
    while gone:
        gone += [
            metadata_of(dependent)["uid"]
            for key in tx.dependents(gone.pop())
            if (dependent := tx.get(key)) is not None and _collect(tx, key, dependent, at)
        ]


def collect_if_orphaned(tx: Transaction, key: Key, obj: Object, at: str) -> None:
    """An object written for owners that are gone already is not left to live for ever."""
    if owners_of(obj) and _collect(tx, key, obj, at):
        collect_dependents(tx, metadata_of(obj)["uid"], at)


def _collect(tx: Transaction, key: Key, obj: Object, at: str) -> bool:
    """Remove `obj` if no owner is left, else only the references to those that are gone. Whether it is gone."""
    owners = owners_of(obj)
    alive = [owner for owner in owners if tx.exists(owner["uid"])]
    if not alive:
        return remove(tx, key, obj, at)
    if len(alive) < len(owners):
        metadata = tidy(metadata_of(obj) | {"ownerReferences": alive})
        tx.write("MODIFIED", key, {**obj, "metadata": metadata}, obj)
    return False
