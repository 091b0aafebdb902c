"""Attachments of active safety alarms. T/JSATL12-2017, 4.6; the wider ids of T/GDRTA 002-2020.

The terminal opens a second connection for the attachments, on which the files' data run between the frames:
30 31 63 64, name (50 bytes), offset and length (4 each), data.
"""

from __future__ import annotations

from typing import Any

from jimigw.wire.kinds import U8, U16, U32, Counted, Nested, Raw, Text
from jimigw.wire.message import Message, fragment, include, message, part, row

from .. import names_video as names
from ..book import BOOK
from ..kinds import GBK, SizedText
from .safety_items import AlarmIdentity, AlarmIdentityWide
from .video import Server

_CHAPTER = "T/JSATL12-2017, 4.6"
_WIDE = "T/GDRTA 002-2020"


@fragment
class _Number:
    alarm_no: str = row(Text(32, GBK), "number of the alarm, chosen by the platform, unique")


def _is_wide(data: bytes, start: int, end: int) -> bool:
    return end > start and end - start == 1 + data[start] + 4 + 40 + 32 + 16


@fragment
class _Request:
    _number = include(_Number)
    reserved: bytes = row(Raw(16), "reserved", default=bytes(16))


@message(
    BOOK,
    0x9208,
    "Ask for attachments",
    chapter=_CHAPTER,
    direction="down",
    fits=lambda data, start, end: not _is_wide(data, start, end),
)
class AttachmentsRequest(Message):
    _server = include(Server)
    ident: AlarmIdentity = row(Nested(AlarmIdentity), "identity of the alarm")
    _request = include(_Request)


@message(BOOK, 0x9208, "Ask for attachments, wide identity", chapter=_WIDE, direction="down")
class AttachmentsRequestWide(Message):
    _server = include(Server)
    ident: AlarmIdentityWide = row(Nested(AlarmIdentityWide), "identity of the alarm")
    _request = include(_Request)


@part("Attachment", chapter=_CHAPTER)
class Attachment(Message):
    name: str = row(SizedText(U8), "file name: type_channel_alarm_number_alarm number.extension")
    size: int = row(U32, "size", "byte")


@fragment
class _Files:
    info_type: int = row(U8, "kind of list", names=names.INFO_TYPES)
    files: list[Attachment] = row(Counted(U8, Nested(Attachment), key="count"), "the files")


def _files_end(head: int) -> Any:
    """A test whether the list of files, whose count stands there, ends with the body."""

    def fits(data: bytes, start: int, end: int) -> bool:
        at = start + head
        if at >= end:
            return False
        count, at = data[at], at + 1
        for _file in range(count):
            if at >= end:
                return False
            at += 1 + data[at] + 4
        return at == end

    return fits


@message(BOOK, 0x1210, "Attachments of an alarm", chapter=_CHAPTER, fits=_files_end(7 + 16 + 32 + 1))
class Attachments(Message):
    terminal_id: str = row(Text(7, GBK), "terminal id")
    ident: AlarmIdentity = row(Nested(AlarmIdentity), "identity of the alarm")
    _number = include(_Number)
    _files = include(_Files)


@message(BOOK, 0x1210, "Attachments of an alarm, wide identity", chapter=_WIDE, fits=_files_end(30 + 40 + 32 + 1))
class AttachmentsWide(Message):
    terminal_id: str = row(Text(30, GBK), "terminal id")
    ident: AlarmIdentityWide = row(Nested(AlarmIdentityWide), "identity of the alarm")
    _number = include(_Number)
    _files = include(_Files)


@message(BOOK, 0x1210, "Attachments of an alarm, list of files broken off", chapter=_CHAPTER)
class AttachmentsBroken(Message):
    _attachments = include(Attachments)


@fragment
class _File:
    name: str = row(SizedText(U8), "file name")
    file_type: int = row(U8, "type", names=names.FILE_TYPES)


@message(BOOK, 0x1211, "Attachment begins", chapter=_CHAPTER)
class FileBegins(Message):
    _file = include(_File)
    size: int = row(U32, "size", "byte")


@message(BOOK, 0x1212, "Attachment complete", chapter=_CHAPTER)
class FileComplete(Message):
    _file = include(_File)
    size: int = row(U32, "size", "byte")


@part("Missing piece", chapter=_CHAPTER)
class MissingPiece(Message):
    offset: int = row(U32, "where it begins", "byte")
    length: int = row(U32, "length", "byte")


@message(BOOK, 0x9212, "Answer to a complete attachment", chapter=_CHAPTER, direction="down")
class FileAnswer(Message):
    _file = include(_File)
    result: int = row(U8, "result", names=names.FILE_RESULTS)
    packets: list[MissingPiece] = row(
        Counted(U8, Nested(MissingPiece), key="count"), "the pieces that are missing", default=[]
    )


@message(BOOK, 0x1FC4, "Progress of an upgrade", chapter=_WIDE)
class UpgradeProgress(Message):
    seq: int = row(U16, "serial number of the upgrade command")
    kind: int = row(U8, "what is upgraded")
    state: int = row(
        U8,
        "1 downloading, 2 downloaded, 3 download failed, 4 installing, 5 installed, 6 failed, 7 no target, "
        "8 hardware not supported, 9 same version, 10 not supported, 11 other",
    )
    percent: int = row(U8, "progress", "%")
    error: int = row(U8, "error code")
