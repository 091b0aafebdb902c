"""The attachments of a simulated terminal's alarms, and how it brings them: a second connection. T/JSATL12-2017, 4.6.

    Evidence.keep     an alarm of active safety has files
    Evidence.bring    the platform asks for them (0x9208): a Delivery, which somebody has to carry

    delivery.connected(now)      -> bytes      what it says first: the list of files
    delivery.receive(data, now)  -> bytes      what it says to that
    delivery.disconnected(now)                 then again at ``connect_at``, with what is still missing, or ``done``

A delivery has neither socket nor clock. ``hang_up`` says that it wants the connection closed. ``leaves_out`` and
``breaks_off`` are asked for each piece of a file that is sent for the first time: whether to forget it, and whether the
connection breaks behind it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import attrs

from jimigw.protocols.jt808.attachment_stream import head_of
from jimigw.protocols.jt808.codec import decode_frame, encode_body
from jimigw.protocols.jt808.frame import Frame, FrameDecoder, build_all
from jimigw.protocols.jt808.header import Addressing

from .life import NEVER, Trip
from .pictures import picture
from .tally import Tally

LIST, BEGIN, END = 0x1210, 0x1211, 0x1212
PICTURE, VIDEO = 0, 2

FILES = 2
"""Attachments of an alarm: a picture and a clip."""

MOST_ALARMS = 50
"""Alarms whose files a terminal keeps; the oldest goes for one more."""

MOST_ATTEMPTS = 6
"""Connections that a terminal makes for the attachments of one alarm."""

ANSWER_TIMEOUT = 15.0
"""Seconds that an answer may take before the terminal hangs up."""

_BLOCKS = (16_384, 32_768, 65_536)
_CLIP = 60_000, 250_000  # bytes of a clip


@attrs.define(eq=False)
class Attachment:
    """A file of an alarm."""

    name: str
    type: int
    data: bytes


class Evidence:
    """The alarms of one terminal that have files. ``next_alarm``: when there is another one by chance, so many an
    hour."""

    def __init__(
        self,
        to: Addressing,
        version: int,
        tally: Tally,
        phone: str,
        rng: random.Random,
        now: float,
        alarms_an_hour: float,
    ) -> None:
        self._to, self._version, self._tally, self._phone = to, version, tally, phone
        self._rng, self._rate = rng, alarms_an_hour
        self._alarms: dict[bytes, tuple[Any, int]] = {}
        self._waiting: list[Trip] = []
        self._open: list[Delivery] = []
        self.next_alarm = self._after(now)

    def _after(self, now: float) -> float:
        return now + self._rng.expovariate(self._rate / 3600) if self._rate > 0 else NEVER

    def is_due(self, now: float) -> bool:
        """Whether there is an alarm now."""
        due = now >= self.next_alarm
        if due:
            self.next_alarm = self._after(now)
        return due

    def keep(self, identity: Any, code: int) -> None:
        """An alarm with this identity; ``code`` is its item and type, 0x6401."""
        if len(self._alarms) >= MOST_ALARMS:
            del self._alarms[next(iter(self._alarms))]
        self._alarms[identity.encode()] = identity, code

    def bring(self, identity: Any, number: str, host: str, port: int, now: float) -> bool:
        """Bring the files of this alarm to this server. False if there is no such alarm, or no server."""
        found = self._alarms.get(identity.encode())
        if found is None or not host or not port:
            return False
        self._tally.count("attachments asked for", FILES)
        if any(each.number == number and not each.done for each in self._open):
            return True
        files = files_of(self._phone, *found, number)
        delivery = Delivery(self._to, self._version, self._tally, found[0], number, files, host, port, now)
        self._waiting.append(delivery)
        self._open.append(delivery)
        return True

    def take(self) -> list[Trip]:
        """The deliveries that nobody carries yet."""
        waiting, self._waiting = self._waiting, []
        return waiting

    @property
    def settled(self) -> bool:
        """Nothing is to be brought."""
        self._open = [each for each in self._open if not each.done]
        return not self._open


def files_of(phone: str, identity: Any, code: int, number: str) -> list[Attachment]:
    """The files of an alarm: the same whenever they are asked for."""
    rng = random.Random(phone.encode() + identity.encode())
    module = f"{code >> 8:02X}"  # which stands for the channel: 64 looks at the road, 65 at the driver
    clip = b"\0\0\0\1\x67" + rng.randbytes(rng.randint(*_CLIP))
    named = ((PICTURE, "jpg", picture(rng)), (VIDEO, "h264", clip))
    return [
        Attachment(f"{kind:02d}_{module}_{code:04X}_{index}_{number}.{extension}", kind, data)
        for index, (kind, extension, data) in enumerate(named)
    ]


@attrs.define(eq=False)
class Delivery:
    """The attachments of one alarm on their way; see the module."""

    to: Addressing
    version: int
    tally: Tally
    identity: Any
    number: str
    missing: list[Attachment]
    host: str
    port: int
    connect_at: float
    hang_up: bool = False
    attempts: int = 0
    #: when the answer has to be here that is waited for
    deadline: float = NEVER
    leaves_out: Callable[[], bool] = lambda: False
    breaks_off: Callable[[], bool] = lambda: False
    _given_up: bool = False
    _waits_for: int = 0
    _serial: int = 0
    _block: int = 0
    _decoder: FrameDecoder = attrs.Factory(FrameDecoder)

    @property
    def done(self) -> bool:
        """Everything was brought, or given up."""
        return self._given_up or not self.missing

    # -- what the porter calls ---------------------------------------------------------------------------------------

    def connected(self, now: float) -> bytes:
        """The connection is there: the list of files."""
        self.attempts += 1
        self.hang_up = False
        self.tally.count("attachment connections")
        self._decoder = FrameDecoder()
        self._block = _BLOCKS[self.attempts % len(_BLOCKS)]
        body = {
            "terminal_id": self.identity.terminal_id,
            "ident": self.identity.to_json(),
            "alarm_no": self.number,
            "info_type": int(self.attempts > 1),
            "files": [{"name": file.name, "size": len(file.data)} for file in self.missing],
        }
        return self._say(LIST, body, now)

    def receive(self, data: bytes, now: float) -> bytes:
        """What follows from these bytes of the platform."""
        out = bytearray()
        for piece in self._decoder.feed(data):
            if isinstance(piece, Frame) and not self.hang_up:
                body: Any = decode_frame(piece).body
                if piece.header.msg_id == 0x8001 and body is not None and body.id == self._waits_for:
                    out += self._answered(body.result, now)
                elif piece.header.msg_id == 0x9212 and body is not None and self._waits_for == END:
                    out += self._judged(body, now)
        return bytes(out)

    def overdue(self, now: float) -> bool:
        """Whether an answer did not come in time; then the connection is given up."""
        return now >= self.deadline

    def disconnected(self, now: float) -> None:
        """The connection is gone, or could not be made."""
        self.deadline = NEVER
        if not self.done:
            if self.attempts >= MOST_ATTEMPTS:
                self._give_up()
            self.connect_at = now + min(0.5 * 2**self.attempts, 30.0)

    def unreachable(self, now: float) -> None:
        """There was no connection to be had."""
        self.attempts += 1
        self.tally.count("attachment connections that failed")
        self.disconnected(now)

    def _give_up(self) -> None:
        self._given_up = True
        self.tally.count("attachments given up", len(self.missing))

    # -- the conversation ---------------------------------------------------------------------------------------------

    def _say(self, msg_id: int, body: dict[str, Any], now: float) -> bytes:
        self.tally.of(msg_id).sent += 1
        frames = build_all(self.to, msg_id, encode_body(msg_id, body, self.version), self._serial)
        self._serial = self._serial + len(frames) & 0xFFFF
        self._waits_for, self.deadline = msg_id, now + ANSWER_TIMEOUT
        return b"".join(frames)

    def _answered(self, result: int, now: float) -> bytes:
        """A general answer to the list, to the beginning of a file, or to its end, where that is refused."""
        self.tally.of(self._waits_for).answered += 1
        if self._waits_for == LIST:
            if result == 0:
                return self._next(now)
            self._give_up()
            self.hang_up = True
            return b""
        if self._waits_for == BEGIN and result == 0:
            file = self.missing[0]
            packets = self._packets(file, 0, len(file.data), first=True)
            return packets if self.hang_up else packets + self._about(END, file, now)
        self.tally.count("attachments refused")
        del self.missing[0]
        return self._next(now)

    def _judged(self, body: Any, now: float) -> bytes:
        """The platform says whether a file is complete."""
        self.tally.of(END).answered += 1
        file = self.missing[0]
        if body.name != file.name:
            return b""
        if body.result == 0:
            self.tally.count("attachments brought")
            self.tally.count("bytes of attachments", len(file.data))
            del self.missing[0]
            return self._next(now)
        self.tally.count("pieces asked for again", len(body.packets))
        packets = b"".join(self._packets(file, piece.offset, piece.length) for piece in body.packets)
        return packets + self._about(END, file, now)

    def _next(self, now: float) -> bytes:
        """The next file; after the last one the terminal closes."""
        if not self.missing:
            self.hang_up, self.deadline = True, NEVER
            return b""
        return self._about(BEGIN, self.missing[0], now)

    def _about(self, msg_id: int, file: Attachment, now: float) -> bytes:
        return self._say(msg_id, {"name": file.name, "file_type": file.type, "size": len(file.data)}, now)

    def _packets(self, file: Attachment, begin: int, length: int, *, first: bool = False) -> bytes:
        """The packets of some bytes of a file."""
        out = bytearray()
        end = min(begin + length, len(file.data))
        for at in range(begin, end, self._block):
            if first and self.leaves_out():
                continue
            some = file.data[at : min(at + self._block, end)]
            out += head_of(file.name.encode("gb18030"), at, len(some)) + some
            if first and self.breaks_off():
                self.hang_up = True
                del out[len(out) // 2 :]
                break
        return bytes(out)
