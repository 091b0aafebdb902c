"""Messages declared for these tests, with the features that the Jimi book does not use."""

from __future__ import annotations

from typing import Any

from jimigw.wire.book import Book
from jimigw.wire.kinds import (
    I8,
    U8,
    U16,
    U32,
    Bits,
    Chain,
    Coordinate,
    Counted,
    Derived,
    Hemisphere,
    Int,
    Item,
    ItemKind,
    LengthOf,
    Nested,
    Optional,
    PrefixedBytes,
    PrefixedText,
    Raw,
    Repeated,
    SignMagnitude,
    Switch,
    Terminated,
    Text,
    TextOf,
    When,
)
from jimigw.wire.message import Message, message, part, row

BOOK = Book("test", digits=4)


@part("Pair", chapter="9.9")
class Pair(Message):
    left: int = row(U8, "left one")
    right: int = row(I8, "right one", "mm")


@message(BOOK, 0x0101, "Everything", chapter="1.2", versions=(2013, 2019))
class Everything(Message):
    """Every kind that the Jimi book does not use."""

    flags: int = row(Bits(12, 16), "flags")
    south: bool | None = row(Hemisphere("latitude"), "south latitude")
    low: int = row(Bits(3), "low bits", names={1: "one", 2: "two, or more"})
    latitude: float = row(Coordinate("south", negative=True, most=90), "latitude", "degree")
    plate: str = row(Text(8, "gbk"), "plate | number")
    token: bytes = row(Raw(3), "token", default=b"\x01\x02\x03")
    depth: float = row(SignMagnitude(U16, 10), "depth", "m")
    bonus: int | None = row(When(lambda o: o.flags & 1, "bit 0 of flags is set", U16), "bonus")
    name: str = row(Terminated("gbk"), "name")
    length: int | None = row(
        LengthOf(U8, lambda o: len(o.note.encode("gbk", "surrogateescape")), "note"), "note length",
        default=None, show="never",
    )  # fmt: skip
    note: str = row(TextOf(lambda o: o.length, "note length", "gbk"), "note", default="", show="set")
    word: str = row(PrefixedText(U8, "utf-8", key="word_length", extra=1), "word")
    blob: bytes = row(PrefixedBytes(U16), "blob")
    pairs: list[Pair] = row(Counted(U8, Nested(Pair), key="pair_count"), "pairs", dialects={"other": "couples"})
    kind: int = row(U8, "kind", aliases=("type", "sort"))
    # The numbers 0 and 1 are no flag: any other number keeps the rest raw.
    size: Any = row(Switch("kind", {0: U8, 1: U16, 2: PrefixedBytes(U8)}), "size by kind", key="how_big")
    items: list[Item] | None = row(
        Optional(
            Chain(
                U8, U8, {1: ItemKind("one", U32, "first", "3"), 2: ItemKind("blob", PrefixedBytes(U8), "second")},
                unique=True, most=2,
            ),
            least=2,
        ),
        "items",
    )  # fmt: skip
    twice: int = row(Derived(lambda o: 2 * o.kind), "twice the kind")


@part("Open list")
class Open(Message):
    values: list[int] = row(Repeated(U16), "values", default=[])


@message(BOOK, 0x0102, "Counts", direction="both")
class Counts(Message):
    counts: list[int] = row(Counted(U16, U8), "counted bytes")


@message(BOOK, 0x0103, "Widths", direction="down")
class Widths(Message):
    width: int = row(U8, "width", default=1)
    value: Any = row(Switch("width", {0: U8, 1: U16}), "value")


def everything(**changes: Any) -> Everything:
    """A small one, all of it plain."""
    given: dict[str, Any] = {"flags": 0, "low": 1, "latitude": -1.5, "plate": "A1", "depth": -2.5, "name": "n"}
    given |= {"note": "", "word": "w", "blob": b"", "pairs": [], "kind": 0, "size": 7}
    return Everything(**{**given, **changes})


__all__ = ["BOOK", "Counts", "Everything", "Int", "Open", "Pair", "Widths", "everything"]
