"""How the values of the Jimi protocol's own kinds are drawn, and every message of its book."""

from __future__ import annotations

import string
from typing import Any

from hypothesis import strategies as st

from jimigw.protocols.jimi import modules  # noqa: F401 - enters its messages in the book
from jimigw.protocols.jimi.messages import BOOK
from jimigw.protocols.jimi.sensors import (
    AlarmDriver,
    AlarmFileList,
    AlarmFiles,
    TemperatureFrame,
    TemperatureSensor,
)
from tests.support.strategies import Draw, register, text

_NAMES = st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=12)


def _temperature(kind: TemperatureSensor, draw: Draw, owner: Any) -> Any:
    frames = st.builds(
        TemperatureFrame, st.integers(0, 255), st.integers(-0x8000, 0x7FFF).map(lambda tenths: tenths / 10)
    )
    return draw(frames | text("ascii").filter(lambda t: not t.startswith("\x3c")))


def _files(kind: AlarmFileList, draw: Draw, owner: Any) -> AlarmFiles:
    # Whether a driver stands behind decides how the names are written: it is drawn first.
    owner.driver_id = draw(st.none() | text("ascii"))
    driven = owner.driver_id is not None
    if draw(st.booleans()):
        names = draw(st.lists(_NAMES, max_size=3))
        return AlarmFiles(names)
    written = draw(text("ascii")).replace(";", "").encode("ascii", "surrogateescape") + (
        b";DRIVERID:" if driven else b""
    )
    value, _ = kind.read(written, 0, len(written), owner, [])
    return value


register(TemperatureSensor, _temperature, greedy=True)
register(AlarmFileList, _files, greedy=True)
register(AlarmDriver, lambda kind, draw, owner: owner.driver_id, greedy=True)

#: every layout of the book (of the answers, which are all empty, one) with a name for the test's id
ENTRIES = [entry for entry in BOOK if entry.cls.__wire__.rows or entry.identity in (0x01, 0x8A)]
MESSAGES = [entry.cls for entry in ENTRIES]
IDS = [f"{entry.identity:02X}-{entry.cls.__name__}" for entry in ENTRIES]
