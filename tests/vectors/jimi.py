"""The vectors of jimi.json as objects."""

import json
from pathlib import Path
from typing import Any

import attrs


@attrs.frozen
class Vector:
    """One frame and what it says; see README.md for the keys."""

    name: str
    raw: bytes
    direction: str
    true: bool
    source: str
    facts: dict[str, Any]
    answer: bytes | None

    def __str__(self) -> str:
        return self.name


def _load() -> list[Vector]:
    text = Path(__file__).with_name("jimi.json").read_text(encoding="utf-8")
    return [
        Vector(
            name=each["name"],
            raw=bytes.fromhex(each["hex"]),
            direction=each["direction"],
            true=each["crc"] == "true",
            source=each["source"],
            facts=each.get("facts", {}),
            answer=bytes.fromhex(each["answer"]) if "answer" in each else None,
        )
        for each in json.loads(text)["vectors"]
    ]


VECTORS = _load()
TRUE = [each for each in VECTORS if each.true]
FALSE = [each for each in VECTORS if not each.true]


def named(name: str) -> bytes:
    """The frame of the vector with this name."""
    return next(each.raw for each in VECTORS if each.name == name)
