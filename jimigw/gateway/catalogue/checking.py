"""Whether a text may be sent to a terminal as a command: :func:`check`.

Everything that goes out passes here, whoever wrote it. A command is one line of printable ASCII that ends where the
frame ends; ``#`` would end it earlier and start another. What is left of a checked text is spelled as the list spells
it, and checking it again gives the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from .families import families, lookup
from .rows import Argument, Entry, Risk

LONGEST = 251
"""Characters of a command: its length byte counts them and 4 bytes of server flag. JC261/JC400 V1.3.5, 5.5.1."""

_STRANGE = re.compile(r"[^ -~]")
_SHOWN, _FORMS_SHOWN = 60, 4


class CommandRefused(ValueError):
    """The text is not sent. The message says in a sentence what is wrong, where, and what would be right.

    ``code`` is ``syntax`` (no text of this kind can be a command), ``argument`` (the command is known and this use of
    it is wrong; ``argument`` is the letter it has in the form, where there is one), ``unknown`` (not in the list) or
    ``confirm`` (right, but wants a confirmation); or, beside the text, ``device`` (there is no such terminal), ``ttl``
    (its time to live) or ``full`` (too many commands are open).
    """

    def __init__(self, message: str, argument: str | None = None, code: str = "syntax") -> None:
        super().__init__(message)
        self.message, self.argument, self.code = message, argument, code


@attrs.frozen
class CommandText:
    """A text that may be sent.

    ``text`` is what goes out. ``entry`` is the line of the list that it is a use of, None if the list has none.
    ``risk`` is that of this use: to ask for the server is ``read``, to set it ``danger``. ``repeatable`` says whether
    it may be sent again after a lost link without doing anything twice.
    """

    text: str
    entry: Entry | None
    risk: Risk
    repeatable: bool


@attrs.frozen
class _Misfit:
    """Why a text is not of one form: at which value, in which argument, and a sentence. ``word`` is a missing one."""

    at: int
    sentence: str
    argument: str | None = None
    word: str | None = None


def check(text: str, family: str = "jc400", *, confirm: bool = False, unknown: bool = False) -> CommandText:
    """The command that ``text`` is, or :class:`CommandRefused`.

    A ``#`` at its end is cut. Names and fixed words may be typed in any case. ``confirm`` lets through what can cut the
    unit off or destroy data. ``unknown`` lets through what the list of the family does not have, with the risk
    ``danger``; if any list has a danger of that name, that wants ``confirm`` too.
    """
    line = _one_line(text)
    name = line.partition(",")[0].partition("#")[0].strip()
    separator = "#" if line[len(name) :].lstrip().startswith("#") else ","
    values = [value.strip() for value in line.split(separator)[1:]]
    forms = lookup(name, family)
    misfits = []
    if "#" not in line or (separator == "#" and "," not in line):
        for entry in sorted(forms, key=_wordiness):
            fitted = _fit(entry, values) if entry.separator == separator else None
            if isinstance(fitted, list):
                spelled = separator.join([entry.name, *fitted])
                if separator == "#" and spelled != line:
                    break
                return _allowed(entry, spelled, entry.risk, entry.repeatable, confirm)
            if fitted is not None:
                misfits.append(fitted)
        asked = ",".join([name, *values]).upper()
        for entry in forms:
            if entry.query and entry.query.upper() == asked:
                return CommandText(entry.query, entry, Risk.READ, repeatable=True)
    if "#" in line:
        raise CommandRefused(_stray(line, forms))
    if unknown:
        return _unlisted(line, name, family, confirm)
    raise _unfit(name, family, forms, misfits)


# -- the line -------------------------------------------------------------------------------------------------------


def _one_line(text: str) -> str:
    """The text without the spaces around it and the ``#`` at its end, if it is one line of printable ASCII."""
    strange = _STRANGE.search(text)
    if strange:
        what = "a line break" if strange[0] in "\r\n" else f"U+{ord(strange[0]):04X}"
        raise CommandRefused(f"character {strange.start() + 1} is {what}; a command is one line of printable ASCII")
    line = text.strip()
    if line.endswith("#"):
        line = line[:-1].rstrip()
    if not line:
        raise CommandRefused("there is no command; VERSION would be one")
    if len(line) > LONGEST:
        raise CommandRefused(f"the command has {len(line)} characters; a terminal takes {LONGEST}")
    if line[0] in ",#":
        raise CommandRefused(f"a command begins with its name, not with {line[0]!r}")
    return line


def _stray(line: str, forms: list[Entry]) -> str:
    place = line.index("#") + 1
    own = [entry for entry in forms if entry.separator == "#"]
    right = f"; written with '#', {own[0].name} is exactly {own[0].form}, as in {own[0].example}" if own else ""
    return f"character {place} is '#', which ends a command: what follows would be another one{right}"


# -- the forms ------------------------------------------------------------------------------------------------------


def _wordiness(entry: Entry) -> int:
    """Forms with fixed words go first, or ``OFF`` would be the name of a file."""
    return -sum(isinstance(part, str) for part in entry.parts)


def _fit(entry: Entry, values: list[str]) -> list[str] | _Misfit:
    """The values as this form spells them, or why they are not of it."""
    fitted: list[str] = []
    off = False
    for part in _expanded(entry):
        at = len(fitted)
        if isinstance(part, str):
            if at == len(values):
                return _Misfit(at, f"{part} is missing", word=part)
            if values[at].upper() != part.upper():
                return _Misfit(at, f"value {at + 1} is {_quoted(values[at])}, but should be {part}", word=part)
            fitted.append(part)
            continue
        if at == len(values):
            if part.optional or off:
                continue
            return _Misfit(at, f"{_named(part)} is missing: it should be {part.kind.wanted}", part.name)
        value = values[at]
        if value or not (part.optional or off):
            try:
                value = _read(part, value)
            except ValueError:
                said = _quoted(value) if value else "empty"
                return _Misfit(at, f"{_named(part)} is {said}, but should be {part.kind.wanted}", part.name)
        if part is entry.arguments[0]:
            off = value == "OFF"
        fitted.append(value)
    if len(values) > len(fitted):
        return _Misfit(len(fitted), f"{len(values)} values follow {entry.name}, but it takes {len(fitted)} at most")
    sentence = entry.agrees(tuple(fitted)) if entry.agrees else None
    return _Misfit(len(fitted), sentence) if sentence else fitted


def _expanded(entry: Entry) -> Iterator[str | Argument]:
    for part in entry.parts:
        yield part
        if isinstance(part, Argument):
            yield from [attrs.evolve(part, optional=True)] * (part.up_to - 1)


def _read(argument: Argument, value: str) -> str:
    if not value:
        raise ValueError(value)
    return argument.kind.read(value)


def _named(argument: Argument) -> str:
    unit = f", {argument.unit}" if argument.unit else ""
    return f"{argument.name} ({argument.meaning}{unit})" if argument.meaning else argument.name


def _quoted(value: str) -> str:
    return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "…")


def _unfit(name: str, family: str, forms: list[Entry], misfits: list[_Misfit]) -> CommandRefused:
    """What is wrong with a text that is none of these forms: the one that it fits longest tells."""
    if not forms:
        elsewhere = [other for other in families() if lookup(name, other)]
        known = f"; {', '.join(elsewhere)} has it" if elsewhere else ""
        return CommandRefused(f"{_quoted(name)} is no command in the list of {family}{known}", code="unknown")
    right = " · ".join(dict.fromkeys(entry.form for entry in forms[:_FORMS_SHOWN]))
    furthest = max(misfit.at for misfit in misfits)
    nearest = [misfit for misfit in misfits if misfit.at == furthest]
    words = [misfit.word for misfit in nearest if misfit.word is not None]
    if len(words) == len(nearest) > 1:
        wanted = ", ".join(dict.fromkeys(words))
        return CommandRefused(f"{forms[0].name}: value {furthest + 1} should be one of {wanted}", code="argument")
    worst = next((misfit for misfit in nearest if misfit.word is None), nearest[0])
    return CommandRefused(f"{forms[0].name}: {worst.sentence}. Its form: {right}", worst.argument, "argument")


# -- what it may do -------------------------------------------------------------------------------------------------


def _allowed(entry: Entry | None, text: str, risk: Risk, repeatable: bool, confirm: bool) -> CommandText:
    if risk is Risk.DANGER and not confirm:
        does = f" ({entry.does.rstrip('.')})" if entry else ""
        raise CommandRefused(
            f"{_quoted(text)} can cut the terminal off or destroy data{does}; send it with a confirmation",
            code="confirm",
        )
    return CommandText(text, entry, risk, repeatable)


def _unlisted(line: str, name: str, family: str, confirm: bool) -> CommandText:
    """A text that the list does not have, as it was typed, but for the case of a name that is known."""
    forms = lookup(name, family)
    text = (forms[0].name if forms else name) + line[len(name) :]
    dangerous = any(entry.risk is Risk.DANGER for other in families() for entry in lookup(name, other))
    return _allowed(None, text, Risk.DANGER, repeatable=False, confirm=confirm or not dangerous)
