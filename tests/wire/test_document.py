"""The pages that are written from the declarations: what stands in them, and that the shipped ones are up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jimigw.protocols.jimi.messages import BOOK as JIMI
from jimigw.tools import docs
from jimigw.wire.document import page, table
from tests.wire.declared import BOOK
from tests.wire.jimi_kinds import ENTRIES

EVERYTHING, COUNTS, WIDTHS = BOOK


def test_a_message() -> None:
    assert (
        table(EVERYTHING).splitlines()
        == """\
### 0x0101 Everything, 2013, 2019

From the terminal; version 2013, 2019; chapter 1.2.

Every kind that the Jimi book does not use.

| Offset | Bytes | Type | JSON key | Unit | Meaning |
|---|---|---|---|---|---|
| 0 | 2, bits 15-4 | `12 bits` | `flags` |  | flags |
| 0 | 2, bit 3 | `1 bit` | `south` |  | south latitude |
| 0 | 2, bits 2-0 | `3 bits` | `low`, `low_name` |  | low bits; [Codes of low](#codes-of-low) |
| 2 | 4 | `u32 / 1800000` | `latitude` | degree | latitude |
| 6 | 8 | `text[8] gbk` | `plate` |  | plate \\| number |
| 14 | 3 | `byte[3]` | `token` |  | token; 010203 (hexadecimal) where JSON leaves it out |
| 17 | 2 | `u16, sign and magnitude / 10` | `depth` | m | depth |
| 19 | 0 or 2 | `u16`, if bit 0 of flags is set | `bonus` |  | bonus |
|  |  | `text gbk, ends with 0x00` | `name` |  | name |
|  | 1 | `u8, bytes of note` |  |  | note length |
|  |  | `text gbk, note length bytes` | `note` |  | note; not in JSON while it is empty |
|  |  | `u8 length, text utf-8` | `word`, `word_length` (length) |  | word |
|  |  | `u16 length, bytes` | `blob` |  | blob |
|  |  | `u8` count, list of [Pair](#pair) | `pairs`, `pair_count` (count), other: `couples` |  | pairs |
|  | 1 | `u8` | `kind`, also read: `type`, also read: `sort` |  | kind |
|  |  | by `kind`, see below | `how_big` |  | size by kind |
|  |  | `u8` id, `u8` length, value, at most 2; repeated, optional | `items` |  | items |
|  |  | derived | `twice` |  | twice the kind |

`size`, by `kind`:

- 0: `u8`
- 1: `u16`
- 2: `u8 length, bytes`
- any other: `byte[*]`

The items of `items`; any other id is kept raw. Each id stands once only.

| Id | Name | Length | Type | Meaning | Chapter |
|---|---|---|---|---|---|
| 1 (0x01) | `one` | `u8` | `u32` | first | 3 |
| 2 (0x02) | `blob` | `u8` | `u8 length, bytes` | second |  |

#### Pair

Chapter 9.9.

| Offset | Bytes | Type | JSON key | Unit | Meaning |
|---|---|---|---|---|---|
| 0 | 1 | `u8` | `left` |  | left one |
| 1 | 1 | `i8` | `right` | mm | right one |

#### Codes of low

| Code | Name |
|---|---|
| 1 | one |
| 2 | two, or more |
""".splitlines()
    )


@pytest.mark.parametrize(
    ("entry", "lines"),
    [
        (COUNTS, ["In both directions.", "| 0 | `u16` count, list of `u8` | `counts` | counted bytes |"]),
        (WIDTHS, ["### 0x0103 Widths", "To the terminal.", "| 1 | 1 or 2 | by `width`, see below | `value` | value |"]),
    ],
    ids=["counts", "widths"],
)  # fmt: skip
def test_lines_of_a_message(entry: object, lines: list[str]) -> None:
    assert not set(lines) - set(table(entry).splitlines())  # type: ignore[arg-type]


def test_a_page_lists_every_message_in_the_order_of_ids() -> None:
    text = page(BOOK, "Test", "Intro.\n")
    assert text.startswith("# Test\n\n<!-- Written by `make docs` from the declarations in the code. -->\n\nIntro.\n")
    assert re.findall(r"^### (0x\S+)", text, re.MULTILINE) == ["0x0101", "0x0102", "0x0103"]
    assert "| 0x0103 | [Widths](#0x0103-widths) | to the terminal |" in text
    assert text == page(BOOK, "Test", "Intro.\n")


@pytest.mark.parametrize("book", [BOOK, JIMI], ids=["test", "jimi"])
def test_every_link_has_its_heading_and_every_table_its_columns(book: object) -> None:
    text = page(book, "Title", "")  # type: ignore[arg-type]
    headings = [
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    ]
    assert len(headings) == len(set(headings))
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= {*headings}
    for rows in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in rows.splitlines()}) == 1


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.cls.__name__)
def test_every_field_is_in_the_table(entry: object) -> None:
    text = table(entry)  # type: ignore[arg-type]
    plan = entry.cls.__wire__  # type: ignore[attr-defined]
    assert all(f"`{row.name}`" in text for row in plan.shown)


@pytest.mark.parametrize("path", docs.PAGES)
def test_the_shipped_page_is_up_to_date(path: str) -> None:
    assert path not in docs.stale(), f"{path} is not what the declarations say; `make docs` writes it"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(tmp_path)]
    assert docs.main(["--check", *root]) == 1
    assert "docs/messages-jimi.md is not what the declarations say; `make docs` writes it" in capsys.readouterr().err
    assert docs.main(root) == 0
    assert "written: docs/messages-jimi.md" in capsys.readouterr().out
    assert docs.main(["--check", *root]) == 0
    (tmp_path / "docs/messages-jimi.md").write_text("old")
    assert docs.main(["--check", *root]) == 1
    assert docs.main(root) == 0
    assert capsys.readouterr().out == "written: docs/messages-jimi.md\n"
