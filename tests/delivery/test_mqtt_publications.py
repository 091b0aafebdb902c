"""What is published of a record, and where; who may, and what the broker says to it."""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import reactor

from jimigw.delivery.target import Done, Later, Never
from jimigw.journal.interface import Record
from jimigw.ops.config import load_config
from jimigw.service.brokers import BrokerError, mqtt_of
from tests.delivery.conftest import MakeBroker, MakePeer, MakeWorld
from tests.delivery.mqtt_harness import PHONE, World
from tests.support.jt808 import LOCATION
from tests.support.servers import Mosquitto, until

IMEI = "863000000000001"


def record(id: int, kind: str = "position", device: str = "123456789", **changes: Any) -> Record:
    header = changes.pop("header", {"msg_id": 512, "phone": PHONE, "msg_sn": id})
    data = {
        "device": device,
        "protocol": "jt808",
        "kind": kind,
        "received_at": "2026-11-21T01:02:03.5Z",
        "message": {"header": header, "body": changes.pop("body", {"n": id})},
    } | changes
    return Record(id, device, "jt808", kind, 0, b"", msgspec.json.encode(data))


@pytest_twisted.ensureDeferred
async def test_presence_and_last_position_are_kept_by_the_broker(
    broker: Mosquitto, peer: MakePeer, world: MakeWorld
) -> None:
    here = await world(broker, 'mqtt.presence_topic="on/${device}"', 'mqtt.position_topic="at/${phone}"')
    terminal = await here.terminal()
    terminal.say(0x0200, LOCATION)
    terminal.say(0x0200, LOCATION | {"latitude": 1})
    await until(lambda: len(terminal.got(0x8001)) == 3, "the answers")
    client = await here.running.connect(IMEI)
    client.login()
    await client.got(1)
    terminal.leave()
    await until(lambda: here.journal.last_id() == 6, "the record of its going")
    await here.reader.caught_up()
    platform = await peer(broker, "on/+", "at/+")
    told = {each.topic: each for each in await platform.hears(3)}
    assert set(told) == {"on/123456789", f"on/{IMEI}", f"at/{PHONE}"}
    assert all(each.retain for each in told.values())
    away = told["on/123456789"].json
    assert (away["online"], bool(away["reason"]), bool(away["time"])) == (False, True, True)
    assert told[f"on/{IMEI}"].json["online"] is True
    place = told[f"at/{PHONE}"].json
    assert (place["device"], place["protocol"], place["position"]["latitude"]) == ("123456789", "jt808", 0.000001)


@pytest_twisted.ensureDeferred
async def test_a_replayed_position_is_not_the_last_one(broker: Mosquitto, peer: MakePeer, world: MakeWorld) -> None:
    here = await (await world(broker, 'mqtt.position_topic="at/${device}"')).connected()
    platform = await peer(broker, "at/+")
    position = {"latitude": 1.5, "replayed": False}
    await here.target.deliver([record(1, position=position), record(2, position=position | {"replayed": True})])
    await here.target.deliver([record(3, position={"latitude": 2.5})])
    assert [each.json["id"] for each in await platform.hears(2)] == [1, 3]


@pytest_twisted.ensureDeferred
async def test_whole_records(broker: Mosquitto, peer: MakePeer, world: MakeWorld) -> None:
    here = await world(broker, 'mqtt.format="record"', 'mqtt.up_topic="v/${device}/${kind}/${clientid}"')
    platform = await peer(broker, "v/#", "jimi/#")
    terminal = await here.terminal()
    terminal.say(0x0200, LOCATION)
    client = await here.running.connect(IMEI)
    client.login()
    await client.got(1)
    terminal.leave()
    heard = await platform.hears(5)
    stored = [msgspec.json.decode(each.json()) for each in here.running.records()]
    by_id = {each.json["id"]: each for each in heard}
    assert [by_id[each["id"]].json for each in stored] == stored
    # What the service says of a terminal has the same topic as what the terminal says.
    assert {each.topic for each in heard} == {
        *(f"v/123456789/{kind}/{PHONE}" for kind in ("login", "position", "logout")),
        f"jimi/{IMEI}/up",
    }


@pytest_twisted.ensureDeferred
async def test_kinds_and_notes(broker: Mosquitto, peer: MakePeer, world: MakeWorld) -> None:
    here = await (await world(broker, 'mqtt.kinds=["heartbeat"]', 'mqtt.result_topic=""')).connected()
    assert here.target.kinds == frozenset({"heartbeat"})
    platform = await peer(broker, "jt808/#")
    beat = record(2, "heartbeat", message={"header": {"msg_id": 2, "phone": PHONE}, "body": {}, "notes": ["odd"]})
    assert await here.target.deliver([record(1), beat]) == Done()
    assert [each.payload for each in await platform.hears(1)] == [
        b'{"header":{"msg_id":2,"phone":"%b"},"body":{}}' % PHONE.encode()
    ]


@pytest_twisted.ensureDeferred
async def test_what_can_never_be_published(broker: Mosquitto, peer: MakePeer, world: MakeWorld) -> None:
    here = await (await world(broker, "mqtt.max_payload=1024")).connected()
    platform = await peer(broker, "jt808/#")
    broken = Record(3, "1", "jt808", "position", 0, b"", b'{"device":"1"}')
    outcome = await here.target.deliver([record(1), record(2, body={"x": "y" * 2000}), broken, record(4)])
    assert isinstance(outcome, Never)
    assert list(outcome.reasons) == [2, 3]
    assert "bytes; mqtt.max_payload lets 1024 pass" in outcome.reasons[2]
    assert "record 3 cannot be read" in outcome.reasons[3]
    assert [each.json["header"]["msg_sn"] for each in await platform.hears(2)] == [1, 4]


@pytest_twisted.ensureDeferred
async def test_a_packet_that_is_longer_than_the_broker_takes(mosquitto: MakeBroker, world: MakeWorld) -> None:
    broker = mosquitto("max_packet_size 2000")
    await broker.start()
    here = await (await world(broker, 'mqtt.version="5"')).connected()
    outcome = await here.target.deliver([record(1), record(2, body={"x": "y" * 2000})])
    assert isinstance(outcome, Never)
    assert list(outcome.reasons) == [2]
    assert "Packet too large" in outcome.reasons[2]
    assert here.target.broker.counters.lost == 0


# -- who may --------------------------------------------------------------------------------------------------------

ACL = """\
user gateway
topic readwrite jt808/+/+/dn
topic write jt808/000123456789/+/up
user platform
topic readwrite #
"""


def hashed(password: str) -> str:
    """A password as the password file of mosquitto has it."""
    salt, rounds = b"salt of 12 b", 101
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


async def guarded(mosquitto: MakeBroker, tmp_path: Path) -> Mosquitto:
    """A broker with users; their passwords are "sesame"."""
    passwords, rules = tmp_path / "passwords", tmp_path / "acl"
    passwords.write_text("".join(f"{user}:{hashed('sesame')}\n" for user in ("gateway", "platform")))
    rules.write_text(ACL)
    broker = mosquitto("allow_anonymous false", f"password_file {passwords}", f"acl_file {rules}")
    await broker.start()
    return broker


def login(tmp_path: Path, password: str = "sesame") -> tuple[str, ...]:
    (tmp_path / "secret").write_text(password + "\n")
    return 'mqtt.username="gateway"', f'mqtt.password_file="{tmp_path / "secret"}"'


@pytest_twisted.ensureDeferred
async def test_what_a_broker_of_mqtt_5_does_not_allow(
    mosquitto: MakeBroker, peer: MakePeer, world: MakeWorld, tmp_path: Path
) -> None:
    broker = await guarded(mosquitto, tmp_path)
    here = await (await world(broker, 'mqtt.version="5"', *login(tmp_path))).connected()
    platform = await peer(broker, "jt808/#", username="platform", password="sesame")
    other = {"msg_id": 512, "phone": "000000000007"}
    outcome = await here.target.deliver([record(1), record(2, device="7", header=other), record(3)])
    why = "the broker does not take it on jt808/000000000007/000000000007/up: Not authorized"
    assert outcome == Never({2: why})
    assert [each.json["header"]["msg_sn"] for each in await platform.hears(2)] == [1, 3]


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest_twisted.ensureDeferred
async def test_a_wrong_password(mosquitto: MakeBroker, world: MakeWorld, tmp_path: Path, version: str) -> None:
    broker = await guarded(mosquitto, tmp_path)
    here = await world(broker, f'mqtt.version="{version}"', *login(tmp_path, "wrong"))
    outcome = await here.target.deliver([record(1)])
    assert isinstance(outcome, Later)
    assert outcome.reason == "the broker does not let us in: Not authorized"


@pytest.mark.parametrize(("reason", "expected"), [(0, Done()), (0x10, Done()), (0x97, Later), (0x80, Later)])
@pytest_twisted.ensureDeferred
async def test_reasons(broker: Mosquitto, world: MakeWorld, reason: int, expected: Any) -> None:
    here = await (await world(broker)).connected()
    original = here.target.broker.acknowledged
    told: Any = here.target.broker
    told.acknowledged = lambda id, _: original(id, reason)
    outcome = await here.target.deliver([record(1), record(2)])
    assert outcome == expected or (isinstance(expected, type) and isinstance(outcome, expected))


# -- TLS ------------------------------------------------------------------------------------------------------------


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a broker")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


@pytest_twisted.ensureDeferred
async def test_tls(mosquitto: MakeBroker, world: MakeWorld, tmp_path: Path) -> None:
    certified, key = certificate(tmp_path)
    broker = mosquitto(f"certfile {certified}", f"keyfile {key}")
    await broker.start()
    url = f'mqtt.url="mqtts://127.0.0.1:{broker.port}"'
    here: World = await (await world(broker, url, f'mqtt.ca_file="{certified}"')).connected()
    assert await here.target.deliver([record(id) for id in range(1, 500)]) == Done()
    await here.stop()
    stranger = await world(broker, url)
    outcome = await stranger.target.deliver([record(1)])
    assert isinstance(outcome, Later)
    assert "certificate verify failed" in outcome.reason


@pytest.mark.parametrize(
    ("content", "setting", "complaint"),
    [
        (None, "password_file", "mqtt.password_file: {path} cannot be read: No such file or directory"),
        (b"", "password_file", "mqtt.password_file: {path} does not hold one line with a password"),
        (b"one\ntwo\n", "password_file", "mqtt.password_file: {path} does not hold one line with a password"),
        (b"\xff", "password_file", "mqtt.password_file: {path} is not UTF-8"),
        (b"nothing", "ca_file", "mqtt.ca_file: {path} holds no certificate in PEM"),
        (b"-----END CERTIFICATE-----", "ca_file", "mqtt.ca_file: {path} holds what is no certificate"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, content: bytes | None, setting: str, complaint: str) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    nothing: Any = None
    config = load_config(None, ['mqtt.url="mqtts://x"', 'mqtt.username="x"', f'mqtt.{setting}="{path}"'])
    with pytest.raises(BrokerError) as error:
        mqtt_of(config, nothing, nothing, reactor)
    assert str(error.value).startswith(complaint.format(path=path))


def test_no_broker() -> None:
    nothing: Any = None
    assert mqtt_of(load_config(None), nothing, nothing, reactor) is None
