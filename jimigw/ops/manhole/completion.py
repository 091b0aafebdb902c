"""What Tab adds: words, attributes, and the names of terminals inside ``device('...')``. Runs no code of the line."""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from jimigw.ops.columns import fitted, width_of

MAX_NAMES = 200
"""Names that are offered at once."""

_DEVICE = re.compile(r"""(?:\b(?:device|devices|watch)\(\s*|\bdevice\s*=\s*)(["'])([^"'\\]*)\Z""")
_OF_DEVICE = re.compile(r"""\bdevice\(\s*(?:"[^"\\]*"|'[^'\\]*')\s*\)\.(\w*)\Z""")
_OF_FILE = re.compile(r"(?<![\w.])media\(\s*\d+\s*\)\.(\w*)\Z")
_NAMES = re.compile(r"(?<![\w.'\"\])])([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)?(\.)?(\w*)\Z")
_IN_STRING = re.compile(r"""^(?:[^"'#]|"[^"]*"|'[^']*')*["'][^"']*\Z""")


@attrs.frozen
class Completion:
    """``addition`` is what can only follow; where nothing can be added, ``names`` are those to choose from."""

    addition: str = ""
    names: Sequence[str] = ()


def complete(
    before: str,
    namespace: Mapping[str, Any],
    device_words: Iterable[str] = (),
    device_names: Callable[[str], Iterable[str]] = lambda start: (),
    file_words: Iterable[str] = (),
) -> Completion:
    """Complete the line that stands before the cursor.

    ``device_words`` are the attributes of what ``device(...)`` gives, ``file_words`` those of ``media(...)``;
    ``device_names`` gives the names of terminals that begin so.
    """
    if inside := _DEVICE.search(before):
        quote, start = inside.groups()
        return _chosen(start, device_names(start), end=quote)
    if _IN_STRING.match(before):
        return Completion()
    if of_device := _OF_DEVICE.search(before):
        return _chosen(of_device[1], device_words)
    if of_file := _OF_FILE.search(before):
        return _chosen(of_file[1], file_words)
    found = _NAMES.search(before)
    if found is None:
        return Completion()
    path, dot, start = found[1] or "", found[2], found[3]
    if not dot:
        # Without a dot the whole of it is one name, or a path whose last part is begun.
        path, _, start = f"{path}{start}".rpartition(".")
    if not path:
        own = _chosen(start, namespace)
        if own.addition or own.names or not start or start in namespace:
            return own
        return _chosen(start, [*namespace["__builtins__"], *keyword.kwlist])
    holder = _resolved(path, namespace)
    return Completion() if holder is None else _chosen(start, _attributes(holder))


def _chosen(start: str, names: Iterable[str], end: str = "") -> Completion:
    fitting: set[str] = set()
    for name in names:
        if name.startswith(start) and (start.startswith("_") or not name.startswith("_")):
            fitting.add(name)
            if len(fitting) > MAX_NAMES:
                break
    if not fitting:
        return Completion()
    first, last = min(fitting), max(fitting)
    common = first[: next((at for at, each in enumerate(first) if last[at : at + 1] != each), len(first))]
    addition = common[len(start) :] + (end if len(fitting) == 1 else "")
    return Completion(addition, () if addition else sorted(fitting)[:MAX_NAMES])


def _resolved(path: str, namespace: Mapping[str, Any]) -> object:
    """The object that a dotted name stands for, None where finding out would run code (a property)."""
    first, *rest = path.split(".")
    holder = namespace.get(first, namespace["__builtins__"].get(first))
    for name in rest:
        try:
            static = inspect.getattr_static(holder, name)
        except AttributeError:
            return None
        if inspect.isdatadescriptor(static) and not inspect.ismemberdescriptor(static):
            return None
        holder = getattr(holder, name, None)
    return holder


def _attributes(holder: object) -> list[str]:
    return dir(holder)


def in_columns(names: Sequence[str], width: int) -> list[str]:
    """Names side by side, to be read downwards, in lines of at most ``width`` columns."""
    wide = min(max(map(width_of, names)), max(width - 2, 1)) + 2
    across = max(1, width // wide)
    down = -(-len(names) // across)
    lines = []
    for row in range(down):
        cells = [fitted(name, wide - 2) for name in names[row::down]]
        lines.append("".join(cell + " " * (wide - width_of(cell)) for cell in cells).rstrip())
    return lines
