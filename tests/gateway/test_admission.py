"""Which terminals are let in."""

from __future__ import annotations

import pytest

from jimigw.gateway.admission import Listed, Open
from jimigw.gateway.registry import Registry
from jimigw.model.device import Card
from jimigw.store.interface import CardChanges


def test_open_lets_everyone_in() -> None:
    assert Open().admits("anything")


@pytest.mark.parametrize(
    ("identity", "admitted"),
    [
        ("cab-1", True),
        ("863000000000001", True),
        ("13912345678", True),
        ("863000000000002", False),  # known, not listed
        ("863000000000009", False),
    ],
)
def test_a_listed_terminal_is_let_in_by_each_of_its_identities(identity: str, admitted: bool) -> None:
    registry = Registry()
    cards = [Card("cab-1", "863000000000001", "13912345678", listed=True), Card("863000000000002")]
    registry.cards_changed(CardChanges(cards, ()))
    assert Listed(registry).admits(identity) is admitted


def test_a_terminal_is_let_in_as_soon_as_it_is_listed_and_no_longer() -> None:
    registry = Registry()
    admission = Listed(registry)
    registry.cards_changed(CardChanges([Card("863000000000001", listed=True)], ()))
    assert admission.admits("863000000000001")
    registry.cards_changed(CardChanges([Card("863000000000001", listed=False)], ()))
    assert not admission.admits("863000000000001")
    assert len(registry) == 1
