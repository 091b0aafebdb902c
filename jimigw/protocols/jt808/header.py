"""The header of a frame, in both forms, and the terminal phone number in it. JT/T 808-2019, 4.4.3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import attrs

from jimigw.wire.errors import EncodeError
from jimigw.wire.kinds import U8, U16, Bit, Bits, Fixed, Scope, shown
from jimigw.wire.message import Message, fragment, include, part, row

from .versions import V2013, V2019

#: bytes of the phone field by edition
PHONE_SIZES = {V2013: 6, V2019: 10}
#: nibbles above nine, as a gateway writes them that adds 0x30 to each
_EMQX_NIBBLES = str.maketrans("abcdef", ":;<=>?")
_PLAIN_NIBBLES = str.maketrans(":;<=>?", "abcdef")


def phone_text(raw: bytes, dialect: str = "document") -> str:
    """All digits of a phone field, leading zeros included. Nibbles above nine are a-f, or ``:`` to ``?`` for EMQX."""
    digits = raw.hex()
    return digits if dialect == "document" or digits.isdecimal() else digits.translate(_EMQX_NIBBLES)


def phone_bytes(phone: Any, version: int) -> bytes:
    """The phone field of this edition for a number given as text or integer, filled with zeros on the left.

    Takes what :func:`phone_text` gives in either dialect. :class:`EncodeError` for what has other characters or more
    digits than the field.
    """
    size = PHONE_SIZES[V2019 if version == V2019 else V2013]
    digits = str(phone) if isinstance(phone, int) and not isinstance(phone, bool) else phone
    if isinstance(digits, str):
        if len(digits) > 2 * size and not digits[: -2 * size].strip("0"):
            digits = digits[-2 * size :]
        plain = digits.translate(_PLAIN_NIBBLES)
        if plain and len(plain) <= 2 * size and all(letter in "0123456789abcdefABCDEF" for letter in plain):
            return bytes.fromhex(plain.zfill(2 * size))
    raise EncodeError(f"{shown(phone)} is not a phone number of at most {2 * size} digits")


def luhn_digit(digits: str) -> str:
    """The check digit that makes these decimal digits right by the Luhn formula, as at the end of an IMEI."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit)
        if index % 2 == 0:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return str(-total % 10)


def identity_of(phone: bytes) -> str:
    """Who a phone field means: its number without leading zeros, so that both header forms give the same.

    Terminals that carry a larger number than fits put it in six bytes as a plain integer, which shows in nibbles above
    nine: the first 14 digits of the IMEI, to which its Luhn digit is added here. Where even that cannot be, the hex
    digits are the identity.
    """
    digits = phone.hex()
    if digits.isdecimal():
        return digits.lstrip("0") or "0"
    number = int(digits, 16)
    if len(phone) == 6 and number < 10**14:
        first = f"{number:014d}"
        return first + luhn_digit(first)
    return digits.lstrip("0")


class Phone(Fixed):
    """The phone field: raw bytes, since an answer has to bring back the very same; its digits in JSON."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count}s")

    @property
    def wire_type(self) -> str:
        return f"BCD[{self.size}]"

    @property
    def wanted(self) -> str:
        return f"exactly {self.size} bytes of digits"

    def store(self, value: str, scope: Scope) -> Sequence[str]:  # type: ignore[override]
        return [f"{scope.bind(self._exact, 'exact')}({value})"]

    def _exact(self, value: Any) -> Any:
        if not isinstance(value, bytes) or len(value) != self.size:
            raise EncodeError(self.complaint(value))
        return value

    def to_json(self, value: bytes, dialect: str) -> str:
        return phone_text(value, dialect)

    def from_json(self, value: Any) -> bytes:
        return phone_bytes(value, V2019 if self.size == PHONE_SIZES[V2019] else V2013)


@fragment
class _Properties:
    msg_id: int = row(U16, "message id")
    reserved: bool = row(Bit(16), "bit 15, reserved", default=False, show="never")
    versioned: bool = row(Bit(), "bit 14, edition of 2019 or later", default=False, show="never")
    fragmented: bool = row(Bit(), "bit 13, part of a long message", default=False, show="never")
    encrypt: int = row(Bits(3), "encryption, 0 none, 1 RSA", default=0)
    length: int = row(Bits(10), "length of the body in this frame", "byte", key="len", default=0)


@fragment
class _Parts:
    frag_total: int = row(U16, "how many frames the message has")
    frag_sn: int = row(U16, "which of them this is, from 1")


@attrs.frozen
class Addressing:
    """What a terminal's frames say about it and all frames to it have to repeat: header form and phone field."""

    version: int
    phone: bytes
    proto_ver: int = 1


class Header(Message):
    """What all four forms of the header have: ``msg_id``, ``encrypt``, ``length``, ``phone`` (raw bytes), ``msg_sn``.

    ``version`` is 2013 for the short form, which the edition of 2011 has too, or 2019; ``proto_ver``, ``frag_total``
    and ``frag_sn`` are None where the form does not have them.
    """

    __slots__ = ()
    version: ClassVar[int]
    msg_id: int
    reserved: bool
    versioned: bool
    fragmented: bool
    encrypt: int
    length: int
    phone: bytes
    msg_sn: int
    proto_ver: Any = None
    frag_total: Any = None
    frag_sn: Any = None

    @property
    def digits(self) -> str:
        """The phone field's digits, as many as it has."""
        return self.phone.hex()

    @property
    def identity(self) -> str:
        """Who the terminal is; see :func:`identity_of`."""
        return identity_of(self.phone)

    @property
    def is_part(self) -> bool:
        """Whether the body is one of several. A total of one or zero is a whole message."""
        return self.frag_total is not None and self.frag_total > 1

    @property
    def addressing(self) -> Addressing:
        """What frames to this terminal repeat."""
        return Addressing(self.version, self.phone, 1 if self.proto_ver is None else self.proto_ver)


@part("Header of 2011 and 2013", chapter="4.4.3")
class Header2013(Header):
    version = V2013
    _properties = include(_Properties)
    phone: bytes = row(Phone(6), "terminal phone number")
    msg_sn: int = row(U16, "serial number of the message", default=0)


@part("Header of 2011 and 2013, part of a long message", chapter="4.4.3")
class Header2013Part(Header):
    version = V2013
    _whole = include(Header2013)
    _parts = include(_Parts)


@part("Header of 2019", chapter="4.4.3")
class Header2019(Header):
    version = V2019
    _properties = include(_Properties)
    proto_ver: int = row(U8, "version of the protocol, 1 for the edition of 2019", default=1)
    phone: bytes = row(Phone(10), "terminal phone number")
    msg_sn: int = row(U16, "serial number of the message", default=0)


@part("Header of 2019, part of a long message", chapter="4.4.3")
class Header2019Part(Header):
    version = V2019
    _whole = include(Header2019)
    _parts = include(_Parts)


#: the form of the header by (edition, part of a long message)
HEADERS: dict[tuple[int, bool], type[Header]] = {
    (V2013, False): Header2013,
    (V2013, True): Header2013Part,
    (V2019, False): Header2019,
    (V2019, True): Header2019Part,
}
