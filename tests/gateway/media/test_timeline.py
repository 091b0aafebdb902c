"""Lists of recordings as they are kept, and as timelines."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from datetime import UTC, datetime
from itertools import islice, pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jimigw.gateway.media.timeline import JOIN, LONGEST, Span, Timeline, playlist_of, timeline_of
from jimigw.tools.simulator.card import CABIN, ROAD, begins, block_name
from tests.support import recordings

DAY = datetime(2026, 8, 16, tzinfo=UTC).timestamp()


def clock(text: str) -> float:
    """A time of the day of all names here."""
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return DAY + 3600 * hours + 60 * minutes + seconds


def name(text: str, number: int = 1, extension: str = "ts") -> str:
    return f"2026_08_16_{text.replace(':', '_')}_{number:02d}.{extension}"


def timeline(*names: str, zone: int | None = 0, **more: float | int) -> Timeline:
    return timeline_of(playlist_of("490154203237518", names, 1.0), zone, **more)  # type: ignore[arg-type]


def shown(span: Span) -> str:
    return "-".join(f"{datetime.fromtimestamp(each, UTC):%H:%M:%S}" for each in (span.begins, span.ends))


def tracks(found: Timeline) -> dict[int, tuple[list[str], list[str]]]:
    """Spans and gaps by camera."""
    return {track.camera: ([*map(shown, track.spans)], [*map(shown, track.gaps)]) for track in found.tracks}


# -- lists ------------------------------------------------------------------------------------------------------------


def test_a_list_is_kept_in_order_each_name_once_and_strangers_last() -> None:
    names = [
        name("10:01:00", 2), "zebra.ts", name("10:01:00"), name("10:00:00", 2), "", name("10:01:00"), "apple",
        "zebra.ts", "EVENT_490154203237518_00000000_2026_08_16_10_00_30_F_23.ts",
    ]  # fmt: skip
    kept = playlist_of("490154203237518", names, 12.5)
    assert list(kept.names) == [
        name("10:00:00", 2), name("10:01:00"), name("10:01:00", 2),
        "EVENT_490154203237518_00000000_2026_08_16_10_00_30_F_23.ts", "apple", "zebra.ts",
    ]  # fmt: skip
    assert (kept.device, kept.received) == ("490154203237518", 12.5)


@pytest.mark.parametrize(
    ("names", "same"),
    [
        ([name("10:01:00"), name("10:00:00"), "b", "a"], True),
        ([name("10:00:00"), name("10:00:00"), "a", "b", name("10:01:00"), ""], True),
        ([name("10:00:00"), "a", "b"], False),
        ([name("10:00:00"), "a", "b", name("10:01:01")], False),
        ([], False),
    ],
)
def test_a_digest_is_of_what_is_in_the_list(names: list[str], same: bool) -> None:
    first = playlist_of("1", [name("10:00:00"), name("10:01:00"), "a", "b"], 0.0)
    assert (playlist_of("1", names, 5.0).digest == first.digest) is same


def test_other_digests() -> None:
    assert len(playlist_of("1", ["a"], 0.0).digest) == 64
    assert playlist_of("1", ["a"], 0.0, "md5").digest == "0cc175b9c0f1b6a831c399e269772661"
    assert playlist_of("1", ["\ud800"], 0.0).names == ("\ud800",)


def test_a_list_that_is_kept_makes_the_same_list_again() -> None:
    kept = playlist_of("1", [*recordings.field_names(), "strange"], 0.0)
    assert playlist_of("1", kept.names, 0.0) == kept


# -- timelines --------------------------------------------------------------------------------------------------------

TIMELINES: list[tuple[list[str], dict[int, tuple[list[str], list[str]]]]] = [
    ([], {}),
    ([name("10:00:00")], {1: (["10:00:00-10:01:00"], [])}),
    # blocks that follow each other, a few seconds apart, in any order
    ([name("10:02:02"), name("10:00:00"), name("10:01:00")], {1: (["10:00:00-10:03:02"], [])}),
    # a block may take 184 s; after a longer pause it took a minute
    ([name("10:00:00"), name("10:03:04")], {1: (["10:00:00-10:04:04"], [])}),
    (
        [name("10:00:00"), name("10:03:05")],
        {1: (["10:00:00-10:01:00", "10:03:05-10:04:05"], ["10:01:00-10:03:05"])},
    ),
    # a short block
    ([name("10:00:00"), name("10:00:14")], {1: (["10:00:00-10:01:14"], [])}),
    # two cameras know nothing of each other
    (
        [name("10:00:00"), name("10:00:00", 2), name("10:01:00"), name("10:10:00", 2)],
        {1: (["10:00:00-10:02:00"], []),
         2: (["10:00:00-10:01:00", "10:10:00-10:11:00"], ["10:01:00-10:10:00"])},
    ),
    # one camera in two qualities, at the same time
    (
        [name("10:00:00", 1), name("10:00:00", 3), name("10:01:00", 1), name("10:01:00", 3)],
        {1: (["10:00:00-10:02:00"], [])},
    ),
    # the other quality fills a gap, but for more than five seconds
    (
        [name("10:00:00", 1), name("10:10:00", 1), name("10:01:05", 3)],
        {1: (["10:00:00-10:02:05", "10:10:00-10:11:00"], ["10:02:05-10:10:00"])},
    ),
    (
        [name("10:00:00", 1), name("10:01:06", 3)],
        {1: (["10:00:00-10:01:00", "10:01:06-10:02:06"], ["10:01:00-10:01:06"])},
    ),
    # the same second twice, by two extensions
    ([name("10:00:00"), name("10:00:00", extension="mp4"), name("10:01:00")], {1: (["10:00:00-10:02:00"], [])}),
    # the clock was set back: blocks overlap
    (
        [name("10:00:00"), name("10:01:00"), name("10:00:30"), name("10:01:30")],
        {1: (["10:00:00-10:02:30"], [])},
    ),
    # the clock was lost
    (
        ["2007_01_01_00_00_00_01.ts", name("00:00:00")],
        {1: (["00:00:00-00:01:00", "00:00:00-00:01:00"], ["00:01:00-00:00:00"])},
    ),
    # over midnight and the end of a month
    (["2026_08_31_23_59_30_02.mp4", "2026_09_01_00_00_30_02.mp4"], {2: (["23:59:30-00:01:30"], [])}),
]  # fmt: skip


@pytest.mark.parametrize(("names", "wanted"), TIMELINES)
def test_spans_and_gaps(names: list[str], wanted: dict[int, tuple[list[str], list[str]]]) -> None:
    assert tracks(timeline(*names)) == wanted
    shuffled = random.Random(1).sample(names, len(names))
    unsorted = attrs.evolve(playlist_of("490154203237518", names, 1.0), names=shuffled)
    assert tracks(timeline_of(unsorted, 0)) == wanted, "also of a list that nobody sorted"


def test_recordings_are_in_order_with_their_names() -> None:
    (track,) = timeline(name("10:01:00"), name("10:00:00"), name("10:01:40")).tracks
    assert [(each.name, each.begins, each.ends) for each in track.recordings] == [
        (name("10:00:00"), clock("10:00:00"), clock("10:01:00")),
        (name("10:01:00"), clock("10:01:00"), clock("10:01:40")),
        (name("10:01:40"), clock("10:01:40"), clock("10:02:40")),
    ]


@pytest.mark.parametrize(
    ("zone", "begins"), [(None, "10:00:00"), (0, "10:00:00"), (480, "02:00:00"), (-180, "13:00:00"), (345, "04:15:00")]
)
def test_names_are_local_and_timelines_utc(zone: int | None, begins: str) -> None:
    found = timeline(name("10:00:00"), zone=zone)
    assert found.tracks[0].recordings[0].begins == clock(begins)
    assert found.zone == zone


def test_what_is_no_recording_is_counted() -> None:
    found = timeline(name("10:00:00"), "a.ts", "2026_02_30_10_00_00_01.ts", "x" * 5000)
    assert found.unread == 3
    assert (found.device, found.received, len(found.tracks)) == ("490154203237518", 1.0, 1)


@pytest.mark.parametrize(
    ("since", "until", "camera", "wanted"),
    [
        (None, None, None, {1: ["10:00:00-10:03:00"], 2: ["10:00:00-10:01:00"]}),
        (None, None, 2, {2: ["10:00:00-10:01:00"]}),
        (None, None, 3, {}),
        ("10:01:00", None, None, {1: ["10:01:00-10:03:00"]}),
        ("10:00:59", None, None, {1: ["10:00:00-10:03:00"], 2: ["10:00:00-10:01:00"]}),
        (None, "10:01:00", 1, {1: ["10:00:00-10:01:00"]}),
        (None, "10:01:01", 1, {1: ["10:00:00-10:02:00"]}),
        ("10:01:10", "10:01:20", None, {1: ["10:01:00-10:02:00"]}),
        ("11:00:00", None, None, {}),
        ("10:02:00", "10:01:00", None, {}),
    ],
)
def test_a_part_of_it(since: str | None, until: str | None, camera: int | None, wanted: dict[int, list[str]]) -> None:
    names = [name("10:00:00"), name("10:01:00"), name("10:02:00"), name("10:00:00", 2)]
    begins, ends = (None if each is None else clock(each) for each in (since, until))
    found = timeline_of(playlist_of("1", names, 0.0), 0, begins, ends, camera)
    assert {number: spans for number, (spans, _) in tracks(found).items()} == wanted


blocks = st.lists(
    st.tuples(st.integers(0, 86_399), st.sampled_from([1, 2, 3, 4]), st.sampled_from(["ts", "mp4"])), max_size=60
)


@given(blocks, st.sampled_from([None, 0, 480, -210]))
def test_any_list_gives_a_sound_timeline(listed: list[tuple[int, int, str]], zone: int | None) -> None:
    names = [block_name(int(DAY) + at, number, extension) for at, number, extension in listed]
    found = timeline(*names, zone=zone)
    assert sorted(each.name for track in found.tracks for each in track.recordings) == sorted({*names})
    for track in found.tracks:
        assert all(0 < each.ends - each.begins <= LONGEST for each in track.recordings)
        assert all(before.begins <= after.begins for before, after in pairwise(track.recordings))
        assert all(span.ends > span.begins for span in (*track.spans, *track.gaps))
        assert len(track.gaps) == len(track.spans) - 1
        for before, after, gap in zip(track.spans, track.spans[1:], track.gaps, strict=False):
            assert (gap.begins, gap.ends) == (before.ends, after.begins)
            assert gap.ends - gap.begins > JOIN
        for each in track.recordings:
            assert any(span.begins <= each.begins and each.ends <= span.ends for span in track.spans)


# -- the list of the field notes --------------------------------------------------------------------------------------


def test_the_generator_makes_what_the_field_notes_describe() -> None:
    body = recordings.field_list()
    assert len(body) == recordings.BODY_BYTES == 78_590
    listed = json.loads(body)["fileNameList"]
    assert listed.endswith("_01.ts,") or listed.endswith("_02.ts,")
    names = listed.rstrip(",").split(",")
    assert len(names) == len({*names}) == 3021
    assert names != sorted(names)
    assert Counter(re.search(r"_(\d\d)\.ts$", each)[1] for each in names) == {"01": 1538, "02": 1483}  # type: ignore[index]
    road = sorted(each for each in names if each.endswith("_01.ts"))
    local = [datetime.strptime(each, "%Y_%m_%d_%H_%M_%S_01.ts").replace(tzinfo=UTC).timestamp() for each in road]
    lengths = [after - before for before, after in pairwise(local)]
    blocks = [length for length in lengths if length < 600]
    assert min(blocks) >= 14 and max(blocks) <= 184
    assert Counter(blocks).most_common(1)[0][0] == 60


def test_the_list_of_the_field_notes_sent_twice_gives_one_timeline() -> None:
    names = json.loads(recordings.field_list())["fileNameList"].split(",")
    first = playlist_of(recordings.IMEI, names, 100.0)
    second = playlist_of(recordings.IMEI, random.Random(7).sample(names, len(names)), 105.0)
    both = playlist_of(recordings.IMEI, names + names, 105.0)
    assert first.digest == second.digest == both.digest
    assert first.names == second.names == both.names
    found = timeline_of(first, 480)
    assert attrs.evolve(timeline_of(second, 480), received=100.0) == found
    assert found.unread == 0
    assert [(track.camera, len(track.recordings)) for track in found.tracks] == [(1, 1538), (2, 1483)]
    for track in found.tracks:
        assert 1 < len(track.spans) < 20
        recorded = sum(span.ends - span.begins for span in track.spans)
        assert 24 * 3600 < recorded < 27 * 3600


def test_fifty_thousand_names() -> None:
    road = islice(begins(random.Random(1), int(DAY)), 25_000)
    names = [block_name(local, camera) for local in road for camera in (ROAD, CABIN)]
    random.Random(2).shuffle(names)
    found = timeline_of(playlist_of("1", names, 0.0), 480)
    assert [len(track.recordings) for track in found.tracks] == [25_000, 25_000]
