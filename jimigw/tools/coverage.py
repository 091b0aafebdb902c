"""The page docs/coverage-jt808.md: every message of the exchange format, what is done with it, and what proves it.

What it says of a message is asked of the declarations, and its frames are counted in the vectors of the tests.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from jimigw.protocols.jt808 import messages
from jimigw.protocols.jt808.book import BOOK, direction_of
from jimigw.protocols.jt808.versions import VERSIONS

#: the ids that the page of the exchange format lists
IDS = (
    0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0100, 0x0102, 0x0104, 0x0107, 0x0108, 0x0200, 0x0201, 0x0301, 0x0302,
    0x0303, 0x0500, 0x0608, 0x0700, 0x0701, 0x0702, 0x0704, 0x0705, 0x0800, 0x0801, 0x0802, 0x0805, 0x0900, 0x0901,
    0x0A00, 0x8001, 0x8003, 0x8004, 0x8100, 0x8103, 0x8104, 0x8105, 0x8106, 0x8107, 0x8108, 0x8201, 0x8202, 0x8203,
    0x8300, 0x8301, 0x8302, 0x8303, 0x8304, 0x8400, 0x8401, 0x8500, 0x8600, 0x8601, 0x8602, 0x8603, 0x8604, 0x8605,
    0x8606, 0x8607, 0x8608, 0x8700, 0x8701, 0x8702, 0x8800, 0x8801, 0x8802, 0x8803, 0x8804, 0x8805, 0x8900, 0x8A00,
)  # fmt: skip
#: the ranges that it leaves to vendors
RANGES = ((0x0F00, 0x0FFF), (0x8F00, 0x8FFF))

VECTORS = Path(__file__).parents[2] / "tests" / "vectors"
#: files of frames and bodies with the facts they hold; jt808-tolerance.json is left out, its frames break their layouts
FILES = ("jt808.json", "jt808-bodies.json", "jt808-layout.json", "exchange.json")

_INTRO = """\
# Coverage of JT/T 808

<!-- Written by `make docs` from the declarations in the code and the vectors of the tests. -->

Every message of the exchange format, in the order of the ids. *Decodes* and *encodes* name the editions of the standard
whose layout is declared; one declaration does both. *Vectors* are the frames and bodies in `tests/vectors/` whose facts
the tests compare (`README.md` there says where each comes from). The fields of a message are in
[messages-jt808.md](messages-jt808.md).

"""


def vectors() -> Counter[int]:
    """How many frames and bodies there are of each message id."""
    found: Counter[int] = Counter()
    for name in FILES:
        for vector in json.loads((VECTORS / name).read_text("utf-8")):
            found[int(vector["msg_id"], 16)] += 1
    return found


def coverage_page() -> str:
    """The page, as Markdown."""
    columns = ("Id", "Message", "Goes", "Decodes", "Encodes", "Vectors")
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    lines += [f"| {' | '.join(row)} |" for row in rows()]
    return _INTRO + "\n".join(lines) + "\n"


def rows() -> Iterator[tuple[str, ...]]:
    """The rows of the table."""
    count = vectors()
    for identity in IDS:
        direction = direction_of(identity)
        editions = [edition for edition in VERSIONS if BOOK.candidates(identity, direction, edition)]
        title = next(entry.cls.__wire__.title for entry in BOOK if entry.identity == identity)
        said = ", ".join(map(str, editions))
        yield BOOK.name(identity), title, _goes(identity), said, said, str(count[identity])
    for first, last in RANGES:
        known = sum(number for identity, number in count.items() if first <= identity <= last)
        yield f"0x{first:04X}-0x{last:04X}", "Vendor's own", _goes(first), "raw bytes", "raw bytes", str(known)


def _goes(identity: int) -> str:
    return "up" if direction_of(identity) == "up" else "down"


assert messages.__all__  # they enter themselves in the book
