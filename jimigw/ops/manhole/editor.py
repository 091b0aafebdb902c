"""The line that an operator edits: text, cursor, history, and what of it is seen. No I/O."""

from __future__ import annotations

from collections import deque

from jimigw.ops.columns import width_of

MAX_LINE = 8192
"""Characters of the longest line that can be typed."""

MAX_HISTORY = 500
"""Lines that are remembered of a user."""


class Editor:
    """One line. Methods that change nothing return False, for a beep."""

    def __init__(self, history: deque[str] | None = None) -> None:
        self.history = deque[str](maxlen=MAX_HISTORY) if history is None else history
        self.text = ""
        self.cursor = 0
        self.typeover = False
        #: how many lines back in the history; 0 is the line that is being typed
        self._back = 0
        self._typed = ""

    def insert(self, text: str) -> bool:
        """Type text at the cursor."""
        end = self.cursor + len(text) if self.typeover else self.cursor
        if len(self.text) - (end - self.cursor) + len(text) > MAX_LINE:
            return False
        self.text = self.text[: self.cursor] + text + self.text[end:]
        self.cursor += len(text)
        return True

    def backspace(self) -> bool:
        if not self.cursor:
            return False
        self._cut(self.cursor - 1, self.cursor)
        return True

    def delete(self) -> bool:
        if self.cursor == len(self.text):
            return False
        self._cut(self.cursor, self.cursor + 1)
        return True

    def delete_word(self) -> bool:
        """Delete back to the begin of a word, as Ctrl-W does."""
        begin = len(self.text[: self.cursor].rstrip())
        while begin and not self.text[begin - 1].isspace():
            begin -= 1
        return self._cut(begin, self.cursor)

    def delete_before(self) -> bool:
        return self._cut(0, self.cursor)

    def delete_after(self) -> bool:
        return self._cut(self.cursor, len(self.text))

    def _cut(self, begin: int, end: int) -> bool:
        self.text, self.cursor = self.text[:begin] + self.text[end:], begin
        return begin < end

    def move(self, by: int) -> bool:
        """Move the cursor, to the ends at most."""
        before = self.cursor
        self.cursor = max(0, min(len(self.text), self.cursor + by))
        return self.cursor != before

    def home(self) -> bool:
        return self.move(-len(self.text))

    def end(self) -> bool:
        return self.move(len(self.text))

    def older(self) -> bool:
        """Show the line before in the history."""
        if self._back == len(self.history):
            return False
        if not self._back:
            self._typed = self.text
        self._back += 1
        self._show(self.history[-self._back])
        return True

    def newer(self) -> bool:
        """Show the line after in the history; at last the one that was being typed."""
        if not self._back:
            return False
        self._back -= 1
        self._show(self.history[-self._back] if self._back else self._typed)
        return True

    def _show(self, text: str) -> None:
        self.text, self.cursor = text, len(text)

    def take(self) -> str:
        """The finished line, which goes into the history; the editor is empty again."""
        line = self.text
        if line.strip() and (not self.history or self.history[-1] != line):
            self.history.append(line)
        self.clear()
        return line

    def clear(self) -> None:
        self.text, self.cursor, self._back, self._typed = "", 0, 0, ""

    def view(self, width: int) -> tuple[str, int]:
        """What is seen of the line in ``width`` columns, and the column of the cursor in it.

        A line that is too long is shown around its cursor, with ``<`` and ``>`` where it goes on.
        """
        width = max(width, 4)
        if width_of(self.text) < width:
            return self.text, width_of(self.text[: self.cursor])
        begin, room = self.cursor, width - 3
        used = 0
        while begin and used + width_of(self.text[begin - 1]) <= room * 3 // 4:
            begin -= 1
            used += width_of(self.text[begin])
        column, end = used, self.cursor
        while end < len(self.text) and used + width_of(self.text[end]) <= room:
            used += width_of(self.text[end])
            end += 1
        left, right = "<" if begin else "", ">" if end < len(self.text) else ""
        return f"{left}{self.text[begin:end]}{right}", len(left) + column
