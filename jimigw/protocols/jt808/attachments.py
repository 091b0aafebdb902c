"""The connection on which a terminal brings the attachments of an alarm, without a socket and without a clock.
T/JSATL12-2017, 4.6; the dialects of other provinces.

    receive(data, now) -> events        any slice of the stream
    expire(now)        -> events        when ``deadline`` has passed

    terminal                                        platform
    0x1210 list of files: names, sizes ───────────▶ Listed ──────▶ accept, refuse        0x8001
    0x1211 a file begins: name, type, size ───────▶ FileBegins ──▶ accept, refuse        0x8001
    30 31 63 64 name, offset, length, data ───────▶ Piece, Piece ...
    0x1212 the file is complete ──────────────────▶ FileEnds ────▶ complete, refill      0x9212
                                                              ╰──▶ refuse                0x8001
    the pieces that 0x9212 asked for, and 0x1212 again; then the next file; after the last one the terminal closes

Whoever drives the session takes the events in their order, and gives what ``accept``, ``refuse``, ``complete`` and
``refill`` return to the terminal. Where files lie is not known here: the session knows which bytes of them have come.

What a terminal does otherwise:

=========================================== ========================================================================
0x1211 or 0x1212 of a file that no list has refused: 0x8001 with result 1
data of such a file, or of a refused one    passed over
data without 0x1211                         the file begins, with the size of the list
another size than before in 0x1211          the later one counts, and the file begins anew; the same size goes on
another size in 0x1212                      a larger one counts; a smaller one where exactly so much has come
0x1211 of a file that is complete           it begins anew
0x1212 of one, again                        it is told so again
data that reach beyond the size             passed over, so that they count as missing
0x1212 again and again, and nothing new     after :attr:`Settings.max_vain` of them it is :attr:`FileEnds.hopeless`
frames of another terminal                  dropped
other messages                              heartbeat, authentication and log-out are answered; nothing else is done
                                            here, and is told so (result 3): what has to be stored goes another way
bytes that are neither frame nor packet     passed over, up to :attr:`Settings.max_junk` in a row
=========================================== ========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jimigw.wire.kinds import encode_text, text_to_json

from ..events import Close, Send
from .answers import FAILURE, SUCCESS, UNSUPPORTED
from .attachment_events import Counters, Event, FileBegins, FileEnds, Listed, Piece, Question, Settings
from .attachment_files import File, Files
from .attachment_stream import AttachmentStream, Data, Packet
from .codec import Packet as Told
from .codec import decode_body, decode_frame
from .fragments import Assembled, Budget, Limits, Part, Reassembly
from .frame import MAX_BODY, Frame, Junk
from .header import Header
from .kinds import GBK
from .long_messages import request
from .messages.safety import (
    Attachments,
    AttachmentsBare,
    AttachmentsBroken,
    AttachmentsLong,
    AttachmentsShort,
    AttachmentsWide,
    FileAnswer,
    MissingPiece,
)
from .messages.safety import FileBegins as BeginMessage
from .messages.safety import FileComplete as CompleteMessage
from .talk import Talk

LIST, BEGIN, END, ANSWER = 0x1210, 0x1211, 0x1212, 0x9212
WRONG = 2
"""Result of the general answer: the message is wrong."""

MOST_ASKED = 255
"""Pieces that one 0x9212 has a count for; fewer fit in one frame beside a long name."""

#: messages that are answered although nothing follows from them: who sends them waits for it
_POLITE = frozenset({0x0002, 0x0003, 0x0101, 0x0102})
#: answers of the terminal: nothing is owed for them
_ANSWERS = frozenset({0x0001})

_PREFIXED: dict[type[Any], bool] = {
    Attachments: False,
    AttachmentsWide: False,
    AttachmentsBare: True,
    AttachmentsShort: False,
    AttachmentsLong: False,
}
"""The dialects, by their list of files: whether packets of data have the length of the name in front."""

#: a list of 255 files with names of 255 bytes takes 67 KB; parts of it cost 128 bytes each
_LONG_LISTS = Limits(set_bytes=128 << 10, sets=2, terminal_bytes=192 << 10, remembered=2)

#: type checkers do not see the rows that a message includes
_answer: Callable[..., Any] = FileAnswer


class AttachmentSession:
    """One connection. See the module."""

    def __init__(self, settings: Settings | None = None, budget: Budget | None = None) -> None:
        self._settings = settings or Settings()
        self.counters = Counters()
        self._files = Files(self._settings.max_files, self._settings.max_stretches)
        self._stream = AttachmentStream(self._files.is_known, self._settings.max_frame)
        self._budget = budget or Budget()
        self._parts = Reassembly(self._budget, _LONG_LISTS)
        self._talk: Talk | None = None
        #: where the data of the packet at hand go
        self._into: tuple[File, int] | None = None
        self._junk = 0
        self._closed = False

    # -- what comes in ------------------------------------------------------------------------------------------------

    @property
    def phone(self) -> str | None:
        """Who the terminal is, by the header of its first frame; None before it."""
        return None if self._talk is None else self._talk.identity

    @property
    def deadline(self) -> float | None:
        """When :meth:`expire` wants to be called, None if nothing is pending."""
        return self._parts.deadline

    @property
    def dropped(self) -> int:
        """Frames that were dropped: wrong check code, bad escape, too short or too long."""
        return self.counters.dropped

    def receive(self, data: bytes, now: float) -> list[Event]:
        """What follows from these bytes of the stream; ``now`` is the time in seconds since 1970. Nothing follows after
        a :class:`Close`."""
        events: list[Event] = []
        stream = self._stream
        if self._closed:
            return events
        stream.add(data)
        while (piece := stream.next()) is not None:
            if isinstance(piece, Data):
                self._data(piece.data, events)
            elif isinstance(piece, Packet):
                self._packet(piece, events)
            elif isinstance(piece, Frame):
                self._junk = 0
                self.counters.frames += 1
                self._frame(piece, now, events)
            else:
                self._is_junk(piece)
            if self._junk > self._settings.max_junk:
                events.append(Close(f"{self._junk} bytes without a frame or a packet of a file"))
                self._closed = True
                break
        return events

    def expire(self, now: float) -> list[Event]:
        """What follows from the time alone: parts of a long list are asked for again, or given up."""
        events: list[Event] = []
        for missing in self._parts.requests(now):
            assert self._talk is not None
            events.append(Send(b"".join(self._talk.say(*request(missing, self._talk.version))), self._talk.identity))
        self._parts.expire(now)
        return events

    def close(self) -> None:
        """The connection is gone: give back what is kept."""
        self._parts.clear()
        self._files.clear()

    # -- what the terminal is told ------------------------------------------------------------------------------------

    def accept(self, event: Listed | FileBegins) -> bytes:
        """It is taken; the answer, nothing where no message wants one."""
        return self._general(event.question, SUCCESS)

    def refuse(self, event: Listed | FileBegins | FileEnds) -> bytes:
        """It is not taken: nothing of these files is handed on any more; the answer."""
        if isinstance(event, Listed):
            for name, _size in event.files:
                file = self._files.get(name)
                if file is not None and file.number == event.number:
                    self._files.forget(file)
        else:
            self.drop(event.name)
        return self._general(event.question, FAILURE)

    def complete(self, event: FileEnds) -> bytes:
        """The file is safe: 0x9212 with result 0."""
        file = self._files.get(event.name)
        if file is not None:
            file.end()
        return self._answer(event, ())

    def refill(self, event: FileEnds) -> bytes:
        """Bytes are missing: 0x9212 with result 1, which asks for them."""
        return self._answer(event, event.missing)

    def drop(self, name: str) -> None:
        """What came of this file is of no use, and nothing more of it is wanted, unless it begins anew."""
        file = self._files.get(name)
        if file is not None:
            file.end(refused=True)

    def is_complete(self, name: str) -> bool:
        """Whether this file was said to be complete, and did not begin anew since."""
        file = self._files.get(name)
        return file is not None and file.complete

    def _general(self, question: Question | None, result: int) -> bytes:
        if question is None or self._talk is None:
            return b""
        return b"".join(self._talk.general(question.msg_id, serial, result) for serial in question.serials)

    def _answer(self, event: FileEnds, missing: Sequence[tuple[int, int]]) -> bytes:
        talk, file = self._talk, self._files.get(event.name)
        if talk is None or file is None:
            return b""
        pieces = [MissingPiece(offset=offset, length=length) for offset, length in missing]
        name = file.written.decode(GBK, "surrogateescape")
        body = _answer(name=name, file_type=event.type, result=int(bool(pieces)), packets=pieces).encode()
        return b"".join(talk.frames(ANSWER, body)[1])

    # -- frames -------------------------------------------------------------------------------------------------------

    def _frame(self, frame: Frame, now: float, events: list[Event]) -> None:
        header = frame.header
        talk = self._talk
        if talk is None:
            talk = self._talk = Talk(header, self._budget, now)
        elif talk.identity != header.identity:
            self.counters.strangers += 1
            return
        talk.addressing = header.addressing
        if header.encrypt:
            self._say(header, UNSUPPORTED, events)
        elif not header.is_part:
            self._message(decode_frame(frame), (header.msg_sn,), events)
        elif header.msg_id != LIST:
            self._say(header, FAILURE, events)
        else:
            self._part(header, frame.body, now, events)

    def _part(self, header: Header, body: bytes, now: float, events: list[Event]) -> None:
        """A part of a long list. Each is answered; the one that completes it, as the list is."""
        found = self._parts.add(header, body, now)
        if isinstance(found, Assembled):
            last = found.serials[-1]
            serials = (found.completed_by,) if last == found.completed_by else (found.completed_by, last)
            self._parts.lost(found)  # whoever repeats it means it
            self._message(decode_body(found.header, found.body), serials, events)
        elif found is Part.REFUSED:
            self._say(header, FAILURE, events)
        elif header.frag_sn != header.frag_total:
            self._say(header, SUCCESS, events)

    def _message(self, told: Told, serials: tuple[int, ...], events: list[Event]) -> None:
        msg_id, body = told.header.msg_id, _any(told)
        question = Question(msg_id, serials)
        if msg_id in _ANSWERS:
            return
        if msg_id not in (LIST, BEGIN, END):
            self._send(question, SUCCESS if msg_id in _POLITE else UNSUPPORTED, events)
        elif type(body) in _PREFIXED:
            self._list(body, question, events)
        elif isinstance(body, BeginMessage):
            self._begin(body, question, events)
        elif isinstance(body, CompleteMessage):
            self._end(body, question, events)
        else:
            assert body is None or isinstance(body, AttachmentsBroken)
            self.counters.unreadable += 1
            self._send(question, WRONG, events)

    def _list(self, body: Any, question: Question, events: list[Event]) -> None:
        assert self._talk is not None
        self._stream.prefixed = _PREFIXED[type(body)]
        told: dict[str, Any] = {}
        for each in body.files:
            if each.name.strip("\0 "):
                told.setdefault(text_to_json(each.name), each)
        number = text_to_json(body.alarm_no)
        named = [(name, encode_text(each.name, GBK), each.size) for name, each in told.items()]
        if not self._files.listed(number, named):
            self._send(question, FAILURE, events)
            return
        files = tuple((name, each.size) for name, each in told.items())
        identity = body.ident.encode().hex()
        events.append(Listed(self._talk.identity, identity, number, files, body.info_type, question))

    def _begin(self, body: Any, question: Question, events: list[Event]) -> None:
        file = self._files.get(text_to_json(body.name))
        if file is None:
            self.counters.unlisted += 1
            self._send(question, FAILURE, events)
            return
        fresh = not file.begun or file.size != body.size
        self._files.start(file, body.size, fresh)
        events.append(self._begins(file, body.file_type, fresh, question))

    def _begins(self, file: File, type: int | None, fresh: bool, question: Question | None) -> FileBegins:
        assert self._talk is not None
        return FileBegins(self._talk.identity, file.name, type, file.size, file.number, fresh, question)

    def _end(self, body: Any, question: Question, events: list[Event]) -> None:
        assert self._talk is not None
        file = self._files.get(text_to_json(body.name))
        if file is None:
            self.counters.unlisted += 1
            self._send(question, FAILURE, events)
            return
        if not (file.begun or file.complete or file.refused):
            self._files.start(file, body.size)
            events.append(self._begins(file, body.file_type, True, None))
        most = min(MOST_ASKED, (MAX_BODY - 4 - len(file.written)) // 8)
        missing = file.lacks(body.size, most) if file.begun else ()
        hopeless = file.vain > self._settings.max_vain
        phone, number = self._talk.identity, file.number
        events.append(FileEnds(phone, file.name, body.file_type, file.size, number, missing, hopeless, question))

    def _say(self, header: Header, result: int, events: list[Event]) -> None:
        self._send(Question(header.msg_id, (header.msg_sn,)), result, events)

    def _send(self, question: Question, result: int, events: list[Event]) -> None:
        assert self._talk is not None
        events.append(Send(self._general(question, result), self._talk.identity))

    # -- data ---------------------------------------------------------------------------------------------------------

    def _packet(self, packet: Packet, events: list[Event]) -> None:
        self.counters.packets += 1
        file = self._files.of_packet(packet.name)
        self._into = None
        if file is None or packet.offset + packet.length > file.size:
            if file is not None:
                self.counters.beyond += 1
            if packet.length > self._settings.max_packet:
                # A length like this is none: looked for is what begins next.
                self._is_junk(self._stream.reject())
                return
            if file is None:
                self._junk += packet.length
            self._pass(packet.length)
            return
        self._junk = 0
        if file.refused or file.complete:
            self._pass(packet.length)
            return
        if not file.begun:
            self._files.start(file, file.size)
            events.append(self._begins(file, None, True, None))
        self._into = file, packet.offset
        self._stream.take(True)

    def _pass(self, length: int) -> None:
        self.counters.passed += length
        self._stream.take(False)

    def _data(self, data: bytes, events: list[Event]) -> None:
        assert self._into is not None
        file, offset = self._into
        end = offset + len(data)
        self._into = file, end
        new = file.coverage.add(offset, end) if file.begun else None
        if new is not None:
            file.brought += new
            events.append(Piece(file.name, offset, data))
        else:
            self.counters.passed += len(data)

    def _is_junk(self, junk: Junk) -> None:
        self.counters.junk += len(junk.data)
        self.counters.dropped += junk.reason != "noise"
        self._junk += len(junk.data)


def _any(told: Told) -> Any:
    """A body whose class depends on its id and edition."""
    return told.body
