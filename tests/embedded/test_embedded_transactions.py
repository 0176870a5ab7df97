"""Jobs that share a transaction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from okra.embedded.database import MEMORY, connect
from okra.embedded.session import Job, Session
from okra.embedded.transaction import Transaction
from okra.embedded.verbs import Verbs
from okra.errors import Unavailable
from tests.store.kinds import WIDGET, widget


def put(name: str, then: Callable[[Transaction], object] = lambda tx: None) -> Job[object]:
    """A job that writes an object, and then does something else."""

    def call(tx: Transaction) -> object:
        Verbs(tx, "2026-11-20T12:00:00Z").create(WIDGET, widget(name, "default"))
        return then(tx)

    return Job(call)


def misuse(_: Transaction) -> None:
    raise KeyError("a fault of Okra's own")


def stored(session: Session) -> list[str]:
    job = Job(lambda tx: [obj["metadata"]["name"] for obj in tx.all(WIDGET, None)])
    session.run([job])
    return job.outcome()


def test_what_a_failing_job_had_written_is_undone_and_the_others_stay() -> None:
    with closing(Session(connect(MEMORY), MEMORY, "BEGIN IMMEDIATE", 1000)) as session:
        jobs = [put("a"), put("b", then=misuse), put("c")]
        commit = session.run(jobs)
        assert commit is not None
        assert commit.revision == 2
        assert [type(job.error) for job in jobs] == [type(None), KeyError, type(None)]
        assert stored(session) == ["a", "c"]


def test_an_error_of_the_file_undoes_the_whole_batch_and_the_next_one_works() -> None:
    with closing(Session(connect(MEMORY), MEMORY, "BEGIN IMMEDIATE", 1000)) as session:
        jobs = [put("a"), put("b", then=lambda tx: tx.connection.execute("not SQL")), put("c")]
        assert session.run(jobs) is None
        assert [type(job.error) for job in jobs] == [Unavailable] * 3
        assert stored(session) == []
        session.run([put("d")])
        assert stored(session) == ["d"]


def test_a_session_whose_connection_is_gone_says_changed_and_fails_its_jobs(path: Path) -> None:
    connection = connect(str(path))
    session = Session(connection, str(path), "BEGIN", 1000)
    assert session.changed_elsewhere() is False
    connection.close()
    assert session.changed_elsewhere() is True
    job = Job(lambda tx: tx.current())
    assert session.run([job]) is None
    with pytest.raises(Unavailable):
        job.outcome()
