"""Pictures, sound and video that the terminal takes. JT/T 808-2019, 8.50 to 8.54, 8.57 and 8.58."""

from __future__ import annotations

from jimigw.wire.kinds import U8, U16, U32, Counted, Nested, Optional, Rest, When
from jimigw.wire.message import Message, fragment, include, message, row

from .. import names
from ..book import BOOK
from ..versions import SINCE_2013, V2011
from .location import BasicLocation


@fragment
class _Media:
    id: int = row(U32, "id of the data, from 1")
    type: int = row(U8, "type", names=names.MEDIA_TYPES)
    format: int = row(U8, "format", names=names.MEDIA_FORMATS)
    event: int = row(U8, "what it was taken for", names=names.MEDIA_EVENTS)
    channel: int = row(U8, "channel")


@message(BOOK, 0x0800, "Multimedia event", chapter="8.50")
class MediaEvent(Message):
    _media = include(_Media)


@message(BOOK, 0x0801, "Multimedia data", chapter="8.51", versions=SINCE_2013)
class MediaData(Message):
    _media = include(_Media)
    location: BasicLocation = row(Nested(BasicLocation), "where it was taken")
    multimedia: bytes = row(Rest(), "the data", default=b"")


@message(BOOK, 0x0801, "Multimedia data", chapter="8.51", versions=(V2011,))
class MediaData2011(Message):
    _media = include(_Media)
    packets: int = row(U32, "how many packets there are")
    packet: int = row(U32, "which of them this is, from 1")
    multimedia: bytes = row(Rest(), "the data of this packet", default=b"")


@message(BOOK, 0x8800, "Multimedia answer", chapter="8.52", direction="down", versions=SINCE_2013)
class MediaAnswer(Message):
    mm_id: int = row(U32, "id of the data")
    retx_ids: list[int] | None = row(
        Optional(Counted(U8, U16, key="length")),
        "numbers of the packets that are missing, at most 125; nothing at all where everything has arrived",
    )


@message(BOOK, 0x8800, "Multimedia answer", chapter="8.52", direction="down", versions=(V2011,))
class MediaAnswer2011(Message):
    seq: int = row(U16, "serial number of the data message")
    _rest = include(MediaAnswer)


@message(BOOK, 0x8801, "Take pictures", chapter="8.53", direction="down")
class Shoot(Message):
    channel_id: int = row(U8, "channel, from 1")
    command: int = row(U16, "0 stop, 0xFFFF record video, else the number of pictures")
    period: int = row(U16, "interval of the pictures or length of the video, 0: least interval, no end", "s")
    save: int = row(U8, "1 store, 0 upload at once")
    resolution: int = row(U8, "resolution; one that the terminal lacks becomes the nearest", names=names.RESOLUTIONS)
    quality: int = row(U8, "1 best to 10 smallest")
    bright: int = row(U8, "brightness 0 to 255")
    contrast: int = row(U8, "contrast 0 to 127")
    saturate: int = row(U8, "saturation 0 to 127")
    chromaticity: int = row(U8, "chroma 0 to 255")


@message(BOOK, 0x0805, "Answer to taking pictures", chapter="8.54")
class ShootAnswer(Message):
    seq: int = row(U16, "serial number of the command")
    result: int = row(U8, "result", names=names.SHOOT_RESULTS)
    ids: list[int] | None = row(
        Optional(When(lambda o: o.result == 0, "result is 0", Counted(U16, U32, key="length"))), "ids of the pictures"
    )


@message(BOOK, 0x8804, "Record sound", chapter="8.58", direction="down")
class RecordSound(Message):
    command: int = row(U8, "0 stop, 1 start")
    time: int = row(U16, "how long, 0: without end", "s")
    save: int = row(U8, "0 upload at once, 1 store")
    rate: int = row(U8, "sampling rate", names=names.SAMPLING_RATES)
