"""Exchange of RSA public keys. JT/T 808-2019, 8.63 and 8.64."""

from __future__ import annotations

from jimigw.wire.kinds import U32, Raw
from jimigw.wire.message import Message, include, message, row

from ..book import BOOK


@message(BOOK, 0x8A00, "Platform's RSA key", chapter="8.63", direction="down")
class PlatformKey(Message):
    e: int = row(U32, "public exponent")
    n: bytes = row(Raw(128), "modulus")


@message(BOOK, 0x0A00, "Terminal's RSA key", chapter="8.64")
class TerminalKey(Message):
    _key = include(PlatformKey)
