"""The commands of a run: for which terminal, what, and how long they may take."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from .account import Times
from .diary import QUERY, QUERY_SOME, WORDS

Given = Mapping[str, Any]
"""A command as the driver takes it, but for its number and terminal."""

_BRIEF = 0.06
"""How many commands have a time to live of a few seconds only."""

_CANCELLED = 0.02
_URL = "http://soak.example.org:23010"


def camera_order(rng: Random, number: int, flagless: bool) -> Given:
    """A text for a terminal of the Jimi protocol.

    One that answers without flags gets no question twice: the answer to the one is as good as that to the other, and
    nobody could tell which it is.
    """
    unique = {"text": f"UPLOAD,{_URL}/{number}"}
    questions: tuple[Given, ...] = ({"text": "VERSION"}, {"text": "STATUS"}, {"text": "PARAM"})
    acts: tuple[Given, ...] = (
        {"text": "Picture,in"},
        {"text": "Video,in,3s"},
        {"text": "RELAY,1", "confirm": True},
        {"text": "RELAY,0", "confirm": True},
        {"text": f"SOAK,{number}", "unknown": True},
    )
    if rng.random() < 0.45:
        return rng.choice(acts)
    return unique if flagless or rng.random() < 0.4 else rng.choice(questions)


def tracker_order(rng: Random, number: int) -> Given:
    """A text or a message for a terminal of JT/T 808."""
    kind = rng.choice(("text", "log", "words", "some", "all"))
    if kind == "text":
        return {"text": f"PICTIMER,1440,1,3,{_URL}/{number}"}
    if kind == "log":
        return {"text": f"LOG,ALL,{_URL}/{number}"}
    if kind == "words":
        return _message(WORDS, {"flag": 1, "text": f"soak {number}"})
    return _message(QUERY_SOME, {"ids": [number]}) if kind == "some" else _message(QUERY, {})


def _message(msg_id: int, body: dict[str, Any]) -> Given:
    return {"message": {"header": {"msg_id": msg_id}, "body": body}}


def ttl_of(rng: Random, times: Times) -> float:
    """How long a command may take."""
    return times.brief if rng.random() < _BRIEF else times.ttl


def cancelled_after(rng: Random, times: Times) -> float | None:
    """Seconds after which a command is cancelled, if it is."""
    return rng.uniform(0.0, times.answer_timeout) if rng.random() < _CANCELLED else None
