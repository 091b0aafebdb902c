"""Transparent data both ways, and compressed data. JT/T 808-2019, 8.60 to 8.62."""

from __future__ import annotations

import zlib
from typing import Any

from jimigw.wire.kinds import U8, U16, U32, Derived, PrefixedBytes, Rest, to_base64
from jimigw.wire.message import Message, include, message, row

from .. import names
from ..book import BOOK
from ..kinds import SizedTwice
from ..versions import SINCE_2013, V2011

#: the most that compressed data may become
MOST_INFLATED = 1 << 20


def inflate(data: bytes, most: int = MOST_INFLATED) -> bytes | None:
    """What gzip or zlib data contain; None if they are neither, are cut short, or would be more than ``most`` bytes."""
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        found = inflater.decompress(data, most + 1)
    except zlib.error:
        return None
    return found if inflater.eof and len(found) <= most else None


@message(BOOK, 0x8900, "Transparent data", chapter="8.60", direction="down", versions=SINCE_2013)
class TransparentDown(Message):
    type: int = row(U8, "type", names=names.TRANSPARENT_TYPES)
    data: bytes = row(Rest(), "the data", default=b"")


@message(BOOK, 0x8900, "Transparent data", chapter="8.60", direction="down", versions=(V2011,))
class TransparentDown2011(Message):
    _head = include(TransparentDown, until="data")
    data: bytes = row(SizedTwice(U32, U16, Rest()), "the data")


@message(BOOK, 0x0900, "Terminal's transparent data", chapter="8.61", versions=SINCE_2013)
class TransparentUp(Message):
    type: int = row(U8, "type", names=names.TRANSPARENT_TYPES)
    data: bytes = row(Rest(), "the data", default=b"")


@message(BOOK, 0x0900, "Terminal's transparent data", chapter="8.61", versions=(V2011,))
class TransparentUp2011(Message):
    _head = include(TransparentUp, until="data")
    data: bytes = row(SizedTwice(U32, U16, Rest()), "the data")


def _inflated(owner: Any) -> str | None:
    found = inflate(owner.data)
    return None if found is None else to_base64(found)


@message(BOOK, 0x0901, "Compressed data", chapter="8.62")
class Compressed(Message):
    data: bytes = row(PrefixedBytes(U32, key="length"), "a message, compressed by gzip")
    inflated: str | None = row(
        Derived(_inflated), f"the data inflated, up to {MOST_INFLATED} bytes of them", dialects={"emqx": ""}
    )
