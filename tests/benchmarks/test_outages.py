"""The part ``outages``: a short run keeps every promise, and a broken one is seen."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlencode

import pytest

from benchmarks import receiver
from benchmarks.figures import table
from benchmarks.outages import measure
from benchmarks.partners import SECRET, Receiver
from benchmarks.plan import quick
from benchmarks.programs import ROOT
from benchmarks.receiver import notes
from benchmarks.trouble.account import (
    GRACE,
    Stored,
    Trouble,
    by_row,
    judge,
    not_stored,
    out_of_order,
    told_troubles,
)
from benchmarks.trouble.fleet import Camera, Tracker
from benchmarks.trouble.subscriber import packets
from jimigw.gateway.signing import signed_headers
from jimigw.protocols.jimi.frame import answer_frame
from jimigw.protocols.jt808.codec import encode_json
from jimigw.protocols.jt808.versions import V2013, V2019
from tests.support.servers import found


def test_a_short_run_keeps_every_promise(tmp_path: Path, require_server: Callable[[str, str], NoReturn]) -> None:
    found("mosquitto", require_server)
    plan = quick(tmp_path)
    part = measure(plan)
    values = {figure.what: figure.value for figure in part.figures}
    assert values["reports that were answered"] == plan.outages.reports
    assert values["times killed"] == 2
    assert values["records in the journal"] > plan.outages.reports
    shown = table(part)
    for phase in ("broker stopped", "broker slow", "broker killed", "receiver stopped", "receiver killed"):
        assert f"{phase}: answers, p99" in shown
        assert f"{phase}: memory" in shown


# -- the judgement ------------------------------------------------------------------------------------------------

A, B = "863222200000000", "13800000001"
EXPECTED = [Stored(1, A), Stored(2, B), Stored(3, A), Stored(4, A), Stored(5, B)]
WRONG_AT = 100.0
TROUBLES = [Trouble("killed", WRONG_AT, WRONG_AT + 5, frozenset({"mqtt"}))]


@pytest.mark.parametrize(
    ("ids", "at", "repeats", "returns", "faults"),
    [
        ("12345", 0, 0, 0, []),
        # Other terminals are no matter
        ("21354", 0, 0, 0, []),
        # From a point on, once more
        ("1231345", WRONG_AT, 2, 1, []),
        ("12312345", WRONG_AT + 5 + GRACE, 3, 2, []),
        ("1 3 3 2 4 5", WRONG_AT, 1, 1, []),
        ("1231345", 0, 2, 1, [f"mqtt: record 1 of {A} came again, and nothing was wrong"]),
        ("1231345", WRONG_AT + 5.1 + GRACE, 2, 1, [f"mqtt: record 1 of {A} came again, and nothing was wrong"]),
        ("1234", 0, 0, 0, [f"mqtt: record 5 of {B} did not come"]),
        ("125", 0, 0, 0, [f"mqtt: record 3 of {A} did not come", f"mqtt: record 4 of {A} did not come"]),
        ("1245", 0, 0, 0, [f"mqtt: record 4 of {A} came before record 3"]),
        ("126345", 0, 0, 0, ["mqtt: record 6 came, which the journal does not have for it"]),
    ],
)
def test_arrivals(ids: str, at: float, repeats: int, returns: int, faults: list[str]) -> None:
    arrivals = [(at, int(id)) for id in ids.replace(" ", "")]
    verdict = judge("mqtt", EXPECTED, arrivals, TROUBLES)
    assert sorted(verdict.faults) == sorted(faults)
    assert (verdict.arrivals, verdict.repeats, verdict.returns) == (len(arrivals), repeats, returns)


def test_a_trouble_is_a_reason_for_its_own_reader_only() -> None:
    verdict = judge("callback:json", EXPECTED, [(WRONG_AT, id) for id in (1, 1, 2, 3, 4, 5)], TROUBLES)
    assert verdict.faults == [f"callback:json: record 1 of {A} came again, and nothing was wrong"]


def test_what_the_service_says_that_it_tries_again(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    log.write_text(
        "2026-11-20T09:30:00.500+0000 info  jimigw.net.tcp.Terminal  863 logged in; it is tried again\n"
        "2026-11-20T09:30:01.500+0000 warn  jimigw.delivery.status.Troubles  callback:json: late; it is tried again\n"
        "2026-11-20T09:30:02.500+0000 warn  jimigw.delivery.mqtt.broker.Broker  MQTT: lost; tried again in 1 s\n"
    )
    at = datetime(2026, 11, 20, 9, 30, 1, 500_000, UTC).timestamp()
    found = told_troubles(log, 7 - at)
    assert found == [Trouble("late", 7, 7, frozenset({"callback:json"}))]
    again = [(8.0, id) for id in (1, 1, 2, 3, 4, 5)]
    assert judge("callback:json", EXPECTED, again, found).faults == []


def test_positions_are_known_by_their_row_where_it_is_the_only_one() -> None:
    row, other = (A, 7.0, "2026-11-20 09:30:00"), (A, 8.0, "2026-11-20 09:30:00")
    stored = [Stored(1, A), Stored(2, A, 7, row), Stored(3, A, 8, other), Stored(4, A, 8, other)]
    assert by_row(stored) == ([stored[1]], {row: 2})


def test_answered_and_not_stored() -> None:
    stored = [Stored(1, A, 7), Stored(2, B, 9)]
    assert not_stored([(A, 7), (B, 9)], stored) == []
    assert not_stored([(A, 9)], stored) == [f"the report 9 of {A} was answered, and is not in the journal"]


@pytest.mark.parametrize(
    ("serials", "late"),
    [([1, 2, 3], []), ([1, 2, -1, 1, 2, 3], []), ([2, 1, 3], [1])],
)
def test_reports_in_the_order_of_their_terminal(serials: list[int], late: list[int]) -> None:
    stored = [Stored(id, A, serial) for id, serial in enumerate(serials, 1)]
    assert out_of_order(stored) == [f"the journal has the report {each} of {A} behind a later one" for each in late]


# -- the receiver -------------------------------------------------------------------------------------------------


@contextmanager
def posting(there: Receiver) -> Iterator[HTTPConnection]:
    connection = HTTPConnection("127.0.0.1", there.port, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


def test_the_receiver_keeps_what_it_acknowledged_when_it_is_killed(tmp_path: Path) -> None:
    there = Receiver(tmp_path)
    signed = signed_headers(SECRET.encode(), b'[{"id":1},{"id":2}]', time.time())
    item = b'[{"deviceImei":"1","distance":5,"gateTime":"2026-11-20 09:30:00","lat":1.5}]'
    posts = [
        ("/json", b'[{"id":1},{"id":2}]', signed, 200),
        ("/json", b'[{"id":1},{"id":3}]', signed, 503),
        ("/json", b'[{"id":4}]', {}, 503),
        ("/hub/pushgps", urlencode([("token", ""), ("data_list", item)]).encode(), {}, 200),
    ]
    with there:
        for path, body, headers, status in posts:
            with posting(there) as connection:
                connection.request("POST", path, body, headers)
                assert connection.getresponse().status == status
        there.kill()
        with (tmp_path / receiver.NOTES).open("ab") as cut_off:
            cut_off.write(b'{"at":1.0,"ids":[9')
        there.start()
        with posting(there) as connection:
            connection.request("POST", *posts[0][:3])
            connection.getresponse().read()
    got = list(notes(tmp_path))
    assert [each.ids for each in got] == [[1, 2], [], [], [], [1, 2]]
    assert got[3].rows == [("1", 5.0, "2026-11-20 09:30:00")]
    assert [bool(each.wrong) for each in got] == [False, True, True, False, False]


def test_a_slow_receiver(tmp_path: Path) -> None:
    there = Receiver(tmp_path)
    with there, posting(there) as connection:
        there.slow(0.2)
        started = time.monotonic()
        connection.request("POST", "/json", b"[]", signed_headers(SECRET.encode(), b"[]", time.time()))
        assert connection.getresponse().status == 200
        assert time.monotonic() - started >= 0.2


# -- the subscriber ----------------------------------------------------------------------------------------------


def test_packets_of_a_broker() -> None:
    long = b"\x00\x01a" + b"x" * 300
    sent = b"\x20\x02\x00\x00" + b"\x90\x03\x00\x01\x00" + b"\x30\xaf\x02" + long + b"\x30\x04\x00\x01a1"
    expected = [(2, b"\x00\x00"), (9, b"\x00\x01\x00"), (3, long), (3, b"\x00\x01a1")]
    for cut in range(len(sent)):
        data = bytearray(sent[:cut])
        before = list(packets(data))
        data += sent[cut:]
        assert before + list(packets(data)) == expected
        assert not data


# -- the terminals ------------------------------------------------------------------------------------------------


def test_what_a_camera_hears() -> None:
    camera = Camera(0, A)
    camera.greeting()
    said = answer_frame(0x01, 0) + answer_frame(0x22, 1) + answer_frame(0x22, 0x1234)
    for cut in range(len(said)):
        camera.greeting()
        assert [*camera.heard(said[:cut]), *camera.heard(said[cut:])] == [None, 1, 0x1234]


@pytest.mark.parametrize("version", [V2013, V2019])
def test_what_a_tracker_hears(version: int) -> None:
    tracker = Tracker(1, B, version)
    tracker.greeting()
    here = {"phone": B.zfill(20 if version == V2019 else 12), "msg_sn": 0}

    def frame(msg_id: int, **body: object) -> bytes:
        (made,) = encode_json({"header": here | {"msg_id": msg_id}, "body": body})
        return made

    (greeting,) = tracker.heard(frame(0x8100, seq=1, result=0, auth_code="17"))
    assert isinstance(greeting, bytes)
    said = [
        frame(0x8001, seq=2, id=0x0102, result=0),
        frame(0x8001, seq=3, id=0x0200, result=0),
        frame(0x8001, seq=4, id=0x0200, result=1),
    ]
    assert list(tracker.heard(b"".join(said))) == [None, 3, -1]


def test_a_fleet_without_a_service_says_so(tmp_path: Path) -> None:
    command = ["-c", "import sys, benchmarks.trouble.fleet as f; f._LOGIN_SECONDS = 0.2; f.main()"]
    orders = f'{{"folder":"{tmp_path}","ports":[1,1],"terminals":2,"reports":1,"rate":1}}'
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, input=orders, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "not all terminals could log in" in done.stderr
