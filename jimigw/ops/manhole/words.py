"""Words: functions that an operator calls, with a line and a page of help each, made from their docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from jimigw.ops.columns import width_of, wrapped

from .tables import Page


class Word:
    """A function of the vocabulary. Its name alone shows what it is for."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self._name, self._function = name, function
        self.__doc__ = inspect.getdoc(function)

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self._function(*args, **named)

    def __repr__(self) -> str:
        return f"{self}: {first_line(self)}"

    def __str__(self) -> str:
        return signature(self._name, self._function)

    def __dir__(self) -> list[str]:
        return []


def signature(name: str, function: Any) -> str:
    """How a function is called, or a property's name."""
    if isinstance(function, property):
        return name
    parameters = []
    for each in inspect.signature(function).parameters.values():
        if each.name == "self":
            continue
        stars = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(each.kind.name, "")
        text = stars + each.name
        parameters.append(text if each.default is each.empty else f"{text}={each.default!r}")
    return f"{name}({', '.join(parameters)})"


def first_line(function: Any) -> str:
    """What a function does, in one line."""
    return (inspect.getdoc(function) or "").partition("\n")[0]


def page(word: Word, width: int) -> Page:
    """All that there is to say of a word."""
    return Page([str(word), *_body(word.__doc__ or "", width)])


def page_of_class(cls: type, names: Iterable[str], title: str, width: int) -> Page:
    """The words of a class, a line each."""
    return Page(
        [
            title,
            *listing([(signature(name, getattr(cls, name)), first_line(getattr(cls, name))) for name in names], width),
        ]
    )


def listing(pairs: Iterable[tuple[str, str]], width: int) -> list[str]:
    """What is called, and what it does, in two columns; where that is too wide, below each other."""
    told = list(pairs)
    indent = min(max(width_of(how) for how, _ in told) + 4, max(width * 2 // 5, 24)) if width >= 60 else 6
    lines = []
    for how, what in told:
        folded = wrapped(what, max(width - indent, 10))
        if width_of(how) + 4 > indent:
            lines.append(f"  {how}")
        else:
            lines.append(f"  {how}".ljust(indent) + folded.pop(0))
        lines += [" " * indent + line for line in folded]
    return lines


def _body(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        if lines:
            lines.append("")
        if paragraph.startswith("    "):
            lines += [f"  {line}" for line in paragraph.split("\n")]
        else:
            lines += [f"  {line}" for line in wrapped(" ".join(paragraph.split()), width - 2)]
    return lines
