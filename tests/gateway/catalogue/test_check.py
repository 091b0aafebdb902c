"""What the catalogue lets through, what it refuses, and that nothing slips by."""

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jimigw.gateway.catalogue import LONGEST, CommandRefused, Entry, Risk, check, entries, families, lookup

LISTED = [(family, entry) for family in families() for entry in entries(family)]
READ, CHANGE, ACT, DANGER = Risk.READ, Risk.CHANGE, Risk.ACT, Risk.DANGER


def refused(text: str, family: str = "jc400", **options: bool) -> CommandRefused:
    with pytest.raises(CommandRefused) as caught:
        check(text, family, **options)
    return caught.value


@pytest.mark.parametrize(("family", "entry"), LISTED, ids=lambda part: getattr(part, "form", part))
def test_every_example_of_the_lists_is_right_and_goes_out_as_it_stands(family: str, entry: Entry) -> None:
    command = check(entry.example, family, confirm=True)
    assert (command.text, command.entry) == (entry.example, entry)
    assert (command.risk, command.repeatable) == (entry.risk, entry.repeatable)


@pytest.mark.parametrize(("family", "entry"), LISTED, ids=lambda part: getattr(part, "form", part))
def test_every_line_is_whole(family: str, entry: Entry) -> None:
    assert entry in lookup(entry.name.lower(), family)
    assert re.fullmatch(r"[A-Z][^<>|]*\.", entry.does), entry.does
    assert not (entry.repeatable and entry.risk is DANGER)
    assert len({argument.name for argument in entry.arguments}) == len(entry.arguments)
    if entry.query:
        command = check(entry.query, family)
        assert (command.text, command.risk, command.repeatable) == (entry.query, READ, True)
    elif entry.risk is DANGER:
        assert refused(entry.example, family).code == "confirm"


@pytest.mark.parametrize(
    ("family", "count", "first", "last"),
    [("jc400", 116, "A001", "H008"), ("jc371", 83, "A001", "E042"), ("jc181", 34, "A001", "D012")],
)
def test_the_lists_are_there(family: str, count: int, first: str, last: str) -> None:
    numbers = [entry.number for entry in entries(family) if entry.number]
    assert (len(numbers), numbers[0], numbers[-1]) == (count, first, last)
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("typed", "sent", "risk", "repeatable"),
    [
        ("version", "VERSION", READ, True),
        ("VERSION#", "VERSION", READ, True),
        ("  VERSION # ", "VERSION", READ, True),
        ("server", "SERVER", READ, True),
        ("APN#", "APN", READ, True),
        ("eventset", None, None, None),
        ("PICTURE,INOUT", "Picture,inout", ACT, False),
        ("video,out,5S#", "Video,out,5s", ACT, False),
        ("rtmp,on,inout#", "RTMP,ON,INOUT", ACT, True),
        ("RTMP,OFF", "RTMP,OFF", ACT, True),
        ("RTMP,ON,PIP,180", "RTMP,ON,PIP,180", ACT, True),
        ("timer, on , 60", "TIMER,ON,60", CHANGE, True),
        ("TIMER,OFF", "TIMER,OFF", CHANGE, True),
        ("timesync,GPS", "TIMESYNC,gps", CHANGE, True),
        ("mirror,IN,off", "MIRROR,in,OFF", CHANGE, True),
        ("REPLAYLIST,off", "REPLAYLIST,OFF", ACT, True),
        ("EVIDEO,2026-09-17 06:40:08,2", "EVIDEO,2026-09-17 06:40:08,2", ACT, False),
        ("FILELIST", "FILELIST", ACT, False),
        ("FILELIST,http://gw.example.org:23010/filelist/353376110008882", None, CHANGE, True),
        ("RSERVICE", "RSERVICE", READ, True),
        ("MILEAGE,ON,86154000", "MILEAGE,ON,86154000", CHANGE, False),
        ("EXBATALM", "EXBATALM", READ, True),
        ("RAPIDACC,2", "RAPIDACC,2", CHANGE, True),
        ("RAPIDACC,on,3,30", "RAPIDACC,ON,3,30", CHANGE, True),
        ("SOS", "SOS", READ, True),
        ("wakeup_query", "WAKEUP_QUERY", ACT, True),
    ],
)
def test_what_needs_no_confirmation(typed: str, sent: str | None, risk: Risk | None, repeatable: bool | None) -> None:
    if risk is None:
        assert refused(typed).code == "unknown"
        return
    command = check(typed)
    assert (command.text, command.risk, command.repeatable) == (sent or typed, risk, repeatable)


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ("jc400", "SERVER,1,gw.example.org,21100"),
        ("jc400", "SERVER,0,192.0.2.7,21100#"),
        ("jc400", "APN#net#net"),
        ("jc400", "APN,{apn},{apn},,,,,,user,,password,,,,"),
        ("jc400", "RSERVICE,rtmp://gw.example.org/live"),
        ("jc400", "RESTORE"),
        ("jc400", "reboot"),
        ("jc400", "FORMAT"),
        ("jc400", "RELAY,0"),
        ("jc400", "DYD#"),
        ("jc400", "HFYD"),
        ("jc400", "UPDATE,https://example.org/a.bin"),
        ("jc400", "ENCRYPT,VIDEO,OFF"),
        ("jc400", "PASSWORD,666666,123456"),
        ("jc400", "COREKITSW,1"),
        ("jc371", "SERVER,gw.example.org,21122"),
        ("jc371", "RESET"),
        ("jc371", "FORMAT,1"),
        ("jc371", "BCD,1"),
        ("jc181", "SERVER,0,192.0.2.7,21122"),
        ("jc181", "camera,tf,format"),
        ("jc181", "FACTORY"),
    ],
)
def test_danger_wants_a_confirmation(family: str, text: str) -> None:
    error = refused(text, family)
    assert error.code == "confirm"
    assert "with a confirmation" in error.message
    command = check(text, family, confirm=True)
    assert (command.risk, command.repeatable) == (DANGER, False)


@pytest.mark.parametrize(
    ("text", "argument", "sentence"),
    [
        ("TIMER,ON,soon", "B", "TIMER: B (interval, seconds) is 'soon', but should be a whole number."),
        ("TIMER,PERHAPS", "A", "ON or OFF"),
        ("SERVER,1,,21100", "A", "is empty, but should be an IPv4 address"),
        ("TIMER,ON,10,20", None, "3 values follow TIMER, but it takes 2 at most"),
        ("HTTPUPLOADLIMIT,11,3", "A", "'11', but should be a whole number from 1 to 10"),
        ("HTTPUPLOADLIMIT,5", "B", "B (time between two, minutes) is missing"),
        ("SERVER,0,gw.example.org,21100", None, "mode 0 wants an IP address"),
        ("SERVER,2,gw.example.org,21100", "M", "0 (IP address) or 1 (domain name)"),
        ("SERVER,1,gw.example.org", "P", "from 1 to 65535"),
        ("SERVER,1,gw.example.org,65536", "P", "from 1 to 65535"),
        ("SERVER,1,gw example,1", "A", "an IPv4 address or a domain name"),
        ("SERVER,0,1.2.3.256,1", "A", "an IPv4 address"),
        ("UPLOAD,gw.example.org/upload", "A", "http://host[:port][/path]"),
        ("UPLOAD,ftp://gw.example.org", "A", "http://"),
        ("UPLOAD,http://gw.example.org:99999/", "A", "http://"),
        ("HVIDEO,2026_02_29_10_00_00,1", "A", "a time on the camera's own clock as YYYY_MM_DD_HH_MM_SS"),
        ("HVIDEO,2026-02-28 10:00:00,1", "A", "YYYY_MM_DD_HH_MM_SS"),
        ("HVIDEO,2026_02_28_10_00_00,0", "B", "1 (front) or 2 (cabin)"),
        ("EVIDEO,2026-02-28 10:60:00,1", "A", "YYYY-MM-DD HH:MM:SS"),
        ("EVIDEO,2026-02-28 10:00:00,1,61", "C", "from 10 to 60"),
        ("TFFILELIST,20261301,0", "A", "YYYYMMDD"),
        ("Picture,top", "A", "in (cabin), out (front) or inout (both)"),
        ("Video,in,11s", "B", "3s"),
        ("UPLOADFILE,../etc/passwd", "A", "a file name"),
        ("REPLAYLIST," + ",".join(["a.ts"] * 9), None, "it takes 8 at most"),
        ("SOS,X,1", None, "value 1 should be one of A, D"),
        ("SOS,A,help", "A", "a phone number"),
        ("UPLOADSW,RAIN,ON", "A", "SOS, CRASH"),
        ("TIMEZONE,8", "A", "such as +08:00"),
        ("RELAY", "A", "RELAY: A (relay) is missing: it should be 0 (restore) or 1 (cut). Its form: RELAY,<A>"),
        ("PASSWORD", "A", "PASSWORD,<A>,<B>"),
        ("CAMERA,TF", "A", "IN (cabin) or OUT (front)"),
    ],
)
def test_wrong_values(text: str, argument: str | None, sentence: str) -> None:
    error = refused(text, confirm=True)
    assert (error.code, error.argument) == ("argument", argument)
    assert sentence in error.message
    assert str(error) == error.message


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "there is no command"),
        ("   ", "there is no command"),
        ("#", "there is no command"),
        ("##", "begins with its name"),
        (",A", "begins with its name"),
        ("VERSION\n", "character 8 is a line break"),
        ("VERSION\r\nRESTORE", "character 8 is a line break"),
        ("TIMER,ON,\t60", "character 10 is U+0009"),
        ("VERSION\0", "U+0000"),
        ("VERSION\x7f", "U+007F"),
        ("VERSIÓN", "character 6 is U+00D3"),
        ("CAR,粤B12345", "U+7CA4"),
        ("VERSION\u2028RESTORE", "U+2028"),
        ("VERSION##", "character 8 is '#', which ends a command"),
        ("VERSION#RESTORE", "character 8 is '#'"),
        ("VERSION#RESTORE#", "character 8 is '#'"),
        ("TIMER,ON,60#SERVER,1,evil.example,1", "character 12 is '#'"),
        ("CAR,a#RESTORE", "character 6 is '#'"),
        ("UPLOAD,http://gw.example.org/#RESTORE", "is '#'"),
        ("FILTER#666666#CRASH#5", "character 7 is '#'"),
        ("APN#only", "exactly APN#<A>#<B>"),
        ("APN#a#b#c", "exactly APN#<A>#<B>"),
        ("APN#a#b,RESTORE", "exactly APN#<A>#<B>"),
        ("APN,a#b", "exactly APN#<A>#<B>"),
        ("APN##", "exactly APN#<A>#<B>"),
        ("apn#a#b", "exactly APN#<A>#<B>"),
        ("APN# a#b", "exactly APN#<A>#<B>"),
        ("FOO#RESTORE", "character 4 is '#'"),
        ("CAR," + "x" * 248, f"has 252 characters; a terminal takes {LONGEST}"),
    ],
)
@pytest.mark.parametrize("unknown", [False, True])
def test_what_no_flag_lets_through(text: str, sentence: str, unknown: bool) -> None:
    error = refused(text, confirm=True, unknown=unknown)
    assert error.code == "syntax"
    assert sentence in error.message


def test_the_longest_command_fills_its_frame() -> None:
    text = "CAR," + "x" * (LONGEST - 4)
    assert check(text + "#").text == text
    assert len(text) + 4 == 0xFF


@pytest.mark.parametrize(
    ("family", "text", "without", "sent"),
    [
        ("jc400", "NEWTHING", "unknown", "NEWTHING"),
        ("jc400", "newthing,1, 2 #", "unknown", "newthing,1, 2"),
        ("jc400", "timer,60", "argument", "TIMER,60"),
        ("jc400", "SERVER,1,gw.example.org,21100,0", "argument", "SERVER,1,gw.example.org,21100,0"),
        ("jc400", "FACTORY", "unknown", "FACTORY"),
        ("jc400", "RELAY", "argument", "RELAY"),
        ("jc371", "RESTORE", "unknown", "RESTORE"),
    ],
)
def test_what_is_not_listed_goes_out_on_demand(family: str, text: str, without: str, sent: str) -> None:
    assert refused(text, family, confirm=True).code == without
    command = check(text, family, confirm=True, unknown=True)
    assert (command.text, command.entry, command.risk, command.repeatable) == (sent, None, DANGER, False)


@pytest.mark.parametrize("text", ["FACTORY", "RELAY", "SERVER,1,gw.example.org,21100,0", "RESET", "APN,a"])
def test_what_is_a_danger_in_any_list_wants_its_confirmation_too(text: str) -> None:
    assert refused(text, unknown=True).code == "confirm"


@pytest.mark.parametrize("text", ["NEWTHING", "TIMER,60", "VIDEORSL,1"])
def test_what_nobody_lists_as_a_danger_wants_none(text: str) -> None:
    assert check(text, unknown=True).text == text


def test_an_unknown_name_says_who_has_it() -> None:
    assert refused("BCD,0").message == "'BCD' is no command in the list of jc400; jc371, jc181 has it"
    assert refused("NEWTHING").message == "'NEWTHING' is no command in the list of jc400"


@pytest.mark.parametrize("text", ["EVENTSET,ALDW", "EVENTALERT,ADCA", "ADAS,CALIBRATION", "DMSSP,ADAS", "VOLUME"])
def test_queries_with_the_words_that_belong_to_them(text: str) -> None:
    command = check(text.lower(), "jc371")
    assert (command.text, command.risk, command.repeatable) == (text, READ, True)


def test_a_bare_header_that_asks_for_nothing() -> None:
    error = refused("EVENTSET", "jc371")
    assert error.code == "argument"
    assert "value 1 should be one of AOSD, AODD" in error.message


# -- anything at all ------------------------------------------------------------------------------------------------

_VALUES = {word for _, entry in LISTED for word in re.split("[,#]", entry.example)}
_words = st.sampled_from(sorted(_VALUES | {"", " ", "#", "\n", "OFF", "on"}))
_joined = st.lists(_words, max_size=9).map(",".join)
_hashed = st.lists(_words, max_size=4).map("#".join)
_mangled = st.builds(
    lambda text, place, piece: text[: place % (len(text) + 1)] + piece + text[place % (len(text) + 1) :],
    st.sampled_from([entry.example for _, entry in LISTED]),
    st.integers(0, 300),
    st.text(string.printable + "é粤\u2028", max_size=3),
)
ANYTHING = st.one_of(st.text(max_size=300), st.text(string.printable, max_size=260), _joined, _hashed, _mangled)


@given(ANYTHING, st.sampled_from(families()), st.booleans(), st.booleans())
@example("APN#a#b", "jc400", True, False)
@example("APN #a#b", "jc400", True, True)
@example("FOO , x", "jc400", True, True)
@example("FOO# #", "jc400", True, True)
def test_any_text_is_refused_or_is_one_command(text: str, family: str, confirm: bool, unknown: bool) -> None:
    try:
        command = check(text, family, confirm=confirm, unknown=unknown)
    except CommandRefused as error:
        assert error.message.isprintable()
        assert len(error.message) < 2_000
        assert error.code in ("syntax", "argument", "unknown", "confirm")
        return
    sent = command.text
    assert re.fullmatch(r"[!-~]([ -~]*[!-~])?", sent)
    assert len(sent) <= LONGEST
    assert "#" not in sent or re.fullmatch(r"APN#[^#,]+#[^#,]+", sent)
    assert confirm or command.risk is not DANGER or command.entry is None
    assert unknown or command.entry is not None
    assert check(sent, family, confirm=confirm, unknown=unknown) == command
