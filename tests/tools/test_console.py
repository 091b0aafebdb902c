"""What the commands read and write: hex as people paste it, lines, tables."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.ops.columns import printable, width_of, wrapped
from jimigw.tools.console import (
    LONGEST_LINE,
    RED,
    Cell,
    Line,
    NotHex,
    bytes_of_hex,
    lines,
    table,
)


@pytest.mark.parametrize(
    "text",
    ["7878050d0a", "78 78 05 0D 0A", "78:78:05:0d:0a", "0x78 0x78 0x05 0x0D 0x0A", "0x7878050D0A", '"7878050D0A"',
     "'78,78,05,0d,0a'", "\\x78\\x78\\x05\\x0d\\x0a", "[78 78 05 0d 0a]", "78-78-05-0D-0A",
     "{0x78, 0x78, 0x05, 0x0d, 0x0a};"],
)  # fmt: skip
def test_hex_as_people_paste_it(text: str) -> None:
    assert bytes_of_hex(text) == bytes.fromhex("7878050d0a")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("787", "3 hex digits are not whole bytes"),
        ("78 7g", "'g' is not a hex digit"),
        ("hello", "'h' is not a hex digit"),
        ("７８", "'７' is not a hex digit"),
        ('""', "there are no hex digits"),
    ],
)
def test_what_is_not_hex(text: str, complaint: str) -> None:
    with pytest.raises(NotHex, match=complaint):
        bytes_of_hex(text)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (b"a\nb\n", [Line(1, "a"), Line(2, "b")]),
        (b"a\r\n\n  \n b ", [Line(1, "a"), Line(4, "b")]),
        (b"", []),
        (b"\xff\n", [Line(1, "\ufffd")]),
        (b"a" * LONGEST_LINE, [Line(1, "a" * LONGEST_LINE)]),
        (b"a" * (LONGEST_LINE + 1) + b"\nb\n", [Line(1, None), Line(2, "b")]),
        (b"a" * (3 * LONGEST_LINE) + b"\nb\n", [Line(1, None), Line(2, "b")]),
        (b"a" * (3 * LONGEST_LINE), [Line(1, None)]),
    ],
    ids=["two", "blank ones", "none", "no text", "longest", "too long", "much too long", "too long at the end"],
)
def test_lines(given: bytes, found: list[Line]) -> None:
    assert [*lines(io.BytesIO(given))] == found


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("成功！", 6), ("e\u0301", 1), ("Hà Nội", 6), ("", 0)])
def test_width(text: str, columns: int) -> None:
    assert width_of(text) == columns


@given(st.text(max_size=80), st.integers(2, 30))
def test_wrapped_text_keeps_its_width_and_its_words(text: str, width: int) -> None:
    found = wrapped(text, width)
    assert all(width_of(line) <= width for line in found)
    assert "".join(found).replace(" ", "") == printable(text).replace(" ", "")


def test_nothing_steers_the_terminal() -> None:
    assert printable("a\x1b[2Jb\r\n\u202e") == "a\\x1b[2Jb\\r\\n\\u202e"


def test_table_is_aligned_and_no_wider_than_needed() -> None:
    rows = [
        [Cell("0-1"), Cell("start"), Cell("7878"), Cell("")],
        [Cell("2"), Cell("成功"), Cell("a b c d e f"), Cell("")],
    ]
    assert [*table(("bytes", "field", "value", "check"), rows, (10, 10, 6, 10), colours=False)] == [
        "bytes  field  value",
        "0-1    start  7878",
        "2      成功   a b c",
        "              d e f",
    ]


def test_colours_do_not_count() -> None:
    (head, row) = table(("a", "b"), [[Cell("x", RED), Cell("y")]], (5, 5), colours=True)
    assert row == "\x1b[31mx\x1b[0m  y"
    assert "\x1b" in head
