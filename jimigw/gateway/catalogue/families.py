"""The families of terminals that take text commands, and which list each goes by."""

from __future__ import annotations

import re
from collections.abc import Mapping

from . import jc181, jc371, jc400
from .rows import Entry

JC400, JC371, JC181 = "jc400", "jc371", "jc181"

_LISTS: Mapping[str, tuple[Entry, ...]] = {JC400: jc400.ENTRIES, JC371: jc371.ENTRIES, JC181: jc181.ENTRIES}

TITLES: Mapping[str, str] = {
    JC400: "JC400 and JC261",
    JC371: "JC371, JC450 and JC451",
    JC181: "JC181 and JC182",
}


def _by_name(entries: tuple[Entry, ...]) -> Mapping[str, list[Entry]]:
    forms: dict[str, list[Entry]] = {}
    for entry in entries:
        forms.setdefault(entry.name.upper(), []).append(entry)
    return forms


_FORMS = {family: _by_name(entries) for family, entries in _LISTS.items()}

# A firmware says C261 where the label says JC261.
_MODEL = re.compile(r"(?<![A-Z0-9])J?C(\d\d)\d", re.IGNORECASE | re.ASCII)
_BY_SERIES = {"40": JC400, "26": JC400, "37": JC371, "45": JC371, "18": JC181}


def families() -> tuple[str, ...]:
    """The names of all families."""
    return tuple(_LISTS)


def entries(family: str) -> tuple[Entry, ...]:
    """Every command of a family, in the order of its list; ``KeyError`` if there is no such family."""
    return _LISTS[family]


def lookup(name: str, family: str) -> list[Entry]:
    """The forms of a command, in the order of the list; none if the family has no such command. Case does not count."""
    return list(_FORMS[family].get(name.strip().upper(), ()))


def family_of(model: str | None, protocol: str) -> str:
    """The family of a model, such as ``JC400AD``; ``protocol`` (``jimi``, ``jt808``) decides where the model does not.

    An unknown JT/T 808 terminal goes by the list of the JC371: its SERVER has the host in front, which a JC181 refuses,
    while the SERVER of a JC181 would tell a JC371 that its server is called ``1``.
    """
    found = _MODEL.search(model or "")
    known = _BY_SERIES.get(found[1]) if found else None
    return known or (JC371 if protocol == "jt808" else JC400)
