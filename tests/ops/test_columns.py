"""Text in columns: what is cut, and where."""

import pytest

from jimigw.ops.columns import fitted, width_of


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("VERSION", 7, "VERSION"),
        ("VERSION", 6, "VERSI…"),
        ("VERSION", 1, "…"),
        ("粤B12345", 8, "粤B12345"),
        ("粤B12345", 7, "粤B123…"),
        ("粤粤粤", 4, "粤…"),
        ("", 1, ""),
    ],
)
def test_fitted(text: str, width: int, expected: str) -> None:
    assert fitted(text, width) == expected
    assert width_of(fitted(text, width)) <= width
