"""What one JT/T 808 location report costs, without a socket and without a journal."""

from __future__ import annotations

from typing import Any

import msgspec

from jimigw.model.record import record_json
from jimigw.model.report import Report
from jimigw.protocols.jt808.codec import decode_frame, encode_json
from jimigw.protocols.jt808.familiar import form_of
from jimigw.protocols.jt808.frame import Frame, parse
from jimigw.protocols.jt808.header import phone_text
from jimigw.protocols.jt808.session import Session
from jimigw.wire.checks import xor8
from jimigw.wire.kinds import to_base64

from .codec import timed
from .figures import Figure, Part
from .plan import Plan
from .samples import NOW

TARGET = 6.0
"""Microseconds from the bytes of a location report of 107 bytes with twelve items to JSON."""

_PHONE = "013912345678"
#: 28 bytes: no alarm, a fix in Shenzhen, 60 km/h
_PLACE = "00000000 00000003 0157c866 06ca8e2a 0028 0258 005a 231114221320"
_ITEMS = (
    "010400001234 02020010 03020258 250400000000 2a020000 2b0400a100a2 300118 310109 140400000000 150400000000"
    "160400000000 e1080102030405060708"
)


class _Open:
    """Lets everyone in."""

    def register(self, identity: str, body: dict[str, Any], phone: str) -> tuple[int, str]:
        return 0, "code"

    def authenticate(self, identity: str, code: str, phone: str) -> bool:
        return True


def measure(plan: Plan) -> Part:
    """The way of one report: by the tables, by the form it shares with others, and all that the session does."""
    raw, session = _sample()
    content = raw[1:-1]
    frame = parse(content)
    assert isinstance(frame, Frame)
    form = form_of(frame, "document")
    assert form is not None
    (report,) = session.receive(raw, NOW)
    assert isinstance(report, Report)
    names = {
        "content": content,
        "decode": lambda: decode_frame(parse(content)).to_json(),  # type: ignore[arg-type]
        "read": form.read,
        "phone": phone_text(frame.header.phone),
        "check": xor8,
        "json": msgspec.json.Encoder().encode,
        "receive": session.receive,
        "raw": raw,
        "record": record_json,
        "report": report,
    }
    steps = (
        ("to JSON by the tables, check code included", "json(decode())", None),
        ("to JSON by its form, check code included", "check(content) or json(read(content, phone)[0])", TARGET),
        ("the whole session: Session.receive", "receive(raw, 1.7e9)", None),
        ("the record of the journal", "record(report.identity, report)", None),
    )
    figures = [Figure(what, timed(plan, step, **names), "us", at_most=most) for what, step, most in steps]
    title = f"a location report of {len(raw)} bytes with twelve items; the least of {plan.repeats} repeats"
    return Part("codec808", title, figures)


def _sample() -> tuple[bytes, Session]:
    """The report, and a session that its terminal is in and that has met it before."""
    session = Session(_Open())
    (login,) = encode_json({"header": {"msg_id": 0x0102, "phone": _PHONE}, "body": {"code": "code"}})
    session.receive(login, NOW)
    header = {"msg_id": 0x0200, "phone": _PHONE, "msg_sn": 9}
    body = bytes.fromhex(_PLACE + _ITEMS)
    (raw,) = encode_json({"header": header, "body": {"unknown_id": True, "data": to_base64(body)}})
    session.receive(raw, NOW)
    return raw, session
