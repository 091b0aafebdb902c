"""The protocols that the tools speak, one entry each: how bytes are cut into frames, read, written and explained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from jimigw.protocols.jimi import codec as jimi
from jimigw.protocols.jimi.explain import explain_frame
from jimigw.protocols.jimi.frame import FrameDecoder
from jimigw.wire.errors import DecodeError
from jimigw.wire.explain import Piece

DIALECTS = ("document", "emqx")


@attrs.frozen
class Cut:
    """Some bytes of a stream: a true frame, or what is none, with the reason in ``error``."""

    raw: bytes
    error: str = ""


@attrs.frozen
class Codec:
    """How the tools use a protocol. ``dialect`` is one of `DIALECTS`.

    ``cut``: all of some bytes, in order. ``decode``: a true frame to ``{"header", "body"}`` and perhaps ``notes``;
    `DecodeError` where its content cannot be read. ``encode``: the frames of such a message; `EncodeError` names the
    key that is wrong. ``explain``: the pieces of a frame, true or not.
    """

    name: str
    starts: tuple[bytes, ...]
    cut: Callable[[bytes], list[Cut]]
    decode: Callable[[bytes, str], dict[str, Any]]
    encode: Callable[[Any, str], list[bytes]]
    explain: Callable[[bytes], list[Piece]]


# -- Jimi -------------------------------------------------------------------------------------------------------------

_LONGEST = 65_541


def _cut_jimi(data: bytes) -> list[Cut]:
    decoder = FrameDecoder(_LONGEST)
    frames = decoder.feed(data, 0.0)
    frames += decoder.give_up(float("inf"))
    cuts: list[Cut] = []
    at = 0
    for frame in frames:
        # Whatever the decoder had dropped by then, the buffer of a frame reaches to the end of the data.
        start = len(data) - len(frame.data) + frame.head
        cuts += _what_is_none(data[at:start])
        cuts.append(Cut(frame.raw))
        at = start + len(frame.raw)
    return cuts + _what_is_none(data[at:])


def _what_is_none(data: bytes) -> list[Cut]:
    """Bytes that hold no true frame: each frame that only has a false check code by itself, and the rest."""
    cuts: list[Cut] = []
    while data:
        head = 3 if data[:2] == b"xx" else 4
        size = head + int.from_bytes(data[2:head], "big") + 2
        shaped = data[:2] in (b"xx", b"yy") and 10 <= size <= len(data) and data[size - 2 : size] == b"\r\n"
        part = data[:size] if shaped else data
        try:
            jimi.one_frame(part)
        except DecodeError as error:
            cuts.append(Cut(part, str(error)))
        data = data[len(part) :]
    return cuts


def _decode_jimi(raw: bytes, dialect: str) -> dict[str, Any]:
    packet = jimi.read_any(jimi.one_frame(raw))
    if packet.error is not None:
        raise DecodeError(f"0x{packet.frame.protocol:02X} cannot be read: {packet.error}", 0)
    return packet.message()


def _encode_jimi(message: Any, dialect: str) -> list[bytes]:
    return [jimi.encode_message(message)]


CODECS: dict[str, Codec] = {
    "jimi": Codec("jimi", (b"\x78\x78", b"\x79\x79"), _cut_jimi, _decode_jimi, _encode_jimi, explain_frame),
}

#: protocols whose frames are known by their start and cannot be read yet
PLANNED = {"jt808": b"\x7e"}


class UnknownProtocol(ValueError):
    """Bytes or a name that belong to no protocol that is supported."""


def by_name(name: str) -> Codec:
    """The codec of this name; `UnknownProtocol` for any other."""
    found = CODECS.get(name)
    if found is None:
        later = " yet" if name in PLANNED else ""
        raise UnknownProtocol(f"the protocol {name} is not supported{later}; supported: {', '.join(CODECS)}")
    return found


def detect(data: bytes) -> Codec:
    """The codec of the protocol whose frames start as these bytes do; `UnknownProtocol` says what would have been
    right."""
    for codec in CODECS.values():
        if data.startswith(codec.starts):
            return codec
    for name, start in PLANNED.items():
        if data.startswith(start):
            return by_name(name)
    starts = ", ".join(f"{start.hex()} ({codec.name})" for codec in CODECS.values() for start in codec.starts)
    raise UnknownProtocol(f"starts with {data[:2].hex()}, which is no start of a frame: {starts}")


def cut(data: bytes) -> tuple[Codec | None, list[Cut]]:
    """All of ``data`` in frames and what is none, with the codec of its protocol; None where no protocol knows it."""
    try:
        codec = detect(data)
    except UnknownProtocol as error:
        # Junk in front: true frames behind it still count.
        for codec in CODECS.values():
            cuts = codec.cut(data)
            if any(not each.error for each in cuts):
                return codec, cuts
        return None, [Cut(data, str(error))]
    return codec, codec.cut(data)
