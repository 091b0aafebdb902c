"""The conversation with one Jimi terminal, without a socket and without a clock. JC261/JC400 V1.3.5, chapters 3 and 5.

    receive(data, now) -> events        any slice of the stream; see jimigw.protocols.events
    expire(now)        -> events        when ``deadline`` has passed
    command(...)       -> bytes         a command for the terminal

The states are two, before and after the login:

    NEW ──login──▶ BOUND ──login of the same IMEI──▶ BOUND
                     └──login of another IMEI──▶ Close

========================== =========================================== ==========================================
what comes                 NEW                                         BOUND
========================== =========================================== ==========================================
login, readable            answered, LoggedIn                          same IMEI: answered, LoggedIn again;
                                                                       other IMEI: Close
login, not readable        answered, counted                           answered, counted
heartbeat, time request    answered                                    answered, reported
anything else              counted, not answered, not reported         reported, with its answer
========================== =========================================== ==========================================
"""

from __future__ import annotations

from collections.abc import Set
from datetime import UTC, datetime

import attrs

from jimigw.model.report import Report
from jimigw.wire.errors import EncodeError

from ..events import Close, Event, LoggedIn, Send
from .codec import PROTOCOL, Packet, exchange, read_up
from .frame import SHORT, Frame, FrameDecoder, answer_frame, encode_frame
from .messages import Command, TimeAnswer
from .reading import alarm_of, reading_of

LOGIN, HEARTBEAT, TIME, COMMAND = 0x01, 0x13, 0x8A, 0x80

#: protocol numbers that are answered by default: those the document answers, 0x37 and 0x95 that terminals repeat
#: where they get none
ACKNOWLEDGED = frozenset({0x01, 0x13, 0x22, 0x37, 0x70, 0x95, 0xE0, 0xF2})
_MOST_JUNK_AT_ONCE = 1 << 16


@attrs.frozen
class Settings:
    """What an operator decides about sessions.

    ``acknowledge_unknown``: which protocol numbers that are not known get an answer: of frames with the mark "7878",
    "all" or "none".
    """

    max_frame: int = 8192
    frame_timeout: float = 10.0
    max_junk: int = _MOST_JUNK_AT_ONCE
    acknowledge: Set[int] = ACKNOWLEDGED
    acknowledge_unknown: str = "7878"


@attrs.define
class SessionCounters:
    """What became of the frames of a session."""

    reports: int = 0
    unreadable: int = 0
    unknown: int = 0
    before_login: int = 0
    bad_logins: int = 0


class Session:
    """One connection of a Jimi terminal. See the module."""

    protocol = PROTOCOL

    __slots__ = ("_next_serial", "_settings", "counters", "decoder", "identity")

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self.decoder = FrameDecoder(self._settings.max_frame, self._settings.frame_timeout)
        self.counters = SessionCounters()
        #: the IMEI, once the terminal has said it
        self.identity: str | None = None
        self._next_serial = 1

    @property
    def deadline(self) -> float | None:
        """When :meth:`expire` wants to be called, None if nothing is pending."""
        return self.decoder.deadline

    @property
    def dropped(self) -> int:
        """Frames that were dropped: wrong check code or stop bytes, or never finished."""
        counters = self.decoder.counters
        return counters.bad_crc + counters.bad_stop + counters.given_up

    def receive(self, data: bytes, now: float) -> list[Event]:
        """What follows from these bytes; ``now`` is the time in seconds since 1970."""
        frames = self.decoder.feed(data, now)
        events: list[Event] = []
        if frames:
            self._handle_all(frames, now, events)
        if self.decoder.junk > self._settings.max_junk:
            events.append(Close(f"{self.decoder.junk} bytes without one true frame"))
        return events

    def expire(self, now: float) -> list[Event]:
        """What follows from the passing of time: a frame that was not finished is given up."""
        events: list[Event] = []
        self._handle_all(self.decoder.give_up(now), now, events)
        return events

    def command(self, text: str, server_flag: int, language: int = 2) -> bytes:
        """The frame of a command (0x80). :class:`EncodeError` for a text that is not ASCII or too long."""
        content = Command(server_flag=server_flag, command=text, language=language).encode()
        try:
            return encode_frame(COMMAND, content, self._take_serial(), SHORT)
        except ValueError as error:
            raise EncodeError(str(error), "command") from None

    def _take_serial(self) -> int:
        serial = self._next_serial
        self._next_serial = serial % 0xFFFF + 1
        return serial

    def _handle_all(self, frames: list[Frame], now: float, events: list[Event]) -> None:
        received = datetime.fromtimestamp(now, UTC)
        for frame in frames:
            if frame.protocol == LOGIN:
                self._login(frame, received, events)
            else:
                self._report(frame, received, events)
            if events and type(events[-1]) is Close:
                return

    def _login(self, frame: Frame, received: datetime, events: list[Event]) -> None:
        packet = read_up(frame)
        imei = packet.body.get("imei", "")
        if not packet.known or not _is_imei(imei):
            # Never left without an answer: the terminal would connect again and again, at its owner's cost.
            self.counters.bad_logins += 1
            events.append(Send(answer_frame(LOGIN, frame.serial)))
            return
        if self.identity is not None and self.identity != imei:
            self.counters.bad_logins += 1
            events.append(Close(f"login of {imei} on the connection of {self.identity}"))
            return
        self.identity = imei
        events.append(Send(answer_frame(LOGIN, frame.serial)))
        events.append(LoggedIn(imei, self._made(packet, received)))

    def _report(self, frame: Frame, received: datetime, events: list[Event]) -> None:
        identity = frame.protocol
        if identity == TIME:
            now = TimeAnswer(date_time=received.replace(microsecond=0)).encode()
            events.append(Send(encode_frame(TIME, now, frame.serial, SHORT)))
        elif identity == HEARTBEAT and HEARTBEAT in self._settings.acknowledge:
            events.append(Send(answer_frame(HEARTBEAT, frame.serial)))
        if self.identity is None:
            self.counters.before_login += identity not in (TIME, HEARTBEAT)
            return
        packet = read_up(frame)
        report = self._made(packet, received)
        if identity not in (TIME, HEARTBEAT) and (
            identity in self._settings.acknowledge or self._unknown_answered(packet)
        ):
            report.answer = answer_frame(identity, frame.serial)
        events.append(report)

    def _unknown_answered(self, packet: Packet) -> bool:
        if packet.layout is not None:
            return False
        wanted = self._settings.acknowledge_unknown
        return wanted == "all" or (wanted == "7878" and packet.frame.mark == SHORT)

    def _made(self, packet: Packet, received: datetime) -> Report:
        frame, body, counters = packet.frame, packet.body, self.counters
        counters.reports += 1
        message = exchange(frame, self.identity, body, packet.notes)
        if packet.error is not None or packet.layout is None:
            if packet.layout is None:
                counters.unknown += 1
            else:
                counters.unreadable += 1
            return Report(PROTOCOL, "unknown", message, frame.raw, received)
        reading = reading_of(packet.layout)
        kind, alarms = alarm_of(body) if reading.alarming else (reading.kind, None)
        position = reading.position(body, received)
        if position is not None and kind == "status" and not reading.alarming:
            kind = "position"
        return Report(PROTOCOL, kind, message, frame.raw, received, None, position, alarms)


def _is_imei(text: str) -> bool:
    return len(text) == 15 and text.isdigit() and text.isascii()
