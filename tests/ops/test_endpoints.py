"""Endpoint strings: which are taken, and which get a listen queue."""

from pathlib import Path

import pytest
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock

from jimigw.ops.config_kinds import Wrong
from jimigw.ops.endpoints import Endpoint, endpoint_for_owner, endpoint_with_backlog, stays_local


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tcp:21100", "tcp:21100:backlog=1024"),
        ("tcp:21100:interface=127.0.0.1", "tcp:21100:interface=127.0.0.1:backlog=1024"),
        ("tcp:21100:127.0.0.1", "tcp:21100:127.0.0.1:backlog=1024"),
        ("tcp:21100:127.0.0.1:77", "tcp:21100:127.0.0.1:77"),
        ("tcp:21100:backlog=77", "tcp:21100:backlog=77"),
        ("tcp:backlog=77:port=1", "tcp:backlog=77:port=1"),
        ("tcp:port=21100", "tcp:port=21100:backlog=1024"),
        ("tcp6:21100", "tcp6:21100:backlog=1024"),
        ("tcp6:21100:77", "tcp6:21100:77"),
        (r"tcp6:21100:interface=\:\:1", r"tcp6:21100:interface=\:\:1:backlog=1024"),
        ("ssl:443:key.pem:cert.pem", "ssl:443:key.pem:cert.pem:backlog=1024"),
        ("ssl:443:privateKey=k:backlog=5", "ssl:443:privateKey=k:backlog=5"),
        ("ssl:443:k:c:TLSv1_2_METHOD::77", "ssl:443:k:c:TLSv1_2_METHOD::77"),
        ("tls:/certs:443", "tls:/certs:443:backlog=1024"),
        ("tls:/certs:443:77", "tls:/certs:443:77"),
        ("unix:/run/jimigw", "unix:/run/jimigw:backlog=1024"),
        (r"unix:/run/backlog\=7", r"unix:/run/backlog\=7:backlog=1024"),
        ("haproxy:tcp:21100", "haproxy:tcp:21100:backlog=1024"),
        ("haproxy:tcp:21100:backlog=7", "haproxy:tcp:21100:backlog=7"),
        ("systemd:domain=INET:index=0", "systemd:domain=INET:index=0"),
        ("stdio:", "stdio:"),
        ("onion:80", "onion:80"),
        ("", ""),
    ],
)
def test_the_backlog(text: str, expected: str) -> None:
    assert endpoint_with_backlog(text, 1024) == expected


@pytest.mark.parametrize(
    ("text", "backlog"),
    [
        ("tcp:21100", 1024),
        ("tcp:21100:127.0.0.1", 1024),
        ("tcp:21100:127.0.0.1:77", 77),
        ("tcp6:21100", 1024),
        ("tcp6:21100:77", 77),
        ("haproxy:tcp:21100", 1024),
        ("haproxy:tcp:21100:backlog=7", 7),
    ],
)
def test_twisted_listens_with_the_backlog(text: str, backlog: int) -> None:
    reactor = MemoryReactorClock()
    serverFromString(reactor, endpoint_with_backlog(text, 1024)).listen(Factory())
    [(port, _, listened, _)] = reactor.tcpServers
    assert (port, listened) == (21100, backlog)


@pytest.mark.parametrize(
    "text",
    [
        "tcp:0",
        "tcp:65535:interface=127.0.0.1:backlog=9",
        r"tcp6:21100:interface=\:\:1",
        "unix:/run/jimigw:mode=660",
        "haproxy:tcp:21100",
        "systemd:domain=INET:index=0",
        "systemd:domain=INET6:name=jimi",
        "systemd:INET:index=0",
    ],
)
def test_an_endpoint_that_is_taken(text: str) -> None:
    assert Endpoint().read(text) == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty; expected a Twisted server endpoint such as"),
        ("tcp", "'tcp' names no port; expected for example tcp:21100"),
        ("tcp:", "'tcp:': '' is not a port; expected 0..65535"),
        ("tcp:http", "'tcp:http': 'http' is not a port; expected 0..65535"),
        ("tcp:-1", "'tcp:-1': '-1' is not a port; expected 0..65535"),
        ("tcp:65536", "'tcp:65536': '65536' is not a port; expected 0..65535"),
        ("haproxy:tcp:65536", "'haproxy:tcp:65536': '65536' is not a port"),
        ("tcp:1:colour=red", "'tcp:1:colour=red' is not a server endpoint that Twisted can read: it got an unexpected"),
        ("tcp:1:backlog=many", "'tcp:1:backlog=many': invalid literal for int() with base 10: 'many'"),
        ("21100", "'21100': Unknown endpoint type: '21100'"),
        ("tcp:21100\\", "'tcp:21100\\\\' ends in a backslash that stands for nothing"),
        ("systemd:domain=INET", "'systemd:domain=INET' is not systemd:domain=INET:index=N nor"),
        (
            "ssl:443:privateKey=/no/such.pem",
            "'ssl:443:privateKey=/no/such.pem': cannot read '/no/such.pem': No such file",
        ),
        ("tcp:1\n", "'tcp:1\\n' holds control characters; expected"),
    ],
)
def test_an_endpoint_that_is_refused(text: str, problem: str) -> None:
    with pytest.raises(Wrong) as refused:
        Endpoint().read(text)
    assert str(refused.value).startswith(problem)


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "server.pem").write_text("hello")
    with pytest.raises(Wrong, match="cannot be set up; is a file it names no PEM file"):
        Endpoint().read(f"ssl:443:privateKey={tmp_path}/server.pem")


def test_a_text_is_needed() -> None:
    with pytest.raises(Wrong, match="21100 is not text; expected a Twisted server endpoint"):
        Endpoint().read(21100)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tcp:2323", False),
        ("tcp:2323:interface=127.0.0.1", True),
        ("tcp:2323:127.0.0.1", True),
        ("tcp:port=2323:interface=127.1.2.3", True),
        ("tcp:2323:interface=localhost", True),
        ("tcp:2323:interface=", False),
        ("tcp:2323:interface=0.0.0.0", False),
        ("tcp:2323:interface=192.0.2.1", False),
        ("tcp:2323:interface=127.0.0.1.example.org", False),
        (r"tcp:2323:interface=\:\:1", True),
        ("tcp6:2323", False),
        (r"tcp6:2323:interface=\:\:1", True),
        (r"tcp6:2323:50:\:\:1", True),
        (r"tcp6:2323:interface=\:\:", False),
        ("ssl:2323:k:c", False),
        ("ssl:2323:k:c:interface=127.0.0.1", True),
        ("tls:/certs:2323", False),
        (r"tls:/certs:2323:interface=\:\:1", True),
        ("unix:/run/manhole", True),
        ("haproxy:tcp:2323", False),
        ("haproxy:tcp:2323:interface=127.0.0.1", True),
        ("systemd:domain=UNIX:index=0", True),
        ("systemd:UNIX:index=0", True),
        ("systemd:domain=INET:index=0", False),
        ("onion:80", False),
    ],
)
def test_what_stays_on_this_machine(text: str, expected: bool) -> None:
    assert stays_local(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unix:/run/manhole", "unix:/run/manhole:mode=600"),
        ("unix:/run/manhole:mode=660", "unix:/run/manhole:mode=660"),
        ("unix:/run/manhole:660", "unix:/run/manhole:660"),
        ("unix:address=/run/manhole", "unix:address=/run/manhole:mode=600"),
        ("tcp:2323", "tcp:2323"),
    ],
)
def test_a_socket_is_for_its_owner(text: str, expected: str) -> None:
    assert endpoint_for_owner(text) == expected


def test_an_endpoint_may_be_empty_where_that_switches_it_off() -> None:
    assert Endpoint(empty=True).read("") == ""
    with pytest.raises(Wrong, match="it is empty; expected a Twisted server endpoint"):
        Endpoint().read("")
