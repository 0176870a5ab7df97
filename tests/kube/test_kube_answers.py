"""What the API server's refusals mean, case by case, as a real one words them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from okra.errors import (
    AccessDenied,
    AlreadyExists,
    Conflict,
    CredentialsInvalid,
    Expired,
    Fatal,
    Invalid,
    KindNotInstalled,
    NotFound,
    OkraError,
    Refused,
    Retryable,
    Throttled,
    Unavailable,
)
from okra.kube.answers import Overloaded, refusal, refused
from okra.kube.calls import Call
from okra.ports import Kind
from tests.kube.api_server import status

CELL = Kind("okra.mumoshu.github.io", "v1alpha1", "Cell", "cells")
GET = Call("get", CELL, "web", "front")


def error(code: int, reason: str = "", message: str = "said so", **details: Any) -> OkraError:
    return refused(GET, status(code, reason, message, **details))


@pytest.mark.parametrize(
    ("code", "reason", "meant"),
    [
        (400, "BadRequest", Invalid),
        (401, "Unauthorized", CredentialsInvalid),
        (404, "NotFound", KindNotInstalled),
        (405, "MethodNotAllowed", Refused),
        (406, "NotAcceptable", Refused),
        (408, "", Unavailable),
        (409, "AlreadyExists", AlreadyExists),
        (409, "Conflict", Conflict),
        (410, "Expired", Expired),
        (413, "RequestEntityTooLarge", Refused),
        (415, "UnsupportedMediaType", Refused),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", Throttled),
        (500, "InternalError", Unavailable),
        (502, "", Unavailable),
        (503, "ServiceUnavailable", Unavailable),
        (504, "Timeout", Unavailable),
        (302, "", Unavailable),
    ],
)
def test_each_answer_is_one_error(code: int, reason: str, meant: type[OkraError]) -> None:
    found = error(code, reason)
    assert type(found) is meant or isinstance(found, meant)
    assert isinstance(found, Retryable | Fatal)
    assert "get cells.okra.mumoshu.github.io" in str(found)
    assert "said so" in str(found)


def test_a_missing_permission_names_the_verb_the_resource_and_the_rule_that_helps() -> None:
    call = Call("patch", CELL, "web", "front", "status")
    message = 'cells.okra.mumoshu.github.io "front" is forbidden: User "okra" cannot patch resource "cells/status"'
    found = refused(call, status(403, "Forbidden", message))
    assert isinstance(found, AccessDenied)
    for part in (
        "may not patch cells.okra.mumoshu.github.io/status in namespace web",
        'apiGroups: ["okra.mumoshu.github.io"]',
        'resources: ["cells/status"]',
        'verbs: ["patch"]',
        'User "okra" cannot',
        "kubectl auth can-i patch cells.okra.mumoshu.github.io/status -n web",
    ):
        assert part in str(found)


def test_an_owner_whose_finalizers_may_not_be_updated_is_told_apart_from_the_request_itself() -> None:
    message = (
        'checks "web-errors" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource '
        "you can't set finalizers on: , <nil>"
    )
    found = error(403, "Forbidden", message)
    assert isinstance(found, AccessDenied)
    assert "update on the owner's subresource finalizers, such as cells/finalizers" in str(found)
    assert 'verbs: ["' not in str(found)


def test_a_missing_permission_for_all_namespaces_says_so() -> None:
    message = 'secrets is forbidden: User "okra" cannot list resource "secrets" at the cluster scope'
    found = str(refused(Call("list", Kind("", "v1", "Secret", "secrets")), status(403, "Forbidden", message)))
    assert "may not list secrets in all namespaces" in found
    assert 'apiGroups: [""], resources: ["secrets"], verbs: ["list"]' in found
    assert "-A" in found


@pytest.mark.parametrize(
    "message",
    [
        'widgets "a" is forbidden: unable to create new content in namespace x because it is being terminated',
        'widgets "a" is forbidden: exceeded quota: q, requested: 1, used: 1, limited: 1',
        'admission webhook "x.example.com" denied the request: no',
    ],
)
def test_a_403_that_no_role_would_help_is_a_refusal(message: str) -> None:
    found = error(403, "Forbidden", message)
    assert isinstance(found, Refused)
    assert "role" not in str(found)


def test_a_kind_that_is_not_installed_is_told_apart_from_an_object_that_is_not_there() -> None:
    absent = error(404, "NotFound", 'cells.okra "front" not found', name="front", kind="cells")
    assert absent.reason == "NotFound"
    for unknown in (
        error(404, "NotFound", "the server could not find the requested resource"),
        refusal(GET, 404, b"404 page not found\n", {}),
    ):
        assert isinstance(unknown, KindNotInstalled)
        assert isinstance(unknown, Retryable)
        assert not isinstance(unknown, NotFound), "whoever looks after an object would leave"
        assert unknown.reason == "KindNotInstalled"
        assert "okra crds" in str(unknown)


def test_an_invalid_object_is_said_with_its_field_paths() -> None:
    causes = [
        {"field": "spec.size", "message": "Invalid value: -1"},
        {"field": "spec.color", "message": "Required value"},
    ]
    found = str(error(422, "Invalid", 'Widget "a" is invalid: spec.size: Invalid value: -1', causes=causes))
    assert found.count("spec.size") == 1
    assert "spec.color: Required value" in found


def test_another_uid_is_a_conflict() -> None:
    causes = [{"field": "metadata.uid", "message": "field is immutable"}]
    assert isinstance(error(422, "Invalid", "metadata.uid: Invalid value", causes=causes), Conflict)


@pytest.mark.parametrize(
    ("headers", "details", "seconds"),
    [
        ({"Retry-After": "7"}, {}, 7.0),
        ({}, {"retryAfterSeconds": 3}, 3.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, {}, None),
        ({"Retry-After": "-1"}, {}, None),
        ({}, {}, None),
    ],
)
def test_an_overloaded_server_says_when_to_come_again(
    headers: dict[str, str], details: dict[str, Any], seconds: float | None
) -> None:
    found = refusal(GET, 429, json.dumps(status(429, "TooManyRequests", **details)).encode(), headers)
    assert isinstance(found, Overloaded)
    assert found.retry_after == seconds


def test_an_object_that_is_too_large_to_store_is_not_sent_for_ever() -> None:
    assert isinstance(error(500, "", "etcdserver: request is too large"), Refused)


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b'{"kind": "Pod"}', b"\xff\xfe"])
def test_an_answer_of_a_proxy_in_between_is_one_line_of_an_error(body: bytes) -> None:
    found = refusal(GET, 502, body, {})
    assert isinstance(found, Unavailable)
    assert "502" in str(found)
    assert "\n" not in str(found)


def test_a_message_has_an_end_and_what_it_says_there_is_not_lost() -> None:
    found = str(error(422, "Invalid", f'Cell "a" is invalid: spec: Invalid value: {"x" * 100_000}: no steps'))
    assert len(found) < 1000
    assert "spec: Invalid value" in found
    assert found.endswith(": no steps")


def test_an_unknown_field_is_said_without_the_object_around_it() -> None:
    message = f'"" is invalid: patch: Invalid value: "{"x" * 9000}": strict decoding error: unknown field "status.x"'
    found = str(error(422, "Invalid", message, causes=[{"field": "patch", "message": message}]))
    assert 'unknown field "status.x"' in found
    assert "xxx" not in found
    assert "okra crds" in found


def test_what_is_wrong_with_somebody_elses_kind_is_not_said_to_be_okras_definitions() -> None:
    create = Call("create", Kind("batch", "v1", "Job", "jobs"), "web", "web-smoke-0123456789")
    message = 'Job in version "v1" cannot be handled as a Job: strict decoding error: unknown field "spec.x"'
    found = str(refused(create, status(400, "BadRequest", message)))
    assert found == 'create jobs.batch web/web-smoke-0123456789: strict decoding error: unknown field "spec.x"'
    get = Call("get", Kind("argoproj.io", "v1alpha1", "ApplicationSet", "applicationsets"), "argocd", "web")
    missing = refused(get, status(404, "NotFound", "the server could not find the requested resource"))
    assert isinstance(missing, KindNotInstalled)
    assert "knows no applicationsets.argoproj.io" in str(missing)
    assert "okra crds" not in str(missing)


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (GET, "/apis/okra.mumoshu.github.io/v1alpha1/namespaces/web/cells/front"),
        (Call("list", CELL), "/apis/okra.mumoshu.github.io/v1alpha1/cells"),
        (Call("watch", CELL, "web"), "/apis/okra.mumoshu.github.io/v1alpha1/namespaces/web/cells"),
        (Call("create", CELL, "web", "front"), "/apis/okra.mumoshu.github.io/v1alpha1/namespaces/web/cells"),
        (
            Call("patch", CELL, "web", "front", "status"),
            "/apis/okra.mumoshu.github.io/v1alpha1/namespaces/web/cells/front/status",
        ),
        (Call("get", Kind("", "v1", "Secret", "secrets"), "web", "dd"), "/api/v1/namespaces/web/secrets/dd"),
        (Call("get", Kind("", "v1", "Node", "nodes"), "", "n?1"), "/api/v1/nodes/n%3F1"),
    ],
)
def test_a_call_has_the_apis_path(call: Call, path: str) -> None:
    assert call.path == path


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a%2Fb"])
def test_a_name_that_would_lead_to_another_resource_is_invalid(name: str) -> None:
    with pytest.raises(Invalid, match=r"metadata\.name"):
        _ = GET.named(name).path
    if name:
        with pytest.raises(Invalid, match=r"metadata\.namespace"):
            _ = Call("list", CELL, name).path
