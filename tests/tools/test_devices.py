"""``jimigw devices``: lists of terminals into a real store and out of it, also while a service has it open."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.gateway.device_list import COLUMNS, MAX_BYTES, NoList, check_digit, read_list, written
from jimigw.gateway.device_merge import merge
from jimigw.model.device import Card, State
from jimigw.model.report import Alarm, Position
from jimigw.store import Database
from jimigw.store.rows import row_of_state
from jimigw.tools.main import parser
from tests.store.harness import Bench
from tests.tools.running import Ran, run

A, B, C = "863000000000014", "863000000000022", "863000000000030"
"""IMEIs with right check digits."""


def devices(folder: Path, *words: str, stdin: bytes | str = b"") -> Ran:
    command, *others = words
    return run("devices", command, "--set", f'data_dir="{folder}"', *others, stdin=stdin)


def imported(folder: Path, text: bytes | str, *words: str) -> Ran:
    return devices(folder, "import", *words, "-", stdin=text)


def stored(folder: Path) -> dict[str, Card]:
    with Database.for_reading(folder / "store.sqlite") as database:
        return {card.id: card for card in database.cards()}


def facts(card: Card) -> dict[str, Any]:
    """What is not the default, without the revision."""
    fresh = Card(card.id)
    return {name: value for name in COLUMNS[1:] if (value := getattr(card, name)) != getattr(fresh, name)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data of a service that knows three terminals and has heard two of them."""
    with Database.for_service(tmp_path / "store.sqlite") as database, database.transaction():
        database.exchange_cards(
            [
                Card(A, imei=A, plate="粤B 1", name="Truck 1", zone=480, listed=True),
                Card("13912345678", phone="13912345678", imei=B, notes="spare\nin depot", listed=True),
                Card("999"),
            ]
        )
        position = Position(datetime(2026, 11, 20, 8, 0, tzinfo=UTC), 22.5, -0.25, speed_kmh=10.5, ignition=True)
        heard = State("jimi", 1.79e9, 1.7951616e9, 3, model="JC400P", auth_code="secret", position=position)
        heard.alarm, heard.alarm_at = Alarm(1, "SOS \x1b[31m"), 1.7951616e9
        database.save_states([row_of_state(A, heard), row_of_state("999", State("jt808", told_plate="told 9"))])
    return tmp_path


class TestReading:
    """What a file says, line by line."""

    @pytest.mark.parametrize(
        ("text", "cards"),
        [
            # plain lists
            (f"{A}\n{B}\r\n", {A: {"imei": A}, B: {"imei": B}}),
            (f"# depot\n\n  {A}  # spare\n", {A: {"imei": A}}),
            (f'\ufeff"{A}";"Truck 1"\n', {A: {"imei": A, "notes": "Truck 1"}}),
            (f"{A}\ttruck, red\n", {A: {"imei": A, "notes": "truck, red"}}),
            ("00139\n+86139", {"139": {"phone": "139"}, "86139": {"phone": "86139"}}),
            ("AB12cd", {"AB12cd": {}}),
            ("1" * 20, {"1" * 20: {"phone": "1" * 20}}),
            # tables
            (f"imei\n{A}\n", {A: {"imei": A}}),
            (f"IMEI,Plate , N A M E\n{A},粤B 1,Truck 1\n", {A: {"imei": A, "plate": "粤B 1", "name": "Truck 1"}}),
            (f"plate;imei;phone\nB 1;{A};0139", {A: {"imei": A, "phone": "139", "plate": "B 1"}}),
            ("id\tphone\ncam1\t00139\n# a comment\n\n\t\t\ncam2\t\n", {"cam1": {"phone": "139"}, "cam2": {}}),
            (f"\ufeffimei,\n{A},\n\n,\n", {A: {"imei": A}}),
            (f'imei, notes\n{A}, "a, ""b""\n# c"\n', {A: {"imei": A, "notes": 'a, "b"\n# c'}}),
            ("imei\n86-300000-000001-4\n", {A: {"imei": A}}),
            (f"imei,phone\n{A},+86 (139) 000-111\n", {A: {"imei": A, "phone": "86139000111"}}),
        ],
    )  # fmt: skip
    def test_right_ones(self, text: str, cards: dict[str, dict[str, Any]]) -> None:
        listing = read_list(text.encode())
        assert (listing.problems, listing.doubts) == ([], [])
        merger = merge(listing.entries, [])
        assert {card.id: facts(card) for card in merger.new} == {
            id: values | {"listed": True} for id, values in cards.items()
        }

    @pytest.mark.parametrize(
        ("text", "minutes"),
        [
            ("480", 480),
            ("-210", -210),
            ("+345", 345),
            ("0", 0),
            ("+08:00", 480),
            ("-03:30", -210),
            ("UTC+8", 480),
            ("gmt-3:30", -210),
            ("utc+14:00", 840),
            ("", None),
        ],
    )
    def test_zones(self, text: str, minutes: int | None) -> None:
        [card] = merge(read_list(f"imei,zone\n{A},{text}\n".encode()).entries, []).new
        assert card.zone == minutes

    @pytest.mark.parametrize(
        ("word", "listed"),
        [("yes", True), ("TRUE", True), ("1", True), ("", True), ("No", False), ("false", False), ("0", False)],
    )
    def test_listed(self, word: str, listed: bool) -> None:
        [card] = merge(read_list(f"imei,listed\n{A},{word}\n".encode()).entries, []).new
        assert card.listed is listed

    @pytest.mark.parametrize(
        ("text", "problems"),
        [
            # plain lists
            (f"{A}\nplate\n", {2: "'plate' is no IMEI or phone number; the columns of a header are id, imei, phone,"}),
            (f"{A}\nx-1\n{B}\n!2", {2: "id: 'x-1' is no id", 4: "id: '!2' is no id: it has up to 32 letters and"}),
            ("8" * 40, {1: "phone: '8888888888888888888888888888888888888888' has 40 digits; a phone number has 1 to"}),
            ("000", {1: "phone: '000' has 0 digits"}),
            # tables
            (f"imei\n{A}1\n", {2: f"imei: '{A}1' has 16 digits; an IMEI has 15"}),
            ("imei\n8.63E+14\n", {2: "imei: '8.63E+14' is no IMEI: it has 15 digits; a spreadsheet has shortened it"}),
            ("phone\n８６３\n", {2: "phone: '８６３' is no phone number"}),
            ("id\ncam 1\n", {2: "id: 'cam 1' is no id"}),
            (f"imei,plate\n,B 1\n{A},B 2\n", {2: "there is no id, IMEI or phone number"}),
            (f"imei,plate\n{A},B 1,x\n{B}\n", {2: "the header names 2 columns, the line has 3", 3: "the"}),
            (f"imei,zone\n{A},8", {2: "zone: '8' is no time zone: minutes east of UTC, as in 480, or +08:00"}),
            (f"imei,zone\n{A},east\n{B},+15:00", {2: "zone: 'east' is no", 3: "zone: '+15:00' is no"}),
            (f"imei,listed\n{A},perhaps\n", {2: "listed: 'perhaps' is neither yes nor no"}),
            (f"imei,plate\n{A},{'x' * 41}\n", {2: f"plate: '{'x' * 40}...' has 41 characters"}),
            (f"imei,name\n{A},a\x1bb\n", {2: "name: 'a\\x1bb' has a character that cannot be shown: '\\x1b'"}),
            (f'imei,name\n{A},"a"b\n{B},c\n', {2: "the quotes are not right"}),
            (f'imei,name\n{B},c\n\n{A},"a\n', {4: "the quotes are not right (unexpected end of data)"}),
            (f'imei,notes\n{A},"{"x" * 200_000}"\n', {2: "the quotes are not right (field larger than"}),
            (f"imei,name\n{A},x\n# c\n{A},y\n", {4: f"the terminal {A} is in line 2 already"}),
            (f"imei,phone\n{A},139\n{B},0139\n", {3: f"139 is already the terminal {A}"}),
            (f"id,imei\n1,{A}\n2,{A}\n", {3: f"{A} is already the terminal 1"}),
        ],
    )  # fmt: skip
    def test_wrong_lines_are_named(self, text: str, problems: dict[int, str]) -> None:
        listing = read_list(text.encode())
        found = [*listing.problems, *merge(listing.entries, []).problems]
        assert [problem.line for problem in found] == list(problems)
        for problem, start in zip(found, problems.values(), strict=True):
            assert problem.sentence.startswith(start)

    @pytest.mark.parametrize(
        ("data", "sentence"),
        [
            (b"imei\n1\nx\xff\n", "line 3: it is not UTF-8; save the file as UTF-8"),
            ("imei\n1".encode("utf-16"), "line 1: it is not UTF-8"),
            (b"# c\nimei,plates\n", "line 2: there is no column 'plates'; there are id, imei, phone, plate,"),
            (b"imei,IMEI\n", "line 1: the column 'imei' is there twice"),
            (b"plate,name\n", "line 1: there is no column that tells terminals apart: id, imei or phone"),
            (b"1" * (MAX_BYTES + 1), "it is longer than 64 MiB"),
        ],
    )
    def test_wrong_files(self, data: bytes, sentence: str) -> None:
        with pytest.raises(NoList, match=sentence):
            read_list(data)

    @pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"# nothing\n\n", b"imei\n"])
    def test_nobody(self, data: bytes) -> None:
        listing = read_list(data)
        assert (listing.entries, listing.problems) == ([], [])

    @pytest.mark.parametrize(
        ("imei", "digit"), [("490154203237518", "8"), ("352099001761481", "1"), (A, "4"), ("000000000000000", "0")]
    )
    def test_check_digit(self, imei: str, digit: str) -> None:
        assert check_digit(imei) == digit

    def test_a_wrong_check_digit_is_a_doubt(self) -> None:
        listing = read_list(f"{A}\n{A[:-1]}9".encode())
        assert len(listing.entries) == 2
        [doubt] = listing.doubts
        assert (doubt.line, doubt.sentence) == (
            2,
            f"imei: {A[:-1]}9 should end with 4 by its check digit; is it right?",
        )

    @given(st.binary(max_size=200) | st.text('imeid,;\t"\n\r# 0123é', max_size=80).map(str.encode))
    def test_whatever_comes(self, data: bytes) -> None:
        try:
            listing = read_list(data)
        except NoList:
            return
        merger = merge(listing.entries, [])
        assert len(merger.new) <= len(listing.entries)


class TestMerging:
    """What a list changes of the cards that there are."""

    known = [Card("1", imei=A, phone="139", plate="B 1", notes="n", listed=True), Card("2", imei=B), Card(C)]

    @pytest.mark.parametrize(
        ("text", "changed", "same"),
        [
            # by id, IMEI, phone number, and by an id that is one
            ("id,plate\n1,B 2", {"1": {"imei": A, "phone": "139", "plate": "B 2", "notes": "n", "listed": True}}, 0),
            (f"imei,name\n{B},x", {"2": {"imei": B, "name": "x", "listed": True}}, 0),
            ("phone,notes\n0139,", {"1": {"imei": A, "phone": "139", "plate": "B 1", "listed": True}}, 0),
            (f"imei\n{C}", {C: {"imei": C, "listed": True}}, 0),
            # what is known already
            ("id\n1", {}, 1),
            (f"imei,phone,plate\n{A},139,B 1", {}, 1),
            ("id,listed\n2,no\n1,yes", {}, 2),
            # an exchange, and a number that becomes free
            (f"id,imei\n1,{B}\n2,{A}", {"1": {"imei": B, "phone": "139", "plate": "B 1", "notes": "n", "listed": True},
                                        "2": {"imei": A, "listed": True}}, 0),
            ("id,phone\n1,\n2,139", {"1": {"imei": A, "plate": "B 1", "notes": "n", "listed": True},
                                     "2": {"imei": B, "phone": "139", "listed": True}}, 0),
        ],
    )  # fmt: skip
    def test_changes(self, text: str, changed: dict[str, Any], same: int) -> None:
        merger = merge(read_list(text.encode()).entries, self.known)
        assert (merger.problems, merger.new) == ([], [])
        assert {card.id: facts(card) for card in merger.changed} == changed
        assert merger.same == same

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (f"imei,phone\n{B},139", "its IMEI is that of the terminal 2, its phone number that of 1; name the id, or"),
            (f"id,imei\n7,{A}", f"{A} is already the terminal 1"),
            (f"id,phone\n2,{C}", f"{C} is already the terminal {C}"),
            (f"id\n{A}", f"{A} is already the terminal 1"),
            (f"id,imei\n1,{B}", f"{B} is already the terminal 2"),
        ],
    )
    def test_clashes(self, text: str, sentence: str) -> None:
        [problem] = merge(read_list(text.encode()).entries, self.known).problems
        assert problem.sentence.startswith(sentence)

    def test_a_line_that_is_left_out_keeps_its_numbers_from_others(self) -> None:
        text = f"id,imei\n1,{C}\n2,{A}\n5,{B}\n"  # 1 cannot leave its IMEI to 2, nor 2 its own to 5
        merger = merge(read_list(text.encode()).entries, self.known)
        assert [problem.line for problem in merger.problems] == [2, 3, 4]
        assert merger.cards == []

    def test_replace(self) -> None:
        merger = merge(read_list(b"id\n2").entries, self.known, replace=True)
        assert [(card.id, card.listed, card.plate) for card in merger.unlisted] == [("1", False, "B 1")]
        assert self.known[0].listed

    @given(
        st.lists(
            st.builds(
                Card,
                st.text("abcXYZ019", min_size=1, max_size=32).map("i".__add__).map(lambda id: id[:32]),
                plate=st.none() | st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1),
                zone=st.none() | st.integers(-48, 56).map(lambda quarters: quarters * 15),
                listed=st.booleans(),
                notes=st.none() | st.text("ab,;\"'\n\t#é", min_size=1).map(str.strip).filter(bool),
            ),
            max_size=5,
            unique_by=lambda card: card.id,
        ).filter(lambda cards: all(card.plate is None or len(card.plate) <= 40 for card in cards))
    )
    def test_what_is_exported_is_imported_again(self, cards: list[Card]) -> None:
        listing = read_list(written(cards).encode())
        assert listing.problems == []
        merger = merge(listing.entries, cards, replace=True)
        assert (merger.same, merger.cards, merger.problems) == (len(cards), [], [])
        assert {card.id: facts(card) for card in merge(listing.entries, []).new} == {
            card.id: facts(card) for card in cards
        }


class TestImport:
    def test_into_a_store_that_is_not_there_yet(self, tmp_path: Path) -> None:
        (tmp_path / "fleet.csv").write_text(f"imei;plate\n{A};B 1\n{B};\n")
        ran = devices(tmp_path / "data", "import", str(tmp_path / "fleet.csv"))
        assert (ran.status, ran.out, ran.err) == (0, "2 new, 0 changed, 0 as before\n", "")
        assert facts(stored(tmp_path / "data")[A]) == {"imei": A, "plate": "B 1", "listed": True}

    def test_nothing_while_a_line_is_wrong(self, folder: Path) -> None:
        before = stored(folder)
        ran = imported(folder, f"imei,zone\n{C},480\nx,1\n{A}")
        assert (ran.status, ran.out) == (1, "")
        assert ran.err.splitlines() == [
            "jimigw: standard input, line 3: imei: 'x' is no IMEI: it has 15 digits",
            "jimigw: standard input, line 3: zone: '1' is no time zone: minutes east of UTC, as in 480, or +08:00",
            "jimigw: standard input, line 4: the header names 2 columns, the line has 1",
            "jimigw: nothing was imported: 2 lines are wrong",
        ]
        assert {id: facts(card) for id, card in stored(folder).items()} == {
            id: facts(card) for id, card in before.items()
        }

    def test_the_good_lines_only(self, folder: Path) -> None:
        ran = imported(folder, f"{C}\nx!\n{A}", "--skip-bad")
        assert (ran.status, ran.out) == (1, "1 new, 0 changed, 1 as before, 1 wrong line left out\n")
        assert "standard input, line 2: 'x!' is no IMEI or phone number" in ran.err
        assert stored(folder)[C].listed

    def test_replace(self, folder: Path) -> None:
        ran = imported(folder, f"{A}\n{C}", "--replace")
        assert (ran.status, ran.out) == (0, "1 new, 0 changed, 1 as before, 1 listed no more\n")
        assert {id: card.listed for id, card in stored(folder).items()} == {
            A: True, C: True, "13912345678": False, "999": False,
        }  # fmt: skip

    def test_replace_wants_all_lines_right(self, folder: Path) -> None:
        ran = imported(folder, A, "--replace", "--skip-bad")
        assert (ran.status, ran.out) == (1, "")
        assert "would shut out" in ran.err

    def test_only_what_changes_is_written(self, folder: Path) -> None:
        before = stored(folder)
        assert imported(folder, devices(folder, "export").out).out == "0 new, 0 changed, 3 as before\n"
        after = stored(folder)
        assert [id for id in after if after[id].revision != before[id].revision] == []

    def test_few_doubts_are_shown(self, tmp_path: Path) -> None:
        wrong = "".join(
            f"86300000000{number:03d}{(int(check_digit(f'86300000000{number:03d}')) + 1) % 10}\n"
            for number in range(100)
        )
        ran = imported(tmp_path, wrong)
        assert ran.status == 0
        assert len(ran.err.splitlines()) == 21
        assert ran.err.endswith("standard input: and 80 more IMEIs like that\n")

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [("none.csv", "none.csv: No such file or directory"), (".", "Is a directory")],
    )
    def test_files_that_cannot_be_read(self, tmp_path: Path, name: str, sentence: str) -> None:
        ran = devices(tmp_path, "import", str(tmp_path / name))
        assert (ran.status, sentence in ran.err) == (1, True)
        assert not (tmp_path / "store.sqlite").exists()

    def test_a_wrong_header(self, folder: Path) -> None:
        ran = imported(folder, "imei;plates\n")
        assert (ran.status, ran.err.startswith("jimigw: standard input: line 1: there is no column 'plates'")) == (
            1,
            True,
        )

    def test_a_running_service_hears_of_it(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path / "store.sqlite")
        bench.result(bench.store.save_states([(A, State("jimi")), (B, State("jimi"))]))
        assert imported(tmp_path, f"imei,plate\n{A},B 1\n{C},B 3\n").status == 0
        assert devices(tmp_path, "remove", B).status == 0
        bench.seconds()
        [changes] = bench.changes
        assert {card.id: (card.plate, card.listed) for card in changes.cards} == {A: ("B 1", True), C: ("B 3", True)}
        assert changes.removed == [B]
        assert [device.id for device in Database.for_reading(tmp_path / "store.sqlite").devices()] == [A, C]
        bench.close()


class TestList:
    def test_as_a_table(self, folder: Path) -> None:
        ran = devices(folder, "list")
        assert ran.status == 0
        assert [line.split() for line in ran.lines] == [
            ["id", "IMEI", "plate", "name", "listed", "protocol", "model", "last", "seen"],
            ["13912345678", B, "yes", "never"],
            [A, "粤B", "1", "Truck", "1", "yes", "jimi", "JC400P", "2026-11-20", "08:00Z"],
            ["999", "told", "9", "no", "jt808", "never"],
        ]

    @pytest.mark.parametrize(
        ("pattern", "ids"),
        [
            ("*", ["13912345678", A, "999"]),
            ("jc400*", [A]),
            ("TRUCK ?", [A]),
            ("粤*", [A]),
            ("told*", ["999"]),
            (B, ["13912345678"]),
            ("139*", ["13912345678"]),
            ("nobody", []),
        ],
    )
    def test_patterns(self, folder: Path, pattern: str, ids: list[str]) -> None:
        ran = devices(folder, "list", pattern, "--json")
        assert [json.loads(line)["id"] for line in ran.lines] == ids
        assert len(devices(folder, "list", pattern).lines) == (len(ids) + 1 if ids else 0)

    def test_as_json(self, folder: Path) -> None:
        [found] = [json.loads(line) for line in devices(folder, "list", A, "--json").lines]
        assert found == {
            "id": A, "imei": A, "plate": "粤B 1", "name": "Truck 1", "zone": 480, "listed": True,
            "protocol": "jimi", "model": "JC400P", "logins": 3,
            "first_seen": "2026-09-21T14:13:20Z", "last_seen": "2026-11-20T08:00:00Z",
            "position": {"time": "2026-11-20T08:00:00Z", "latitude": 22.5, "longitude": -0.25, "fix": None,
                         "speed_kmh": 10.5, "course": None, "altitude_m": None, "satellites": None, "mileage_m": None,
                         "ignition": True, "replayed": None, "time_source": "terminal"},
            "alarm": {"code": 1, "name": "SOS \x1b[31m"}, "alarm_at": "2026-11-20T08:00:00Z",
        }  # fmt: skip

    @pytest.mark.parametrize("name", ["13912345678", "013912345678", "+13912345678", B])
    def test_show(self, folder: Path, name: str) -> None:
        ran = devices(folder, "show", name)
        assert ran.status == 0
        assert [line.split(maxsplit=1) for line in ran.lines] == [
            ["id", "13912345678"],
            ["imei", B],
            ["phone", "13912345678"],
            ["listed", "yes"],
            ["notes", "spare\\nin depot"],
        ]

    def test_what_terminals_say_steers_no_screen(self, folder: Path) -> None:
        lines = devices(folder, "show", A).lines
        assert "alarm name            SOS \\x1b[31m" in lines
        assert "position speed kmh    10.5" in lines
        assert not any("secret" in line for line in lines)

    def test_show_nobody(self, folder: Path) -> None:
        ran = devices(folder, "show", "0")
        assert (ran.status, ran.err) == (1, "jimigw: there is no terminal '0'\n")


class TestRemove:
    def test_by_any_name(self, folder: Path) -> None:
        ran = devices(folder, "remove", B, "999", "013912345678")
        assert (ran.status, ran.out) == (0, "2 removed\n")
        assert list(stored(folder)) == [A]

    def test_all_or_none(self, folder: Path) -> None:
        ran = devices(folder, "remove", A, "nobody")
        assert (ran.status, ran.err) == (1, "jimigw: there is no terminal 'nobody'\njimigw: nothing was removed\n")
        assert len(stored(folder)) == 3


@pytest.mark.parametrize("words", [("list",), ("show", "1"), ("remove", "1"), ("export",)])
def test_no_store(tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = devices(tmp_path, *words)
    assert (ran.status, ran.err) == (1, f"jimigw: There is no store at {tmp_path / 'store.sqlite'}.\n")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("words", [("list",), ("show", "1"), ("remove", "1"), ("export",), ("import", "-")])
def test_a_file_that_is_no_store(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "store.sqlite").write_text("no store" * 1000)
    ran = devices(tmp_path, *words)
    assert (ran.status, ran.err) == (1, f"jimigw: The file {tmp_path / 'store.sqlite'} is not a jimigw store.\n")


def test_wrong_config(tmp_path: Path) -> None:
    ran = run("devices", "list", "--set", "jimi.nonsense=1")
    assert (ran.status, "jimi.nonsense: there is no such key" in ran.err) == (1, True)


@pytest.mark.parametrize("words", [(), ("nonsense",), ("import",), ("remove",), ("show",)])
def test_wrong_arguments(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser(["devices"]).parse_args(["devices", *words])
    assert "error:" in capsys.readouterr().err
