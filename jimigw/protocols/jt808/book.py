"""The books of JT/T 808: which layout stands under which message id, in which edition."""

from __future__ import annotations

from jimigw.wire.book import Book

#: every message in its own edition; the version of an entry is the edition, see :mod:`.versions`
BOOK = Book("jt808", digits=4)

#: layouts of other editions that terminals send all the same: tried where the native layout does not fit
SIBLINGS = Book("jt808", digits=4)


def direction_of(identity: int) -> str:
    """Who sends this message: "up" the terminal, "down" the platform.

    Ids from 0x8000 are the platform's, but for 0xE000-0xEFFF, which the edition of 2019 gives to terminals.
    """
    return "down" if identity >= 0x8000 and not 0xE000 <= identity <= 0xEFFF else "up"
