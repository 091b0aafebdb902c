"""The protocols that the tools speak, one entry each: how bytes are cut into frames, read, written and explained."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import attrs

from jimigw.protocols.jimi import codec as jimi
from jimigw.protocols.jimi.explain import explain_frame as explain_jimi
from jimigw.protocols.jimi.frame import FrameDecoder
from jimigw.protocols.jt808.versions import VERSIONS
from jimigw.wire.errors import DecodeError
from jimigw.wire.explain import Piece

from .cuts import Cut, Unreadable

DIALECTS = ("document", "emqx")
EDITIONS = VERSIONS


@attrs.frozen
class Codec:
    """How the tools use a protocol. ``dialect`` is one of `DIALECTS`, ``edition`` one of `EDITIONS` or None.

    ``cut``: all of some bytes, in order. ``decode``: a true frame to ``{"header", "body"}`` and perhaps ``notes`` and
    what `encode` takes beside them; `Unreadable` where its content cannot be read. ``encode``: the frames of such a
    message; `EncodeError` names the key that is wrong. ``explain``: the pieces of a frame, true or not.
    ``beside``: what keys beside header and body ``decode`` may say and ``encode`` takes.
    """

    name: str
    starts: tuple[bytes, ...]
    cut: Callable[[bytes], list[Cut]]
    decode: Callable[[bytes, str, int | None], dict[str, Any]]
    encode: Callable[[Any, str], list[bytes]]
    explain: Callable[[bytes, int | None], list[Piece]]
    beside: frozenset[str] = frozenset()


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


def _decode_jimi(raw: bytes, dialect: str, edition: int | None) -> dict[str, Any]:
    packet = jimi.read_any(jimi.one_frame(raw))
    if packet.error is not None:
        raise Unreadable(f"0x{packet.frame.protocol:02X} cannot be read: {packet.error}")
    return packet.message()


def _encode_jimi(message: Any, dialect: str) -> list[bytes]:
    return [jimi.encode_message(message)]


# -- JT/T 808 ---------------------------------------------------------------------------------------------------------


def _late(name: str) -> Callable[..., Any]:
    """A function of :mod:`.codec808`, which is loaded when it is first called: its many messages take a while."""

    def call(*arguments: Any) -> Any:
        return getattr(importlib.import_module(".codec808", __package__), name)(*arguments)

    return call


CODECS: dict[str, Codec] = {
    "jimi": Codec(
        "jimi",
        (b"\x78\x78", b"\x79\x79"),
        _cut_jimi,
        _decode_jimi,
        _encode_jimi,
        lambda raw, edition: explain_jimi(raw),
    ),
    "jt808": Codec(
        "jt808",
        (b"\x7e",),
        _late("cut"),
        _late("decode"),
        _late("encode"),
        _late("explain_frame"),
        beside=frozenset({"edition"}),
    ),
}


class UnknownProtocol(ValueError):
    """Bytes or a name that belong to no protocol that is supported."""


def by_name(name: str) -> Codec:
    """The codec of this name; `UnknownProtocol` for any other."""
    found = CODECS.get(name)
    if found is None:
        raise UnknownProtocol(f"the protocol {name} is not supported; supported: {', '.join(CODECS)}")
    return found


def detect(data: bytes) -> Codec:
    """The codec of the protocol whose frames start as these bytes do; `UnknownProtocol` says what would have been
    right."""
    for codec in CODECS.values():
        if data.startswith(codec.starts):
            return codec
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
