"""Strategies for what the columns of the store hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
from hypothesis import strategies as st

from jimigw.model.report import Position

texts = st.text(st.characters(codec="utf-8"), max_size=20)
times = st.floats(0, 4e9)
words = st.none() | texts
flags = st.none() | st.booleans()
counts = st.integers(-(1 << 63), (1 << 63) - 1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
jsons = st.recursive(
    st.none() | st.booleans() | counts | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
positions = st.builds(
    Position,
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)),
    numbers,
    numbers,
    fix=flags,
    speed_kmh=st.none() | numbers,
    course=st.none() | counts,
    altitude_m=st.none() | counts,
    satellites=st.none() | counts,
    mileage_m=st.none() | numbers,
    ignition=flags,
    replayed=flags,
    time_source=st.sampled_from(["terminal", "server"]),
).filter(lambda position: abs(position.latitude + position.longitude) < 1e308)


def fields(value: Any) -> dict[str, Any]:
    """The fields, not those of what is in them."""
    return attrs.asdict(value, recurse=False)
