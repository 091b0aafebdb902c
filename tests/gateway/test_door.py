"""Registration and authentication of JT/T 808 terminals."""

import stat
from pathlib import Path

import pytest

from jimigw.gateway.admission import Open
from jimigw.gateway.door import Door, DoorError, load_secret
from tests.support.admission import listed

SECRET = bytes(range(32))


def test_a_terminal_gets_a_code_of_its_own_and_the_same_again() -> None:
    door = Door(Open(), SECRET)
    result, code = door.register("13912345678", {})
    assert result == 0
    assert len(code) == 20
    assert door.register("13912345678", {}) == (0, code)
    assert door.register("13912345679", {})[1] != code
    assert Door(Open(), SECRET).authenticate("13912345678", code)


@pytest.mark.parametrize("wrong", ["", "x", "AAAAAAAAAAAAAAAAAAAA", "\udcff", "code" * 100])
def test_any_other_code_is_refused(wrong: str) -> None:
    assert not Door(Open(), SECRET).authenticate("13912345678", wrong)


def test_a_code_of_another_secret_is_refused() -> None:
    _, code = Door(Open(), SECRET).register("13912345678", {})
    assert not Door(Open(), bytes(32)).authenticate("13912345678", code)


def test_who_is_not_listed_is_unknown_and_stays_out() -> None:
    _, code = Door(Open(), SECRET).register("13912345678", {})
    door = Door(listed("13912345679"), SECRET)
    assert door.register("13912345678", {}) == (4, "")
    assert not door.authenticate("13912345678", code)
    assert door.register("13912345679", {})[0] == 0


def test_the_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "jt808.secret"
    secret = load_secret(path)
    assert len(secret) == 32
    assert load_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_damaged_secret_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "jt808.secret"
    path.write_bytes(b"short")
    with pytest.raises(DoorError, match=r"it has 5 bytes.*remove the file"):
        load_secret(path)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DoorError, match="cannot be used"):
        load_secret(tmp_path / "none" / "jt808.secret")
