"""Cards, states and commands as rows of the store, and back.

What terminals say may hold what no database takes: half a surrogate pair, a number beyond 64 bits. It is replaced, so
that one odd byte never keeps a terminal out of the store.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from jimigw.model.command import Command, Life
from jimigw.model.device import Card, Device, State
from jimigw.model.report import Alarm, Position
from jimigw.store.interface import StoreError

Row = tuple[Any, ...]

CARD = ("id", "imei", "phone", "plate", "name", "zone", "listed", "notes")
"""The columns of a card beside its revision, in the order of the fields of :class:`Card`."""

STATE = (
    "protocol", "first_seen", "last_seen", "logins", "model", "firmware", "iccid", "cameras", "told_plate", "auth_code",
    "admitted", "address", "left", "left_at", "ignition", "position", "alarm", "alarm_at",
)  # fmt: skip
"""The columns of a state beside its id, in the order of the fields of :class:`State`."""

COMMAND = (
    "id", "device", "created", "expires", "text", "message", "owner", "purpose", "repeatable", "state", "why",
    "sendings", "sent", "ended", "reply", "late", "told",
)  # fmt: skip
"""The columns of a command, in the order of the fields of :class:`Command`."""

AT_ONCE = (512, 64, 8, 1)
"""Rows that one statement enters.

A thread of Python gives its lock away some times in each statement, and waits for milliseconds until a busy reactor
returns it. So many rows are one statement.
"""

FLAGS = {None: None, 0: False, 1: True}
"""What 0, 1 and nothing mean in a column."""

parsed = msgspec.json.Decoder().decode
position_of = msgspec.json.Decoder(Position).decode
_json = msgspec.json.Encoder().encode
_alarm_of = msgspec.json.Decoder(Alarm).decode
_LIVES = {life.value: life for life in Life}


def columns(names: Iterable[str]) -> str:
    """The names for SQL: "left" is also a word of it."""
    return ", ".join(f'"{name}"' for name in names)


def inserted(table: str, names: Iterable[str], count: int, clash: str | None = None) -> str:
    """A statement that enters so many rows. Where there is one with the id of a row it is replaced, or ``clash`` says
    what is done; where another column clashes it is an error."""
    names = tuple(names)
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name != "id")
    values = ", ".join([f"({', '.join('?' * len(names))})"] * count)
    then = clash or f"DO UPDATE SET {changes}"
    return f"INSERT INTO {table} ({columns(names)}) VALUES {values} ON CONFLICT (id) {then}"


# -- into the store ---------------------------------------------------------------------------------------------------


def row_of_card(card: Card) -> Row:
    """The values of `CARD`."""
    return (card.id, card.imei, card.phone, card.plate, card.name, card.zone, card.listed, card.notes)


def row_of_state(id: str, state: State) -> Row:
    """The id and the values of `STATE`, which :func:`storable` perhaps has to mend."""
    return (
        id,
        state.protocol,
        state.first_seen,
        state.last_seen,
        state.logins,
        state.model,
        state.firmware,
        state.iccid,
        state.cameras,
        state.told_plate,
        state.auth_code,
        state.admitted,
        state.address,
        state.left,
        state.left_at,
        state.ignition,
        position_text(state.position),
        json_text(state.alarm),
        state.alarm_at,
    )


def storable(row: Row) -> Row:
    """The row without what no database takes."""
    return tuple(map(_storable, row))


def row_of_command(command: Command) -> Row:
    """The values of `COMMAND`, which :func:`storable` perhaps has to mend."""
    return (
        command.id,
        command.device,
        command.created,
        command.expires,
        command.text,
        json_text(command.message),
        command.owner,
        command.purpose,
        command.repeatable,
        command.state.value,
        command.why,
        command.sendings,
        command.sent,
        command.ended,
        json_text(command.reply),
        json_text(command.late),
        command.told,
    )


def position_text(position: Position | None) -> str | None:
    """A position as JSON."""
    # JSON has no word for a place that is no number, and a store that cannot be read is worse than a place not known.
    if position is None or not math.isfinite(position.latitude + position.longitude):
        return None
    return json_text(position)


def json_text(value: Any) -> str | None:
    """Anything as JSON, without what no database takes."""
    if value is None:
        return None
    try:
        return _json(value).decode()
    except UnicodeEncodeError:
        return _json(_storable_json(msgspec.to_builtins(value))).decode()


def _storable_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {_storable_json(key): _storable_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_storable_json(each) for each in value]
    return _storable(value)


def _storable(value: Any) -> Any:
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return None
    return value


# -- out of the store -------------------------------------------------------------------------------------------------


class Unreadable(StoreError):
    """A row holds what this program never wrote; the message says which and why."""


def cards_of(rows: Iterable[Row]) -> Iterator[Card]:
    """The cards of rows of `CARD` and the revision."""
    for id, imei, phone, plate, name, zone, listed, notes, revision in rows:
        yield Card(id, imei, phone, plate, name, zone, bool(listed), notes, revision)


def devices_of(rows: Iterable[Row]) -> Iterator[Device]:
    """The devices of rows of `CARD`, the revision, and `STATE`, whose columns are all None where there is no state.

    What many terminals have in common is one object for all of them.
    """
    share = {None: None}.setdefault
    for row in rows:
        id, imei, phone, plate, name, zone, listed, notes, revision = row[:9]
        # Mostly the id is one of the two: one text is enough then.
        imei, phone = (id if imei == id else imei), (id if phone == id else phone)
        card = Card(id, imei, phone, plate, name, zone, bool(listed), share(notes, notes), revision)
        if row[9] is None:
            yield Device(card=card)
            continue
        try:
            values = _values_of_state(row[9:], share)
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable(f"the state of the terminal {id!r} cannot be read ({error})") from error
        yield Device(*values, card=card)


def _values_of_state(row: Row, share: Callable[[Any, Any], Any]) -> Row:
    (
        protocol, first_seen, last_seen, logins, model, firmware, iccid, cameras, told_plate, auth_code,
        admitted, address, left, left_at, ignition, position, alarm, alarm_at,
    ) = row  # fmt: skip
    if position is not None:
        position = position_of(position)
        position.time_source = share(position.time_source, position.time_source)
    if alarm is not None:
        alarm = _alarm_of(alarm)
        alarm.name = share(alarm.name, alarm.name)
    return (
        share(protocol, protocol),
        first_seen,
        last_seen if last_seen != first_seen else first_seen,
        logins,
        share(model, model),
        share(firmware, firmware),
        iccid,
        cameras,
        told_plate,
        auth_code,
        FLAGS[admitted],
        address,
        share(left, left),
        left_at,
        FLAGS[ignition],
        position,
        alarm,
        alarm_at,
    )


def command_of(row: Row) -> Command:
    """The command of a row of `COMMAND`."""
    (
        id, device, created, expires, text, message, owner, purpose, repeatable, state, why, sendings, sent, ended,
        reply, late, told,
    ) = row  # fmt: skip
    try:
        return Command(
            id,
            device,
            created,
            expires,
            text,
            None if message is None else parsed(message),
            owner,
            purpose,
            bool(repeatable),
            _LIVES[state],
            why,
            sendings,
            sent,
            ended,
            None if reply is None else parsed(reply),
            None if late is None else parsed(late),
            bool(told),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"the command {id} cannot be read ({error})") from error
