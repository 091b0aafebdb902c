"""What a list of terminals changes of those that are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from jimigw.model.device import Card

from .device_list import Entry, Problem, facts_of


@attrs.define
class Merger:
    """What a list changes of the cards that there are."""

    new: list[Card] = attrs.field(factory=list)
    changed: list[Card] = attrs.field(factory=list)
    same: int = 0
    unlisted: list[Card] = attrs.field(factory=list)
    problems: list[Problem] = attrs.field(factory=list)

    @property
    def cards(self) -> list[Card]:
        """The cards to save."""
        return [*self.new, *self.changed, *self.unlisted]


def merge(entries: Iterable[Entry], cards: Iterable[Card], replace: bool = False) -> Merger:
    """Find out what a list changes. Lines with problems are left out.

    A terminal is known by its id, else by its IMEI or phone number. A column that the list has replaces what the card
    says, also where its field is empty; ``listed`` is then yes, as it is without the column. With ``replace``,
    terminals that are not in the list are listed no more.
    """
    known = {card.id: card for card in cards}
    merger = Merger()
    wanted = _targets(entries, known, merger)
    while clashes := _clashes(wanted, known):
        merger.problems += clashes
        bad = {problem.line for problem in clashes}
        wanted = {id: (line, card) for id, (line, card) in wanted.items() if line not in bad}
    for id, (_, card) in wanted.items():
        if id not in known:
            merger.new.append(card)
        elif facts_of(card) != facts_of(known[id]):
            merger.changed.append(card)
        else:
            merger.same += 1
    if replace:
        gone = [card for id, card in known.items() if card.listed and id not in wanted]
        merger.unlisted = [attrs.evolve(card, listed=False) for card in gone]
    merger.problems.sort(key=lambda problem: problem.line)
    return merger


def _targets(entries: Iterable[Entry], known: Mapping[str, Card], merger: Merger) -> dict[str, tuple[int, Card]]:
    """The cards as the list wants them, by id, each with its line."""
    owners = {identity: id for id, card in known.items() for identity in _identities(card)}
    wanted: dict[str, tuple[int, Card]] = {}
    for entry in entries:
        values = entry.values
        told = [values[each] for each in ("imei", "phone") if values.get(each)]
        found = sorted({owners[each] for each in told if each in owners})
        if values.get("id"):
            id = values["id"]
        elif len(found) > 1:
            what = f"its IMEI is that of the terminal {owners[told[0]]}, its phone number that of {owners[told[1]]}"
            merger.problems.append(Problem(entry.line, f"{what}; name the id, or correct one of them"))
            continue
        else:
            id = found[0] if found else told[0]
        if id in wanted:
            merger.problems.append(Problem(entry.line, f"the terminal {id} is in line {wanted[id][0]} already"))
            continue
        changes = {column: value for column, value in values.items() if column not in ("id", "listed")}
        listed = values.get("listed") is not False
        wanted[id] = entry.line, attrs.evolve(known.get(id) or Card(id), **changes, listed=listed)
    return wanted


def _clashes(wanted: Mapping[str, tuple[int, Card]], known: Mapping[str, Card]) -> list[Problem]:
    """Lines that give a terminal what is another's."""
    owners = {each: id for id, card in known.items() if id not in wanted for each in _identities(card)}
    problems = []
    for id, (line, card) in wanted.items():
        mine = _identities(card)
        if taken := [each for each in mine if owners.get(each, id) != id]:
            problems.append(Problem(line, f"{taken[0]} is already the terminal {owners[taken[0]]}"))
        else:
            owners.update(dict.fromkeys(mine, id))
    return problems


def _identities(card: Card) -> set[str]:
    return {each for each in (card.id, card.imei, card.phone) if each is not None}
