"""Attachments of alarms: the conversation, what is between frames, and what terminals do that they should not."""

from __future__ import annotations

import random
import struct
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jimigw.protocols.events import Send
from jimigw.protocols.jt808.attachment_events import FileBegins, FileEnds, Listed, Piece, Settings
from jimigw.protocols.jt808.attachment_stream import MARK, AttachmentStream, Data, Packet, head_of
from jimigw.protocols.jt808.frame import Frame, Junk, frames_of
from tests.protocols.jt808.attaching import (
    CLIP,
    IDENTITY,
    NOW,
    NUMBER,
    PHONE,
    PICTURE,
    Platform,
    Terminal,
    answers,
    data_of,
    frame_of,
    listing,
)

JPEG, MP4 = data_of(700), data_of(2000, 3)


def conversation(terminal: Terminal) -> bytes:
    """Two files, in pieces of 300 bytes."""
    return (
        terminal.list((PICTURE, len(JPEG)), (CLIP, len(MP4)))
        + terminal.whole(PICTURE, JPEG, 300)
        + terminal.whole(CLIP, MP4, 300, type=2)
    )


WELL = [
    "8001 1210/0=0",
    "8001 1211/1=0",
    f"9212 {PICTURE}=0",
    "8001 1211/3=0",
    f"9212 {CLIP}=0",
]
CAME = {PICTURE: JPEG, CLIP: MP4}


class TestConversation:
    @pytest.mark.parametrize("edition", [2013, 2019])
    def test_two_files(self, edition: int) -> None:
        platform = Platform()
        assert platform.hear(conversation(Terminal(edition))) == WELL
        assert platform.complete == CAME
        assert platform.kinds == ["Listed", "FileBegins", "FileEnds", "FileBegins", "FileEnds"]
        assert (platform.session.dropped, platform.session.counters.junk) == (0, 0)

    def test_what_the_events_say(self) -> None:
        platform = Platform()
        platform.hear(conversation(Terminal()))
        listed, begins = (
            next(each for each in platform.events if isinstance(each, kind)) for kind in (Listed, FileBegins)
        )
        assert isinstance(listed, Listed) and isinstance(begins, FileBegins)
        assert (listed.phone, listed.number, listed.kind) == (PHONE, NUMBER, 0)
        assert listed.identity == b"T000001".hex() + "261118190640070200"
        assert listed.files == ((PICTURE, 700), (CLIP, 2000))
        assert (begins.phone, begins.name, begins.type, begins.size, begins.number, begins.fresh) == (
            PHONE,
            PICTURE,
            0,
            700,
            NUMBER,
            True,
        )
        assert platform.session.phone == PHONE

    @pytest.mark.parametrize("step", [1, 2, 3, 7, 61, 62, 63, 1000])
    def test_in_pieces_of_any_size(self, step: int) -> None:
        platform = Platform()
        assert platform.slowly(conversation(Terminal()), step) == WELL
        assert platform.complete == CAME

    def test_split_at_every_point(self) -> None:
        terminal = Terminal()
        data = terminal.list((PICTURE, 40)) + terminal.whole(PICTURE, JPEG[:40], 25)
        for at in range(1, len(data)):
            platform = Platform()
            platform.hear(data[:at])
            platform.hear(data[at:])
            assert platform.complete == {PICTURE: JPEG[:40]}, at

    def test_data_are_handed_on_as_they_come_and_nothing_of_a_packet_is_kept(self) -> None:
        platform, terminal, big = Platform(), Terminal(), data_of(100_000)
        platform.hear(terminal.list((CLIP, len(big))) + terminal.begin(CLIP, len(big)))
        packet = terminal.data(CLIP, big, len(big))
        for at in range(0, len(packet), 1460):
            platform.hear(packet[at : at + 1460])
            assert len(platform.session._stream._data) <= 1460 + 62
        pieces = [event for event in platform.events if isinstance(event, Piece)]
        assert len(pieces) == 69
        assert max(len(piece.data) for piece in pieces) == 1460
        assert b"".join(piece.data for piece in pieces) == big

    def test_missing_pieces_are_asked_for_until_all_are_there(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((CLIP, 2000)) + terminal.begin(CLIP, 2000, 2))
        for offset in (500, 1500):
            platform.hear(terminal.piece(CLIP, MP4, offset, 250))
        assert platform.hear(terminal.end(CLIP, 2000, 2)) == [f"9212 {CLIP}=1 0+500 750+750 1750+250"]
        platform.hear(terminal.piece(CLIP, MP4, 0, 500) + terminal.piece(CLIP, MP4, 750, 750))
        assert platform.hear(terminal.end(CLIP, 2000, 2)) == [f"9212 {CLIP}=1 1750+250"]
        assert platform.hear(terminal.piece(CLIP, MP4, 1750, 250) + terminal.end(CLIP, 2000, 2)) == [f"9212 {CLIP}=0"]
        assert platform.complete == {CLIP: MP4}

    def test_the_answer_that_asks_fits_in_one_frame(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((CLIP, 2000)) + terminal.begin(CLIP, 2000))
        for offset in range(1, 2000, 2):
            platform.hear(terminal.piece(CLIP, MP4, offset, 1))
        (said,) = platform.hear(terminal.end(CLIP, 2000))
        asked = said.split()[2:]
        assert len(asked) == (1023 - 4 - len(CLIP)) // 8
        assert asked[:2] == ["0+1", "2+1"]
        platform.hear(b"".join(terminal.piece(CLIP, MP4, offset, 1) for offset in range(0, 2000, 2)))
        assert platform.hear(terminal.end(CLIP, 2000)) == [f"9212 {CLIP}=0"]

    def test_after_a_break_the_list_has_what_is_missing(self) -> None:
        first, terminal = Platform(), Terminal()
        first.hear(conversation(terminal)[:1500])
        second = Platform()
        refill = terminal.list((CLIP, 2000), kind=1)
        assert second.hear(refill + terminal.whole(CLIP, MP4))[-1] == f"9212 {CLIP}=0"
        assert isinstance(second.events[0], Listed) and second.events[0].kind == 1

    def test_heartbeats_go_on(self) -> None:
        platform, terminal = Platform(), Terminal()
        assert platform.hear(terminal.say(0x0002, {})) == ["8001 0002/0=0"]
        platform.hear(terminal.list((CLIP, 2000)) + terminal.begin(CLIP, 2000))
        assert platform.hear(terminal.piece(CLIP, MP4, 0, 9) + terminal.say(0x0002, {})) == ["8001 0002/3=0"]

    def test_no_answer_to_an_answer_and_no_promise_for_a_report(self) -> None:
        platform, terminal = Platform(), Terminal()
        assert platform.hear(terminal.say(0x0001, {"seq": 1, "id": 0x9212, "result": 0})) == []
        assert platform.hear(terminal.say(0x0200, bytes(28))) == ["8001 0200/1=3"]
        assert platform.hear(terminal.say(0x0102, b"code")) == ["8001 0102/2=0"]


#: a conversation that a library published (su_biao), with a file of twelve bytes that is made up
PUBLISHED = (
    "7e1210005a00000000100100013132333463642e3132333463642e250219204100010100323032342d31312d32325f31305f30305f30305f"
    "00000000000000000000000000011c323032342d31312d32325f31305f30305f30305f646174612e7478740000000c407e",
    "7e1211002200000000100100021c323032342d31312d32325f31305f30305f30305f646174612e747874040000000c657e",
    "30316364" + b"2024-11-22_10_00_00_data.txt".ljust(50, b"\0").hex() + "000000000000000c" + b"hello, world".hex(),
    "7e1212002200000000100100031c323032342d31312d32325f31305f30305f30305f646174612e747874040000000c677e",
)


def test_a_published_conversation() -> None:
    platform = Platform()
    for each in PUBLISHED:
        platform.hear(bytes.fromhex(each))
    assert platform.complete == {"2024-11-22_10_00_00_data.txt": b"hello, world"}
    (answer,) = frames_of(platform.sent[-1])
    assert isinstance(answer, Frame)
    # 7e9212002000000000100100031c...00e97e: the same but for the serial number of the platform
    assert answer.body.hex() == "1c323032342d31312d32325f31305f30305f30305f646174612e747874040000"
    assert answer.header.digits == "000000001001"


@pytest.mark.parametrize(
    ("body", "size", "prefixed"),
    [
        (
            "3132333463642e" + "00" * 23 + "3132333463642e" + "00" * 23 + "24120619041201020000"
            "323032342d31312d32325f31305f30305f30305f" + "00" * 12 + "00021c323032342d31312d32325f31305f30305f30305f"
            "646174612e747874000803e620323032342d31312d32325f31305f30305f30305f72747673393130312e706e670005633f",
            40,
            False,
        ),
        (
            "3132333463642e" + "00" * 23 + "2412061836590102"
            "323032342d31312d32325f31305f30305f30305f" + "00" * 12 + "00021c323032342d31312d32325f31305f30305f30305f"
            "646174612e747874000803e620323032342d31312d32325f31305f30305f30305f72747673393130312e706e670005633f",
            38,
            True,
        ),
    ],
    ids=["Guangdong", "Heilongjiang"],
)
def test_published_lists_of_other_provinces(body: str, size: int, prefixed: bool) -> None:
    platform, terminal = Platform(), Terminal(2013, "1001")
    assert platform.hear(terminal.say(0x1210, bytes.fromhex(body))) == ["8001 1210/0=0"]
    (listed,) = platform.events
    assert isinstance(listed, Listed)
    assert listed.files == (
        ("2024-11-22_10_00_00_data.txt", 525286),
        ("2024-11-22_10_00_00_rtvs9101.png", 353087),
    )
    assert (listed.number, len(listed.identity)) == ("2024-11-22_10_00_00_", 2 * size)
    assert platform.session._stream.prefixed is prefixed


class TestDialects:
    """Forms of the list, and of the head of a packet; see ``_PREFIXED``."""

    WIDE = {**IDENTITY, "terminal_id": "T0000010000000000000", "size": 40}

    @pytest.mark.parametrize(
        ("ident", "terminal_id", "prefixed", "size"),
        [
            (IDENTITY, "T000001", False, 16),
            (WIDE, "T0000010000000000000", False, 40),
            ({**WIDE, "size": 38}, None, True, 38),
            ({**WIDE, "size": 39}, "T0000010000000000000", False, 39),
            ({**IDENTITY, "size": 32}, "T000001", False, 32),
        ],
        ids=["Jiangsu", "Guangdong", "Heilongjiang", "Sichuan", "Hunan"],
    )
    @pytest.mark.parametrize("step", [1, 4096])
    def test_a_file(self, ident: dict[str, Any], terminal_id: str | None, prefixed: bool, size: int, step: int) -> None:
        platform, terminal = Platform(), Terminal(prefixed=prefixed)
        data = terminal.list((PICTURE, 700), ident=ident, terminal_id=terminal_id) + terminal.whole(PICTURE, JPEG, 200)
        platform.slowly(data, step)
        assert platform.complete == {PICTURE: JPEG}
        assert isinstance(platform.events[0], Listed)
        assert len(bytes.fromhex(platform.events[0].identity)) == size
        assert platform.session._stream.prefixed is prefixed

    @pytest.mark.parametrize("prefixed", [False, True])
    @pytest.mark.parametrize("step", [1, 10_000])
    def test_the_other_head_is_understood_all_the_same(self, prefixed: bool, step: int) -> None:
        ident, terminal_id = (IDENTITY, "T000001") if prefixed else ({**self.WIDE, "size": 38}, None)
        platform, terminal = Platform(), Terminal(prefixed=prefixed)
        data = terminal.list((PICTURE, 700), ident=ident, terminal_id=terminal_id) + terminal.whole(PICTURE, JPEG, 200)
        platform.slowly(data, step)
        assert platform.complete == {PICTURE: JPEG}

    def test_a_short_packet_with_a_prefixed_name_does_not_wait_for_more(self) -> None:
        platform, terminal = Platform(), Terminal(prefixed=True)
        platform.hear(terminal.list(("a.jpg", 3)) + terminal.begin("a.jpg", 3))
        platform.hear(terminal.piece("a.jpg", b"abc", 0, 3))
        assert platform.files["a.jpg"] == b"abc"

    def test_a_name_longer_than_its_field(self) -> None:
        long = [f"02_65_6502_{number:03d}_{NUMBER}.h264" for number in (1, 2)]
        assert all(len(name) > 50 for name in long)
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list(*((name, 700) for name in long)))
        for name, seed in zip(long, (4, 5), strict=True):
            platform.hear(terminal.whole(name, data_of(700, seed), 300))
        assert platform.complete == {name: data_of(700, seed) for name, seed in zip(long, (4, 5), strict=True)}

    def test_names_that_share_their_first_fifty_bytes_belong_to_the_one_that_began(self) -> None:
        names = ["x" * 50 + "1.jpg", "x" * 50 + "2.jpg"]
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list(*((name, 3) for name in names)))
        platform.hear(terminal.whole(names[1], b"two") + terminal.whole(names[0], b"one"))
        assert platform.complete == {names[1]: b"two", names[0]: b"one"}

    def test_names_that_are_no_text_come_back_as_they_were(self) -> None:
        raw = b"\xff\xff.jpg"
        platform, terminal = Platform(), Terminal()
        name = raw.decode("gb18030", "surrogateescape")
        shown = r"\xff\xff.jpg"
        body = listing((shown, 3))
        platform.hear(terminal.say(0x1210, body) + terminal.begin(shown, 3))
        head = head_of(raw, 0, 3)
        assert platform.hear(head + b"abc" + terminal.end(shown, 3)) == [f"9212 {shown}=0"]
        assert name.encode("gb18030", "surrogateescape") == raw
        assert platform.complete == {shown: b"abc"}

    def test_a_name_in_chinese(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list(("报警.jpg", 3)) + terminal.whole("报警.jpg", b"abc"))
        assert platform.complete == {"报警.jpg": b"abc"}


class TestRefusals:
    @pytest.mark.parametrize(("step", "unlisted"), [(1, 4), (10_000, 0)])
    def test_a_list_that_is_refused(self, step: int, unlisted: int) -> None:
        platform = Platform(refused=[NUMBER])
        assert platform.slowly(conversation(Terminal()), step) == [
            "8001 1210/0=1",
            "8001 1211/1=1",
            "8001 1212/2=1",
            "8001 1211/3=1",
            "8001 1212/4=1",
        ]
        assert platform.complete == {}
        assert platform.session.counters.unlisted == unlisted

    def test_a_file_that_is_refused_costs_the_others_nothing(self) -> None:
        platform = Platform(refused=[PICTURE])
        assert platform.hear(conversation(Terminal())) == [
            "8001 1210/0=0",
            "8001 1211/1=1",
            "8001 1212/2=1",
            "8001 1211/3=0",
            f"9212 {CLIP}=0",
        ]
        assert platform.complete == {CLIP: MP4}

    def test_a_file_that_is_given_up_on_its_way(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((CLIP, 2000)) + terminal.begin(CLIP, 2000) + terminal.piece(CLIP, MP4, 0, 500))
        platform.session.drop(CLIP)
        del platform.files[CLIP]
        before = len(platform.events)
        platform.hear(terminal.piece(CLIP, MP4, 500, 1500))
        assert len(platform.events) == before
        assert platform.session.counters.passed == 1500
        assert platform.hear(terminal.end(CLIP, 2000)) == ["8001 1212/2=1"]
        assert platform.hear(terminal.whole(CLIP, MP4))[-1] == f"9212 {CLIP}=0"

    def test_a_file_that_no_list_has(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)))
        assert platform.hear(terminal.whole(CLIP, MP4) + terminal.whole(PICTURE, JPEG)) == [
            "8001 1211/1=1",
            "8001 1212/2=1",
            "8001 1211/3=0",
            f"9212 {PICTURE}=0",
        ]

    def test_nothing_new_for_a_file_that_is_asked_for_again_and_again(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.begin(PICTURE, 700))
        platform.hear(terminal.piece(PICTURE, JPEG, 0, 300))
        said = [platform.hear(terminal.end(PICTURE, 700))[0] for _ in range(7)]
        assert said[:6] == [f"9212 {PICTURE}=1 300+400"] * 6
        assert said[6].startswith("8001 1212/") and said[6].endswith("=1")

    def test_the_same_piece_again_and_again_is_nothing_new(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.begin(PICTURE, 700))
        said = []
        for _ in range(7):
            platform.hear(terminal.piece(PICTURE, JPEG, 0, 300))
            said += platform.hear(terminal.end(PICTURE, 700))
        assert said[-1].endswith("=1") and said[-1].startswith("8001")


class TestSizesAndRepeats:
    def test_a_file_that_begins_again_goes_on(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.begin(PICTURE, 700))
        platform.hear(terminal.piece(PICTURE, JPEG, 0, 300) + terminal.begin(PICTURE, 700))
        assert platform.hear(terminal.end(PICTURE, 700)) == [f"9212 {PICTURE}=1 300+400"]
        begun = [each.fresh for each in platform.events if isinstance(each, FileBegins)]
        assert begun == [True, False]

    def test_a_file_that_begins_with_another_size_begins_anew(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.begin(PICTURE, 700))
        platform.hear(terminal.piece(PICTURE, JPEG, 0, 300) + terminal.begin(PICTURE, 600))
        assert platform.hear(terminal.end(PICTURE, 600)) == [f"9212 {PICTURE}=1 0+600"]
        assert platform.hear(terminal.data(PICTURE, JPEG[:600]) + terminal.end(PICTURE, 600)) == [f"9212 {PICTURE}=0"]
        assert platform.complete == {PICTURE: JPEG[:600]}

    def test_0x1211_may_say_another_size_than_the_list(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 100)))
        assert platform.hear(terminal.whole(PICTURE, JPEG))[-1] == f"9212 {PICTURE}=0"

    @pytest.mark.parametrize(
        ("came", "told", "said"),
        [
            ([(0, 700)], 700, "=0"),
            ([(0, 700)], 900, "=1 700+200"),  # it has grown
            ([(0, 500)], 500, "=0"),  # it is shorter, and exactly so much has come
            ([(0, 500)], 400, "=1 500+200"),
            ([(0, 100), (200, 500)], 500, "=1 100+100 500+200"),
            ([], 0, "=1 0+700"),  # it does not say how long it is: no reason to believe that it is empty
        ],
    )
    def test_0x1212_may_say_another_size(self, came: list[tuple[int, int]], told: int, said: str) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.begin(PICTURE, 700))
        for begin, end in came:
            platform.hear(terminal.piece(PICTURE, JPEG, begin, end - begin))
        assert platform.hear(terminal.end(PICTURE, told)) == [f"9212 {PICTURE}{said}"]

    def test_an_empty_file(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 0)))
        assert platform.hear(terminal.whole(PICTURE, b""))[-1] == f"9212 {PICTURE}=0"
        assert platform.complete == {PICTURE: b""}

    def test_0x1212_again_is_answered_again(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.whole(PICTURE, JPEG))
        assert platform.hear(terminal.end(PICTURE, 700)) == [f"9212 {PICTURE}=0"]
        assert platform.hear(terminal.data(PICTURE, JPEG)) == []
        assert platform.session.counters.passed == 700

    def test_a_complete_file_may_come_again(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.whole(PICTURE, JPEG))
        other = data_of(700, 9)
        assert platform.hear(terminal.whole(PICTURE, other))[-1] == f"9212 {PICTURE}=0"
        assert platform.complete == {PICTURE: other}

    def test_data_without_0x1211(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)))
        assert platform.hear(terminal.data(PICTURE, JPEG)) == []
        assert platform.hear(terminal.end(PICTURE, 700)) == [f"9212 {PICTURE}=0"]
        assert platform.complete == {PICTURE: JPEG}

    def test_0x1212_without_anything_asks_for_everything(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)))
        assert platform.hear(terminal.end(PICTURE, 700)) == [f"9212 {PICTURE}=1 0+700"]
        assert platform.kinds == ["Listed", "FileBegins", "FileEnds"]

    def test_files_side_by_side(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700), (CLIP, 2000)))
        platform.hear(terminal.begin(PICTURE, 700) + terminal.begin(CLIP, 2000))
        for at in range(0, 2000, 100):
            platform.hear(
                terminal.piece(CLIP, MP4, at, 100) + terminal.piece(PICTURE, JPEG, at, 100)[: at < 700 and None]
            )
        platform.hear(terminal.end(PICTURE, 700) + terminal.end(CLIP, 2000))
        assert platform.complete == CAME

    def test_several_alarms_one_after_the_other(self) -> None:
        platform, terminal = Platform(), Terminal()
        for turn in range(40):
            number = f"{turn:032d}"
            name = f"00_64_6401_0_{number}.jpg"
            platform.hear(terminal.list((name, 700), number=number) + terminal.whole(name, JPEG))
        assert len(platform.complete) == 40
        assert len(platform.session._files._by_name) == 1


class TestLists:
    def test_in_parts(self) -> None:
        """Sub-packages: each is answered, the one that completes the list as the list is."""
        platform, terminal = Platform(), Terminal()
        names = [f"00_64_6401_{number}_{NUMBER}.jpg" for number in range(100)]
        frames = terminal.frames(0x1210, listing(*((name, 9) for name in names)))
        assert len(frames) == 6
        assert [said for frame in frames for said in platform.hear(frame)] == [f"8001 1210/{at}=0" for at in range(6)]
        (listed,) = platform.events[5:] if len(platform.events) == 6 else [platform.events[-1]]
        assert isinstance(listed, Listed) and [name for name, _ in listed.files] == names

    def test_a_part_that_is_missing_is_asked_for(self) -> None:
        platform, terminal = Platform(), Terminal()
        frames = terminal.frames(0x1210, listing(*((f"{number}.jpg", 9) for number in range(200))))
        assert len(frames) == 3
        platform.hear(frames[0] + frames[2])
        deadline = platform.session.deadline
        assert deadline is not None and deadline > NOW
        (asked,) = platform.session.expire(deadline)
        assert isinstance(asked, Send)
        assert list(answers(asked.data)) == ["8003 {'seq': 0, 'length': 1, 'ids': [2]}"]
        assert platform.hear(frames[1]) == ["8001 1210/1=0", "8001 1210/2=0"]
        assert isinstance(platform.events[-1], Listed)

    def test_parts_of_anything_else_are_not_kept(self) -> None:
        platform, terminal = Platform(), Terminal()
        assert platform.hear(frame_of(terminal, 0x0801, bytes(9), part=(3, 1))) == ["8001 0801/0=1"]

    @pytest.mark.parametrize("body", [b"", bytes(20), bytes(57 + 9), b"\xff" * 200])
    def test_that_cannot_be_read(self, body: bytes) -> None:
        platform, terminal = Platform(), Terminal()
        assert platform.hear(terminal.say(0x1210, body)) == ["8001 1210/0=2"]
        assert platform.session.counters.unreadable == 1

    def test_with_no_files(self) -> None:
        platform, terminal = Platform(), Terminal()
        assert platform.hear(terminal.list()) == ["8001 1210/0=0"]
        assert isinstance(platform.events[0], Listed) and platform.events[0].files == ()

    def test_names_twice_or_empty(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700), ("", 5), (PICTURE, 800)))
        assert isinstance(platform.events[0], Listed) and platform.events[0].files == ((PICTURE, 700),)

    def test_more_files_than_may_be_open(self) -> None:
        platform, terminal = Platform(settings=Settings(max_files=3)), Terminal()
        assert platform.hear(terminal.list(("a", 1), ("b", 1))) == ["8001 1210/0=0"]
        assert platform.hear(terminal.list(("c", 1), ("d", 1), number="2")) == ["8001 1210/1=1"]
        platform.hear(terminal.whole("a", b"a") + terminal.whole("b", b"b"))
        assert platform.hear(terminal.list(("c", 1), ("d", 1), number="2"))[0].endswith("=0")

    def test_the_same_list_again_leaves_what_has_come(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.begin(PICTURE, 700))
        platform.hear(terminal.piece(PICTURE, JPEG, 0, 300) + terminal.list((PICTURE, 700), kind=1))
        assert platform.hear(terminal.end(PICTURE, 700)) == [f"9212 {PICTURE}=1 300+400"]


class TestHostile:
    """Junk, wrong lengths, and frames of others."""

    def test_junk_between_everything(self) -> None:
        platform, terminal = Platform(), Terminal()
        junk = b"\x00junk 01c\x7d 0 01 01c"
        said = platform.hear(junk + terminal.list((PICTURE, 700)) + junk + terminal.begin(PICTURE, 700) + junk)
        for at in range(0, 700, 100):
            said += platform.hear(terminal.piece(PICTURE, JPEG, at, 100) + junk)
        said += platform.hear(terminal.end(PICTURE, 700) + junk)
        assert said == ["8001 1210/0=0", "8001 1211/1=0", f"9212 {PICTURE}=0"]
        assert platform.complete == {PICTURE: JPEG}

    @pytest.mark.parametrize("lost", ["opening", "closing", "shared", "doubled"])
    @pytest.mark.parametrize("step", [1, 10_000])
    def test_delimiters(self, lost: str, step: int) -> None:
        """A delimiter may be lost, shared or doubled: no frame but its own is lost, and no packet."""
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.begin(PICTURE, 700))
        first, second = terminal.say(0x0002, {}), terminal.say(0x0002, {})
        pair = {
            "opening": first[1:] + second,
            "closing": first + second[:-1],
            "shared": first + second[1:],
            "doubled": b"~~" + first + b"~~~" + second + b"~~",
        }[lost]
        platform.slowly(pair + terminal.data(PICTURE, JPEG, 100) + terminal.end(PICTURE, 700), step)
        beats = [said for said in platform.said if said.startswith("8001 0002")]
        assert platform.complete == {PICTURE: JPEG}
        # Where the first one has lost its opening delimiter, the frame before it has one to share.
        assert len(beats) == (1 if lost == "closing" else 2)

    def test_a_frame_with_a_wrong_check_code_before_a_packet(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.begin(PICTURE, 700))
        beat = terminal.say(0x0002, {})
        broken = beat[:-2] + bytes((beat[-2] ^ 1,)) + beat[-1:]
        platform.hear(broken + terminal.data(PICTURE, JPEG) + terminal.end(PICTURE, 700))
        assert platform.complete == {PICTURE: JPEG}
        assert platform.session.dropped == 1

    @pytest.mark.parametrize(
        ("offset", "length"),
        [(0, 701), (700, 1), (1, 700), (0xFFFFFFFF, 1), (0xFFFFFFFF, 0xFFFFFFFF), (0, 0xFFFFFFFF), (0, 1 << 20)],
    )
    def test_data_beyond_the_file_are_not_taken_and_count_as_missing(self, offset: int, length: int) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.begin(PICTURE, 700))
        told = MARK + PICTURE.encode().ljust(50, b"\0") + struct.pack(">II", offset, length)
        platform.hear(told + bytes(length if length <= 1 << 20 else 1000))
        assert not any(isinstance(event, Piece) for event in platform.events)
        assert platform.session.counters.beyond == 1
        assert platform.hear(terminal.end(PICTURE, 700)) == [f"9212 {PICTURE}=1 0+700"]
        platform.hear(terminal.data(PICTURE, JPEG) + terminal.end(PICTURE, 700))
        assert platform.complete == {PICTURE: JPEG}

    def test_a_length_that_is_none_does_not_swallow_what_follows(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.begin(PICTURE, 700))
        wrong = MARK + PICTURE.encode().ljust(50, b"\0") + b"\xff" * 8
        platform.hear(wrong + terminal.data(PICTURE, JPEG) + terminal.end(PICTURE, 700))
        assert platform.complete == {PICTURE: JPEG}

    def test_a_packet_of_nothing(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.begin(PICTURE, 700))
        platform.hear(head_of(PICTURE.encode(), 700, 0) + terminal.data(PICTURE, JPEG) + terminal.end(PICTURE, 700))
        assert platform.complete == {PICTURE: JPEG}

    def test_a_mark_alone_and_one_of_an_unknown_file(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.begin(PICTURE, 700))
        platform.hear(MARK + MARK + terminal.data(PICTURE, JPEG, 100)[:324])
        platform.hear(head_of(b"other.jpg", 0, 50) + b"~" * 50 + terminal.data(PICTURE, JPEG, 100)[324:])
        platform.hear(terminal.end(PICTURE, 700))
        while PICTURE not in platform.complete:
            assert platform.said[-1].startswith("9212")
            platform.hear(terminal.data(PICTURE, JPEG) + terminal.end(PICTURE, 700))
        assert platform.complete == {PICTURE: JPEG}

    def test_junk_is_bounded(self) -> None:
        platform = Platform(settings=Settings(max_junk=10_000))
        for _ in range(11):
            platform.hear(b"\x55" * 1000)
        assert platform.closed == "11000 bytes without a frame or a packet of a file"

    def test_data_of_unknown_files_are_junk(self) -> None:
        platform = Platform(settings=Settings(max_junk=10_000))
        platform.hear(head_of(b"unknown", 0, 10_001) + bytes(100))
        assert platform.closed == "10001 bytes without a frame or a packet of a file"

    def test_a_frame_that_never_ends_is_not_kept(self) -> None:
        platform = Platform(settings=Settings(max_junk=1 << 30))
        for _ in range(100):
            platform.hear(b"~" + b"\x55" * 999)
            platform.hear(b"~" + b"\x55" * 9999)
            assert len(platform.session._stream._data) <= 4096 + 3

    def test_the_end_of_noise_may_begin_a_mark(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)) + terminal.begin(PICTURE, 700))
        packet = terminal.data(PICTURE, JPEG)
        for at in (1, 2, 3):
            platform.hear(b"noise0" + b"\x01" + packet[:at])
            platform.hear(packet[at:])
        assert platform.files[PICTURE] == JPEG

    def test_another_terminal_on_the_same_connection_is_not_heard(self) -> None:
        platform, terminal = Platform(), Terminal()
        platform.hear(terminal.list((PICTURE, 700)))
        assert platform.hear(Terminal(phone="13900000000").begin(PICTURE, 9)) == []
        assert platform.session.counters.strangers == 1
        # The same terminal in the other header form is no stranger.
        assert platform.hear(Terminal(2013, serial=5).begin(PICTURE, 700)) == ["8001 1211/5=0"]

    def test_encrypted_frames(self) -> None:
        platform, terminal = Platform(), Terminal()
        assert platform.hear(frame_of(terminal, 0x1211, bytes(128), encrypt=1)) == ["8001 1211/0=3"]

    def test_pieces_of_one_byte_without_end(self) -> None:
        platform, terminal = Platform(settings=Settings(max_stretches=10)), Terminal()
        platform.hear(terminal.list((CLIP, 2000)) + terminal.begin(CLIP, 2000))
        for at in range(0, 2000, 2):
            platform.hear(terminal.piece(CLIP, MP4, at, 1))
        assert sum(isinstance(event, Piece) for event in platform.events) == 10
        (said,) = platform.hear(terminal.end(CLIP, 2000))
        assert said.endswith("19+1981")

    def test_events_are_ended_by_a_close(self) -> None:
        platform, terminal = Platform(settings=Settings(max_junk=10)), Terminal()
        platform.hear(b"x" * 11 + terminal.list((PICTURE, 700)))
        platform.hear(terminal.list((PICTURE, 700)))
        assert platform.kinds == ["Close"]


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    """``data`` in pieces."""
    at = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[begin:end] for begin, end in pairwise(at)]


noise = st.binary(max_size=30).map(lambda data: data.replace(b"~", b"-").replace(MARK, b"----"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_pieces_in_any_order_twice_and_overlapping(data: st.DataObject) -> None:
    """However a terminal cuts a file, it is whole in the end, and nothing else is."""
    size = data.draw(st.integers(1, 3000), "size")
    content = data_of(size, data.draw(st.integers(1, 250), "seed"))
    terminal = Terminal(prefixed=data.draw(st.booleans(), "prefixed"))
    platform = Platform()
    said = terminal.list((PICTURE, size)) + terminal.begin(PICTURE, size)
    spans = data.draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, 900)), max_size=12), "pieces")
    for offset, length in spans:
        said += data.draw(noise, "noise") + terminal.piece(PICTURE, content, offset, length)
    said += terminal.end(PICTURE, size)
    for piece in split(said, data.draw(st.lists(st.integers(0, 1 << 16), max_size=20), "cuts")):
        platform.hear(piece)
    for _ in range(100):
        last = platform.said[-1]
        if last == f"9212 {PICTURE}=0":
            break
        asked = [tuple(map(int, each.split("+"))) for each in last.split()[2:]]
        there = {byte for offset, length in spans for byte in range(offset, min(size, offset + length))}
        assert not any(set(range(offset, offset + length)) & there for offset, length in asked)
        platform.hear(b"".join(terminal.piece(PICTURE, content, *each) for each in asked))
        platform.hear(terminal.end(PICTURE, size))
    assert platform.complete == {PICTURE: content}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.binary(max_size=200) | st.sampled_from([b"~", MARK, b"~" + MARK, head_of(b"a.jpg", 0, 9)]), max_size=30)
)
def test_any_bytes(pieces: list[bytes]) -> None:
    """Nothing raises, nothing is made up, and what is kept is bounded."""
    platform, terminal = Platform(), Terminal()
    platform.hear(terminal.list(("a.jpg", 50)))
    for piece in pieces:
        platform.hear(piece)
        assert len(platform.session._stream._data) <= 4096 + 200
    assert {type(event) for event in platform.events} <= {Listed, FileBegins, Piece, FileEnds, Send}
    assert all(event.offset + len(event.data) <= 50 for event in platform.events if isinstance(event, Piece))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(0, 500), max_size=8))
def test_a_stream_is_the_same_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    rng = random.Random(data)
    terminal = Terminal()
    parts = [terminal.say(0x0002, {}), head_of(b"a", 0, 5) + b"~01cd", data, b"~", MARK]
    whole = b"".join(rng.choices(parts, k=6)) + terminal.say(0x0002, {})

    def read(pieces: list[bytes]) -> list[Any]:
        stream = AttachmentStream({b"a"}.__contains__)
        found: list[Any] = []
        for piece in pieces:
            stream.add(piece)
            while (each := stream.next()) is not None:
                if isinstance(each, Packet):
                    found.append(each)
                    if each.length < 1000:
                        stream.take(True)
                    else:
                        stream.reject()
                elif isinstance(each, Data):
                    found.extend(each.data)
                elif isinstance(each, Frame):
                    found.append(each.content)
                else:
                    assert isinstance(each, Junk)
                    assert each.data
        return found

    assert read([whole]) == read(split(whole, cuts)) == read([bytes((byte,)) for byte in whole])
