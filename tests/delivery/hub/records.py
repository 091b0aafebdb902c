"""Records as the service makes them: frames through the sessions, reports through the one place that makes JSON."""

from __future__ import annotations

import json
from typing import Any

from jimigw.journal.interface import Record
from jimigw.model.command import Command, Life
from jimigw.model.device import Card, Device
from jimigw.model.record import record_json
from jimigw.model.report import Report
from jimigw.protocols.events import Event, LoggedIn
from jimigw.protocols.jimi.frame import encode_frame
from jimigw.protocols.jimi.session import Session as JimiSession
from jimigw.protocols.jt808.codec import decode_frame, encode_json
from jimigw.protocols.jt808.frame import Frame, frames_of
from jimigw.protocols.jt808.session import Session as Jt808Session
from tests.support.jt808 import REGISTRATION
from tests.support.recorder import RecordingJournal
from tests.vectors.jimi import named

#: 2026-11-20 22:48:43 UTC
NOW = 1_795_214_923.0
IMEI, PHONE = "752533678900242", "013912345678"
DEVICE = "13912345678"


class _Open:
    """Lets everyone in, with the code "c"."""

    def register(self, identity: str, body: dict[str, Any], phone: str) -> tuple[int, str]:
        return 0, "c"

    def authenticate(self, identity: str, code: str, phone: str) -> bool:
        return True


def _told(device: str, events: list[Event]) -> list[dict[str, Any]]:
    reports = [event.report if isinstance(event, LoggedIn) else event for event in events]
    return [json.loads(record_json(device, each)) for each in reports if isinstance(each, Report)]


def of_jimi(*frames: bytes) -> list[dict[str, Any]]:
    """The records of these frames of a camera that has logged in, the login's first."""
    session = JimiSession()
    return [record for frame in (named("login"), *frames) for record in _told(IMEI, session.receive(frame, NOW))]


def of_vector(name: str) -> dict[str, Any]:
    """The record of a vector of the Jimi protocol."""
    return of_jimi(named(name))[-1]


def of_content(number: int, content: bytes) -> dict[str, Any]:
    """The record of a frame of the Jimi protocol with this content."""
    return of_jimi(encode_frame(number, content, 7))[-1]


def of_jt808(msg_id: int, body: dict[str, Any], serial: int = 9) -> dict[str, Any]:
    """The record of a message of a JT/T 808 terminal that has authenticated."""
    return jt808_records((msg_id, body), serial=serial)[-1]


def jt808_records(*messages: tuple[int, dict[str, Any]], serial: int = 9) -> list[dict[str, Any]]:
    """The records of a terminal that registers, authenticates, and sends these messages."""
    session, found = Jt808Session(_Open()), []
    for msg_id, body in [(0x0100, REGISTRATION), (0x0102, {"code": "c"}), *messages]:
        header = {"msg_id": msg_id, "phone": PHONE, "msg_sn": serial}
        for frame in encode_json({"header": header, "body": body}):
            found += _told(DEVICE, session.receive(frame, NOW))
    return found


def of_frame(hexadecimal: str) -> dict[str, Any]:
    """The record of a captured frame of JT/T 808, sent by our terminal."""
    (piece,) = frames_of(bytes.fromhex(hexadecimal), 1 << 16)
    assert isinstance(piece, Frame)
    message = decode_frame(piece).to_json()
    return of_jt808(message["header"]["msg_id"], message["body"])


def of_end(command: Command, protocol: str = "jt808", ended: float = NOW) -> dict[str, Any]:
    """The record of the end of a command, as the gateway writes it."""
    from jimigw.gateway.admission import Open
    from jimigw.gateway.gateway import Gateway
    from jimigw.gateway.registry import Registry

    journal, registry = RecordingJournal(), Registry()
    registry._devices[command.device] = Device(protocol, card=Card(command.device))
    command.ended = ended
    Gateway(registry, Open(), journal).record_command(command, lambda: None)
    found: dict[str, Any] = json.loads(journal.entries[0].data)
    return found


def ended(state: Life, why: str, **values: Any) -> Command:
    """A command that ended so."""
    device = values.pop("device", DEVICE)
    return Command(5, device, NOW - 9, NOW + 9, owner="hub", state=state, why=why, **values)


def stored(told: dict[str, Any], id: int) -> Record:
    """The record as a reader of the journal gets it."""
    data = json.dumps(told).encode()
    return Record(id, told["device"], told["protocol"], told["kind"], int(NOW * 1e6), b"", data)
