"""What the platform is asked, and what is made of its answers."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.ssl import DefaultOpenSSLContextFactory
from twisted.logger import ILogObserver, globalLogPublisher
from zope.interface import implementer

from jimigw import __version__
from jimigw.gateway.signing import signature
from jimigw.web.asking import AskingCounters
from jimigw.web.hooks import (
    MAX_CODE,
    HookSettings,
    PlatformHooks,
    Verdict,
    bare_url,
    read_authentication,
    read_registration,
)
from tests.web.harness import ClockReactor, Platform, RawServer, Request, hooks, listening, until, verdict_of

PHONE = "013912345678"
BODY = {
    "province": 44,
    "city": 300,
    "manufacturer": "JIMI",
    "model": "JC400",
    "dev_id": "0012345",
    "color": 1,
    "license_number": "粤B12345",
}
YES = {"code": 0, "authcode": "7f3a"}


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def yes(_: Request) -> tuple[int, Any]:
    return 200, YES


# -- the requests -------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_the_registration_as_it_is_sent() -> None:
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n{"code":0,"authcode":"7f3a"}'
    server = RawServer(lambda c: c.send(answer))
    with listening(server) as port, hooks(url(port)) as made:
        verdict = await made.register(PHONE, BODY)
    assert verdict == Verdict(True, 0, "7f3a", True, "the platform let it register")
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body.decode() == (
        '{"province":44,"city":300,"manufacturer":"JIMI","model":"JC400","dev_id":"0012345","color":1,'
        '"license_number":"粤B12345","phone":"013912345678"}'
    )
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /register HTTP/1.1"
    assert sorted(lines[1:]) == [
        "Accept: application/json",
        f"Content-Length: {len(body)}",
        "Content-Type: application/json",
        f"Host: 127.0.0.1:{port}",
        f"User-Agent: jimigw/{__version__}",
    ]


@pytest_twisted.ensureDeferred
async def test_the_authentication_as_it_is_sent() -> None:
    platform = Platform(lambda _: (200, b"whatever"))
    with listening(platform.site) as port, hooks(url(port)) as made:
        verdict = await made.authenticate(PHONE, "7f3a")
        await made.authenticate("863000000000014", "")
    assert verdict == Verdict(True, 0, None, True, "the platform let it in")
    assert [request.raw for request in platform.requests] == [
        b'{"code":"7f3a","phone":"013912345678"}',
        b'{"code":"","phone":"863000000000014"}',
    ]
    assert platform.requests[0].path == "/auth"
    assert platform.requests[0].headers["content-type"] == "application/json"
    assert "x-jimigw-signature" not in platform.requests[0].headers


@pytest_twisted.ensureDeferred
async def test_with_a_secret_requests_are_signed() -> None:
    platform, secret = Platform(yes), b"0123456789abcdef"
    with listening(platform.site) as port:
        settings = HookSettings(f"{url(port)}/r", f"{url(port)}/a", secret=secret)
        made = PlatformHooks(ClockReactor(), settings, now=lambda: 1_795_000_000.9)
        assert "0123456789abcdef" not in repr(settings)
        await made.register(PHONE, BODY)
        made.close()
    (request,) = platform.requests
    assert request.headers["x-jimigw-timestamp"] == "1795000000"
    assert request.headers["x-jimigw-signature"] == signature(secret, "1795000000", request.raw)


@pytest_twisted.ensureDeferred
async def test_bytes_that_are_no_text_are_asked_about_all_the_same() -> None:
    platform = Platform(lambda _: (401, b""))
    with listening(platform.site) as port, hooks(url(port)) as made:
        assert (await made.authenticate(PHONE, "a\udcff\0")).certain
    assert platform.requests[0].body == {"code": "a\\udcff\0", "phone": PHONE}


@pytest.mark.parametrize("body", [{"model": "x" * 17_000}, {"model": object()}, {1j: 2}])
@pytest_twisted.ensureDeferred
async def test_what_cannot_be_asked_is_no_answer(body: Any) -> None:
    with hooks("http://127.0.0.1:1") as made:
        verdict = await made.register(PHONE, body)
    assert (verdict.admitted, verdict.result, verdict.certain) == (False, 1, False)


@pytest_twisted.ensureDeferred
async def test_connections_are_used_again() -> None:
    server = RawServer(lambda c: c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    with listening(server) as port, hooks(url(port), cache=0) as made:
        for number in range(5):
            await made.authenticate(PHONE, str(number))
            await until(lambda: not made.authentication._running)
        await made.register(PHONE, BODY)
    assert server.connections == 1


@pytest_twisted.ensureDeferred
async def test_few_idle_connections_are_kept() -> None:
    server = RawServer(lambda c: c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    with listening(server) as port, hooks(url(port), concurrency=30) as made:
        for answer in [made.authenticate(PHONE, str(number)) for number in range(30)]:
            assert (await answer).admitted
        await until(lambda: len(server.open) <= 4)
        assert server.connections > 4


@pytest_twisted.ensureDeferred
async def test_cookies_are_neither_kept_nor_sent() -> None:
    def answers(request: Request) -> None:
        request.answer(200, b"", Set_Cookie="a=b; Path=/")

    platform = Platform(answers)
    with listening(platform.site) as port, hooks(url(port)) as made:
        await made.authenticate(PHONE, "1")
        await made.authenticate(PHONE, "2")
    assert "cookie" not in platform.requests[1].headers
    assert "accept-encoding" not in platform.requests[1].headers


# -- the answers --------------------------------------------------------------------------------------------------

LONGEST = "码" * (MAX_CODE // 2)


@pytest.mark.parametrize(
    ("body", "result", "code"),
    [
        (b'{"code":0,"authcode":"7f3a"}', 0, "7f3a"),
        (b' {"authcode" : "7f3a", "code": 0, "more": [1, {}]}\n', 0, "7f3a"),
        (b'{"code":0,"authcode":""}', 0, ""),
        (json.dumps({"code": 0, "authcode": LONGEST}).encode(), 0, LONGEST),
        (b'{"code":1}', 1, None),
        (b'{"code":2,"authcode":"x"}', 2, None),
        (b'{"code":4,"authcode":null}', 4, None),
        (b'{"code":255}', 255, None),
    ],
)
def test_a_registration_that_is_understood(body: bytes, result: int, code: str | None) -> None:
    verdict = read_registration(200, body)
    assert (verdict.admitted, verdict.result, verdict.code, verdict.certain) == (result == 0, result, code, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"ok",
        b"null",
        b"[]",
        b"0",
        b'"code"',
        b"{}",
        b'{"code":0}',
        b'{"code":0,"authcode":null}',
        b'{"code":0,"authcode":7}',
        b'{"code":0,"authcode":["x"]}',
        b'{"code":"0","authcode":"x"}',
        b'{"code":true,"authcode":"x"}',
        b'{"code":false,"authcode":"x"}',
        b'{"code":null,"authcode":"x"}',
        b'{"code":0.5,"authcode":"x"}',
        b'{"code":-1}',
        b'{"code":256}',
        b'{"code":1001,"message":"no"}',
        b'{"code":' + b"9" * 5000 + b"}",
        b'{"Code":0,"AuthCode":"x"}',
        b'{"code":0,"authcode":"x"} trailing',
        b'{"code":0,"authcode":"x"',
        b'\xef\xbb\xbf{"code":0,"authcode":"x"}',
        b'{"code":0,"authcode":"\xff"}',
        b'{"code":0,"authcode":"a\\u0000b"}',
        b'{"code":0,"authcode":"a\\nb"}',
        b'{"code":0,"authcode":"\\ud800"}',
        json.dumps({"code": 0, "authcode": "x" * (MAX_CODE + 1)}).encode(),
        json.dumps({"code": 0, "authcode": LONGEST + "x"}).encode(),
        '{"code":0,"authcode":"x"}'.encode("utf-16"),
        b"[" * 60_000,
        b'{"a":' * 10_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_registration_that_is_not_understood(body: bytes) -> None:
    verdict = read_registration(200, body)
    assert (verdict.admitted, verdict.result, verdict.code, verdict.certain) == (False, 1, None, False)
    assert len(verdict.why) < 300


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_ANSWERS = st.binary(max_size=60) | (
    _JSON
    | st.fixed_dictionaries({"code": st.integers(-2, 9) | _JSON}, optional={"authcode": st.text(max_size=300) | _JSON})
).map(lambda value: json.dumps(value).encode())


@given(st.integers(-1, 1000) | st.sampled_from([200, 401, 403, 404, 500]), _ANSWERS)
def test_any_answer_gives_a_verdict(status: int, body: bytes) -> None:
    verdict = read_registration(status, body)
    assert isinstance(verdict, Verdict)
    assert 0 <= verdict.result <= 255
    assert verdict.admitted == (verdict.result == 0) == (verdict.code is not None)
    if verdict.admitted:
        said = json.loads(body)
        assert (status, verdict.code) == (200, said["authcode"])
        assert said["code"] == 0
        assert not isinstance(said["code"], bool)
        assert verdict.certain
    if verdict.certain and status != 200:
        assert status in (401, 403, 404)
    authentication = read_authentication(status)
    assert authentication.admitted == (status == 200)
    if authentication.certain and not authentication.admitted:
        assert 400 <= status < 500


@pytest_twisted.ensureDeferred
async def test_bodies_over_http_are_read_as_they_are_without() -> None:
    bodies = [b"", b"{}", b'{"code":0,"authcode":"x"}', b'{"code":3}', b"\xff" * 1000, b"[" * 60_000, b"\0", b"null"]
    platform = Platform(lambda request: (200, bodies[request.body["n"]]))
    with listening(platform.site) as port, hooks(url(port), failures=100) as made:
        for number, body in enumerate(bodies):
            assert await made.register(PHONE, {"n": number}) == read_registration(200, body)


# -- a few at once, the same thing once ---------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_certain_answer_is_good_for_the_cache_time() -> None:
    platform, clocked = Platform(lambda r: (200 if r.body["code"] == "right" else 401, b"")), ClockReactor()
    with listening(platform.site) as port, hooks(url(port), clocked, cache=60) as made:
        for time, asked in ((0, 2), (59.9, 2), (0.2, 4)):
            clocked.clock.advance(time)
            assert (await made.authenticate(PHONE, "right")).admitted
            assert not (await made.authenticate(PHONE, "wrong")).admitted
            assert len(platform.requests) == asked
        assert made.authentication.counters == AskingCounters(sent=4, admitted=2, refused=2, cached=2)


@pytest_twisted.ensureDeferred
async def test_what_is_not_certain_is_asked_again() -> None:
    platform = Platform(lambda _: (500, b""))
    with listening(platform.site) as port, hooks(url(port)) as made:
        await made.register(PHONE, BODY)
        await made.register(PHONE, BODY)
    assert len(platform.requests) == 2


@pytest_twisted.ensureDeferred
async def test_the_cache_is_bounded() -> None:
    platform = Platform(lambda _: (200, b""))
    with listening(platform.site) as port, hooks(url(port), cached=3) as made:
        for number in (1, 2, 3, 4, 4, 1):
            await made.authenticate(PHONE, str(number))
        assert [request.body["code"] for request in platform.requests] == ["1", "2", "3", "4", "1"]


@pytest_twisted.ensureDeferred
async def test_the_same_question_under_way_is_asked_once() -> None:
    platform = Platform()
    with listening(platform.site) as port, hooks(url(port)) as made:
        answers = [made.register(PHONE, BODY) for _ in range(5)]
        other = made.register(PHONE, BODY | {"license_number": "other"})
        await until(lambda: len(platform.requests) == 2)
        for request in platform.requests:
            request.answer(200, {"code": 0, "authcode": request.body["license_number"]})
        assert [(await answer).code for answer in answers] == [BODY["license_number"]] * 5
        assert (await other).code == "other"
        assert made.registration.counters.shared == 4


@pytest_twisted.ensureDeferred
async def test_so_many_at_once_so_many_waiting_and_no_more() -> None:
    platform, clocked = Platform(), ClockReactor()
    with listening(platform.site) as port, hooks(url(port), clocked, concurrency=2, waiting=3) as made:
        answers = [made.authenticate(str(number), "x") for number in range(5)]
        crowded = made.authenticate("5", "x")
        assert not (await crowded).certain
        assert not (await made.authenticate("0", "x")).certain, "who shares a question waits as well"
        assert made.authentication.counters.crowded == 2
        await until(lambda: len(platform.requests) == 2)
        platform.requests[0].answer(200)
        assert (await answers.pop(int(platform.requests[0].body["phone"]))).admitted
        await until(lambda: len(platform.requests) == 3)
        clocked.clock.advance(3)
        assert not any([(await answer).certain for answer in answers])
        assert made.authentication.counters == AskingCounters(sent=3, admitted=1, unanswered=2, crowded=4)
        # Those that found no turn in time are not asked behind their back.
        assert len(platform.requests) == 3
        assert not made.authentication._queue


@pytest_twisted.ensureDeferred
async def test_a_flood_costs_a_bounded_room() -> None:
    platform, clocked = Platform(), ClockReactor()
    with listening(platform.site) as port, hooks(url(port), clocked, waiting=100) as made:
        answers = [made.register(str(number), BODY) for number in range(20_000)]
        assert sum(not answer.called for answer in answers) == 116
        assert len(made.registration._open) == 116
        # The other question is not kept waiting by it.
        authentication = made.authenticate(PHONE, "x")
        await until(lambda: any(request.path == "/auth" for request in platform.requests))
        next(request for request in platform.requests if request.path == "/auth").answer(200)
        assert (await authentication).admitted
        clocked.clock.advance(3)
        assert all(answer.called for answer in answers)
        assert not made.registration._open


# -- a platform that is broken is left alone ----------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_a_platform_that_gives_no_answers_is_left_alone_and_found_again() -> None:
    status = 503
    platform, clocked = Platform(lambda _: (status, b"")), ClockReactor()
    said: list[str] = []

    @implementer(ILogObserver)
    def observe(event: Any) -> None:
        if event["log_namespace"].startswith("jimigw"):
            said.append(event["log_format"].format(**event))

    globalLogPublisher.addObserver(observe)
    try:
        with listening(platform.site) as port, hooks(url(port), clocked, failures=3, shortest_pause=2) as made:
            breaker = made.authentication.breaker
            for number in range(5):
                assert not (await made.authenticate(PHONE, str(number))).certain
            assert len(platform.requests) == 3
            assert (made.authentication.counters.unanswered, made.authentication.counters.broken) == (3, 2)
            assert 1.5 <= breaker.left <= 2.5
            clocked.clock.advance(2.6)
            answers = [made.authenticate(PHONE, str(number)) for number in range(10, 15)]
            assert [answer.called for answer in answers] == [False, True, True, True, True], "one is let through"
            await answers[0]
            assert len(platform.requests) == 4
            assert 3 <= breaker.left <= 5, "twice as long"
            status = 401
            clocked.clock.advance(5.1)
            assert (await made.authenticate(PHONE, "x")).certain, "a no is an answer"
            assert breaker.closed
    finally:
        globalLogPublisher.removeObserver(observe)
    assert [line.split(" http://")[0] for line in said] == ["the authentication hook"] * 3
    assert [" gives no answers, and is left alone for " in line for line in said] == [True, True, False]
    assert said[2].endswith("/auth answers again")


@pytest_twisted.ensureDeferred
async def test_a_url_that_is_broken_says_nothing_of_the_other() -> None:
    platform = Platform(lambda request: (500 if request.path == "/auth" else 200, YES))
    with listening(platform.site) as port, hooks(url(port), failures=1) as made:
        await made.authenticate(PHONE, "x")
        assert not made.authentication.breaker.closed
        assert (await made.register(PHONE, BODY)).admitted


@pytest_twisted.ensureDeferred
async def test_those_that_wait_hear_at_once_when_the_platform_is_left_alone() -> None:
    platform = Platform()
    with listening(platform.site) as port, hooks(url(port), ClockReactor(), concurrency=1, failures=1) as made:
        answers = [made.authenticate(str(number), "x") for number in range(1000)]
        await until(lambda: platform.requests)
        platform.requests[0].answer(500)
        verdicts = [await answer for answer in answers]
        assert not any(verdict.certain for verdict in verdicts)
        assert made.authentication.counters.broken == 999


# -- TLS ----------------------------------------------------------------------------------------------------------


@attrs.frozen
class Certificate:
    """A certificate for 127.0.0.1 that signed itself, in files."""

    key: Path
    certificate: Path

    def context(self) -> Any:
        return DefaultOpenSSLContextFactory(str(self.key), str(self.certificate), SSL.TLS_METHOD)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "platform")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = Certificate(folder / "key.pem", folder / "certificate.pem")
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return files


@pytest_twisted.ensureDeferred
async def test_https_with_a_certificate_that_the_system_trusts(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ssl.get_default_verify_paths().openssl_cafile_env, str(certificate.certificate))
    platform = Platform(yes)
    with listening(platform.site, certificate.context()) as port, hooks(f"https://127.0.0.1:{port}") as made:
        assert (await made.register(PHONE, BODY)).code == "7f3a"


@pytest_twisted.ensureDeferred
async def test_https_with_a_certificate_that_nobody_knows(certificate: Certificate) -> None:
    platform = Platform(yes)
    with listening(platform.site, certificate.context()) as port, hooks(f"https://127.0.0.1:{port}") as made:
        verdict = await made.register(PHONE, BODY)
    assert (verdict.admitted, verdict.certain) == (False, False)
    assert "TLS failed" in verdict.why
    assert (platform.requests, made.registration.counters.retries) == ([], 0)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x28", b"\x16\x03"])
@pytest_twisted.ensureDeferred
async def test_https_where_no_tls_is_spoken(answer: bytes) -> None:
    clocked, server = ClockReactor(), RawServer(lambda _: None, answer)
    with listening(server) as port, hooks(f"https://127.0.0.1:{port}", clocked) as made:
        asked: Deferred[Verdict] = made.authenticate(PHONE, "x")
        verdict = await verdict_of(asked, clocked, lambda: server.connections and answer == b"\x16\x03")
        assert (verdict.admitted, verdict.certain) == (False, False)
        made.close()
        await until(lambda: not server.open)


@pytest_twisted.ensureDeferred
async def test_http_where_tls_is_spoken(certificate: Certificate) -> None:
    platform, clocked = Platform(yes), ClockReactor()
    with listening(platform.site, certificate.context()) as port, hooks(url(port), clocked) as made:
        verdict = await verdict_of(made.authenticate(PHONE, "x"), clocked, lambda: True)
    assert (verdict.admitted, verdict.certain) == (False, False)


# -- addresses and settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("whole", "bare"),
    [
        ("https://user:secret@example.org:8443/a/b?token=secret", "https://example.org:8443/a/b"),
        ("http://example.org", "http://example.org"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
    ],
)
def test_the_log_has_addresses_without_secrets(whole: str, bare: str) -> None:
    assert bare_url(whole) == bare


@pytest_twisted.ensureDeferred
async def test_addresses_in_capitals_and_of_ipv6(certificate: Certificate) -> None:
    platform = Platform(yes)
    with listening(platform.site) as port, hooks(f"HTTP://LOCALHOST:{port}") as made:
        assert (await made.register(PHONE, BODY)).admitted
    with listening(platform.site, certificate.context()) as port, hooks(f"HTTPS://127.0.0.1:{port}") as made:
        assert "TLS failed" in (await made.register(PHONE, BODY)).why
    clocked = ClockReactor()
    with hooks("http://[::1]:1", clocked) as made:
        why = (await verdict_of(made.register(PHONE, BODY), clocked, lambda: True)).why
        assert "refused" in why or "unreachable" in why or "no answer" in why


@pytest.mark.parametrize("wrong", [{"timeout": 4.1}, {"timeout": 0}, {"cache": -1}, {"concurrency": 0}])
def test_settings_that_break_the_promise_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        HookSettings("http://a", "http://b", **wrong)
