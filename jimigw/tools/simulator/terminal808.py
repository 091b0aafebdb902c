"""A believable JT/T 808 terminal without a socket and without a clock; :mod:`.life` says how it is driven.

    no code ──0x0100──▶ 0x8100 with a code ──0x0102──▶ 0x8001 result 0: on line ──▶ reports, heartbeats, commands
       ▲                                        │
       └────────────── result 1 ────────────────┘

It keeps its code over connections, and begins at 0x0100 again when it is refused. What is not answered it sends again,
the same bytes, after T, then T(n+1) = T(n) × (n+1); when its repeats are used up it gives the link up. T and the number
of repeats are its parameters 0x0002 to 0x0005. Locations of an outage go in batches, 0x0704 of type 1 (one by one in
2011, which has no batches); long messages go in parts, which it sends again when the platform asks for them.
JT/T 808-2019, chapters 5 and 6.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from jimigw.protocols.jt808.codec import Packet, decode_body, decode_frame, encode_body
from jimigw.protocols.jt808.fragments import Assembled, Budget, Limits, Reassembly, Sent
from jimigw.protocols.jt808.frame import Frame, FrameDecoder, build_all
from jimigw.protocols.jt808.header import Addressing, Header, identity_of, phone_bytes
from jimigw.protocols.jt808.messages.batches import LocationBatch, LocationBatch2019
from jimigw.protocols.jt808.versions import V2011, V2013, V2019
from jimigw.wire.kinds import Item

from . import replies808
from .album import Album
from .attachments808 import Evidence
from .commanded808 import State
from .life import Life, Trip
from .message808 import Message808, general, media, media_2011
from .reports808 import AlarmKind, Reporter, authentication, registration
from .routes import Drive
from .tally import Tally

HEARTBEAT, TIME, REGISTER, AUTHENTICATE, LOCATION, BATCH = 0x0002, 0x0004, 0x0100, 0x0102, 0x0200, 0x0704

MOST_IN_BATCH = 30
"""Locations of one batch: enough for two parts."""

REFUSALS = 3
"""Times that a terminal is refused before it hangs up."""

_REMEMBERED = 32  # commands whose answer is given again when they are repeated
_LATER_LIMIT = 256
_DOWN_LIMITS = Limits(set_bytes=4 << 20, sets=4, terminal_bytes=8 << 20, ask_after=3.0)

#: what the platform says in answer to the terminal
_ANSWERS = frozenset({0x8001, 0x8003, 0x8004, 0x8100, 0x8800})

#: type checkers do not see the rows that a message includes
_batch: Callable[..., Any] = LocationBatch
_batch_2019: Callable[..., Any] = LocationBatch2019


class FakeTerminal808(Life):
    """See the module. ``version`` is the edition that it speaks, ``phone`` its number in digits."""

    def __init__(
        self,
        phone: str,
        drive: Drive,
        tally: Tally,
        rng: random.Random,
        now: float,
        *,
        version: int = V2019,
        interval: float = 10.0,
        alarms_an_hour: float = 6.0,
        pictures_an_hour: float = 2.0,
        safety_an_hour: float = 0.0,
        udp: bool = False,
    ) -> None:
        super().__init__(drive, tally, rng, now, interval=interval, alarms_an_hour=alarms_an_hour)
        form = V2019 if version == V2019 else V2013
        self.phone, self.version, self.udp = phone, version, udp
        self.to = Addressing(form, phone_bytes(phone, form))
        self.identity = identity_of(self.to.phone)
        self.reporter = Reporter(self.identity, version, drive, rng)
        self.album = Album(self, rng, now, pictures_an_hour)
        self.evidence = Evidence(self.to, version, tally, phone, rng, now, safety_an_hour)
        self.code: str | None = None
        self.state = State(version, phone, interval)
        self.part_size = rng.choice((512, 800, 1000, 1023))
        self._decoder = FrameDecoder()
        self._serial = rng.randrange(0x10000)
        self._sent = Sent()
        self._down = Reassembly(Budget(), _DOWN_LIMITS)
        self._obeyed: dict[tuple[int, int], list[bytes]] = {}
        self._later: list[tuple[float, Callable[[float], None]]] = []
        self._spoken: list[bytes] = []
        self._refusals = 0
        self._told = False  # time and driver are seen to once
        self._next_heartbeat = now
        self._authenticating = False

    # -- what the edge calls ------------------------------------------------------------------------------------------
    def early_report(self, now: float) -> bytes:
        """A location before the authentication, which no gateway takes."""
        self.drive.advance(now)
        kept = Message808(LOCATION, self.reporter.location(now).encode())
        return self._emit(kept, now)[0]

    def receive(self, data: bytes, now: float) -> list[bytes]:
        """What the terminal says to these bytes of the platform."""
        out: list[bytes] = []
        for piece in self._decoder.feed(data):
            if isinstance(piece, Frame):
                self._take(piece, now, out)
        return out

    # -- its life -----------------------------------------------------------------------------------------------------
    def _greet(self, now: float) -> list[bytes]:
        self._decoder = FrameDecoder()
        self._down.clear()
        self._refusals = 0
        return self._log_in(now)

    def _log_in(self, now: float) -> list[bytes]:
        """Register without a code, authenticate with one."""
        self._authenticating = True
        if self.code is None:
            return self._ask(REGISTER, registration(self.phone, self.version), now)
        return self._ask(AUTHENTICATE, authentication(self.phone, self.version, self.code), now)

    def _lost(self, now: float) -> None:
        self._authenticating = False

    def _deadlines(self) -> Iterator[float]:
        if self._connected and not self.online:
            yield self.outbox.retry_at
        if self.online and not self._finishing:
            yield self._next_heartbeat
            yield self.album.next_shot
            yield self.evidence.next_alarm
        if self._down.deadline is not None:
            yield self._down.deadline
        yield from (when for when, _call in self._later)

    def _chores(self, now: float, out: list[bytes]) -> None:
        for when, call in [each for each in self._later if now >= each[0]]:
            self._later.remove((when, call))
            call(now)
        if self.online:
            out += self._spoken
        self._spoken.clear()
        if self._connected and not self.online:
            for kept in self.outbox.due(now):
                if kept.passing:
                    self._repeat(kept, now, out)
                else:
                    kept.retry_at = now + self._wait(0)
        self._ask_for_parts(now, out)
        if self.online and not self._finishing:
            if now >= self.album.next_shot:
                self.album.shoot(now)
            if self.evidence.is_due(now):
                self.drive.advance(now)
                self._tell(now, *self.reporter.begin_safety(now))
            if now >= self._next_heartbeat:
                self._next_heartbeat = now + self.state.number(0x0001)
                out += self._ask(HEARTBEAT, {}, now)
        if self.online:
            self._send_kept(now, out)

    def _report(self, now: float) -> None:
        self._keep_location(now, self.reporter.location(now))

    def _alarm(self, now: float) -> None:
        self._tell(now, *self.reporter.begin_alarm(now))

    def _tell(self, now: float, kind: AlarmKind, items: list[Item]) -> None:
        self._keep_location(now, self.reporter.location(now, items))
        if kind.safety is not None:
            number, code = kind.safety
            self.evidence.keep(items[0].value.ident, number << 8 | code)
        if kind.picture:
            self.album.shoot(now, event=kind.picture)

    def _keep_location(self, now: float, location: Any) -> None:
        self.outbox.put(Message808(LOCATION, location.encode(), sent_at=now, location=location))

    def trips(self) -> list[Trip]:
        return self.evidence.take()

    @property
    def settled(self) -> bool:
        return super().settled and self.evidence.settled

    # -- what goes to the platform ------------------------------------------------------------------------------------
    def keep(self, msg_id: int, body: bytes | dict[str, Any], *, media_id: int = 0) -> None:
        """Send a message that wants an answer, as soon as there is room."""
        data = body if isinstance(body, bytes) else encode_body(msg_id, body, self.version)
        self.outbox.put(Message808(msg_id, data, media_id=media_id))

    def later(self, when: float, call: Callable[[float], None]) -> None:
        """Do something at a time to come; what is too much is forgotten, as by a terminal without memory."""
        if len(self._later) < _LATER_LIMIT:
            self._later.append((when, call))

    def say(self, msg_id: int, body: dict[str, Any], serial: int | None = None) -> list[bytes]:
        """The frames of a message whose answer is not waited for; ``serial`` is its number if that is not the next."""
        data = encode_body(msg_id, body, self.version)
        self.tally.of(msg_id).sent += 1
        if serial is not None:
            return build_all(self.to, msg_id, data, serial, size=self.part_size)
        frames = build_all(self.to, msg_id, data, self._serial, size=self.part_size)
        if len(frames) > 1:
            self._sent.keep(self._serial, frames, 0.0)
            self.tally.count("parts", len(frames))
        self._serial = self._serial + len(frames) & 0xFFFF
        return frames

    def speak(self, msg_id: int, body: dict[str, Any]) -> None:
        """Say a message that platforms do not answer, with what else is due."""
        self._spoken += self.say(msg_id, body)

    def _ask(self, msg_id: int, body: dict[str, Any], now: float) -> list[bytes]:
        """The frames of a message that belongs to this connection and wants an answer."""
        kept = Message808(msg_id, encode_body(msg_id, body, self.version), weight=0, passing=True)
        return self._emit(kept, now)

    def _emit(self, kept: Message808, now: float) -> list[bytes]:
        """The frames of a message that is sent for the first time on this connection."""
        count = kept.make(self.to, self.version, self._serial, self.part_size)
        self._serial = self._serial + count & 0xFFFF
        self.outbox.sent(kept, kept.wanted, now, self._wait(0, count))
        if count > 1:
            self.tally.count("parts", count)
        return kept.frames

    def _wait(self, repeats: int, parts: int = 1) -> float:
        """Seconds to wait for an answer after this many repeats; thrice as many where the platform has to put parts
        together, and asks for those it lacks."""
        wait = self.state.number(0x0004 if self.udp else 0x0002) * (3 if parts > 1 else 1)
        for number in range(1, repeats + 1):
            wait *= number + 1
        return self._hurried(wait)

    def _repeat(self, kept: Message808, now: float, out: list[bytes]) -> None:
        if kept.repeats >= self.state.number(0x0005 if self.udp else 0x0003):
            self.tally.no_answer += 1
            self.hang_up = f"no answer to 0x{kept.kind:04X} after {kept.repeats} repeats"
            kept.retry_at = now + 1.0
            return
        kept.repeats += 1
        frames = kept.again()
        if len(kept.frames) > 1:
            self.tally.count("parts sent again", len(frames))
        self.outbox.sent(kept, kept.wanted, now, self._wait(kept.repeats, len(kept.frames)))
        out += frames

    def _send_kept(self, now: float, out: list[bytes]) -> None:
        while (kept := self.outbox.next()) is not None:
            out += self._emit(kept, now)

    def _batch_up(self, now: float) -> None:
        """The locations of an outage become batches, in their order, in front of all else."""
        late = [kept for kept in self.outbox.backlog if kept.location is not None]
        if self.version == V2011 or len(late) < 2:
            return
        rest = [kept for kept in self.outbox.backlog if kept.location is None]
        form = _batch_2019 if self.version == V2019 else _batch
        self.outbox.backlog.clear()
        for at in range(0, len(late), MOST_IN_BATCH):
            some = late[at : at + MOST_IN_BATCH]
            body = form(type=1, location=[kept.location for kept in some]).encode()
            carries = sum(kept.times > 0 for kept in some)
            self.outbox.backlog.append(Message808(BATCH, body, weight=len(some), carries=carries))
        self.outbox.backlog.extend(rest)

    # -- what comes from the platform ---------------------------------------------------------------------------------
    def _take(self, frame: Frame, now: float, out: list[bytes]) -> None:
        header = frame.header
        if header.phone != self.to.phone:
            self.tally.count("frames for others")
        elif header.is_part:
            self._part(header, frame.body, now, out)
        else:
            self._message(decode_frame(frame, edition=self.version), header.msg_sn, now, out)

    def _part(self, header: Header, body: bytes, now: float, out: list[bytes]) -> None:
        whole = self._down.add(header, body, now)
        if isinstance(whole, Assembled):
            packet = decode_body(whole.header, whole.body, edition=self.version)
            self._message(packet, whole.serials[-1], now, out)
        elif header.frag_sn == header.frag_total:
            out += self._obeyed.get((header.msg_id, header.msg_sn), [])

    def _ask_for_parts(self, now: float, out: list[bytes]) -> None:
        if self._down.deadline is None or now < self._down.deadline:
            return
        for missing in self._down.requests(now):
            if self.version == V2019:
                out += self.say(0x0005, {"seq": missing.first_sn, "ids": missing.indices})
        self._down.expire(now)

    def _message(self, packet: Packet, serial: int, now: float, out: list[bytes]) -> None:
        msg_id, body = packet.header.msg_id, _any(packet.body)
        if msg_id not in _ANSWERS:
            self._command(packet, serial, now, out)
        elif body is None:
            self.tally.count("answers that cannot be read")
        elif msg_id == 0x8001:
            self._answered(body, now, out)
        elif msg_id == 0x8100:
            self._registered(body, now, out)
        elif msg_id == 0x8004:
            self.outbox.answer((0x8004,), now)
        elif msg_id == 0x8800:
            self._media_answered(body, now, out)
        elif msg_id == 0x8003:
            self._resend(body.seq, body.ids, out)
        if self.online:
            self._send_kept(now, out)

    def _answered(self, body: Any, now: float, out: list[bytes]) -> None:
        key = general(body.id, body.seq)
        if body.id == AUTHENTICATE:
            if self.outbox.answer(key, now) is not None:
                self._authenticated(body.result, now, out)
            return
        if body.result == 1 and body.id != 0x0005:
            # Not taken. Who is not let in any more, because the platform forgot it, has to say who it is.
            if self.online and not self._authenticating and self.outbox.find(lambda kept: key in kept.open) is not None:
                self.online = False
                out += self._log_in(now)
            return
        if body.result in (2, 3):
            self.tally.count("not understood")
        kept = self.outbox.answer(key, now)
        if kept is not None:
            self.tally.of(LOCATION).answered += kept.carries
            if kept.location is not None:
                self.reporter.acknowledged(kept.location.alarm)

    def _registered(self, body: Any, now: float, out: list[bytes]) -> None:
        if self.outbox.answer((0x8100, body.seq), now) is None:
            return
        if body.result != 0:
            self.tally.count("registrations refused")
            self.hang_up = f"the registration is refused with result {body.result}"
            return
        self.code = body.auth_code or ""
        out += self._log_in(now)

    def _authenticated(self, result: int, now: float, out: list[bytes]) -> None:
        self._authenticating = False
        if result != 0:
            self.tally.count("codes refused")
            self.code = None
            self._refusals += 1
            if self._refusals >= REFUSALS:
                self.hang_up = f"the code is refused with result {result}"
            else:
                out += self._log_in(now)
            return
        self.online, self._vain = True, 0
        self._next_heartbeat = now + self.state.number(0x0001)
        self._batch_up(now)
        if not self._told and not self._finishing:
            self._told = True
            if self.version == V2019:
                out += self._ask(TIME, {}, now)
            if self.version != V2011:
                self.keep(0x0702, replies808.driver(self.phone, now))

    def _media_answered(self, body: Any, now: float, out: list[bytes]) -> None:
        if self.version == V2011:
            self.outbox.answer(media_2011(body.seq), now)
            return
        if not body.retx_ids:
            self.outbox.answer(media(body.mm_id), now)
            return
        kept = self.outbox.find(lambda each: each.until == media(body.mm_id))
        if kept is not None:
            self._again(kept.parts(body.retx_ids), out)

    def _resend(self, seq: int, ids: list[int], out: list[bytes]) -> None:
        """The platform lacks parts of a long message, whose first serial number is ``seq``."""
        kept = self.outbox.find(lambda each: each.first == seq and len(each.frames) > 1)
        self._again(kept.parts(ids) if kept is not None else self._sent.again(seq, ids), out)

    def _again(self, frames: list[bytes], out: list[bytes]) -> None:
        self.tally.count("parts asked for", len(frames))
        out += frames

    def _command(self, packet: Packet, serial: int, now: float, out: list[bytes]) -> None:
        key = packet.header.msg_id, serial
        if key in self._obeyed:
            out += self._obeyed[key]  # a repeat: the answer was lost
            return
        self.tally.commands += 1
        frames: list[bytes] = []
        for msg_id, body in replies808.obey(self, packet, serial, now):
            # The reply to a text command has the command's own serial number: so do the cameras of the field.
            frames += self.say(msg_id, body, serial if msg_id == 0x0900 else None)
        if len(self._obeyed) >= _REMEMBERED:
            del self._obeyed[next(iter(self._obeyed))]
        self._obeyed[key] = frames
        out += frames


def _any(body: Any) -> Any:
    """A body whose class depends on its id and edition."""
    return body
