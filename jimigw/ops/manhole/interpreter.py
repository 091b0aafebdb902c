"""Runs what an operator types, as Python; whatever goes wrong in it is shown and stays in here."""

from __future__ import annotations

import builtins
import codeop
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from itertools import islice
from pprint import pformat
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

MAX_STATEMENT = 1 << 16
"""Characters of the longest statement over several lines."""

MAX_OUTPUT = 1 << 18
"""Characters that one statement may print."""

MAX_SHOWN_ITEMS = 2000

MAX_SHOWN_LINES = 200
"""Lines of one value that are shown."""

_LEFT_OUT = ("input", "breakpoint", "help", "copyright", "credits", "license", "exit", "quit")
"""Builtins that would wait at the service's own terminal, or that the vocabulary has in a form of its own."""

_FILE = "<manhole>"


class OperatorError(Exception):
    """Something an operator asked for cannot be done; the message is a sentence, and is shown without a traceback."""


class Leave(BaseException):
    """The operator wants to go."""


class _Out:
    """The ``sys.stdout`` of operator code: bounded, and never the service's own."""

    encoding = "utf-8"

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write, self._left = write, MAX_OUTPUT

    def write(self, text: str) -> int:
        if self._left > 0:
            self._write(text[: self._left])
            self._left -= len(text)
            if self._left <= 0:
                self._write(f"\n… the output of one statement ends at {MAX_OUTPUT} characters\n")
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return False


class Interpreter:
    """One operator's namespace. ``words`` are there from the start; ``write`` shows text."""

    def __init__(
        self, words: Mapping[str, Any], write: Callable[[str], None], width: Callable[[], int] = lambda: 80
    ) -> None:
        self.words = dict(words)
        self._write, self._width = write, width
        own = {name: value for name, value in vars(builtins).items() if name not in _LEFT_OUT}
        own["dir"] = self._dir
        self.namespace: dict[str, Any] = {"__builtins__": own, "__name__": "manhole", **self.words}
        self._compile = codeop.CommandCompiler()
        self._lines: list[str] = []

    @property
    def more(self) -> bool:
        """Whether a statement has begun and is not complete."""
        return bool(self._lines)

    def reset(self) -> None:
        """Forget the statement that has begun."""
        self._lines = []

    def push(self, line: str) -> None:
        """Take a line; run the statement if it is complete. Raises `Leave` and nothing else."""
        self._lines.append(line)
        source = "\n".join(self._lines)
        if len(source) > MAX_STATEMENT:
            self.reset()
            self._write(f"A statement has at most {MAX_STATEMENT} characters.\n")
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                code = self._compile(source, _FILE, "single")
        except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
            self.reset()
            self._write("".join(traceback.format_exception_only(type(error), error)))
            return
        if code is None:
            return
        self.reset()
        self._run(lambda: exec(code, self.namespace))

    def _run(self, do: Callable[[], object]) -> None:
        out: Any = _Out(self._write)
        hook = sys.displayhook
        sys.displayhook = lambda value: self._display(value, out)
        try:
            with redirect_stdout(out), redirect_stderr(out):
                do()
        except (Leave, SystemExit):
            raise Leave from None
        except OperatorError as error:
            self._write(f"{error}\n")
        except BaseException as error:
            # A KeyboardInterrupt or GeneratorExit of operator code must not end the service either.
            self._write(_told(error))
        finally:
            sys.displayhook = hook

    def _display(self, value: object, out: _Out) -> None:
        if value is None:
            return
        self.namespace["_"] = value
        if isinstance(value, Deferred):
            self._await(value)
        elif (at_prompt := getattr(type(value), "at_prompt", None)) is not None:
            # What it is has to be asked for first.
            at_prompt(value)
        elif not getattr(type(value), "silent", False):
            out.write(f"{self.shown(value)}\n")

    def shown(self, value: object) -> str:
        """A value in as many lines as people read."""
        if _shows_itself(value):
            return repr(value)[:MAX_OUTPUT]
        shown, missing = _some(value)
        lines = pformat(shown, width=max(self._width(), 20), compact=True)[:MAX_OUTPUT].split("\n")
        if len(lines) > MAX_SHOWN_LINES:
            lines = [*lines[:MAX_SHOWN_LINES], f"… {len(lines) - MAX_SHOWN_LINES} more lines"]
        return "\n".join([*lines, f"… {missing} more items"] if missing else lines)

    def _await(self, waiting: Deferred[Any]) -> None:
        """Show what a Deferred of operator code brings, when it brings it."""
        self._write("<Deferred, waits for its result>\n")

        def show(result: Any) -> Any:
            try:
                self._write(f"{self.shown(result)}\n")
            except Exception as error:
                self._write(_told(error))
            return result

        def tell(failure: Failure) -> Failure:
            # It is not ours: whoever made it may have more to do with it.
            self._write(_told(failure.value or RuntimeError("it failed")))
            return failure

        waiting.addCallbacks(show, tell)

    def _dir(self, *of: object) -> list[str]:
        """dir(): the words and your own names. dir(x): what x has."""
        if of:
            return sorted(name for name in builtins.dir(*of) if not name.startswith("__"))
        return sorted(name for name in self.namespace if not name.startswith("_"))


def _some(value: object) -> tuple[object, int]:
    """As much of a value as people look at, and how many items are missing: to lay out a million takes seconds."""
    if isinstance(value, str | bytes | bytearray) and len(value) > MAX_OUTPUT:
        return value[:MAX_OUTPUT], len(value) - MAX_OUTPUT
    if isinstance(value, dict) and len(value) > MAX_SHOWN_ITEMS:
        return dict(islice(value.items(), MAX_SHOWN_ITEMS)), len(value) - MAX_SHOWN_ITEMS
    if isinstance(value, list | tuple | set | frozenset) and len(value) > MAX_SHOWN_ITEMS:
        return list(islice(value, MAX_SHOWN_ITEMS)), len(value) - MAX_SHOWN_ITEMS
    return value, 0


def _shows_itself(value: object) -> bool:
    """Whether a value has a form for people of its own, as what the vocabulary gives."""
    return type(value).__module__.startswith("jimigw.ops.manhole")


def _told(error: BaseException) -> str:
    """An exception as Python shows it, without the frames of the manhole itself."""
    if isinstance(error, OperatorError):
        return f"{error}\n"
    try:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
        lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)] if frames else []
        return "".join([*lines, *traceback.format_exception_only(type(error), error)])[:MAX_OUTPUT]
    except Exception:
        # An exception's own __str__ may be what is broken.
        return f"{type(error).__name__}\n"
