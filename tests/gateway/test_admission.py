"""The list of terminals that are let in."""

from pathlib import Path

import pytest

from jimigw.gateway.admission import AdmissionError, Listed, Open


def test_open_lets_everyone_in() -> None:
    assert Open().admits("anything")


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("863000000000001\n863000000000002\n", {"863000000000001", "863000000000002"}),
        ("863000000000001, Truck 7, Lyon\r\n", {"863000000000001"}),
        ("# depot north\n\n  863000000000001  # spare\n", {"863000000000001"}),
        ('\ufeff"863000000000001";"Truck"\n', {"863000000000001"}),
        ("863000000000001\tx", {"863000000000001"}),
        ("", set()),
    ],
)
def test_lines(tmp_path: Path, text: str, known: set[str]) -> None:
    (tmp_path / "list.csv").write_text(text, "utf-8")
    listed = Listed.from_file(tmp_path / "list.csv")
    assert listed.identities == known
    assert not listed.admits("863000000000009")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("863000000000001\nplate AB-123\nx!\n", "line 3: 'x!' is not an IMEI or phone number"),
        ("8" * 40, "line 1: '8888888888888888888888888888888888888888' is not an IMEI or phone number"),
    ],
)
def test_what_is_no_identity_is_named_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "list").write_text(text, "utf-8")
    with pytest.raises(AdmissionError, match=complaint):
        Listed.from_file(tmp_path / "list")


def test_a_list_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AdmissionError, match="cannot be read"):
        Listed.from_file(tmp_path / "none")
