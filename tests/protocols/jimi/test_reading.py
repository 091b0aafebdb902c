"""What Jimi messages mean to a platform."""

import pytest

from jimigw.model.report import KINDS
from jimigw.ops.config import JimiConfig
from jimigw.protocols.jimi.messages import BOOK
from jimigw.protocols.jimi.reading import READINGS
from jimigw.protocols.jimi.session import ACKNOWLEDGED
from jimigw.wire.book import Entry

UP = [entry for entry in BOOK if entry.direction == "up"]


@pytest.mark.parametrize("entry", UP, ids=lambda entry: entry.cls.__name__)
def test_every_message_of_a_terminal_has_a_reading(entry: Entry) -> None:
    assert READINGS[entry.cls].kind in KINDS


def test_what_is_answered_by_default_is_known() -> None:
    assert {entry.identity for entry in UP} >= ACKNOWLEDGED


def test_every_answer_of_the_document_is_among_those_given() -> None:
    answered = {entry.identity for entry in BOOK if entry.cls.__name__ == "Answer"}
    assert answered == ACKNOWLEDGED


def test_the_config_answers_the_same_by_default() -> None:
    assert frozenset(JimiConfig().acknowledge) == ACKNOWLEDGED
