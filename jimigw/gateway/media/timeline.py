"""The recordings on a terminal's card: its list of names (JC261/JC400 V1.3.5, 6.2) as a timeline for each camera.

    names as they came ──playlist_of──▶ Playlist (kept by the store) ──timeline_of──▶ Timeline ──▶ Track: recordings,
                                                                                       spans without a break, gaps

A name says when a block begins and not how long it is: it ends where the next one of its kind begins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import attrs

from jimigw.model.file_names import recorded
from jimigw.model.media import Playlist

LONGEST = 184.0
"""Seconds of the longest block that was seen: a next one that begins later follows a gap."""

USUAL = 60.0
"""Seconds that a block is taken to last where nothing follows it."""

JOIN = 5.0
"""Seconds between two blocks that are no gap."""


@attrs.frozen
class Recording:
    """A block of the recording. Times are seconds since 1970; ``ends`` is an estimate."""

    name: str
    camera: int
    begins: float
    ends: float


@attrs.frozen
class Span:
    """A continuous stretch, or a gap. Seconds since 1970."""

    begins: float
    ends: float


@attrs.frozen
class Track:
    """What one camera recorded, by time: its blocks, the stretches without a break, and the gaps between these."""

    camera: int
    recordings: Sequence[Recording]
    spans: Sequence[Span]
    gaps: Sequence[Span]


@attrs.frozen
class Timeline:
    """What is on a terminal's card: one track for each camera that recorded, by number.

    ``received`` is when the list came. ``zone`` is that of the camera's clock, minutes east of UTC; while it is None
    all times are local ones, taken as if they were UTC. ``unread`` is how many names are no recordings.
    """

    device: str
    received: float
    zone: int | None
    tracks: Sequence[Track]
    unread: int


def playlist_of(device: str, names: Iterable[str], received: float, algorithm: str = "sha256") -> Playlist:
    """The list as it is kept: each name once, by time and camera, with what is no recording at its end.

    ``digest`` is that of the sorted names, so the same files in another order give the same one.
    """
    blocks: list[tuple[int, int, int, str]] = []
    others: list[str] = []
    for name in dict.fromkeys(names):
        block = recorded(name)
        if block is not None:
            blocks.append((*block, name))
        elif name:  # lists end with a comma
            others.append(name)
    blocks.sort()
    ordered = (*(block[3] for block in blocks), *sorted(others))
    digest = hashlib.new(algorithm, ",".join(ordered).encode("utf-8", "surrogatepass"), usedforsecurity=False)
    return Playlist(device, received, digest.hexdigest(), ordered)


def timeline_of(
    playlist: Playlist,
    zone: int | None,
    since: float | None = None,
    until: float | None = None,
    camera: int | None = None,
) -> Timeline:
    """The timeline of a list: of all that was recorded between ``since`` and ``until`` (exclusive), also in part, by
    all cameras or by one. Spans and gaps are those of the recordings that are left."""
    ahead = (zone or 0) * 60
    unread = 0
    # Recordings of one camera in two qualities run beside each other.
    kinds: dict[tuple[int, int], list[tuple[int, str]]] = {}
    for name in playlist.names:
        block = recorded(name)
        if block is None:
            unread += 1
            continue
        local, filmed_by, number = block
        if camera is None or camera == filmed_by:
            kinds.setdefault((filmed_by, number), []).append((local - ahead, name))
    cameras: dict[int, list[Recording]] = {}
    for (filmed_by, _number), blocks in sorted(kinds.items()):
        cameras.setdefault(filmed_by, []).extend(_recordings(blocks, filmed_by, since, until))
    tracks = [_track(filmed_by, recordings) for filmed_by, recordings in cameras.items() if recordings]
    return Timeline(playlist.device, playlist.received, zone, tracks, unread)


def _recordings(
    blocks: list[tuple[int, str]], camera: int, since: float | None, until: float | None
) -> Iterable[Recording]:
    """The blocks of one kind with their ends, from the last to the first."""
    blocks.sort()
    after: float | None = None
    at: float | None = None
    for begins, name in reversed(blocks):
        if at is not None and begins < at:
            after = at  # not for a second block of the same second
        at = begins
        ends = after if after is not None and after - begins <= LONGEST else begins + USUAL
        if (since is None or ends > since) and (until is None or begins < until):
            yield Recording(name, camera, float(begins), float(ends))


def _track(camera: int, recordings: list[Recording]) -> Track:
    recordings.sort(key=lambda recording: (recording.begins, recording.name))
    spans: list[Span] = []
    gaps: list[Span] = []
    begins, ends = recordings[0].begins, recordings[0].ends
    for recording in recordings:
        if recording.begins - ends > JOIN:
            spans.append(Span(begins, ends))
            gaps.append(Span(ends, recording.begins))
            begins, ends = recording.begins, recording.ends
        else:
            ends = max(ends, recording.ends)
    spans.append(Span(begins, ends))
    return Track(camera, recordings, spans, gaps)
