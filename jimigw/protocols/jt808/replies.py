"""Which message of the terminal answers which one of the platform. JT/T 808-2019, chapter 7 and the clauses of the
messages; JT/T 1078-2016, 5; T/JSATL 12-2017.

Where the standard asks for a message of its own as the answer, terminals may send a general answer (0x0001) first, or
only that, if they refuse. :data:`RULES` says for every message what ends it; what is not in it is answered by 0x0001.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

import attrs

from . import names, names_video
from .versions import V2011

GENERAL: Final = 0x0001


class General(Enum):
    """What a general answer with result 0 means for a command."""

    ENDS = "it is the answer"
    ENOUGH = "it is the answer if the command's own does not follow"
    NOTED = "the terminal has the command, its own answer has to follow"


@attrs.frozen
class Rule:
    """What ends a command: its own ``replies``, any of which does, and the general answer in this sense.

    ``wanted`` is False for messages that are answers themselves. ``patience``: seconds from a general answer that does
    not end the command until its own reply has to be there.
    """

    replies: tuple[int, ...] = ()
    general: General = General.ENDS
    wanted: bool = True
    patience: float = 60.0


_BY_GENERAL: Final = Rule()
_NONE: Final = Rule(wanted=False)


def _own(*replies: int) -> Rule:
    return Rule(replies, General.NOTED)


RULES: Final[Mapping[int, Rule]] = {
    0x8001: _NONE,
    0x8003: _NONE,  # the missing parts come
    0x8004: _NONE,
    0x8100: _NONE,
    0x8104: _own(0x0104),
    0x8106: _own(0x0104),
    0x8107: _own(0x0107),
    0x8201: _own(0x0201),
    0x8302: Rule((0x0302,)),  # when the driver has chosen, which may be never
    0x8500: Rule((0x0500,), General.ENOUGH),
    0x8608: _own(0x0608),
    0x8700: _own(0x0700),
    0x8701: Rule((0x0700,)),
    0x8702: _own(0x0702),
    0x8800: _NONE,
    # As many pictures as were asked for are taken before 0x0805.
    0x8801: Rule((0x0805,), General.ENOUGH, patience=300.0),
    0x8802: _own(0x0802),
    0x8A00: _own(0x0A00),
    0x9003: _own(0x1003),
    0x9105: _NONE,
    0x9201: Rule((0x1205,)),
    0x9205: _own(0x1205),
    0x9206: Rule((0x1206,)),  # when the upload is over
    0x9212: _NONE,
}

#: a text command, 0x8900 of type 0xF0: the reply is 0x0900 of the same type, under the command's own serial number
TEXT_TYPE: Final = 0xF0
TEXT: Final = Rule((0x0900,), General.ENOUGH)

#: replies that do not quote the serial number of the command
UNQUOTED: Final = frozenset({0x0107, 0x0608, 0x0702, 0x0A00, 0x1003})
#: those that do so since 2013 only
UNQUOTED_2011: Final = UNQUOTED | {0x0201, 0x0700, 0x0802}

#: replies whose result, if it is not 0, says that the terminal will not do it
REFUSALS: Final[Mapping[int, Mapping[int, str]]] = {
    GENERAL: names.RESULTS,
    0x0805: names.SHOOT_RESULTS,
    0x1206: names_video.UPLOAD_RESULTS,
}

#: every message id that can be a reply
REPLIES: Final = frozenset({GENERAL, *TEXT.replies}.union(*(rule.replies for rule in RULES.values())))


def rule_of(msg_id: int, body: Any = None) -> Rule:
    """What ends this message of the platform."""
    if msg_id == 0x8900 and isinstance(body, Mapping) and body.get("type") == TEXT_TYPE:
        return TEXT
    return RULES.get(msg_id, _BY_GENERAL)


def unquoted(edition: int | None) -> frozenset[int]:
    """The replies that do not quote a serial number in this edition, None: in all since 2013."""
    return UNQUOTED_2011 if edition == V2011 else UNQUOTED
