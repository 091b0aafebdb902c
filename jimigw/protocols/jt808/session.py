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

from collections.abc import Hashable, Sequence
from datetime import UTC, datetime
from typing import Any

from jimigw.model.report import Report
from jimigw.wire.checks import folded
from jimigw.wire.errors import DecodeError

from ..events import Close, CommandEnded, Event, LoggedOut, Send
from .answers import AT_ONCE, FAILURE, SUCCESS, at_once, once_stored
from .codec import Packet, decode_body, decode_frame
from .downlinks import Done
from .entrance import AUTHENTICATE, ENTRANCE, REGISTER, Door, Entrance
from .familiar import LOCATION
from .fragments import Budget
from .frame import Frame, FrameDecoder, Junk, unescape
from .header import Header
from .long_messages import MEDIA, Reply, Whole, request
from .messages.location import CHINA, LocationFacts, utc_of
from .reading import position_of, word_alarms
from .reports import PROTOCOL, report_of
from .rsa import BLOCK, RSA
from .settings import SessionCounters, Settings
from .talk import Question, Talk

#: bytes of the smallest location report: the header of 2013, the 28 of the location, the check code
_LEAST_LOCATION = 12 + 28 + 1

#: parts that a registration or authentication may have: whoever is not in gets no room for more
_PARTS_OUTSIDE = 4
#: encrypted blocks in a frame of it, three times what it needs, and how many such frames are decrypted in a second on
#: one connection
_BLOCKS_OUTSIDE, _DECRYPTED_OUTSIDE = 3, 20


class Session:
    """One connection, or one UDP address. See the module."""

    protocol = PROTOCOL

    __slots__ = (
        "_budget",
        "_decoder",
        "_decrypted",
        "_entrance",
        "_settings",
        "_since",
        "_talks",
        "counters",
        "identity",
        "junk",
    )

    def __init__(self, door: Door, settings: Settings | None = None, budget: Budget | None = None) -> None:
        self._settings = settings or Settings()
        self._budget = budget or Budget()
        self._decoder = FrameDecoder(self._settings.max_frame)
        self._talks: dict[bytes, Talk] = {}
        self._since: float | None = None
        self.counters = SessionCounters()
        self._entrance = Entrance(door, self._settings, self.counters)
        #: the first terminal that authenticated here; None as long as none did
        self.identity: str | None = None
        #: junk since the last true frame
        self.junk = 0
        #: how many frames of terminals that are not in were decrypted, in which second
        self._decrypted = (0, 0)

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
            for missing in talk.long.parts.requests(now):
                self._send(talk, *request(missing, talk.version), events)
            talk.long.parts.expire(now)
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
                talk.cancel(tag, now)

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
            talk = self._talk(piece.header, now)
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

    def _talk(self, header: Header, now: float) -> Talk | None:
        talk = self._talks.get(header.phone)
        if talk is None:
            if len(self._talks) >= self._settings.max_terminals:
                self.counters.too_many_terminals += 1
                return None
            talk = self._talks[header.phone] = Talk(header, self._budget, now)
        elif header.proto_ver is not None and header.proto_ver != talk.addressing.proto_ver:
            talk.addressing = header.addressing
            talk.forms.clear()
        return talk

    # -- one frame ------------------------------------------------------------------------------------------------

    def _frame(self, talk: Talk, frame: Frame, received: datetime, now: float, events: list[Event]) -> None:
        header, body = frame.header, frame.body
        if AUTHENTICATE in talk.questions and header.msg_id not in ENTRANCE:
            self.counters.held += 1
            return
        talk.encrypted = header.encrypt == RSA
        key = self._settings.key
        if header.encrypt == RSA and key is not None:
            if not talk.inside and not self._may_decrypt(header, body, now):
                self._refuse(talk, header, events)
                return
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

    def _may_decrypt(self, header: Header, body: bytes, now: float) -> bool:
        """Whether the frame of a terminal that is not in is worth the time of decrypting it, 0.1 ms a block."""
        if header.msg_id not in ENTRANCE or len(body) > _BLOCKS_OUTSIDE * BLOCK:
            return False
        second, count = self._decrypted
        if second != int(now):
            second, count = int(now), 0
        self._decrypted = second, count + 1
        return count < _DECRYPTED_OUTSIDE

    def _part(self, talk: Talk, frame: Frame, body: bytes, received: datetime, now: float, events: list[Event]) -> None:
        """A piece of a long message, with its body in the plain."""
        header = frame.header
        if not talk.inside and (header.msg_id not in ENTRANCE or header.frag_total > _PARTS_OUTSIDE):
            self._refuse(talk, header, events)
            return
        self.counters.parts += 1
        found = talk.long.add(header, body, now)
        if isinstance(found, Whole):
            self._assembled(talk, found, frame, received, now, events)
        elif isinstance(found, bytes):
            events.append(Send(found, talk.identity))
        elif found is not Reply.NONE:
            self._respond(talk, header, SUCCESS if found is Reply.SUCCESS else FAILURE, events)

    def _assembled(
        self, talk: Talk, whole: Whole, frame: Frame, received: datetime, now: float, events: list[Event]
    ) -> None:
        """A message that was put together; ``frame`` is the one that its answer quotes."""
        parts, msg_id = whole.parts, frame.header.msg_id
        packet = decode_body(parts.header, parts.body, edition=talk.edition)
        if msg_id in ENTRANCE:
            talk.long.forget(whole)
        first = len(events)
        self._whole(talk, packet, frame.data, received, now, events, answered=frame.header)
        for report in events[first:]:
            if isinstance(report, Report) and msg_id not in ENTRANCE:
                if report.answer and parts.completed_by != parts.serials[-1] and msg_id != MEDIA:
                    # The last part came before others, and waits for its answer as well.
                    report.answer += talk.general(msg_id, parts.serials[-1], SUCCESS)
                whole.reported(report, now)

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
        if msg_id in ENTRANCE:
            self._entrance.hear(talk, Question(packet, raw, received, packet.header.msg_sn), events)
            self._has_entered(talk)
        elif not talk.inside:
            self._refuse(talk, packet.header, events)
        else:
            self._inside(talk, packet, raw, received, events, answered or packet.header)
            self._heard(talk, packet, now, events)
            if msg_id in (0x0003, 0x0101):
                events += self._drop(packet.header.phone, talk, now)
                events.append(LoggedOut(talk.identity, "the terminal logged out"))

    def _has_entered(self, talk: Talk) -> None:
        if talk.inside and self.identity is None:
            self.identity = talk.identity

    def _refuse(self, talk: Talk, header: Header, events: list[Event]) -> None:
        self.counters.before_login += 1
        if header.msg_id != 0x0001:
            self._respond(talk, header, FAILURE, events)

    def decided(self, identity: str, question: str, result: int, code: str, now: float) -> list[Event]:
        """What follows from the answer to an :class:`Ask`; nothing if that question is not open any more.

        ``result`` 0 is success. ``code`` is the authentication code that a registered terminal gets, and means nothing
        for an authentication.
        """
        events: list[Event] = []
        for talk in self._talks.values():
            if talk.identity == identity and question in talk.questions:
                self._entrance.decided(talk, question, result, code, events)
                self._has_entered(talk)
                break
        return events

    def _inside(
        self, talk: Talk, packet: Packet, raw: bytes, received: datetime, events: list[Event], header: Header
    ) -> None:
        report = report_of(talk, packet, raw, received, self._settings, self.counters)
        if header.msg_id in AT_ONCE:
            events.append(Send(at_once(talk, packet, received), talk.identity))
        else:
            report.answer = once_stored(talk, packet, header, self._settings.key)
        events.append(report)

    def _heard(self, talk: Talk, packet: Packet, now: float, events: list[Event]) -> None:
        """What this message means for the commands that wait."""
        if not talk.commands or packet.body is None:
            return
        ended = talk.commands.heard(packet.header.msg_id, packet.header.msg_sn, packet.to_json()["body"], now)
        if ended:
            events += [_ended(talk, done) for done in ended]
            self._commands(talk, now, events)

    # -- what goes out --------------------------------------------------------------------------------------------

    def _respond(self, talk: Talk, header: Header, result: int, events: list[Event]) -> None:
        events.append(Send(talk.general(header.msg_id, header.msg_sn, result), talk.identity))

    def _send(self, talk: Talk, msg_id: int, body: dict[str, Any], events: list[Event]) -> None:
        events.append(Send(b"".join(talk.say(msg_id, body)), talk.identity))


def _ended(talk: Talk, done: Done) -> CommandEnded:
    talk.let_go(done.tag)
    return CommandEnded(talk.identity, done.tag, str(done.outcome), done.reason, done.reply)


__all__ = ["AUTHENTICATE", "PROTOCOL", "REGISTER", "Door", "Session", "SessionCounters", "Settings"]
