"""The functions of a message, generated as source text and compiled once, at import, as attrs does it: a fixed body
of a dozen fields then decodes in well under a microsecond, where a loop over the table takes four times that.
"""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Callable
from typing import Any

import attrs

from .errors import DecodeError, EncodeError
from .kinds import (
    Bit,
    Const,
    Coordinate,
    Derived,
    Fixed,
    Hemisphere,
    Legend,
    Measured,
    Optional,
    Scope,
    Switch,
    When,
    bare,
    shown,
)
from .rows import Plan, Row, Run, Word


@attrs.define
class Source:
    """A function called ``generated``: its head and lines, and the names it uses."""

    name: str
    head: str
    lines: list[str]
    scope: Scope


def compiled(source: Source) -> Any:
    """The function of this source; its lines are kept for tracebacks."""
    text = "\n".join([source.head, *("    " + line for line in source.lines)])
    filename = f"<jimigw {source.name}>"
    namespace = dict(source.scope.names)
    exec(compile(text, filename, "exec"), namespace)
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    return namespace["generated"]


def _short(plan: Plan, run: Run, pos: int, end: int) -> DecodeError:
    """The error for a fixed part that does not fit: names the first field that lacks bytes."""
    at = pos
    for member in run.members:
        size = member.bits // 8 if isinstance(member, Word) else member.kind.size or 0
        if at + size > end:
            name = member.rows[0].name if isinstance(member, Word) else member.name
            need = run.struct.size
            return DecodeError(
                f"{plan.title} ends here: its fixed part needs {need} bytes, {end - pos} are there", at, name
            )
        at += size
    return DecodeError("too short", pos)


def decode_source(plan: Plan, *, whole: bool, scope: Scope | None = None) -> Source:
    """The function from bytes to a message; ``whole``: to a message with its surplus, else with the position behind."""
    scope = scope or Scope()
    new, cls = scope.bind(object.__new__, "new"), scope.bind(plan.cls, "cls")
    lines = [f"o = {new}({cls})"]
    for segment in plan.segments:
        if isinstance(segment, Run):
            lines += _load_run(plan, segment, scope)
        else:
            lines += _load_variable(segment, scope)
    for each in plan.rows:
        if isinstance(each.kind, Coordinate):
            sign = "" if each.kind.negative else "not "
            lines.append(f"if {sign}o.{each.kind.flag} and o.{each.name}: o.{each.name} = -o.{each.name}")
    if not whole:
        lines.append("return o, pos")
    else:
        if plan.surplus is not None:
            lines.append("o.surplus = data[pos:end]")
        lines.append("return o")
    name = f"{plan.cls.__name__}.{'decode' if whole else 'read'}"
    return Source(name, "def generated(data, pos, end, notes):", lines, scope)


def decode_json_source(plan: Plan, dialect: str) -> Source | None:
    """The function from bytes straight to the dictionary of a message, without the message between: a third less work
    for a service that only passes on what it reads. None where a field needs the message it belongs to.
    """
    scope = Scope()
    decoding = decode_source(plan, whole=True, scope=scope)
    showing = json_source(plan, dialect, scope=scope)
    # Attributes become local variables; whatever still names the message itself cannot do without it.
    lines = [re.sub(r"\bo\.", "o_", line) for line in [*decoding.lines[1:-1], *showing.lines]]
    # Nearly always nothing is left over: no empty slice then.
    lines = [
        "o_surplus = data[pos:end] if pos < end else b''" if line == "o_surplus = data[pos:end]" else line
        for line in lines
    ]
    lines = [line.replace(", o, notes)  # owner unused", ", None, notes)") for line in lines]
    if any(re.search(r"\bo\b", line) for line in lines):
        return None
    return Source(f"{plan.cls.__name__}.decode_json[{dialect}]", decoding.head, lines, scope)


@attrs.frozen
class FixedPart:
    """A run of fixed fields as source, for who fuses it with what stands around it.

    The struct codes, the names that unpacking fills, the lines that make variables of them, named as the fields are,
    and key and value of each JSON entry.
    """

    codes: str
    names: list[str]
    lines: list[str]
    entries: list[tuple[str, str]]


def fixed_part(run: Run, dialect: str, scope: Scope) -> FixedPart:
    """The source of a run that has no bits and no constants."""
    codes = ""
    names: list[str] = []
    lines: list[str] = []
    entries: list[tuple[str, str]] = []
    for member in run.members:
        assert isinstance(member, Row)
        kind: Any = member.kind
        args = [f"{member.name}_{i}" for i in range(kind.width)]
        codes += kind.codes
        names += args
        lines.append(f"{member.name} = {kind.load(args, scope)}")
        if member.key_in(dialect):
            found = _json_entries(member, dialect, scope)
            entries += [(key, value.replace(f"o.{member.name}", member.name)) for key, value in found]
    return FixedPart(codes, names, lines, entries)


def _load_run(plan: Plan, run: Run, scope: Scope) -> list[str]:
    packed = run.struct
    short = scope.bind(lambda pos, end: _short(plan, run, pos, end), "short")
    lines = [f"if end - pos < {packed.size}: raise {short}(pos, end)"]
    targets: list[str] = []
    after: list[str] = []
    for member in run.members:
        if isinstance(member, Word):
            word = f"w{len(targets)}_{id(member) % 9973}"
            targets.append(word)
            for found, low, mask in member.shifted():
                if isinstance(found.kind, Bit):
                    value = f"({word} & {mask << low}) != 0"
                else:
                    value = f"{word} >> {low} & {mask}" if low else f"{word} & {mask}"
                after.append(f"o.{found.name} = {value}")
            continue
        args = [f"{member.name}_{i}" for i in range(member.kind.width)]  # type: ignore[attr-defined]
        targets += args
        if isinstance(member.kind, Const):
            wrong = scope.bind(_wrong_constant(member), "wrong")
            after.append(f"if {args[0]} != {member.kind.value}: raise {wrong}({args[0]}, pos)")
        else:
            after.append(f"o.{member.name} = {member.kind.load(args, scope)}")  # type: ignore[attr-defined]
    unpack = scope.bind(packed.unpack_from, "unpack")
    lines.append(f"{', '.join(targets)}, = {unpack}(data, pos)")
    return [*lines, *after, f"pos += {packed.size}"]


def _wrong_constant(member: Row) -> Callable[[int, int], DecodeError]:
    kind = member.kind
    assert isinstance(kind, Const)
    return lambda value, pos: DecodeError(f"0x{value:X} is not {kind.wire_type}", pos, member.name)


def _load_variable(each: Row, scope: Scope) -> list[str]:
    named = scope.bind(each.name, "name")
    error = scope.bind(DecodeError, "error")
    lines = _load_inline(each, scope)
    if lines is None:
        read = scope.bind(each.kind.read, "read")
        lines = [f"o.{each.name}, pos = {read}(data, pos, end, o, notes)"]
        if not each.kind.needs_owner:
            lines[0] += "  # owner unused"
    return ["try:", *("    " + line for line in lines), f"except {error} as e: raise e.within({named}) from None"]


def _load_inline(each: Row, scope: Scope) -> list[str] | None:
    """Source for the two variable kinds that stand in the middle of the hot path, without a call."""
    kind = each.kind
    if isinstance(kind, Optional) and isinstance(kind.inner, Fixed):
        present = f"end - pos == {kind.left}" if kind.left is not None else f"end - pos >= {kind.least}"
        enough = (kind.left if kind.left is not None else kind.least) >= kind.inner.struct.size
        lines = _load_alone(each.name, kind.inner, scope, checked=enough)
        return [f"if {present}:", *("    " + line for line in lines), f"else: o.{each.name} = None"]
    if isinstance(kind, Switch) and _by_flag(kind):
        lines = []
        for head, case in ((f"if o.{kind.by}:", kind.cases[True]), ("else:", kind.cases[False])):
            lines += [head, *("    " + s for s in _load_alone(each.name, case, scope))]
        return lines
    return None


def _by_flag(kind: Switch) -> bool:
    """Whether a bit chooses between two kinds of fixed size. Not so where the cases are the numbers 0 and 1."""
    return {*map(repr, kind.cases)} == {"True", "False"} and all(isinstance(c, Fixed) for c in kind.cases.values())


def _load_alone(name: str, kind: Fixed, scope: Scope, *, checked: bool = False) -> list[str]:
    """Source that reads one field of fixed size by itself. ``checked``: its bytes are known to be there."""
    lines = []
    if not checked:
        error = scope.bind(DecodeError, "error")
        lines.append(
            f"if end - pos < {kind.size}: raise {error}(f'needs {kind.size} bytes, {{end - pos}} are left', pos)"
        )
    if kind.codes == "B":
        args = ["data[pos]"]
    else:
        args = [f"a{i}" for i in range(kind.width)]
        lines.append(f"{', '.join(args)}, = {scope.bind(kind.struct.unpack_from, 'unpack')}(data, pos)")
    return [*lines, f"o.{name} = {kind.load(args, scope)}", f"pos += {kind.size}"]


def write_source(plan: Plan) -> Source:
    """The function that appends a message to a byte array."""
    scope = Scope()
    lines: list[str] = []
    error = scope.bind(EncodeError, "error")
    for each in plan.rows:
        if isinstance(each.kind, Coordinate):
            conflict = scope.bind(_contradiction(each), "conflict")
            negative = "o." + each.kind.flag + (" == 1" if each.kind.negative else " == 0")
            positive = "o." + each.kind.flag + (" == 0" if each.kind.negative else " == 1")
            lines.append(
                f"if (o.{each.name} > 0 and {negative}) or (o.{each.name} < 0 and {positive}): raise {conflict}(o)"
            )
    for segment in plan.segments:
        if isinstance(segment, Run):
            values: list[str] = []
            for member in segment.members:
                if isinstance(member, Word):
                    values.append(
                        " | ".join(_bits_source(found, low, mask, plan, scope) for found, low, mask in member.shifted())
                    )
                elif isinstance(member.kind, Const):
                    values.append(str(member.kind.value))
                else:
                    values += member.kind.store(f"o.{member.name}", scope)  # type: ignore[attr-defined]
            lines.append(f"out += {scope.bind(segment.struct.pack, 'pack')}({', '.join(values)})")
        else:
            write, named = scope.bind(segment.kind.write, "write"), scope.bind(segment.name, "name")
            lines.append(f"try: {write}(o.{segment.name}, out, o)")
            lines.append(f"except {error} as e: raise e.within({named}) from None")
    if plan.surplus is not None:
        lines.append("out += o.surplus")
    return Source(f"{plan.cls.__name__}.write", "def generated(o, out):", lines or ["pass"], scope)


def _contradiction(each: Row) -> Callable[[Any], EncodeError]:
    kind = each.kind
    assert isinstance(kind, Coordinate)

    def complain(owner: Any) -> EncodeError:
        return EncodeError(
            f"{getattr(owner, each.name)} contradicts {kind.flag} = {str(getattr(owner, kind.flag)).lower()}; "
            f"leave {kind.flag} out and it follows",
            each.name,
        )

    return complain


def _bits_source(found: Row, low: int, mask: int, plan: Plan, scope: Scope) -> str:
    value = f"o.{found.name}"
    if isinstance(found.kind, Hemisphere):
        coordinate = next(r.kind for r in plan.rows if r.name == found.kind.coordinate)
        assert isinstance(coordinate, Coordinate)
        sign = "<" if coordinate.negative else ">="
        value = f"(o.{found.kind.coordinate} {sign} 0 if {value} is None else {value})"
    fit = scope.bind(_fitting(found, mask), "fit")
    return f"{fit}({value}) << {low}"


def _fitting(found: Row, mask: int) -> Callable[[Any], int]:
    kind = found.kind

    def fit(value: Any) -> int:
        if not isinstance(value, int) or not 0 <= value <= mask:
            raise EncodeError(f"{shown(value)} is not {kind.wanted}", found.name)  # type: ignore[attr-defined]
        return value

    return fit


def json_source(plan: Plan, dialect: str, *, scope: Scope | None = None) -> Source:
    """The function from a message to its dictionary: first what is always there, in the order of the rows."""
    scope = scope or Scope()
    always: list[tuple[str, str]] = []
    lines: list[str] = []
    for each in [*plan.shown, *([plan.surplus] if plan.surplus else [])]:
        if not each.key_in(dialect):
            continue
        entries = _json_entries(each, dialect, scope)
        if isinstance(each.kind, Derived):
            key = repr(each.key_in(dialect))
            compute = scope.bind(each.kind.compute, "derive")
            lines += [f"v = {compute}(o)", f"if v is not None: d[{key}] = v"]
            continue
        if each.show == "set":
            test = f"o.{each.name}"
        elif isinstance(each.kind, Optional | When):
            test = f"o.{each.name} is not None"
        else:
            always += entries
            continue
        lines.append(f"if {test}:")
        lines += [f"    d[{key}] = {value}" for key, value in entries]
    name = f"{plan.cls.__name__}.to_json[{dialect}]"
    return Source(name, "def generated(o):", [*_dictionary(always, scope), *lines, "return d"], scope)


_LONG_LITERAL = 15


def _dictionary(entries: list[tuple[str, str]], scope: Scope) -> list[str]:
    """Source that makes the dictionary ``d``. CPython builds a literal in one go up to fifteen keys; a longer one grows
    as it is filled, and a copy of one that has its size takes 40 % less time."""
    if len(entries) <= _LONG_LITERAL:
        return [f"d = {{{', '.join(f'{key}: {value}' for key, value in entries)}}}"]
    copy = scope.bind({ast.literal_eval(key): None for key, _ in entries}.copy, "copy")
    return [f"d = {copy}()", *(f"d[{key}] = {value}" for key, value in entries)]


def _json_entries(each: Row, dialect: str, scope: Scope) -> list[tuple[str, str]]:
    """Key and value, as source, of each entry that a row gives: a derived length, the value, the name of its code."""
    key, value, kind = each.key_in(dialect), f"o.{each.name}", each.kind
    entries: list[tuple[str, str]] = []
    inner = bare(kind)
    if isinstance(inner, Measured) and inner.key_in(dialect):
        entries.append((repr(inner.key_in(dialect)), f"{scope.bind(inner.measure, 'measure')}({value})"))
    if isinstance(inner, Switch) and not inner.plain_json:
        shown_value = f"{scope.bind(inner.to_json_of, 'json')}({value}, o, {dialect!r})"
    elif kind.plain_json:
        shown_value = value
    else:
        shown_value = f"{scope.bind(kind.to_json, 'json')}({value}, {dialect!r})"
    entries.append((repr(key), shown_value))
    if each.names is not None and not isinstance(each.names, Legend):
        entries.append((repr(f"{key}_name"), f"{scope.bind(dict(each.names).get, 'names')}({value})"))
    return entries
