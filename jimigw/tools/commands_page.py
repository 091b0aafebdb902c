"""``docs/commands-text.md``: the catalogue of text commands, printed from its rows."""

from __future__ import annotations

from collections.abc import Iterator

from jimigw.gateway.catalogue import LONGEST, ONBOARDING, TITLES, Argument, Entry, entries, families

_HEAD = f"""\
# Text commands

<!-- Written by `make docs` from the declarations in the code. -->

The commands that JC cameras take as text: in packet 0x80 of the Jimi protocol, in message 0x8900 of type 0xF0 of
JT/T 808. jimigw sends what is listed here and checks it first. Facts are those of the vendor's command lists; rows
without a number were seen to work in the field, or have a number that is not known here.

- A command is one line of at most {LONGEST} printable ASCII characters. A `#` at its end is cut, any other is refused:
  it would end the command and begin another. The one exception is the `#` form of APN, which has to be typed exactly.
- Names and fixed words may be typed in any case and go out as they stand here; a terminal wants `Picture` and `Video`
  with their small letters.
- Values have the bounds that the list has, and none where it has none. After `OFF` in the first place the rest may be
  left out.
- Times are those of the camera's own clock, which runs in its local time.
- **Risk**: `read` only asks; `change` changes a setting; `act` does something once; `danger` can cut the unit off or
  destroy data, and wants a confirmation. The query of a command is `read`, whatever the command is.
- **Again** says whether a command may be sent again when nobody knows whether it arrived. No other is sent twice.
- What is not listed is sent only on demand, and never again by itself.

A JC400 or JC261 is turned to this gateway with {", ".join(ONBOARDING[:-1])} and {ONBOARDING[-1]}, in this order.
"""

_COLUMNS = ("No.", "Form", "Arguments", "What it does", "Risk", "Query", "Again", "Example")


def commands_page() -> str:
    """The page of all text commands, a table for each family."""
    lines = [_HEAD.rstrip(), ""]
    lines += [f"- [{TITLES[family]}](#{_anchor(TITLES[family])})" for family in families()]
    for family in families():
        lines += ["", f"## {TITLES[family]}", "", *_table(family)]
    return "\n".join(lines) + "\n"


def _anchor(title: str) -> str:
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")


def _table(family: str) -> Iterator[str]:
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"|{'---|' * len(_COLUMNS)}"
    for entry in entries(family):
        yield f"| {' | '.join(_cells(entry))} |"


def _cells(entry: Entry) -> tuple[str, ...]:
    private = " (private)" if entry.private else ""
    return (
        entry.number,
        f"`{entry.form}`{private}",
        "<br>".join(map(_argument, entry.arguments)),
        entry.does,
        entry.risk.value,
        f"`{entry.query}`" if entry.query else "",
        "yes" if entry.repeatable else "no",
        f"`{entry.example}`",
    )


def _argument(argument: Argument) -> str:
    unit = f", {argument.unit}" if argument.unit else ""
    many = f", up to {argument.up_to}" if argument.up_to > 1 else ""
    optional = ", optional" if argument.optional else ""
    meaning = f"{argument.meaning}{unit}{many}{optional}: " if argument.meaning else ""
    return f"**{argument.name}** {meaning}{argument.kind.wanted}".replace("|", "\\|")
