"""Who may come in: the password, the brake, the keys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from twisted.conch.error import ValidPublicKey
from twisted.conch.ssh.keys import FingerprintFormats, Key
from twisted.cred.credentials import SSHPrivateKey
from twisted.cred.error import UnauthorizedLogin

from jimigw.gateway.brakes import Brakes
from jimigw.ops.manhole.access import Credentials, ManholeError, load_credentials
from jimigw.ops.manhole.ssh import KeyChecker, Known, _make_host_key, load_host_key


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_password_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "manhole.password"
    made = load_credentials(file, "admin")
    assert mode(file) == 0o600
    assert re.fullmatch(r"([a-z2-7]{4}-){5}[a-z2-7]{4}", made.password)
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    assert lines == ["user: admin", f"password: {made.password}"]
    again = load_credentials(file, "admin")
    assert (again.user, again.password) == (made.user, made.password)
    assert [each.name for each in tmp_path.iterdir()] == ["manhole.password"]


def test_credentials_do_not_show_themselves() -> None:
    assert "secret" not in repr(Credentials("admin", "secret"))


def test_another_user_in_the_config_keeps_the_password(tmp_path: Path) -> None:
    file = tmp_path / "manhole.password"
    made = load_credentials(file, "admin")
    other = load_credentials(file, "ops")
    assert (other.user, other.password) == ("ops", made.password)
    assert "user: ops\n" in file.read_text()
    assert mode(file) == 0o600


def test_a_file_that_others_can_read_is_taken_from_them(tmp_path: Path) -> None:
    file = tmp_path / "manhole.password"
    file.write_text("user: admin\npassword: chosen by hand\n")
    file.chmod(0o644)
    assert load_credentials(file, "admin").password == "chosen by hand"
    assert mode(file) == 0o600


@pytest.mark.parametrize("text", ["", "user: admin\n", "password:\n", "# password: no\n"])
def test_a_file_without_a_password_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "manhole.password"
    file.write_text(text)
    with pytest.raises(ManholeError, match="there is no line 'password: "):
        load_credentials(file, "admin")


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ManholeError, match="cannot be used: No such file"):
        load_credentials(tmp_path / "nowhere" / "manhole.password", "admin")


@pytest.mark.parametrize(
    ("user", "password", "right"),
    [
        ("admin", "s3cret", True),
        ("admin", "S3cret", False),
        ("admin", "s3cret ", False),
        ("admin", "", False),
        ("root", "s3cret", False),
        ("", "", False),
        ("admin\ud800", "s3cret", False),
    ],
)
def test_the_comparison(user: str, password: str, right: bool) -> None:
    assert Credentials("admin", "s3cret").are(user, password) is right


def test_the_brake_doubles_and_is_bounded() -> None:
    brakes = Brakes(first=1, longest=16, memory=600)
    waits = []
    for now in range(8):
        waits.append(brakes.wait("192.0.2.1", now))
        brakes.failed("192.0.2.1", now)
    assert waits == [0, 1, 2, 4, 8, 16, 16, 16]
    assert brakes.wait("192.0.2.2", 8) == 0


def test_the_brake_forgets() -> None:
    brakes = Brakes(memory=600)
    assert brakes.failed("a", 0) == 1
    assert brakes.failed("a", 1) == 2
    assert brakes.wait("a", 601) == 2
    assert brakes.wait("a", 602) == 0
    assert brakes.failed("a", 602) == 1
    brakes.passed("a")
    assert brakes.wait("a", 603) == 0


def test_the_brake_remembers_a_bounded_number_of_addresses() -> None:
    brakes = Brakes(most=3)
    for each in "abcd":
        brakes.failed(each, 0)
    assert len(brakes) == 3
    assert [brakes.wait(each, 0) for each in "abcd"] == [0, 1, 1, 1]


def new_key() -> Key:
    key = Key.fromString(_make_host_key())
    assert isinstance(key, Key)
    return key


def public(key: Key, comment: str = "") -> str:
    line: bytes = key.public().toString("openssh")
    return line.decode() + (f" {comment}" if comment else "") + "\n"


def signed(key: Key, user: bytes = b"admin", data: bytes = b"session") -> SSHPrivateKey:
    return SSHPrivateKey(user, key.sshType(), key.public().blob(), data, key.sign(data))


def test_the_host_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "manhole.host_key"
    key = load_host_key(file)
    assert mode(file) == 0o600
    assert key.sshType() == b"ssh-ed25519"
    assert load_host_key(file) == key
    file.write_text("no key\n")
    with pytest.raises(ManholeError, match="it is no SSH key"):
        load_host_key(file)


def test_keys(tmp_path: Path) -> None:
    right, nameless, strange, limited = new_key(), new_key(), new_key(), new_key()
    file = tmp_path / "keys"
    file.write_text(
        f"# operators\n\n{public(right, 'anna at work')}{public(nameless)}no key\n"
        f'command="date" {public(limited)}{right.toString("openssh").decode()}'
    )
    file.chmod(0o600)
    checker = KeyChecker(file, "admin")
    assert checker.requestAvatarId(signed(right)) == Known("admin", "anna at work")
    assert checker.requestAvatarId(signed(nameless)).key == nameless.fingerprint(FingerprintFormats.SHA256_BASE64)
    for refused in (
        signed(strange),
        signed(limited),
        signed(right, user=b"root"),
        SSHPrivateKey(b"admin", b"", b"junk", b"", b"x"),
        SSHPrivateKey(b"admin", right.sshType(), right.public().blob(), b"session", strange.sign(b"session")),
    ):
        with pytest.raises(UnauthorizedLogin):
            checker.requestAvatarId(refused)
    # A client asks first whether a key is worth signing with.
    with pytest.raises(ValidPublicKey):
        checker.requestAvatarId(SSHPrivateKey(b"admin", right.sshType(), right.public().blob(), None, None))
    with pytest.raises(UnauthorizedLogin):
        checker.requestAvatarId(SSHPrivateKey(b"admin", strange.sshType(), strange.public().blob(), None, None))
    file.write_text(public(strange))
    assert checker.requestAvatarId(signed(strange)).user == "admin"


def test_a_file_of_keys_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    key, file = new_key(), tmp_path / "keys"
    file.write_text(public(key))
    file.chmod(0o664)
    assert KeyChecker(file, "admin").keys() == []
    file.chmod(0o644)
    assert len(KeyChecker(file, "admin").keys()) == 1
    assert KeyChecker(tmp_path / "none", "admin").keys() == []
