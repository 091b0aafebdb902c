"""The line that is edited: a table of what is done and what stands there then."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.ops.columns import width_of
from jimigw.ops.manhole.editor import MAX_HISTORY, MAX_LINE, Editor


def edited(*keys: str) -> Editor:
    """An editor after these keys: text is typed, <name> is a method, <name:n> a move."""
    editor = Editor(deque(["one", "two"]))
    for key in keys:
        if not key.startswith("<"):
            assert editor.insert(key)
        elif key.startswith("<move:"):
            editor.move(int(key[6:-1]))
        elif key == "<typeover>":
            editor.typeover = not editor.typeover
        else:
            getattr(editor, key[1:-1])()
    return editor


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        (["abc"], "abc|"),
        (["abc", "<move:-1>", "X"], "abX|c"),
        (["abc", "<home>", "X"], "X|abc"),
        (["abc", "<home>", "<end>", "X"], "abcX|"),
        (["abc", "<move:-9>"], "|abc"),
        (["abc", "<backspace>"], "ab|"),
        (["<backspace>"], "|"),
        (["abc", "<delete>"], "abc|"),
        (["abc", "<home>", "<delete>"], "|bc"),
        (["abc", "<move:-2>", "<typeover>", "XY"], "aXY|"),
        (["abc", "<move:-1>", "<typeover>", "XYZ"], "abXYZ|"),
        (["a.b c", "<delete_word>"], "a.b |"),
        (["a.b c  ", "<delete_word>"], "a.b |"),
        (["abc", "<move:-1>", "<delete_before>"], "|c"),
        (["abc", "<move:-1>", "<delete_after>"], "ab|"),
        (["粤B1", "<move:-2>", "<backspace>"], "|B1"),
        (["<older>"], "two|"),
        (["<older>", "<older>", "<older>"], "one|"),
        (["new", "<older>", "<newer>"], "new|"),
        (["new", "<newer>"], "new|"),
        (["<older>", "<older>", "<newer>"], "two|"),
        (["<older>", "!", "<older>", "<newer>"], "two|"),
        (["<older>", "<clear>", "<older>"], "two|"),
    ],
)
def test_keys(keys: list[str], shown: str) -> None:
    editor = edited(*keys)
    assert f"{editor.text[: editor.cursor]}|{editor.text[editor.cursor :]}" == shown


@pytest.mark.parametrize(
    ("lines", "history"),
    [
        (["a", "b"], ["one", "two", "a", "b"]),
        (["a", "a"], ["one", "two", "a"]),
        (["", "  ", "a"], ["one", "two", "a"]),
    ],
)
def test_the_history(lines: list[str], history: list[str]) -> None:
    editor = edited()
    for line in lines:
        editor.insert(line)
        assert editor.take() == line
        assert (editor.text, editor.cursor) == ("", 0)
    assert list(editor.history) == history


def test_bounds() -> None:
    editor = Editor()
    assert editor.insert("x" * MAX_LINE)
    assert not editor.insert("x")
    assert len(editor.text) == MAX_LINE
    for number in range(MAX_HISTORY + 5):
        editor.clear()
        editor.insert(str(number))
        editor.take()
    assert (len(editor.history), editor.history[0]) == (MAX_HISTORY, "5")


@pytest.mark.parametrize(
    ("text", "cursor", "width", "seen"),
    [
        ("abcdef", 6, 10, ("abcdef", 6)),
        ("abcdefghij", 10, 10, ("<fghij", 6)),
        ("abcdefghij", 0, 10, ("abcdefg>", 0)),
        ("粤粤粤粤粤粤", 6, 10, ("<粤粤", 5)),
    ],
)
def test_what_is_seen(text: str, cursor: int, width: int, seen: tuple[str, int]) -> None:
    editor = Editor()
    editor.insert(text)
    editor.move(cursor - len(text))
    assert editor.view(width) == seen


@given(st.text(st.sampled_from("ab粤é. "), max_size=60), st.integers(0, 60), st.integers(4, 40))
def test_what_is_seen_fits_and_holds_the_cursor(text: str, cursor: int, width: int) -> None:
    editor = Editor()
    editor.insert(text)
    editor.move(-cursor)
    shown, column = editor.view(width)
    assert width_of(shown) <= width
    assert 0 <= column <= width_of(shown)
