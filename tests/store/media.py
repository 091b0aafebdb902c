"""What the tests of files in the store share: files, alarms, and strategies for any of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from jimigw.model.media import KINDS, Media, MediaAlarm, MediaQuery, MediaRule, MediaState, Playlist, Source, Tie, Usage
from tests.store.values import counts, flags, jsons, numbers, positions, texts, times, words


def stored_file(number: int, device: str = "1", **facts: Any) -> Media:
    """A file that has come."""
    whole: dict[str, Any] = {
        "name": f"EVENT_{number}.mp4",
        "kind": "video",
        "state": MediaState.STORED,
        "stored": 100.0 + number,
        "size": 1000,
        "key": f"{device}/{number}.mp4",
    }
    return Media(device, **{**whole, **facts})


def rare(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly nothing."""
    return st.none() | st.none() | value


files = st.builds(
    Media, texts, words, st.integers(0, (1 << 63) - 2), words, counts, texts, st.sampled_from(Source),
    st.sampled_from(MediaState), texts, st.none() | counts, st.none() | counts, st.none() | counts, times,
    st.none() | numbers, st.none() | counts, st.none() | counts, st.sampled_from(Tie), times, times, times, counts,
    texts, counts, texts, texts, texts, texts, st.booleans(), st.booleans(),
    st.dictionaries(texts, jsons, max_size=3),
)  # fmt: skip
alarms = st.builds(
    MediaAlarm, texts, counts, times, st.integers(0, (1 << 63) - 2), texts, st.none() | counts, words, texts, texts,
    st.dictionaries(texts, jsons, max_size=3), counts, times, st.booleans(), st.none() | positions,
)  # fmt: skip
playlists = st.builds(Playlist, texts, times, texts, st.lists(texts, max_size=5).map(tuple))
rules = st.builds(MediaRule, texts, st.none() | counts, flags, st.none() | st.integers(-840, 840))
usages = st.builds(
    Usage, texts, st.sampled_from(["2026-09", "2026-10"]), *(st.integers(0, 1 << 50) for _ in range(3))
)  # fmt: skip

_few = st.integers(0, 2)
_seconds = st.integers(0, 6).map(float)
#: files that have much in common, and questions that some of them answer
alike = st.builds(
    Media, st.sampled_from("ab"), st.none() | st.sampled_from("xyz"), alias=rare(st.sampled_from("xyz")), variant=_few,
    kind=st.sampled_from(KINDS[:2]), source=st.sampled_from([*Source][:3]), state=st.sampled_from(MediaState),
    camera=rare(_few), flag=rare(_few), taken=_seconds, alarm=rare(_few), command=rare(_few), announced=_seconds,
    stored=_seconds, protected=st.booleans(), told=st.booleans(), key=st.sampled_from(["", "k"]), size=_few,
)  # fmt: skip
queries = st.builds(
    MediaQuery, rare(st.sampled_from("abc")), rare(st.sampled_from(["", *"xyz"])),
    rare(st.frozensets(st.sampled_from(MediaState))), rare(st.sampled_from(["", *KINDS[:3]])),
    rare(st.sampled_from([*Source][:4])), rare(_few), rare(_few), rare(_few), rare(_few), rare(st.booleans()),
    rare(_seconds), rare(_seconds), rare(st.integers(0, 20)), st.sampled_from([1, 2, 1000]),
)  # fmt: skip
