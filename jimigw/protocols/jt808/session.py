"""The conversation with the JT/T 808 terminals of one connection, without a socket and without a clock.

    receive(data, now) -> events        any slice of a stream; see jimigw.protocols.events
    datagram(data, now) -> events       one UDP datagram, which holds whole frames
    expire(now)        -> events        when ``deadline`` has passed

A connection may carry many terminals (forwarders do that), so every event says whose it is. Each terminal is a
:class:`Talk` with the states

    NEW ──0x0100──▶ REGISTERED ──0x0102, right code──▶ IN ──0x0003──▶ NEW
     └──────0x0102, right code──────────────────────────▲

Before a terminal is in, only registration and authentication are done; anything else is answered 0x8001 with result 1
and goes no further. JT/T 808-2019, chapters 5 and 6.

The :class:`Door` may leave both undecided. Then an :class:`Ask` goes out, and

    decided(identity, question, result, code, now) -> events    what an answer at once would have given

While an authentication is undecided, nothing else of that terminal is answered or stored, nor refused: it keeps its
reports and sends them again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timezone
from typing import Any, Final, Protocol

import attrs

from jimigw.model.report import Report
from jimigw.wire.checks import folded
from jimigw.wire.errors import DecodeError
from jimigw.wire.kinds import to_base64
from jimigw.wire.message import Message

from ..events import Ask, Close, CommandEnded, Event, LoggedIn, LoggedOut, QuestionKind, Send
from .codec import Packet, decode_body, decode_frame
from .dialect import Dialect
from .downlinks import Done
from .familiar import LOCATION
from .fragments import Assembled, Budget, Missing, Part
from .frame import Frame, FrameDecoder, Junk, unescape
from .header import Header
from .messages.location import CHINA, LocationFacts, utc_of
from .messages.registration import Registration2011
from .reading import position_of, read, word_alarms
from .rsa import RSA, PlatformKey
from .talk import Question, Talk, Whole
from .versions import V2011

PROTOCOL = "jt808"

#: the questions of :class:`Ask`
REGISTER: Final = "register"
AUTHENTICATE: Final = "authenticate"

SUCCESS, FAILURE, UNSUPPORTED = 0, 1, 3

#: bytes of the smallest location report: the header of 2013, the 28 of the location, the check code
_LEAST_LOCATION = 12 + 28 + 1

#: what the authentication code of a terminal of 2011 ends with
_CODE_OF_2011 = "-2011"

#: parts that a registration or authentication may have: whoever is not in gets no room for more
_PARTS_OUTSIDE = 4

#: seconds after which a complete message that is not stored is reported once more, when the terminal repeats it
_STORED_WITHIN = 3.0

#: what a terminal may say before it is in: registration and authentication
_ENTRANCE = frozenset({0x0100, 0x0102})
#: answers of the terminal to what the platform asked: nothing is owed for them
_REPLIES = frozenset({0x0001, 0x0104, 0x0201, 0x0500, 0x0608, 0x0700, 0x0802, 0x0805, 0x1003})
#: answered at once, also while nothing can be stored: a terminal that hears nothing gives the link up
_AT_ONCE = frozenset({0x0002, 0x0003, 0x0101, 0x0004, 0x0005})


class Door(Protocol):
    """Who may come in. Asked before a registration or an authentication is answered.

    None is "not decided yet": :meth:`Session.decided` is told later.
    """

    def register(self, identity: str, body: dict[str, Any], phone: str) -> tuple[int, str] | None:
        """The result of a registration (0 is success; see 0x8100) and the authentication code.

        ``phone`` are the digits of the header, leading zeros included.
        """
        ...

    def authenticate(self, identity: str, code: str, phone: str) -> bool | None:
        """Whether this is the code that the terminal was given."""
        ...


@attrs.frozen
class Settings:
    """What an operator decides about sessions. ``zone`` is that of the terminals' clocks, GMT+8 by the standard;
    ``key`` the platform's for encrypted bodies."""

    max_frame: int = 4096
    frame_timeout: float = 10.0
    max_junk: int = 1 << 16
    max_terminals: int = 1000
    dialect: Dialect = "document"
    zone: timezone = CHINA
    key: PlatformKey | None = None


@attrs.define
class SessionCounters:
    """What became of the frames of a session; ``held`` are those that came while an authentication was undecided."""

    reports: int = 0
    unreadable: int = 0
    unknown: int = 0
    before_login: int = 0
    held: int = 0
    bad_logins: int = 0
    parts: int = 0
    too_many_terminals: int = 0


class Session:
    """One connection, or one UDP address. See the module."""

    protocol = PROTOCOL

    __slots__ = ("_budget", "_decoder", "_door", "_settings", "_since", "_talks", "counters", "identity", "junk")

    def __init__(self, door: Door, settings: Settings | None = None, budget: Budget | None = None) -> None:
        self._door, self._settings = door, settings or Settings()
        self._budget = budget or Budget()
        self._decoder = FrameDecoder(self._settings.max_frame)
        self._talks: dict[bytes, Talk] = {}
        self._since: float | None = None
        self.counters = SessionCounters()
        #: the first terminal that authenticated here; None as long as none did
        self.identity: str | None = None
        #: junk since the last true frame
        self.junk = 0

    # -- what comes in --------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> list[Event]:
        """What follows from these bytes of a stream; ``now`` is the time in seconds since 1970."""
        events: list[Event] = []
        self._pieces(self._decoder, self._decoder.cut(data), now, events)
        if not self._decoder.unfinished:
            self._since = None
        elif self._since is None:
            self._since = now
        return events

    def datagram(self, data: bytes, now: float) -> list[Event]:
        """What follows from one datagram."""
        events: list[Event] = []
        decoder = FrameDecoder(self._settings.max_frame)
        self._pieces(decoder, decoder.cut(data), now, events)
        self._pieces(decoder, decoder.finish(), now, events)
        return events

    @property
    def deadline(self) -> float | None:
        """When :meth:`expire` wants to be called, None if nothing is pending."""
        waits = [talk.deadline for talk in self._talks.values()]
        waits.append(None if self._since is None else self._since + self._settings.frame_timeout)
        return min((wait for wait in waits if wait is not None), default=None)

    @property
    def dropped(self) -> int:
        """Frames that were dropped: wrong check code, bad escape, too short, too long, or never finished."""
        counts = self._decoder.counts
        return sum(counts.values()) - counts["noise"]

    def expire(self, now: float) -> list[Event]:
        """What follows from the passing of time: a frame that never ended is read for what it is, missing parts of
        long messages are asked for."""
        events: list[Event] = []
        if self._since is not None and now >= self._since + self._settings.frame_timeout:
            self._since = None
            self._pieces(self._decoder, self._decoder.finish(), now, events)
        for talk in self._talks.values():
            for missing in talk.parts.requests(now):
                self._ask_for_parts(talk, missing, events)
            talk.parts.expire(now)
            talk.sent.expire(now)
            self._commands(talk, now, events)
        return events

    def command(self, identity: str, tag: Hashable, message: Any, now: float, ttl: float) -> list[Event]:
        """Give a terminal that is in a message of the platform, ``{"header": {"msg_id": ...}, "body": {...}}``, or the
        text of a command, which goes as transparent data of type 0xF0.

        It ends, within ``ttl`` seconds, with a :class:`CommandEnded` of this tag. KeyError if the terminal is not in,
        :class:`EncodeError` for a message that cannot be written, :class:`.downlinks.QueueFull` if too many wait.
        """
        for talk in self._talks.values():
            if talk.inside and talk.identity == identity:
                frames = talk.command(tag, message, now, ttl, self._settings.dialect)
                events: list[Event] = [Send(b"".join(frames), identity)] if frames else []
                self._commands(talk, now, events)
                return events
        raise KeyError(f"{identity} is not in on this connection")

    def cancel(self, identity: str, tag: Hashable, now: float) -> None:
        """Forget a command, without a :class:`CommandEnded`. If it was sent, the terminal has it."""
        for talk in self._talks.values():
            if talk.identity == identity:
                talk.commands.cancel(tag, now)

    def close(self, now: float) -> list[Event]:
        """The connection is gone: give back what is kept, and say how the open commands ended."""
        events: list[Event] = []
        for talk in self._talks.values():
            events += [_ended(talk, done) for done in talk.leave(now)]
        return events

    def _commands(self, talk: Talk, now: float, events: list[Event]) -> None:
        """Commands whose turn it is, repeats, and those whose time is over."""
        deadline = talk.commands.deadline
        while deadline is not None and now >= deadline:
            data, ended = talk.commands.tick(now)
            if data:
                events.append(Send(b"".join(data), talk.identity))
            events += [_ended(talk, done) for done in ended]
            deadline = talk.commands.deadline if data or ended else None

    def forget(self, identity: str, now: float) -> list[Event]:
        """The terminal moved to another connection: it has to authenticate here before it is heard again. How its open
        commands ended."""
        return [
            event
            for phone, talk in list(self._talks.items())
            if talk.identity == identity
            for event in self._drop(phone, talk, now)
        ]

    def _drop(self, phone: bytes, talk: Talk, now: float) -> list[Event]:
        del self._talks[phone]
        return [_ended(talk, done) for done in talk.leave(now)]

    def _pieces(
        self, decoder: FrameDecoder, pieces: Sequence[bytes | Frame | Junk], now: float, events: list[Event]
    ) -> None:
        received = datetime.fromtimestamp(now, UTC)
        for piece in pieces:
            if isinstance(piece, bytes):
                report = self._familiar(piece, received)
                if report is not None:
                    events.append(report)
                    continue
                piece = decoder.parse(piece)
            if isinstance(piece, Junk):
                self.junk += len(piece.data)
                if self.junk > self._settings.max_junk:
                    events.append(Close(f"{self.junk} bytes without one true frame"))
                    return
                continue
            self.junk = 0
            talk = self._talk(piece.header)
            if talk is not None:
                self._frame(talk, piece, received, now, events)
                if talk.inside and piece.header.msg_id == LOCATION:
                    talk.familiar(piece, self._settings.dialect)

    def _familiar(self, content: bytes, received: datetime) -> Report | None:
        """The report of a location whose form this terminal has used before, as :meth:`_frame` would make it; None for
        any other frame."""
        plain = unescape(content) if b"}" in content else content
        if plain is None or len(plain) < _LEAST_LOCATION or plain[0] != LOCATION >> 8 or plain[1] != LOCATION & 0xFF:
            return None
        # Bit 14 of the properties tells where the phone field stands.
        talk = self._talks.get(plain[5:15] if plain[2] & 0x40 else plain[4:10])
        if talk is None or not talk.inside or talk.questions:
            return None
        form = talk.forms.get(plain[2] << 8 | plain[3])
        size = len(plain)
        if form is None or form.size != size:
            return None
        number = int.from_bytes(plain, "big")
        if number & form.mask != form.marks or folded(number, size):
            return None
        message, msg_sn, word, facts = form.read(plain, talk.digits)
        self.junk = 0
        self.counters.reports += 1
        talk.encrypted = False
        settings = self._settings
        return Report(
            PROTOCOL,
            "alarm" if word else "position",
            message,
            b"~" + content + b"~",
            received,
            talk.general(LOCATION, msg_sn, SUCCESS),
            position_of(settings.zone, received, *facts),
            word_alarms(word, talk.version),
            talk.identity,
        )

    def _talk(self, header: Header) -> Talk | None:
        talk = self._talks.get(header.phone)
        if talk is None:
            if len(self._talks) >= self._settings.max_terminals:
                self.counters.too_many_terminals += 1
                return None
            talk = self._talks[header.phone] = Talk(header, self._budget)
        elif header.proto_ver is not None and header.proto_ver != talk.addressing.proto_ver:
            talk.addressing = header.addressing
            talk.forms.clear()
        return talk

    # -- one frame ------------------------------------------------------------------------------------------------

    def _frame(self, talk: Talk, frame: Frame, received: datetime, now: float, events: list[Event]) -> None:
        header, body = frame.header, frame.body
        if AUTHENTICATE in talk.questions and header.msg_id not in _ENTRANCE:
            self.counters.held += 1
            return
        talk.encrypted = header.encrypt == RSA
        key = self._settings.key
        if header.encrypt == RSA and key is not None:
            try:
                body = key.decrypt(body)
            except DecodeError:
                self._whole(talk, decode_frame(frame, edition=talk.edition), frame.data, received, now, events)
                return
            if not header.is_part:
                packet = decode_body(header, body, edition=talk.edition)
                if isinstance(packet.body, LocationFacts) and utc_of(packet.body.time, CHINA) is None:
                    # Encrypted with another key: what comes out is noise, and a location takes any noise but a date.
                    packet = decode_frame(frame, edition=talk.edition)
                self._whole(talk, packet, frame.data, received, now, events)
                return
        if header.is_part and (not header.encrypt or body is not frame.body):
            self._part(talk, frame, body, received, now, events)
        else:
            self._whole(talk, decode_frame(frame, edition=talk.edition), frame.data, received, now, events)

    def _part(self, talk: Talk, frame: Frame, body: bytes, received: datetime, now: float, events: list[Event]) -> None:
        """A piece of a long message: acknowledged, which is no promise yet, and kept until the last one is there."""
        header = frame.header
        if not talk.inside and (header.msg_id not in _ENTRANCE or header.frag_total > _PARTS_OUTSIDE):
            self._refuse(talk, header, events)
            return
        self.counters.parts += 1
        whole = talk.parts.add(header, body, now)
        if not isinstance(whole, Assembled):
            # A part that was refused is not acknowledged: the terminal may send it again when there is room.
            if whole is Part.FINISHED:
                self._finished(talk, frame, received, now, events)
            elif whole is not Part.REFUSED and header.frag_sn != header.frag_total:
                # The last part is never acknowledged alone: a terminal that has all parts acknowledged forgets the
                # message, also if the others went over a connection that is gone.
                self._respond(talk, header, SUCCESS, events)
            return
        kept = Whole.of(whole, talk.parts)
        talk.remember(kept)
        self._assembled(talk, kept, whole, frame, received, now, events)

    def _assembled(
        self,
        talk: Talk,
        kept: Whole,
        whole: Assembled,
        frame: Frame,
        received: datetime,
        now: float,
        events: list[Event],
    ) -> None:
        """A message that was put together; ``frame`` is the one that its answer quotes."""
        packet = decode_body(whole.header, whole.body, edition=talk.edition)
        self._whole(talk, packet, frame.data, received, now, events, answered=frame.header)
        report = events[-1] if events else None
        if isinstance(report, Report):
            last = whole.serials[-1]
            if report.answer and whole.completed_by != last and frame.header.msg_id != 0x0801:
                # The last part came before others, and waits for its answer as well.
                report.answer += talk.general(frame.header.msg_id, last, SUCCESS)
            report.ticket = kept
            kept.answer, kept.when = report.answer or b"", now
        else:
            kept.settle()  # a registration, or an authentication: answered at once, nothing waits for it

    def _finished(self, talk: Talk, frame: Frame, received: datetime, now: float, events: list[Event]) -> None:
        """A part of a message that is complete: its answer was lost, or is not given yet."""
        whole = talk.became(frame.header)
        if whole is None:
            return
        if whole.stored:
            if frame.header.msg_id == 0x0801:
                events.append(Send(whole.answer, talk.identity))
            else:
                self._respond(talk, frame.header, SUCCESS, events)
        elif now - whole.when <= _STORED_WITHIN:
            return
        elif whole.kept:
            # It could not be stored: try again, with the body as it was.
            self._assembled(talk, whole, whole.parts, frame, received, now, events)
        else:
            # There was no room to keep it either: the terminal is told, and may send all of it again.
            talk.parts.lost(whole.parts)
            self._respond(talk, frame.header, FAILURE, events)

    def _whole(
        self,
        talk: Talk,
        packet: Packet,
        raw: bytes,
        received: datetime,
        now: float,
        events: list[Event],
        answered: Header | None = None,
    ) -> None:
        """A whole message; ``answered`` is the header of its last part, whose serial number the answer quotes."""
        msg_id = packet.header.msg_id
        if msg_id == 0x0100:
            self._register(talk, packet, raw, received, events)
        elif msg_id == 0x0102:
            self._authenticate(talk, packet, raw, received, events)
        elif not talk.inside:
            self._refuse(talk, packet.header, events)
        else:
            self._inside(talk, packet, raw, received, events, answered or packet.header)
            self._heard(talk, packet, now, events)
            if msg_id in (0x0003, 0x0101):
                events += self._drop(packet.header.phone, talk, now)
                events.append(LoggedOut(talk.identity, "the terminal logged out"))

    def _refuse(self, talk: Talk, header: Header, events: list[Event]) -> None:
        self.counters.before_login += 1
        if header.msg_id != 0x0001:
            self._respond(talk, header, FAILURE, events)

    def _register(self, talk: Talk, packet: Packet, raw: bytes, received: datetime, events: list[Event]) -> None:
        question = Question(packet, raw, received, packet.header.msg_sn)
        body = packet.body
        if body is None:
            self._registered(talk, question, 4, "", events)
            return
        if isinstance(body, Registration2011):
            talk.edition = V2011
        if self._asked(talk, REGISTER, question):
            return
        decision = self._door.register(talk.identity, body.to_json(), talk.phone)
        if decision is None:
            self._ask(talk, REGISTER, question, body.to_json(), events)
        else:
            self._registered(talk, question, *decision, events)

    def _registered(self, talk: Talk, question: Question, result: int, code: str, events: list[Event]) -> None:
        """What follows from a registration that is decided."""
        if question.packet.body is None:
            self.counters.bad_logins += 1
        answer: dict[str, Any] = {"seq": question.serial, "result": result}
        if result == SUCCESS:
            # The header of 2011 is that of 2013: the code brings the edition back when the terminal does.
            answer["auth_code"] = code + _CODE_OF_2011 if talk.edition == V2011 else code
            talk.registration = self._report(talk, question.packet, question.raw, question.received)
        self._send(talk, 0x8100, answer, events)

    def _authenticate(self, talk: Talk, packet: Packet, raw: bytes, received: datetime, events: list[Event]) -> None:
        question = Question(packet, raw, received, packet.header.msg_sn)
        body: Any = packet.body
        if body is None:
            self._authenticated(talk, question, False, events)
            return
        code = body.code
        if code.endswith(_CODE_OF_2011):
            code, talk.edition = code.removesuffix(_CODE_OF_2011), V2011
        if self._asked(talk, AUTHENTICATE, question):
            return
        right = self._door.authenticate(talk.identity, code, talk.phone)
        if right is None:
            self._ask(talk, AUTHENTICATE, question, body.to_json() | {"code": code}, events)
        else:
            self._authenticated(talk, question, right, events)

    def _authenticated(self, talk: Talk, question: Question, right: bool, events: list[Event]) -> None:
        """What follows from an authentication that is decided."""
        events.append(Send(talk.general(0x0102, question.serial, SUCCESS if right else FAILURE), talk.identity))
        if not right:
            self.counters.bad_logins += 1
            if talk.inside:
                talk.inside = False
                events.append(LoggedOut(talk.identity, "the terminal did not know its authentication code"))
            return
        talk.inside = True
        self.identity = self.identity or talk.identity
        report = self._report(talk, question.packet, question.raw, question.received)
        # Whoever reads records must not be able to log in with what it read.
        report.message["body"].pop("code", None)
        report.raw = b""
        events.append(LoggedIn(talk.identity, report))
        if talk.registration is not None:
            events.append(talk.registration)
            talk.registration = None

    # -- decided later --------------------------------------------------------------------------------------------

    def decided(self, identity: str, question: str, result: int, code: str, now: float) -> list[Event]:
        """What follows from the answer to an :class:`Ask`; nothing if that question is not open any more.

        ``result`` 0 is success. ``code`` is the authentication code that a registered terminal gets, and means nothing
        for an authentication.
        """
        events: list[Event] = []
        for talk in self._talks.values():
            if talk.identity == identity and question in talk.questions:
                asked = talk.questions.pop(question)
                if question == REGISTER:
                    self._registered(talk, asked, result, code, events)
                else:
                    self._authenticated(talk, asked, result == SUCCESS, events)
                break
        return events

    def _ask(
        self, talk: Talk, question: QuestionKind, asked: Question, body: Mapping[str, Any], events: list[Event]
    ) -> None:
        talk.questions[question] = asked
        events.append(Ask(talk.identity, question, body, talk.phone))

    def _asked(self, talk: Talk, question: str, again: Question) -> bool:
        """Whether this question is open already: then the terminal, which repeats itself, is answered this time."""
        open_one = talk.questions.get(question)
        if open_one is not None:
            open_one.serial = again.serial
        return open_one is not None

    def _inside(
        self, talk: Talk, packet: Packet, raw: bytes, received: datetime, events: list[Event], header: Header
    ) -> None:
        report = self._report(talk, packet, raw, received)
        if header.msg_id in _AT_ONCE:
            self._answer_at_once(talk, packet, received, events)
        else:
            report.answer = b"".join(self._answers(talk, packet, header))
        events.append(report)

    def _heard(self, talk: Talk, packet: Packet, now: float, events: list[Event]) -> None:
        """What this message means for the commands that wait."""
        if not talk.commands or packet.body is None:
            return
        ended = talk.commands.heard(packet.header.msg_id, packet.header.msg_sn, packet.to_json()["body"], now)
        if ended:
            events += [_ended(talk, done) for done in ended]
            self._commands(talk, now, events)

    def _answer_at_once(self, talk: Talk, packet: Packet, received: datetime, events: list[Event]) -> None:
        header, body = packet.header, _any(packet.body)
        if header.msg_id == 0x0004:
            names = ("year", "month", "day", "hour", "minute", "second")
            self._send(talk, 0x8004, {name: getattr(received, name) for name in names}, events)
        elif header.msg_id == 0x0005 and body is not None:
            frames = talk.sent.again(body.seq, body.ids)
            if frames:
                events.append(Send(b"".join(frames), talk.identity))
            else:
                self._respond(talk, header, FAILURE, events)
        else:
            self._respond(talk, header, SUCCESS, events)

    def _answers(self, talk: Talk, packet: Packet, header: Header) -> Iterator[bytes]:
        """What the terminal gets once this message is stored. JT/T 808-2019, 7; reference tables of the standard."""
        body = _any(packet.body)
        if header.msg_id in _REPLIES:
            return
        if packet.opaque in ("unknown", "encrypted"):
            yield talk.general(header.msg_id, header.msg_sn, UNSUPPORTED)
        elif header.msg_id == 0x0A00 and body is not None:
            known = talk.learn_key(body.e, body.n)
            key = self._settings.key
            if key is None or not known:
                yield talk.general(header.msg_id, header.msg_sn, FAILURE if key else UNSUPPORTED)
            elif not talk.told_key:
                # A terminal that has our key is answering it: it gets none for its own again.
                yield from talk.say(0x8A00, {"e": key.e, "n": to_base64(key.n)})
        elif header.msg_id == 0x0801 and body is not None:
            # Exactly the id: a count of 0 behind it is "incomplete" to some terminals.
            answer = {"mm_id": body.id}
            if talk.version == V2011:
                answer["seq"] = header.msg_sn
            yield from talk.say(0x8800, answer)
        elif header.msg_id == 0x1212 and body is not None:
            yield from talk.say(0x9212, {"name": body.name, "file_type": body.file_type, "result": 0, "packets": []})
        else:
            # What could not be read is stored as it came: it is safe, and asking for it again would bring the same.
            yield talk.general(header.msg_id, header.msg_sn, SUCCESS)

    # -- what goes out --------------------------------------------------------------------------------------------

    def _report(self, talk: Talk, packet: Packet, raw: bytes, received: datetime) -> Report:
        counters = self.counters
        counters.reports += 1
        message = packet.to_json(self._settings.dialect)
        if packet.notes:
            message["notes"] = packet.notes
        if packet.body is None:
            if packet.opaque == "unknown":
                counters.unknown += 1
            else:
                counters.unreadable += 1
            return Report(PROTOCOL, "unknown", message, raw, received, identity=talk.identity)
        kind, position, alarms = read(packet.header.msg_id, packet.body, talk.version, self._settings.zone, received)
        return Report(PROTOCOL, kind, message, raw, received, None, position, alarms, talk.identity)

    def _respond(self, talk: Talk, header: Header, result: int, events: list[Event]) -> None:
        events.append(Send(talk.general(header.msg_id, header.msg_sn, result), talk.identity))

    def _send(self, talk: Talk, msg_id: int, body: dict[str, Any], events: list[Event]) -> None:
        events.append(Send(b"".join(talk.say(msg_id, body)), talk.identity))

    def _ask_for_parts(self, talk: Talk, missing: Missing, events: list[Event]) -> None:
        if missing.msg_id == 0x0801 and len(missing.head) >= 4:
            # Multimedia has an answer of its own for this, by the id that its first part begins with.
            body = {"mm_id": int.from_bytes(missing.head[:4], "big"), "retx_ids": missing.indices}
            self._send(talk, 0x8800, body | ({"seq": missing.first_sn} if talk.version == V2011 else {}), events)
        else:
            self._send(talk, 0x8003, {"seq": missing.first_sn, "ids": missing.indices}, events)


def _ended(talk: Talk, done: Done) -> CommandEnded:
    return CommandEnded(talk.identity, done.tag, str(done.outcome), done.reason, done.reply)


def _any(body: Message | None) -> Any:
    """A body whose class depends on its id and edition."""
    return body


__all__ = ["AUTHENTICATE", "PROTOCOL", "REGISTER", "Door", "Session", "SessionCounters", "Settings"]
