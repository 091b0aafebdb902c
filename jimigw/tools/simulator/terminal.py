"""A believable JC261/JC400 terminal without a socket and without a clock; :mod:`.life` says how it is driven.

What it does, JC261/JC400 V1.3.5, chapter 3: it logs in and says nothing else until that is answered; cameras and ids
once after the login; a location every ``interval``, a heartbeat every three minutes, alarms by chance. Login or
heartbeat without an answer for five seconds: it hangs up and connects again, waiting longer each time; after three
vain attempts it boots again in twenty minutes, unless a login is answered before. A report without an answer is kept
and sent again as a re-upload: after a new login, or when it has waited long enough.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from jimigw.protocols.jimi.frame import LONG, Frame, FrameDecoder, encode_frame
from jimigw.protocols.jimi.messages import Command, CommandReply, DataTransfer, Heartbeat, Identities, Location, Login
from jimigw.protocols.jimi.modules import Camera, Cameras
from jimigw.wire.errors import DecodeError
from jimigw.wire.message import Message

from . import events, mischief, tally
from .errands import Errand, Outcome
from .life import BACK_OFF, Life
from .outbox import MEMORY, WINDOW, Kept
from .plan import Kind, Plan, Uploads
from .recorder import Recorder
from .replies import FACTORY_SETTINGS, VERSION, reply
from .routes import Drive
from .tally import Tally

LOGIN, HEARTBEAT, LOCATION, ALARM, COMMAND, REPLY, TRANSFER, CAMERAS = 0x01, 0x13, 0x22, 0x95, 0x80, 0x21, 0x94, 0xE0

ANSWER_TIMEOUT = 5.0
HEARTBEAT_INTERVAL = 180.0
REBOOT_AFTER = 1200.0
VAIN_ATTEMPTS = 3

RESEND_AFTER = (5.0, 10.0, 20.0, 40.0, 60.0)
"""Seconds without an answer before a report is sent again, by the number of times it was sent."""

#: type checkers do not see the rows that a message includes, and want the derived ones
_login: Callable[..., Login] = Login
_location: Callable[..., Location] = Location

_BY_INTERVAL, _ACC_CHANGE, _STANDING = 0x00, 0x03, 0x0E


class FakeTerminal(Life):
    """See the module."""

    def __init__(
        self,
        imei: str,
        drive: Drive,
        tally: Tally,
        rng: random.Random,
        now: float,
        *,
        interval: float = 10.0,
        alarms_an_hour: float = 6.0,
        uploads: Uploads | None = None,
    ) -> None:
        super().__init__(drive, tally, rng, now, interval=interval, alarms_an_hour=alarms_an_hour)
        self.imei = imei
        self.settings = dict(FACTORY_SETTINGS)
        self.recorder: Recorder | None = None
        if uploads is not None:
            self.settings |= {"UPLOAD": uploads.url, "FILELIST": uploads.list_url}
            self.recorder = Recorder(imei, drive.route.zone, uploads, self.settings, tally, rng, now)
        self._decoder = FrameDecoder(1024)
        self._serial = 1
        self._booted = True  # cameras and ids are told once after each boot
        self._acc: bool | None = None
        self._reboot_at: float | None = None
        self._expected: tuple[int, int, float, float] | None = None  # login or heartbeat: type, serial, sent, deadline
        self._next_heartbeat = now

    # -- what the edge calls ------------------------------------------------------------------------------------------
    def early_report(self, now: float) -> bytes:
        """A location before the login, which no gateway answers."""
        self.drive.advance(now)
        return self._send(Kept(LOCATION, self._location(now, _BY_INTERVAL)), now)

    def receive(self, data: bytes, now: float) -> list[bytes]:
        """What the terminal says to these bytes of the server."""
        out: list[bytes] = []
        for frame in self._decoder.feed(data, now):
            if frame.protocol == COMMAND and frame.start < frame.end:
                out += self._obey(frame, now)
            else:
                self._answered(frame, now, out)
        return out

    def errands(self, now: float) -> list[Errand]:
        """What the camera wants to be posted now."""
        return [] if self.recorder is None else self.recorder.errands(now)

    def ran(self, errand: Errand, outcome: Outcome, now: float) -> None:
        """What became of one of :meth:`errands`."""
        if self.recorder is not None:
            self.recorder.ran(errand, outcome, now)

    def checked(self, outcome: Outcome) -> None:
        """What became of a second copy of one."""
        if self.recorder is not None:
            self.recorder.checked(outcome)

    def finish(self, now: float) -> None:
        """Make no more reports, and begin no more uploads."""
        super().finish(now)
        if self.recorder is not None:
            self.recorder.finish()

    @property
    def settled(self) -> bool:
        """Nothing is left to be answered: heartbeat, login and uploads included."""
        return super().settled and self._expected is None and (self.recorder is None or self.recorder.settled)

    @property
    def status(self) -> str:
        """What the command STATUS answers."""
        acc = "ON" if self.drive.ignition else "OFF"
        return f"Battery:12.6V; GPRS:Link Up; GSM Signal Level:Strong; GPS:Fixed,{self.drive.satellites}; ACC: {acc}"

    # -- its life -----------------------------------------------------------------------------------------------------
    def _greet(self, now: float) -> list[bytes]:
        self._decoder = FrameDecoder(1024)
        return [self._ask(LOGIN, login_of(self.imei, self.drive.route.zone), now)]

    def _lost(self, now: float) -> None:
        self._expected = None
        if self._vain >= VAIN_ATTEMPTS and self._reboot_at is None:
            self._reboot_at = now + REBOOT_AFTER

    def _gives_up(self, now: float) -> bool:
        if self._reboot_at is not None and now >= self._reboot_at:
            self.tally.reboots += 1
            self._reboot_at, self._vain, self._serial, self._booted = None, 0, 1, True
            if self._connected:
                self.hang_up = "reboot"
                return True
        if self._expected is not None and now >= self._expected[3]:
            self.tally.no_answer += 1
            self._expected = None
            self.hang_up = "no answer to the login or the heartbeat"
            return True
        return False

    def _deadlines(self) -> Iterator[float]:
        if self._reboot_at is not None:
            yield self._reboot_at
        if self._expected is not None:
            yield self._expected[3]
        elif self.online and not self._finishing:
            yield self._next_heartbeat
        if self.recorder is not None:
            yield self.recorder.next_timer()

    def _chores(self, now: float, out: list[bytes]) -> None:
        if self.online and now >= self._next_heartbeat and self._expected is None and not self._finishing:
            self._next_heartbeat = now + HEARTBEAT_INTERVAL
            out.append(self._ask(HEARTBEAT, self._heartbeat(), now))

    def _report(self, now: float) -> None:
        mode = _BY_INTERVAL if self.drive.ignition else _STANDING
        if self._acc is not None and self._acc != self.drive.ignition:
            mode = _ACC_CHANGE
        self._acc = self.drive.ignition
        self.outbox.put(Kept(LOCATION, self._location(now, mode), sent_at=now))

    def _alarm(self, now: float) -> None:
        extension = "mp4" if self.recorder is None else "ts"
        alarm: Any = events.alarm(self.imei, self.drive, _utc(now), self._rng, extension)
        self.outbox.put(Kept(ALARM, alarm))
        if self.recorder is not None:
            self.recorder.announced(alarm.files.names, now)

    # -- what comes from the server -----------------------------------------------------------------------------------
    def _answered(self, frame: Frame, now: float, out: list[bytes]) -> None:
        if self._expected is not None and self._expected[:2] == (frame.protocol, frame.serial):
            sent_at = self._expected[2]
            self._expected = None
            self.tally.of(frame.protocol).answered += 1
            self.tally.latencies.add(now - sent_at)
            if frame.protocol == LOGIN:
                self._logged_in(now, out)
        elif self.outbox.answer((frame.protocol, frame.serial), now) is not None and self.online:
            self._send_kept(now, out)

    def _logged_in(self, now: float, out: list[bytes]) -> None:
        self.online, self._vain, self._reboot_at = True, 0, None
        self._next_heartbeat = now + HEARTBEAT_INTERVAL
        if self._booted and not self._finishing:
            self._booted = False
            self.outbox.put(Kept(CAMERAS, self._cameras()))
            out += [self._say(TRANSFER, each) for each in self._ids()]
        self._send_kept(now, out)

    def _obey(self, frame: Frame, now: float) -> list[bytes]:
        try:
            command = Command.decode(frame.data, frame.start, frame.end)
        except DecodeError:
            return []
        self.tally.commands += 1
        content = None if self.recorder is None else self.recorder.obey(command.command, command.server_flag, now)
        if content is None:
            content = reply(self, command.command)
        self._next_report = min(self._next_report, now + self.interval)
        if not content:
            return []  # obeyed without a word
        return [self._say(REPLY, CommandReply(server_flag=command.server_flag, content_code=1, content=content))]

    # -- what goes to the server --------------------------------------------------------------------------------------
    def _frame(self, protocol: int, body: Message, mark: int = 0) -> tuple[int, bytes]:
        serial = self._serial
        self._serial = serial % 0xFFFF + 1
        return serial, encode_frame(protocol, body.encode(), serial, mark)

    def _ask(self, protocol: int, body: Message, now: float) -> bytes:
        """A login or heartbeat: without an answer the terminal hangs up."""
        serial, raw = self._frame(protocol, body)
        self._expected = (protocol, serial, now, now + ANSWER_TIMEOUT)
        self.tally.of(protocol).sent += 1
        return raw

    def _say(self, protocol: int, body: Message) -> bytes:
        """A message that servers do not answer."""
        self.tally.of(protocol).sent += 1
        return self._frame(protocol, body, LONG)[1]

    def _send(self, kept: Kept, now: float) -> bytes:
        if kept.times and isinstance(kept.body, Location):
            kept.body.reupload = 1
        serial, raw = self._frame(kept.kind, kept.body, kept.mark)
        wait = RESEND_AFTER[min(kept.times, len(RESEND_AFTER) - 1)]
        self.outbox.sent(kept, [(kept.kind, serial)], now, self._hurried(wait))
        return raw

    def _repeat(self, kept: Kept, now: float, out: list[bytes]) -> None:
        out.append(self._send(kept, now))

    def _send_kept(self, now: float, out: list[bytes]) -> None:
        while (kept := self.outbox.next()) is not None:
            if isinstance(kept.body, Location) and now - kept.sent_at > self.interval:
                kept.body.reupload = 1
            out.append(self._send(kept, now))

    # -- what is made -------------------------------------------------------------------------------------------------
    def _location(self, now: float, mode: int) -> Location:
        drive = self.drive
        # A cell of some 500 m, an area of some 10 km: stable numbers for a place.
        cell = int((drive.latitude + 90) * 200) * 72_000 + int((drive.longitude + 180) * 200)
        area = int((drive.latitude + 90) * 10) * 3_600 + int((drive.longitude + 180) * 10)
        return _location(
            date_time=_utc(now),
            gps_length=12,
            satellites=min(15, drive.satellites),
            latitude=drive.latitude,
            longitude=drive.longitude,
            speed=min(255, drive.speed_kmh),
            differential=False,
            fixed=True,
            course=drive.course,
            mnc_wide=False,
            mcc=drive.route.mcc,
            mnc=drive.route.mnc,
            lac=1 + area % 0xFFFD,
            cell_id=1 + cell % 0xFFFFFE,
            acc=int(drive.ignition),
            upload_mode=mode,
            reupload=0,
            mileage=int(drive.mileage),
        )

    def _heartbeat(self) -> Heartbeat:
        acc = self.drive.ignition
        return Heartbeat(
            gps_fixed=True, charging=acc, acc=acc, voltage_level=6, gsm_signal=self._rng.randint(3, 4),
            port_status=0, language=2,
        )  # fmt: skip

    def _cameras(self) -> Cameras:
        return Cameras(built_in=[Camera(number=0, status=1), Camera(number=1, status=1)], peripheral=[])

    def _ids(self) -> list[DataTransfer]:
        digits = f"{int(self.imei) % 10**9:09d}"
        route = self.drive.route
        imsi = f"{route.mcc:03d}{route.mnc:02d}{digits}0"[:15]
        iccid = f"89{route.mcc:03d}{route.mnc:02d}{digits}000"[:19] + "f"
        uuid = f"{int(self.imei):032x}"
        return [
            DataTransfer(file_type=0x07, content=f"{uuid[:8]}-{uuid[8:12]}-{uuid[12:16]}-{uuid[16:20]}-{uuid[20:]}"),
            DataTransfer(file_type=0x08, content=VERSION),
            DataTransfer(file_type=0x0A, content=Identities(imei=self.imei, imsi=imsi, iccid=iccid)),
        ]


def _utc(now: float) -> datetime:
    return datetime.fromtimestamp(int(now), UTC)


def login_of(imei: str, zone: timedelta) -> Login:
    """The login of a terminal in this time zone."""
    minutes = round(zone.total_seconds() / 60)
    expanded = abs(minutes) // 60 * 100 + abs(minutes) % 60
    return _login(imei=imei, terminal_type=0x700, branch=0, zone=expanded, zone_west=minutes < 0, language=2)


def imei_of(base: str, index: int) -> str:
    """The IMEI number ``index`` of a fleet: the first 14 digits of ``base`` counted up, and their Luhn digit."""
    digits = f"{(int(base[:14]) + index) % 10**14:014d}"
    # From the right, every second digit counts twice, its own digits summed.
    total = sum(int(each) if at % 2 == 0 else sum(divmod(2 * int(each), 10)) for at, each in enumerate(digits))
    return digits + str(-total % 10)


def _made(plan: Plan, index: int, drive: Drive, tally: Tally, rng: random.Random, now: float) -> FakeTerminal:
    imei = imei_of(plan.imei_base, index)
    return FakeTerminal(
        imei, drive, tally, rng, now,
        interval=plan.interval, alarms_an_hour=plan.alarms_an_hour, uploads=plan.uploads,
    )  # fmt: skip


KIND = Kind(tally.JIMI, lambda udp: mischief.JIMI, _made)

__all__ = ["BACK_OFF", "KIND", "MEMORY", "WINDOW", "FakeTerminal", "imei_of", "login_of"]
