"""What a simulated JT/T 808 terminal reports: location with additional items, alarms, registration, pictures."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from jimigw.protocols.jt808.header import luhn_digit
from jimigw.protocols.jt808.messages.items import (
    EXTRAS_2013,
    EXTRAS_2019,
    Analog,
    InOutAlarm,
    IoStatus,
    OverspeedAlarm,
    VehicleSignals,
)
from jimigw.protocols.jt808.messages.location import BasicLocation, Location2013, Location2019
from jimigw.protocols.jt808.messages.safety_items import Adas, AlarmIdentity, Dsm
from jimigw.protocols.jt808.names import ACKNOWLEDGED_ALARMS
from jimigw.protocols.jt808.versions import V2011, V2019
from jimigw.wire.kinds import Item

from .attachments808 import FILES
from .routes import Drive

CHINA = timedelta(hours=8)
SOFTWARE = "JW-T8 V2.1.7"

#: type checkers do not see the rows that a message includes
_location: Callable[..., Any] = Location2013
_location_2019: Callable[..., Any] = Location2019
_basic: Callable[..., Any] = BasicLocation
_adas: Callable[..., Any] = Adas
_dsm: Callable[..., Any] = Dsm


def digits(now: float) -> str:
    """A time as the standard writes it, YYMMDDhhmmss in GMT+8."""
    return (datetime.fromtimestamp(int(now), UTC) + CHINA).strftime("%y%m%d%H%M%S")


@attrs.frozen
class AlarmKind:
    """A bit of the alarm word, or an active safety alarm (``safety``: item and type): in which editions, whether the
    vehicle moves, how long it holds in seconds, and the multimedia event of its picture, 0 for none."""

    bit: int | None
    moving: bool
    holds: float = 20.0
    since: int = V2011
    picture: int = 0
    safety: tuple[int, int] | None = None


ALARMS = (
    AlarmKind(0, True, picture=2),
    AlarmKind(0, False, picture=2),
    AlarmKind(1, True),
    AlarmKind(2, True, 30.0),
    AlarmKind(5, False, 60.0),
    AlarmKind(7, False, 60.0),
    AlarmKind(8, False, 45.0),
    AlarmKind(15, True, 30.0, since=V2019),
    AlarmKind(17, True, 5.0, since=V2019),
    AlarmKind(20, True),
    AlarmKind(27, False),
    AlarmKind(28, False),
    AlarmKind(29, True, 10.0, picture=3),
    AlarmKind(None, True, safety=(0x64, 0x01)),
    AlarmKind(None, True, safety=(0x64, 0x02)),
    AlarmKind(None, True, safety=(0x65, 0x01)),
    AlarmKind(None, True, safety=(0x65, 0x02)),
)


class Reporter:
    """Makes the reports of one vehicle. ``alarm`` is the alarm word as it is now, ``locked`` the state of the doors."""

    def __init__(self, identity: str, version: int, drive: Drive, rng: random.Random) -> None:
        self.identity, self.version, self.drive = identity, version, drive
        self.alarm = 0
        self.locked = False
        self._rng = rng
        self._made = 0
        self._safety = 0
        self._ends: dict[int, float] = {}
        self._fuel = rng.randint(200, 900)

    # -- alarms -------------------------------------------------------------------------------------------------------
    def begin_alarm(self, now: float) -> tuple[AlarmKind, list[Item]]:
        """An alarm that fits what the vehicle does, and the additional items that tell more of it."""
        moving = self.drive.speed > 1.0
        return self._begin(now, [each for each in ALARMS if each.moving == moving and each.since <= self.version])

    def begin_safety(self, now: float) -> tuple[AlarmKind, list[Item]]:
        """An alarm of active safety."""
        return self._begin(now, [each for each in ALARMS if each.safety is not None])

    def _begin(self, now: float, kinds: list[AlarmKind]) -> tuple[AlarmKind, list[Item]]:
        kind = self._rng.choice(kinds)
        if kind.bit is not None:
            self.alarm |= 1 << kind.bit
            self._ends[kind.bit] = now + kind.holds
        return kind, self._alarm_items(kind, now)

    def acknowledged(self, alarm: int) -> None:
        """The platform answered a report with these alarms: those that hold no longer than that are over."""
        for bit in ACKNOWLEDGED_ALARMS[self.version]:
            if alarm >> bit & 1:
                self._end(bit)

    def confirmed(self, bits: int) -> None:
        """The platform's people have seen to these alarms (0x8203)."""
        for bit in range(32):
            if bits >> bit & 1:
                self._end(bit)

    def _end(self, bit: int) -> None:
        self.alarm &= ~(1 << bit)
        self._ends.pop(bit, None)

    def _alarm_items(self, kind: AlarmKind, now: float) -> list[Item]:
        if kind.bit == 1:
            return [Item(0x11, OverspeedAlarm(type=0, id=None))]
        if kind.bit == 20:
            return [Item(0x12, InOutAlarm(type=1, id=7, direction=self._rng.randint(0, 1)))]
        if kind.safety is None:
            return []
        return [Item(kind.safety[0], self._safety_alarm(*kind.safety, now))]

    def _safety_alarm(self, item: int, code: int, now: float) -> Any:
        self._safety += 1
        drive, time = self.drive, digits(now)
        about = {
            "alarm_id": self._safety,
            "flag": 0,
            "type": code,
            "level": self._rng.randint(1, 2),
            "speed": min(255, drive.speed_kmh),
            "altitude": 20,
            "latitude": round(abs(drive.latitude) * 1e6),
            "longitude": round(abs(drive.longitude) * 1e6),
            "time": time,
            "vehicle_status": 0x0401,
            "ident": AlarmIdentity(terminal_id=self.identity[-7:], time=time, seq=self._safety & 0xFF, count=FILES),
        }
        if item == 0x65:
            return _dsm(fatigue=self._rng.randint(1, 10) if code == 1 else 0, **about)
        return _adas(
            front_speed=min(255, drive.speed_kmh), front_dist=self._rng.randint(5, 30), deviation=int(code == 2),
            sign_type=0, sign_data=0, **about,
        )  # fmt: skip

    # -- locations ----------------------------------------------------------------------------------------------------
    def location(self, now: float, more: list[Item] | None = None) -> Any:
        """The location as it is now, with the items that every report has, those of ``more``, and now and then others.

        It is the body of a report, and goes into batches and answers as well.
        """
        for bit in [bit for bit, end in self._ends.items() if now >= end]:
            self._end(bit)
        form, extras = (_location_2019, EXTRAS_2019) if self.version == V2019 else (_location, EXTRAS_2013)
        return form(**self._facts(now), extra=extras.of(self._items() + (more or [])))

    def place(self, now: float) -> Any:
        """The location without additional items, as pictures carry it."""
        return _basic(**self._facts(now))

    def _facts(self, now: float) -> dict[str, Any]:
        drive = self.drive
        status = int(drive.ignition) | 2 | 1 << 18 | 1 << 19 | self.locked << 12
        status |= (drive.latitude < 0) << 2 | (drive.longitude < 0) << 3
        if self.version == V2019:
            status |= (drive.speed > 0) << 22
        return {
            "alarm": self.alarm,
            "status": status,
            "latitude": round(abs(drive.latitude) * 1e6),
            "longitude": round(abs(drive.longitude) * 1e6),
            "altitude": 20,
            "speed": round(drive.speed * 36),
            "direction": drive.course,
            "time": digits(now),
        }

    def _items(self) -> list[Item]:
        drive, rng = self.drive, self._rng
        self._made += 1
        items = [
            Item(0x01, round(drive.mileage / 100)),
            Item(0x30, rng.randint(18, 31)),
            Item(0x31, drive.satellites),
        ]
        if self._made % 3 == 0:
            self._fuel = max(50, self._fuel - rng.randint(0, 1))
            items += [Item(0x02, self._fuel), Item(0x03, round(drive.speed * 36))]
        if self._made % 5 == 0:
            brakes = int(drive.speed < 2 and drive.ignition)
            items += [
                Item(0x25, VehicleSignals(low_beam=int(drive.ignition), brake=brakes)),
                Item(0x2A, IoStatus(sleep=int(not drive.ignition))),
                Item(0x2B, Analog(ad0=rng.randint(0, 4095), ad1=0)),
            ]
        if self.version == V2019 and self._made % 7 == 0:
            items.append(Item(0x06, rng.randint(2, 8)))
        return items


# -- registration -----------------------------------------------------------------------------------------------------


def registration(phone: str, version: int) -> dict[str, Any]:
    """The registration of a terminal, as JSON."""
    number = int(phone)
    return {
        "province": 44,
        "city": 300,
        "manufacturer": "44030070999" if version == V2019 else "70999",
        "model": "JW-T8" if version == V2011 else "JW-T8 PLUS",
        "dev_id": f"{number % 10**7:07d}",
        "color": 2,
        "license_number": f"粤B{number % 10**5:05d}",
    }


def authentication(phone: str, version: int, code: str) -> dict[str, Any]:
    """The authentication, as JSON; only that of 2019 says more than the code."""
    if version != V2019:
        return {"code": code}
    first = f"8649{int(phone) % 10**10:010d}"
    return {"code": code, "imei": first + luhn_digit(first), "sw_version": SOFTWARE}


def attributes(phone: str, version: int) -> dict[str, Any]:
    """The answer to 0x8107, as JSON."""
    number = int(phone)
    return {
        "type": 0b101,
        "manufacturer": "70999",
        "model": "JW-T8 PLUS",
        "id": f"{number % 10**7:07d}",
        "iccid": f"898600{number % 10**14:014d}",
        "hardware_version": "T8-3",
        "firmware_version": SOFTWARE,
        "gnss_prop": 0b11,
        "comm_prop": 0b100000,
    }
