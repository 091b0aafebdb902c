"""A test whose server is missing is skipped, but fails where the server is required."""

from collections.abc import Callable
from typing import NoReturn

import pytest


@pytest.mark.parametrize(
    ("required", "outcome"),
    [
        ("", pytest.skip.Exception),
        ("nats", pytest.skip.Exception),
        ("postgresql", pytest.fail.Exception),
        ("nats, postgresql", pytest.fail.Exception),
        ("postgresql2", pytest.skip.Exception),
    ],
)
def test_a_missing_server(
    required: str,
    outcome: type[BaseException],
    require_server: Callable[[str, str], NoReturn],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JIMIGW_TEST_REQUIRE", required)
    with pytest.raises(outcome, match=r"postgresql.*: no binary found"):
        require_server("postgresql", "no binary found")
