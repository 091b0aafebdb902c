"""Bodies encrypted by RSA, bits 10 to 12 of the properties = 001, with the keys of 0x8A00 and 0x0A00. JT/T 808-2019,
4.4.3.2, 7.11, 8.63, 8.64.

The standard says how the keys are exchanged, 1024 bits of modulus and 32 of exponent, and nothing else. What this
module does, and what a terminal has to do as well:

* whoever sends encrypts with the public key of the other side: the terminal with the platform's, the platform with
  the terminal's;
* PKCS#1 v1.5 encryption in blocks of 128 bytes, each of which carries up to 117 bytes of plain text;
* a longer body is cut into pieces of 117 bytes (the last may be shorter), and their blocks stand one after the other;
* every frame is encrypted by itself: the body of each part of a long message is whole blocks, at most 7 in 1023
  bytes. So what one frame can cost is bounded by its size, about 0.1 ms for a block;
* an empty body stays empty; the header and the sub-package item are never encrypted.

Wrong padding is not told from right padding: the library then gives other bytes, which the body's layout will seldom
take. An error here, passed on as an answer, would let anybody who can send frames read others' messages by trial.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, RSAPublicNumbers

from jimigw.wire.errors import DecodeError, EncodeError, WireError

from .frame import MAX_BODY

#: bits 10 to 12 of a frame whose body is encrypted this way
RSA: Final = 1
#: bytes of a modulus and of an encrypted block, and of the plain text that a block carries
BLOCK: Final = 128
PLAIN: Final = BLOCK - 11
#: encrypted blocks in one frame, and the plain text that a frame carries with them
MOST_BLOCKS: Final = MAX_BODY // BLOCK
MOST_PLAIN: Final = MOST_BLOCKS * PLAIN

_PADDING: Final = PKCS1v15()


class PlatformKey:
    """The platform's key, made by the caller: 1024 bits with an exponent under 2^32. WireError for any other.

    ``e`` and ``n`` (128 bytes) are what 0x8A00 tells the terminal.
    """

    __slots__ = ("_private", "e", "n")

    def __init__(self, private: RSAPrivateKey) -> None:
        numbers = private.public_key().public_numbers()
        if private.key_size != 8 * BLOCK or numbers.e >= 1 << 32:
            raise WireError(
                f"a key of {private.key_size} bits with the exponent {numbers.e} does not fit into 0x8A00, which has "
                f"{8 * BLOCK} bits of modulus and 32 of exponent"
            )
        self._private = private
        self.e = numbers.e
        self.n = numbers.n.to_bytes(BLOCK, "big")

    def decrypt(self, body: bytes) -> bytes:
        """The plain text of one frame's body. :class:`DecodeError` for what is no sequence of whole blocks, or a number
        that is not under the modulus; the offset is that of the block."""
        if len(body) % BLOCK or len(body) > MOST_BLOCKS * BLOCK:
            raise DecodeError(f"{len(body)} bytes are not up to {MOST_BLOCKS} encrypted blocks of {BLOCK} bytes", 0)
        plain = []
        for at in range(0, len(body), BLOCK):
            try:
                plain.append(self._private.decrypt(body[at : at + BLOCK], _PADDING))
            except ValueError:
                raise DecodeError("is no block that was encrypted with the platform's key", at) from None
        return b"".join(plain)


class TerminalKey:
    """A terminal's public key as 0x0A00 tells it: the exponent and 128 bytes of modulus.

    :class:`DecodeError` for numbers that are no key: a modulus that is even or does not fill its 128 bytes, an exponent
    that is even, under 3 or over 32 bits.
    """

    __slots__ = ("_public",)

    def __init__(self, e: int, n: bytes) -> None:
        modulus = int.from_bytes(n, "big")
        if len(n) != BLOCK or not n[0] or not modulus & 1:
            raise DecodeError(f"is not an odd number that fills {BLOCK} bytes, as a modulus does", 4, "n")
        if not 3 <= e < 1 << 32 or not e & 1:
            raise DecodeError(f"{e} is not an odd number from 3 to 2^32 - 1, as an exponent is", 0, "e")
        try:
            self._public: RSAPublicKey = RSAPublicNumbers(e, modulus).public_key()
        except ValueError as error:
            raise DecodeError(f"is no modulus that can be used: {error}", 4, "n") from None

    def encrypt(self, plain: bytes) -> bytes:
        """The encrypted body of one frame. The padding's random bytes are the library's own.

        :class:`EncodeError` for more than :data:`MOST_PLAIN` bytes: split longer bodies with :func:`pieces` first.
        """
        if len(plain) > MOST_PLAIN:
            raise EncodeError(
                f"{len(plain)} bytes of plain text are too long for one encrypted frame, at most {MOST_PLAIN} fit"
            )
        blocks = [plain[at : at + PLAIN] for at in range(0, len(plain), PLAIN)]
        try:
            return b"".join(self._public.encrypt(block, _PADDING) for block in blocks)
        except ValueError as error:
            raise EncodeError(f"the terminal's key does not encrypt: {error}") from None


def pieces(body: bytes) -> list[bytes]:
    """``body`` in pieces that fit an encrypted frame each; one empty piece for an empty body."""
    return [body[at : at + MOST_PLAIN] for at in range(0, len(body), MOST_PLAIN)] or [b""]


__all__ = ["BLOCK", "MOST_BLOCKS", "MOST_PLAIN", "PLAIN", "RSA", "PlatformKey", "TerminalKey", "pieces"]
