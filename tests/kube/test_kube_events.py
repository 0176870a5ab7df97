"""Events: one per cause, counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

from okra.kube.events import EVENT, REMEMBERED, Events, micro_time, name_of, new_event
from okra.kube.store import KubeStore
from okra.ports import EventRecord, Kind
from okra.testing.controlplane.access import ControlPlane
from tests.kube.api_server import ApiServer, answers, failure
from tests.kube.real import client_of

CELL = Kind("okra.mumoshu.github.io", "v1alpha1", "Cell", "cells")
AT = datetime(2026, 11, 21, 12, 0, 0, 1500, UTC)


def record(namespace: str = "web", **changes: Any) -> EventRecord:
    fields: dict[str, Any] = {
        "kind": CELL,
        "namespace": namespace,
        "name": "front",
        "uid": "11111111-1111-4111-8111-111111111111",
        "type": "Warning",
        "reason": "RolledBack",
        "message": "The weights are as before",
        "at": AT,
    }
    return EventRecord(**{**fields, **changes})


def test_times_are_utc_with_six_decimals_whatever_the_zone() -> None:
    assert micro_time(AT) == "2026-11-21T12:00:00.001500Z"
    assert micro_time(AT.astimezone(timezone(timedelta(hours=9)))) == "2026-11-21T12:00:00.001500Z"


@pytest.mark.parametrize(
    "changed",
    [
        {"uid": "2"},
        {"type": "Normal"},
        {"reason": "X"},
        {"message": "X"},
        {"action": "X"},
        {"name": "x"},
        {"rollout": 2},
    ],
)
def test_another_cause_is_another_event(changed: dict[str, Any]) -> None:
    assert name_of(record()) != name_of(record(**changed))
    assert name_of(record()) == name_of(record(at=AT + timedelta(hours=1)))


def test_an_events_name_fits_whatever_its_objects_is() -> None:
    assert len(name_of(record(name="a" * 253))) <= 253
    assert ".." not in name_of(record(name="a" * 199 + "." + "b" * 50))


def test_what_the_server_takes_no_more_of_is_cut_by_bytes() -> None:
    event = new_event(record(message="„ä“" * 1000, reason="R" * 300), "okra")
    assert len(event["note"].encode()) <= 1024
    assert event["note"].endswith("…")
    assert len(event["reason"]) <= 128
    assert event["action"] == event["reason"]


async def test_an_event_that_the_server_has_deleted_begins_again() -> None:
    gone, made = partial(failure, 404, "NotFound", name="x"), partial(failure, 200)
    async with ApiServer(answers(made, gone, made)) as server, server.client() as client:
        events = Events(client, "okra")
        await events.emit(record())
        await events.emit(record())
        assert [request.method for request in server.requests] == ["POST", "PATCH", "POST"]


async def test_only_the_newest_causes_are_remembered() -> None:
    async with ApiServer(answers(lambda: failure(200))) as server, server.client() as client:
        events = Events(client, "okra")
        for number in range(REMEMBERED + 1):
            events._remember(("web", str(number)), 1)
        assert len(events._counts) == REMEMBERED
        assert ("web", "0") not in events._counts


async def test_a_repeated_event_is_counted_on_the_server_also_by_the_next_process(
    control_plane: ControlPlane, kube_namespace: str
) -> None:
    async with client_of(control_plane) as client:
        first, next_process = Events(client, "okra-1"), Events(client, "okra-2")
        await first.emit(record(kube_namespace))
        await first.emit(record(kube_namespace, at=AT + timedelta(minutes=1)))
        await first.emit(record(kube_namespace, at=AT + timedelta(minutes=2), message="Something else"))
        await next_process.emit(record(kube_namespace, at=AT + timedelta(minutes=3)))
        await next_process.emit(record(kube_namespace, at=AT + timedelta(minutes=4)))
    listed = control_plane.call("GET", f"/apis/{EVENT.api_version}/namespaces/{kube_namespace}/events").body["items"]
    one, other = sorted(listed, key=lambda item: item["note"], reverse=True)
    assert one["note"] == "The weights are as before"
    assert one["series"] == {"count": 4, "lastObservedTime": "2026-11-21T12:04:00.001500Z"}
    assert one["eventTime"] == "2026-11-21T12:00:00.001500Z"
    assert (one["type"], one["reason"], one["reportingInstance"]) == ("Warning", "RolledBack", "okra-1")
    assert one["regarding"]["name"] == "front"
    assert "series" not in other


async def test_the_events_about_one_object_are_those_of_its_uid(
    control_plane: ControlPlane, kube_namespace: str
) -> None:
    former = "22222222-2222-4222-8222-222222222222"
    async with client_of(control_plane) as client:
        store = KubeStore(client)
        for event in (record(kube_namespace), record(kube_namespace, uid=former), record(kube_namespace, name="other")):
            await store.emit(event)
        about = {"metadata": {"namespace": kube_namespace, "name": "front", "uid": record().uid}}
        [found] = await store.events_about({**about, "kind": "Cell"})
    assert (found["regarding"]["name"], found["regarding"]["uid"]) == ("front", record().uid)


async def test_the_longest_and_strangest_event_is_taken(control_plane: ControlPlane, kube_namespace: str) -> None:
    async with client_of(control_plane) as client:
        store = KubeStore(client, instance="i" * 300)
        strange = record(kube_namespace, name="a" * 253, message="„ä“\n\0" * 1000, reason="R" * 300, uid="")
        await store.emit(strange)
    (found,) = control_plane.call("GET", f"/apis/{EVENT.api_version}/namespaces/{kube_namespace}/events").body["items"]
    assert found["regarding"]["name"] == "a" * 253
