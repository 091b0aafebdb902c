"""A terminal's side of an attachment connection, as bytes, and the session's in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from jimigw.protocols.events import Close, Send
from jimigw.protocols.jt808.attachment_events import Event, FileBegins, FileEnds, Listed, Piece, Settings
from jimigw.protocols.jt808.attachment_stream import head_of
from jimigw.protocols.jt808.attachments import AttachmentSession
from jimigw.protocols.jt808.codec import decode_frame, encode_body
from jimigw.protocols.jt808.frame import Frame, build, build_all, frames_of
from jimigw.protocols.jt808.header import Addressing, phone_bytes

NOW = 1_795_000_000.0
PHONE = "13912345678"
NUMBER = "0123456789abcdef01cd0000aaaabbbb"  # with the mark of a packet in it
IDENTITY = {"terminal_id": "T000001", "time": "261118190640", "seq": 7, "count": 2}
PICTURE = f"00_64_6401_0_{NUMBER}.jpg"
CLIP = f"02_65_6502_1_{NUMBER}.mp4"


def data_of(size: int, seed: int = 1) -> bytes:
    """Bytes of a file: all values, delimiters and marks too."""
    chunk = bytes((seed * index * 7 + index // 256) & 0xFF for index in range(1021)) + b"~01cd~}"
    return (chunk * (size // len(chunk) + 1))[:size]


@attrs.define
class Terminal:
    """What a terminal says. ``edition``: 2013 or 2019."""

    edition: int = 2019
    phone: str = PHONE
    serial: int = 0
    prefixed: bool = False

    @property
    def to(self) -> Addressing:
        return Addressing(self.edition, phone_bytes(self.phone, self.edition))

    def say(self, msg_id: int, body: dict[str, Any] | bytes, *, size: int = 1023) -> bytes:
        """The frames of a message."""
        return b"".join(self.frames(msg_id, body, size=size))

    def frames(self, msg_id: int, body: dict[str, Any] | bytes, *, size: int = 1023) -> list[bytes]:
        data = body if isinstance(body, bytes) else encode_body(msg_id, body, self.edition)
        found = build_all(self.to, msg_id, data, self.serial, size=size)
        self.serial = (self.serial + len(found)) & 0xFFFF
        return found

    def list(self, *files: tuple[str, int], kind: int = 0, number: str = NUMBER, **more: Any) -> bytes:
        return self.say(0x1210, listing(*files, kind=kind, number=number, **more))

    def begin(self, name: str, size: int, type: int = 0) -> bytes:
        return self.say(0x1211, {"name": name, "file_type": type, "size": size})

    def end(self, name: str, size: int, type: int = 0) -> bytes:
        return self.say(0x1212, {"name": name, "file_type": type, "size": size})

    def piece(self, name: str, data: bytes, offset: int, length: int) -> bytes:
        """A packet with these bytes of a file."""
        some = data[offset : offset + length]
        return head_of(name.encode("gb18030"), offset, len(some), prefixed=self.prefixed) + some

    def data(self, name: str, data: bytes, step: int = 65_536) -> bytes:
        """All packets of a file."""
        return b"".join(self.piece(name, data, at, step) for at in range(0, len(data), step))

    def whole(self, name: str, data: bytes, step: int = 65_536, type: int = 0) -> bytes:
        """All of a file."""
        size = len(data)
        return self.begin(name, size, type) + self.data(name, data, step) + self.end(name, size, type)


def listing(
    *files: tuple[str, int],
    kind: int = 0,
    number: str = NUMBER,
    ident: dict[str, Any] | None = None,
    terminal_id: str | None = "T000001",
) -> dict[str, Any]:
    """The body of 0x1210."""
    head = {} if terminal_id is None else {"terminal_id": terminal_id}
    return {
        **head,
        "ident": ident or IDENTITY,
        "alarm_no": number,
        "info_type": kind,
        "files": [{"name": name, "size": size} for name, size in files],
    }


def frame_of(terminal: Terminal, msg_id: int, body: bytes, **how: Any) -> bytes:
    """One frame, with whatever is said of it."""
    return build(terminal.to, msg_id, body, terminal.serial, **how)


def answers(data: bytes) -> Iterator[str]:
    """What these frames of the platform say: result and serial number of 0x8001, the pieces of 0x9212."""
    for frame in frames_of(data):
        assert isinstance(frame, Frame)
        body: Any = decode_frame(frame).to_json()["body"]
        if frame.header.msg_id == 0x8001:
            yield f"8001 {body['id']:04x}/{body['seq']}={body['result']}"
        elif frame.header.msg_id == 0x9212:
            asked = " ".join(f"{each['offset']}+{each['length']}" for each in body["packets"])
            yield f"9212 {body['name']}={body['result']}" + (f" {asked}" if asked else "")
        else:
            yield f"{frame.header.msg_id:04x} {body}"


class Platform:
    """A session, and whoever drives it: takes everything that is not in ``refused`` and keeps what comes."""

    def __init__(self, refused: Sequence[str] = (), settings: Settings | None = None) -> None:
        self.session = AttachmentSession(settings)
        self.refused = set(refused)
        self.taken: set[str] = set()
        self.files: dict[str, bytearray] = {}
        self.complete: dict[str, bytes] = {}
        self.events: list[Event] = []
        self.said: list[str] = []
        self.sent: list[bytes] = []
        self.closed = ""

    def hear(self, data: bytes, now: float = NOW) -> list[str]:
        """What is answered to these bytes."""
        before = len(self.said)
        for event in self.session.receive(data, now):
            self.events.append(event)
            self._do(event)
        return self.said[before:]

    def slowly(self, data: bytes, step: int = 1) -> list[str]:
        """The same, in pieces of so many bytes."""
        return [said for at in range(0, len(data), step) for said in self.hear(data[at : at + step])]

    def _do(self, event: Event) -> None:
        session = self.session
        if isinstance(event, Send):
            self._tell(event.data)
        elif isinstance(event, Close):
            self.closed = event.reason
        elif isinstance(event, Listed):
            if event.number not in self.refused:
                self.taken.add(event.number)
                self._tell(session.accept(event))
            else:
                self._tell(session.refuse(event))
        elif isinstance(event, FileBegins):
            if event.name in self.refused or event.number not in self.taken:
                self._tell(session.refuse(event))
                return
            if event.fresh:
                self.files[event.name] = bytearray()
            self._tell(session.accept(event))
        elif isinstance(event, Piece):
            self._write(event)
        elif isinstance(event, FileEnds):
            self._end(event)

    def _tell(self, data: bytes) -> None:
        self.sent.append(data)
        self.said += answers(data)

    def _write(self, event: Piece) -> None:
        file = self.files.get(event.name)
        if file is not None:
            file.extend(bytes(max(0, event.offset + len(event.data) - len(file))))
            file[event.offset : event.offset + len(event.data)] = event.data

    def _end(self, event: FileEnds) -> None:
        session = self.session
        if session.is_complete(event.name):
            self._tell(session.complete(event))
        elif event.name not in self.files or event.hopeless:
            self._tell(session.refuse(event))
        elif event.missing:
            self._tell(session.refill(event))
        else:
            self.complete[event.name] = bytes(self.files.pop(event.name))
            self._tell(session.complete(event))

    @property
    def kinds(self) -> list[str]:
        """The kinds of events, pieces left out."""
        return [type(event).__name__ for event in self.events if not isinstance(event, Piece)]
