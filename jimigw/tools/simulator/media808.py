"""What a simulated JT/T 808 terminal does with its cameras when told to. JT/T 808-2019, 8.53 to 8.63; JT/T 1078."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from jimigw.protocols.jt808.replies import TEXT_TYPE
from jimigw.protocols.jt808.versions import V2011

from .album import BY_COMMAND
from .commanded808 import FAILURE, SUCCESS, Commanded, Said, general
from .reports808 import digits

_VERSION = b"VERSION:JC371_V1.5.1_240612"

UPLOAD = 3.0
"""Seconds that an upload by FTP takes."""

_LONGEST_SOUND, _MOST_SHOTS = 5.0, 10
_CLIP, _CLIPS = 300.0, 12  # seconds of one recording, and how many there are


# -- multimedia -------------------------------------------------------------------------------------------------------


def shoot(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    album = terminal.album
    if terminal.version == V2011:
        yield general(serial, 0x8801)
    elif not 1 <= body.channel_id <= 2:
        yield 0x0805, {"seq": serial, "result": 2}
        return
    count = 1 if body.command == 0xFFFF else min(body.command, _MOST_SHOTS)
    taken = [album.take(now, BY_COMMAND, body.channel_id, body.resolution) for _shot in range(count)]
    if terminal.version != V2011:
        yield 0x0805, {"seq": serial, "result": 0, "ids": [media.id for media in taken]}
    if body.save == 0:
        for media in taken:
            album.send(media)


def search(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    result = [
        {"id": media.id, "type": media.type, "channel": media.channel, "event": media.event,
         "location": media.place.to_json()}
        for media in terminal.album.search(body)
    ]  # fmt: skip
    if terminal.version == V2011:
        for each in result:
            del each["id"]
        yield 0x0802, {"result": result}
    else:
        yield 0x0802, {"seq": serial, "result": result}


def send_found(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield general(serial, 0x8803)
    for media in terminal.album.search(body):
        terminal.album.send(media)
        if body.delete:
            del terminal.album.stored[media.id]


def send_one(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    media = terminal.album.stored.get(body.id)
    yield general(serial, 0x8805, FAILURE if media is None else SUCCESS)
    if media is not None:
        terminal.album.send(media)
        if body.flag:
            del terminal.album.stored[media.id]


def record_sound(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield general(serial, 0x8804)
    if body.command == 1:
        seconds = min(float(body.time or _LONGEST_SOUND), _LONGEST_SOUND)

        def done(when: float) -> None:
            media = terminal.album.record(when, seconds)
            if body.save == 0:
                terminal.album.send(media)

        terminal.later(now + seconds, done)


def bring_attachments(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    known = terminal.evidence.bring(body.ident, body.alarm_no, body.ip, body.tcp_port, now)
    yield general(serial, 0x9208, SUCCESS if known else FAILURE)


# -- data, keys, video ------------------------------------------------------------------------------------------------


def transparent(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield general(serial, 0x8900)
    said = _VERSION if body.data.upper().startswith(b"VERSION") else b"OK " + body.data[:200]
    reply = {"type": body.type, "data": base64.b64encode(said).decode()}
    if body.type == TEXT_TYPE:
        yield 0x0900, reply
    else:
        terminal.keep(0x0900, reply)


def key(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    # The key that answers ours is not answered again.
    if terminal.state.peer_key != (body.e, body.n):
        terminal.state.peer_key = (body.e, body.n)
        number = random.Random(terminal.phone).getrandbits(1024) | 1 << 1023 | 1
        yield 0x0A00, {"e": 65537, "n": base64.b64encode(number.to_bytes(128, "big")).decode()}


def media_attributes(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield 0x1003, {
        "audio_codec": 6, "audio_channels": 1, "audio_rate": 0, "audio_bits": 1, "audio_frame_len": 320,
        "audio_out": 1, "video_codec": 98, "max_audio": 2, "max_video": 2,
    }  # fmt: skip


def clips(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    """Five minutes each of the last hour, as far as they lie in what is asked for."""
    start, end = (time if time.strip("0") else "" for time in (body.start_time, body.end_time))
    bounds = [digits(now - _CLIP * number) for number in range(_CLIPS, -1, -1)]
    channels = [body.channel] if body.channel else [1, 2]
    items = [
        {"channel": channel, "start_time": begins, "end_time": ends, "alarm": 0, "av_type": 0,
         "stream": body.stream or 1, "storage": body.storage or 1, "size": 37_500_000}
        for channel in channels
        for begins, ends in pairwise(bounds)
        if start <= ends and begins <= (end or "9")
    ]  # fmt: skip
    yield 0x1205, {"seq": serial, "items": items}


def upload_clip(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield general(serial, 0x9206)
    terminal.later(now + UPLOAD, lambda when: terminal.keep(0x1206, {"seq": serial, "result": 0}))
