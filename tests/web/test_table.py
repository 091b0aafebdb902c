"""The table of routes by itself: what it says fits together, and what its kinds take."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from jimigw.web.api import Api, undriven
from jimigw.web.kinds import Box, Flag, Line, Moment, Number, ParameterKind, Whole, Word, Words
from jimigw.web.problems import KINDS, Problem, invalid_body
from jimigw.web.routes import Answer, Route, RouteTable
from jimigw.web.shapes import DeviceIn


@pytest.fixture(scope="module")
def api() -> Api:
    """An API with nothing behind it."""
    return undriven()


def test_every_name_is_there_once(api: Api) -> None:
    names = [route.name for route in api.table]
    assert len(names) == len(set(names))
    assert len({(route.method, route.path) for route in api.table}) == len(names) == 48


def test_only_these_need_no_token(api: Api) -> None:
    assert [route.path for route in api.table if route.scope is None] == [
        "/health", "/ready", "/openapi.json", "/docs",
    ]  # fmt: skip
    assert [route.path for route in api.table if route.ticket] == ["/api/v1/events"]


def test_what_changes_something_wants_more_than_read(api: Api) -> None:
    weak = [route.path for route in api.table if route.method != "GET" and route.scope is not None and route.scope < 2]
    assert weak == ["/api/v1/events/ticket", "/api/v1/media/{id}/link"]


def test_every_row_is_in_the_document(api: Api) -> None:
    document = json.loads(api.document)
    assert document["openapi"] == "3.1.0"
    for route in api.table:
        operation = document["paths"][route.path][route.method.lower()]
        assert operation["operationId"] == route.name
        given = [parameter["name"] for parameter in operation.get("parameters", [])]
        assert given == [each.name for each in (*route.parameters, *route.query)]
        assert set(operation["responses"]) >= {str(status) for status in route.answers} | {"400", "500"}
    for path in _references(document):
        assert path.removeprefix("#/components/schemas/") in document["components"]["schemas"], path
    for kind in KINDS:
        assert f'id="problem-{kind.word}"'.encode() in api.page
    for route in api.table:
        assert f'id="{route.name}"'.encode() in api.page


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for each in value.values() for found in _references(each)]
    return [found for each in value for found in _references(each)] if isinstance(value, list) else []


def _route(method: str, path: str) -> Route:
    return Route(method, path, None, "", lambda call: None, {200: Answer(None, "")}, "")


def test_a_table_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(TypeError, match="is there twice"):
        RouteTable([_route("GET", "/a"), _route("GET", "/a")])
    with pytest.raises(TypeError, match="has the parameters"):
        _route("GET", "/a/{b}")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/api/v1/devices", ("list_devices", [])),
        ("/api/v1/devices/5", ("show_device", ["5"])),
        ("/api/v1/devices/a%2Fb", ("show_device", ["a/b"])),
        ("/api/v1/devices/%E4%BA%AC", ("show_device", ["京"])),
        ("/api/v1/commands/catalogue", ("list_families", [])),
        ("/api/v1/commands/5", ("show_command", ["5"])),
        ("/api/v1/media/alarms", ("list_media_alarms", [])),
        ("/api/v1/media/5", ("show_media", ["5"])),
        ("/api/v1/media/alarms/5", ("show_media_alarm", ["5"])),
        ("/api/v1/media/alarms/content", ("show_media_alarm", ["content"])),
        ("/", None),
        ("//", None),
        ("/api", None),
        ("/api/v1/devices/", None),
        ("/api/v1/devices/5/6", None),
        ("/docs/..", None),
    ],
)
def test_what_an_address_means(api: Api, path: str, found: tuple[str, list[str]] | None) -> None:
    if found is None:
        with pytest.raises(Problem, match="means nothing"):
            api.table.match(path)
        return
    match = api.table.match(path)
    assert (match.route("GET").name, match.values) == found


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Whole(1, 10), {"1": 1, "10": 10}, ["0", "11", "01", "+1", "1.0", "１", "", " 1", "1" * 30]),
        (Number(0, 60), {"0": 0.0, "2.5": 2.5, "1e1": 10.0}, ["-1", "61", "nan", "inf", "1_0", "", "1e999", ".."]),
        (Flag(), {"true": True, "false": False}, ["True", "1", "", "yes"]),
        (Line(3), {"a": "a", "京都市": "京都市"}, ["", "abcd", "a\nb", "\x7f"]),
        (Word(("a", "b")), {"a": "a"}, ["", "A", "a,b"]),
        (Words(("a", "b")), {"a": {"a"}, "a,b": {"a", "b"}, "a,a": {"a"}}, ["", "a,", "c", "a, b"]),
        (
            Moment(),
            {
                "2026-01-02T03:04:05Z": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
                "2026-01-02T03:04:05+08:00": datetime(2026, 1, 1, 19, 4, 5, tzinfo=UTC),
                "1900-01-01T00:00:00Z": datetime(1970, 1, 1, tzinfo=UTC),
            },
            ["2026-01-02", "2026-01-02T03:04:05", "now", "", "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"],
        ),
        (Box(), {"1,2,3,4": (1.0, 2.0, 3.0, 4.0)}, ["1,2,3", "1,2,3,400", "a,b,c,d", "1,2,3,4,5", ""]),
    ],
)
def test_kinds(kind: ParameterKind, good: dict[str, Any], bad: list[str]) -> None:
    for text, value in good.items():
        assert kind.read(text) == value
    for text in bad:
        with pytest.raises(ValueError, match="expected"):
            kind.read(text)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [(b'{"x~/":1}', "#/x~0~1"), (b'{"zone":7}', "#/zone"), (b"[]", "#"), (b'{"listed":null}', "#/listed")],
)
def test_where_a_body_is_wrong(body: bytes, pointer: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=DeviceIn)
    assert invalid_body(caught.value).errors[0].pointer == pointer
