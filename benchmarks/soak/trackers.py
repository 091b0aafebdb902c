"""Misbehaving terminals of JT/T 808, editions of 2013 and 2019: text commands and messages."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from random import Random
from typing import Any

import attrs

from jimigw.protocols.jt808.codec import Packet, decode_frame, encode_body
from jimigw.protocols.jt808.frame import Frame, FrameDecoder, build
from jimigw.protocols.jt808.header import Addressing, phone_bytes
from jimigw.protocols.jt808.versions import V2013, V2019
from jimigw.tools.simulator.reports808 import authentication, registration

from .diary import QUERY, QUERY_SOME, TRANSPARENT, WORDS, key_of
from .terminals import Line, Order, Surroundings, Terminal, words
from .tricks import How

_GENERAL, _REGISTER, _AUTHENTICATE, _PARAMETERS, _SAID = 0x0001, 0x0100, 0x0102, 0x0104, 0x0900
_PLATE = 0x0083
_TEXT = 0xF0
_ALSO_GENERAL = 0.5
"""How many answers of their own have a general one before them."""


@attrs.frozen
class _Mark:
    msg_id: int
    serial: int


class Tracker(Terminal):
    """A terminal of JT/T 808. The mark of an order is its message id and serial number."""

    protocol = "jt808"
    #: there is no flag, and serial number 0 is a number as any other
    can_say_zero = False

    def __init__(self, around: Surroundings, identity: str, rng: Random) -> None:
        super().__init__(around, identity, rng)
        self.version = rng.choice((V2013, V2019))
        self._to = Addressing(self.version, phone_bytes(identity, self.version))
        self._serial = rng.randrange(0x10000)
        self._code: str | None = None
        #: the serial numbers of this connection's commands, and of those among them that were answered
        self._here: set[int] = set()
        self._done: list[int] = []

    def decoder(self) -> FrameDecoder:
        return FrameDecoder()

    def greet(self, line: Line) -> None:
        self._here.clear()
        self._done.clear()
        if self._code is None:
            self._write(self._frame(_REGISTER, registration(self.identity, self.version)))
        else:
            self._write(self._frame(_AUTHENTICATE, authentication(self.identity, self.version, self._code)))

    def take(self, line: Line, data: bytes) -> None:
        for piece in line.decoder.feed(data):
            if isinstance(piece, Frame) and self.line is line:
                self._message(line, decode_frame(piece, edition=self.version))

    def _message(self, line: Line, packet: Packet) -> None:
        msg_id, body = packet.header.msg_id, _any(packet.body)
        if msg_id == 0x8100:
            self._code = body.auth_code
            self.greet(line)
        elif msg_id == 0x8001:
            if body.id == _AUTHENTICATE and body.result == 0:
                self.logged_in()
        elif msg_id in (QUERY, QUERY_SOME, WORDS, TRANSPARENT):
            self._command(packet)

    def _command(self, packet: Packet) -> None:
        diary, serial = self.around.diary, packet.header.msg_sn
        key = key_of(packet)
        if key is None:
            diary.queries += 1
            key = f"query {diary.queries}"
        self._here.add(serial)
        self.obey(Order(key, self.around.reactor.seconds(), serial, _Mark(packet.header.msg_id, serial)))

    def can_be_busy(self, order: Order) -> bool:
        return bool(order.mark.msg_id == TRANSPARENT)

    def answers(self, order: Order, how: How) -> Sequence[tuple[bytes, str | int | None]]:
        msg_id, serial = order.mark.msg_id, self._quoted(order.mark.serial, how)
        if how is How.DONE and serial in self._here:
            self._done.append(serial)
        result = 1 if how is How.REFUSED and msg_id != TRANSPARENT else 0
        general = self._frame(_GENERAL, {"seq": serial, "id": msg_id, "result": result})
        if msg_id == WORDS or result:
            return [(general, serial)]
        said = words(order.key, how)
        if msg_id == TRANSPARENT:
            body = {"type": _TEXT, "data": b64encode(said.encode()).decode()}
            own = self._frame(_SAID, body, serial)
        else:
            own = self._frame(_PARAMETERS, {"seq": serial, "params": [{"id": _PLATE, "value": said}]})
        both = self.rng.random() < _ALSO_GENERAL
        return [(general, serial), (own, said)] if both else [(own, said)]

    def _quoted(self, serial: int, how: How) -> int:
        """The serial number that an answer quotes: its command's, one that nothing has, or that of an ended one."""
        if how is How.FOREIGN:
            return (serial + 0x4000) & 0xFFFF
        if how is How.ENDED:
            before = [each for each in self._done if each != serial]
            return before[-1] if before else (serial - 0x1000) & 0xFFFF
        return serial

    def _frame(self, msg_id: int, body: dict[str, Any], serial: int | None = None) -> bytes:
        if serial is None:
            serial = self._serial
            self._serial = (serial + 1) & 0xFFFF
        return build(self._to, msg_id, encode_body(msg_id, body, self.version), serial)


def _any(body: Any) -> Any:
    """A body whose class depends on its id and edition."""
    return body
