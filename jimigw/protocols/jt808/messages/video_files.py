"""Stored video: lists, and upload by FTP. JT/T 1078-2016, 5.4."""

from __future__ import annotations

from jimigw.wire.kinds import U8, U16, U32, U64, Bcd, Nested
from jimigw.wire.message import Message, fragment, include, message, part, row

from .. import names_video as names
from ..book import BOOK
from ..kinds import CountOf, ListOf, SizedText

_CHAPTER = "JT/T 1078-2016, 5.4"
_ALARM = "alarms: bits 32-63 as in item 0x14, bits 0-31 as in the alarm word; 0: all"


@fragment
class _Clip:
    channel: int = row(U8, "logical channel, 0: all")
    start_time: str = row(Bcd(6), "start YYMMDDhhmmss, zeros: no limit")
    end_time: str = row(Bcd(6), "end YYMMDDhhmmss, zeros: no limit")
    alarm: int = row(U64, _ALARM)
    av_type: int = row(U8, "what it is", names=names.MEDIA)
    stream: int = row(U8, "stream", names=names.ANY_STREAM)
    storage: int = row(U8, "storage", names=names.STORAGES)


@message(BOOK, 0x9205, "Query stored video", chapter=_CHAPTER, direction="down")
class ClipsQuery(Message):
    _clip = include(_Clip)


@part("Stored video", chapter=_CHAPTER)
class Clip(Message):
    _clip = include(_Clip)
    size: int = row(U32, "size", "byte")


@message(BOOK, 0x1205, "Stored video", chapter=_CHAPTER)
class Clips(Message):
    """Often in sub-packages; the count is that of the whole message."""

    seq: int = row(U16, "serial number of the query")
    total: int | None = row(
        CountOf(U32, lambda o: len(o.items), "clips"), "number of clips", default=None, show="never"
    )
    items: list[Clip] = row(ListOf(lambda o: o.total, Nested(Clip), key="count"), "the clips")


@message(BOOK, 0x9206, "Upload stored video", chapter=_CHAPTER, direction="down")
class ClipUpload(Message):
    ip: str = row(SizedText(U8), "address of the FTP server")
    port: int = row(U16, "its port")
    username: str = row(SizedText(U8), "user name")
    password: str = row(SizedText(U8), "password")
    path: str = row(SizedText(U8), "folder for the files")
    _clip = include(_Clip)
    condition: int = row(U8, "bits 0 by WiFi, 1 by LAN, 2 by mobile network")


@message(BOOK, 0x1206, "Upload of stored video ended", chapter=_CHAPTER)
class ClipUploaded(Message):
    seq: int = row(U16, "serial number of the command")
    result: int = row(U8, "result", names=names.UPLOAD_RESULTS)


@message(BOOK, 0x9207, "Control the upload of stored video", chapter=_CHAPTER, direction="down")
class ClipUploadControl(Message):
    seq: int = row(U16, "serial number of the upload command")
    control: int = row(U8, "command", names=names.UPLOAD_CONTROLS)
