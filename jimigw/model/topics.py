"""Topics of a message broker (MQTT): which one a terminal has, by a template, and which terminal a topic means.

A template is a topic some of whose levels are placeholders: ``jt808/${clientid}/${phone}/up``. A placeholder is a whole
level, as in the topics of the EMQX JT/T 808 gateway.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import attrs

PLACEHOLDERS: Mapping[str, str] = {
    "clientid": "what the terminal's own protocol calls it: the phone field of JT/T 808, all digits, or the IMEI",
    "phone": "the phone field of JT/T 808, all digits, leading zeros included",
    "imei": "the IMEI",
    "device": "the terminal as records and the API call it",
    "kind": "the kind of the record",
}
"""What a level may stand for."""

NAMES = frozenset({"clientid", "phone", "imei", "device"})
"""The placeholders that name a terminal."""

_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
_LONGEST = 1000

#: what a level may not hold (MQTT 5, 4.7), and the sign that writes it
_UNSAFE = {"/": "%2F", "+": "%2B", "#": "%23", "%": "%25"} | {chr(code): f"%{code:02X}" for code in (*range(32), 127)}
_SAFE = str.maketrans(_UNSAFE)
_WRITTEN = re.compile("|".join(map(re.escape, _UNSAFE.values())))
_MEANT = {written: letter for letter, written in _UNSAFE.items()}


class TopicError(ValueError):
    """A template cannot be used; the message is a sentence without a full stop."""


def safe_level(value: str) -> str:
    """The text as one level of a topic: what would end it, or be a wildcard, becomes ``%`` and two hex digits."""
    if value.isalnum() and value.isascii():
        return value
    return value.translate(_SAFE).encode("utf-8", "replace").decode()


def meant_by(level: str) -> str:
    """The text that :func:`safe_level` made this level of."""
    return _WRITTEN.sub(lambda found: _MEANT[found[0]], level) if "%" in level else level


@attrs.frozen
class Template:
    """A topic with placeholders; made by :func:`template`. ``levels``: text, and the name of a placeholder or None;
    ``names``: the placeholders in it."""

    text: str
    levels: tuple[tuple[str, str | None], ...]
    names: frozenset[str] = attrs.field(init=False, eq=False, repr=False)

    # Once, as it is looked at for every record that is published.
    @names.default
    def _names(self) -> frozenset[str]:
        return frozenset(name for _, name in self.levels if name is not None)

    @property
    def filter(self) -> str:
        """What to subscribe to for the topics of all terminals."""
        return "/".join(text if name is None else "+" for text, name in self.levels)

    def topic(self, values: Mapping[str, str]) -> str:
        """The topic of a terminal; ``values`` has all placeholders that are in the template."""
        return "/".join([text if name is None else safe_level(values[name]) for text, name in self.levels])

    def match(self, topic: str) -> dict[str, str] | None:
        """What the placeholders stand for in this topic; None if it is none of this template."""
        levels = topic.split("/")
        if len(levels) != len(self.levels):
            return None
        values: dict[str, str] = {}
        for level, (text, name) in zip(levels, self.levels, strict=True):
            if level != text if name is None else values.setdefault(name, meant_by(level)) != meant_by(level):
                return None
        return values

    def overlaps(self, other: Template) -> bool:
        """Whether a topic of one may be a topic of the other."""
        return len(self.levels) == len(other.levels) and all(
            name is not None or theirs is not None or text == text_there
            for (text, name), (text_there, theirs) in zip(self.levels, other.levels, strict=True)
        )

    def below(self, levels: str) -> Template:
        """The template with more levels of plain text behind it."""
        return Template(f"{self.text}/{levels}", (*self.levels, *((level, None) for level in levels.split("/"))))


def template(text: str, allowed: Collection[str] = tuple(PLACEHOLDERS)) -> Template:
    """The template that this text is. :class:`TopicError` says what is wrong with it."""
    check_plain(_PLACEHOLDER.sub("x", text))
    levels: list[tuple[str, str | None]] = []
    for level in text.split("/"):
        found = _PLACEHOLDER.search(level)
        if found is None:
            levels.append((level, None))
            continue
        name = found[1]
        if found[0] != level:
            raise TopicError(f"{found[0]} is part of the level {level!r}; a placeholder is a whole level")
        if name not in allowed:
            raise TopicError(f"{found[0]} is not known here; known are {', '.join(f'${{{each}}}' for each in allowed)}")
        levels.append((level, name))
    return Template(text, tuple(levels))


def check_plain(topic: str) -> None:
    """:class:`TopicError` for what is not a topic that can be published to."""
    if not topic:
        raise TopicError("it is empty")
    if len(topic.encode("utf-8", "replace")) > _LONGEST:
        raise TopicError(f"it is longer than {_LONGEST} bytes")
    if topic.startswith("$"):
        raise TopicError("it begins with $, as only the broker's own topics do")
    if any(letter in "+#" or ord(letter) < 32 or ord(letter) == 127 for letter in topic):
        raise TopicError("it holds a wildcard (+ or #) or a control character")


__all__ = ["NAMES", "PLACEHOLDERS", "Template", "TopicError", "check_plain", "meant_by", "safe_level", "template"]
