"""How the records of one batch lie in the file: a msgpack array of arrays, one row of the database for all of them.

Each inner array is ``[device, protocol, kind, received_at, raw, data]``. Ids are not written: the records of a batch
have consecutive ids, from the ``first_id`` of its row on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

import msgspec

from jimigw.journal.interface import Entry, JournalDamaged, Record

T = TypeVar("T")

Row = tuple[str, str, str, int, bytes, bytes]

_COLUMNS = ({str}, {str}, {str}, {int}, {bytes}, {bytes})
_INT64 = range(-(1 << 63), 1 << 63)


class _Device(msgspec.Struct, array_like=True, gc=False):
    # The decoder passes over the other members, without an object for any of them.
    device: str


_encode = msgspec.msgpack.Encoder().encode
_decode_rows = msgspec.msgpack.Decoder(list[Row]).decode
_decode_devices = msgspec.msgpack.Decoder(list[_Device]).decode


class Unstorable(ValueError):
    """Among the entries of a batch is one with a value that no journal can store."""


def encode(entries: Iterable[Entry]) -> tuple[bytes, int, tuple[str, ...]]:
    """Return the records of at least one entry, the newest ``received_at`` among them, and the device of each.

    :raises Unstorable: a value is of a wrong type, a lone surrogate, or a number above 64 bits. What is stored must be
        read again, so types are held to the letter here.
    """
    return _packed([(e.device, e.protocol, e.kind, e.received_at, e.raw, e.data) for e in entries])


def _packed(rows: list[Row]) -> tuple[bytes, int, tuple[str, ...]]:
    columns = list(zip(*rows, strict=True))
    for column, types in zip(columns, _COLUMNS, strict=True):
        if set(map(type, column)) != types:
            raise Unstorable("A value of an entry is of a wrong type.")
    devices, _, _, received_at, _, _ = columns
    newest = max(received_at)
    if newest not in _INT64 or min(received_at) not in _INT64:
        raise Unstorable("The time of an entry is above 64 bits.")
    try:
        return _encode(rows), newest, devices
    except UnicodeEncodeError as error:
        raise Unstorable("A text of an entry is not Unicode.") from error


def make_storable(entry: Entry) -> bool:
    """Return whether `encode` takes the entry, once subclasses such as those of `enum` are made plain."""
    try:
        entry.device, entry.protocol, entry.kind = map(str.__str__, (entry.device, entry.protocol, entry.kind))
        entry.received_at = int.__int__(entry.received_at)
        entry.raw, entry.data = bytes.__add__(entry.raw, b""), bytes.__add__(entry.data, b"")
        encode([entry])
    except (TypeError, Unstorable):
        return False
    return True


def decode(first_id: int, last_id: int, records: bytes | memoryview | None) -> list[Row]:
    """Return the rows of a batch, in order of id; ``records`` is None where they are no blob.

    :raises JournalDamaged: they are not what was once written.
    """
    return _checked(first_id, last_id, records, _decode_rows)


def devices_of(first_id: int, last_id: int, records: bytes | memoryview | None) -> list[str]:
    """Return the devices of a batch, in order of id, in a third of the time of `decode`.

    :raises JournalDamaged: they cannot be read.
    """
    return [record.device for record in _checked(first_id, last_id, records, _decode_devices)]


def _checked(
    first_id: int, last_id: int, records: bytes | memoryview | None, decode: Callable[[bytes | memoryview], list[T]]
) -> list[T]:
    try:
        if records is None:
            raise ValueError("they are no blob")
        decoded = decode(records)
        if not decoded or len(decoded) != last_id - first_id + 1:
            raise ValueError(f"there are {len(decoded)} of them")
    except ValueError as error:  # msgspec's errors are such, and those of text that is not UTF-8
        raise JournalDamaged(first_id, last_id, str(error)) from error
    return decoded


def select(
    first_id: int, rows: list[Row], after_id: int, device: str | None, kinds: Collection[str] | None
) -> list[Record]:
    """Return the records of a batch above ``after_id`` that are wanted."""
    skip = max(0, after_id + 1 - first_id)
    numbered = enumerate(rows[skip:] if skip else rows, first_id + skip)
    if device is None and kinds is None:
        return [Record(id, *row) for id, row in numbered]
    return [
        Record(id, *row)
        for id, row in numbered
        if (device is None or row[0] == device) and (kinds is None or row[2] in kinds)
    ]
