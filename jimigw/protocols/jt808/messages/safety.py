"""Attachments of active safety alarms. T/JSATL12-2017, 4.6, and as other provinces have it: longer identities of the
alarm, and in Heilongjiang no terminal id in the list of files.

The terminal opens a second connection for the attachments, on which the files' data run between the frames; see
:mod:`jimigw.protocols.jt808.attachments`.
"""

from __future__ import annotations

from collections.abc import Callable

from jimigw.wire.kinds import U8, U16, U32, Counted, Nested, Raw, Text
from jimigw.wire.message import Message, fragment, include, message, part, row

from .. import names_video as names
from ..book import BOOK
from ..kinds import GBK, FilledText, SizedText
from .safety_items import (
    AlarmIdentity,
    AlarmIdentityBare,
    AlarmIdentityLong,
    AlarmIdentityShort,
    AlarmIdentityWide,
    OneIdentity,
)
from .video import Server

_CHAPTER = "T/JSATL12-2017, 4.6"
_WIDE = "T/GDRTA 002-2020"

Fits = Callable[[bytes, int, int], bool]


@fragment
class _Number:
    alarm_no: str = row(Text(32, GBK), "number of the alarm, chosen by the platform, unique")


# -- asking for them ----------------------------------------------------------------------------------------------


def _asks_with(*sizes: int) -> Fits:
    """A test whether the request has an identity of one of these sizes."""

    def fits(data: bytes, start: int, end: int) -> bool:
        return end > start and end - start - (1 + data[start] + 4 + 32 + 16) in sizes

    return fits


_asks_with_another = _asks_with(40, 38, 39, 32)


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
    fits=lambda data, start, end: not _asks_with_another(data, start, end),
)
class AttachmentsRequest(Message):
    _server = include(Server)
    ident: AlarmIdentity = row(Nested(AlarmIdentity), "identity of the alarm")
    _request = include(_Request)


@message(BOOK, 0x9208, "Ask for attachments, wide identity", chapter=_WIDE, direction="down", fits=_asks_with(40))
class AttachmentsRequestWide(Message):
    _server = include(Server)
    ident: AlarmIdentityWide = row(OneIdentity(AlarmIdentityWide), "identity of the alarm")
    _request = include(_Request)


@message(
    BOOK,
    0x9208,
    "Ask for attachments, identity of 38 bytes",
    chapter="Heilongjiang",
    direction="down",
    fits=_asks_with(38),
)
class AttachmentsRequestBare(Message):
    _server = include(Server)
    ident: AlarmIdentityBare = row(OneIdentity(AlarmIdentityBare), "identity of the alarm")
    _request = include(_Request)


@message(
    BOOK, 0x9208, "Ask for attachments, identity of 39 bytes", chapter="Sichuan", direction="down", fits=_asks_with(39)
)
class AttachmentsRequestShort(Message):
    _server = include(Server)
    ident: AlarmIdentityShort = row(OneIdentity(AlarmIdentityShort), "identity of the alarm")
    _request = include(_Request)


@message(
    BOOK, 0x9208, "Ask for attachments, identity of 32 bytes", chapter="Hunan", direction="down", fits=_asks_with(32)
)
class AttachmentsRequestLong(Message):
    _server = include(Server)
    ident: AlarmIdentityLong = row(OneIdentity(AlarmIdentityLong), "identity of the alarm")
    _request = include(_Request)


# -- the list of files --------------------------------------------------------------------------------------------


@part("Attachment", chapter=_CHAPTER)
class Attachment(Message):
    name: str = row(SizedText(U8), "file name: type_channel_alarm_number_alarm number.extension")
    size: int = row(U32, "size", "byte")


@fragment
class _Files:
    info_type: int = row(U8, "kind of list", names=names.INFO_TYPES)
    files: list[Attachment] = row(Counted(U8, Nested(Attachment), key="count"), "the files")


def _files_end(head: int) -> Fits:
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
    terminal_id: str = row(FilledText(7), "terminal id")
    ident: AlarmIdentity = row(Nested(AlarmIdentity), "identity of the alarm")
    _number = include(_Number)
    _files = include(_Files)


@message(BOOK, 0x1210, "Attachments of an alarm, wide identity", chapter=_WIDE, fits=_files_end(30 + 40 + 32 + 1))
class AttachmentsWide(Message):
    terminal_id: str = row(FilledText(30), "terminal id")
    ident: AlarmIdentityWide = row(OneIdentity(AlarmIdentityWide), "identity of the alarm")
    _number = include(_Number)
    _files = include(_Files)


@message(BOOK, 0x1210, "Attachments of an alarm, no terminal id", chapter="Heilongjiang", fits=_files_end(38 + 32 + 1))
class AttachmentsBare(Message):
    ident: AlarmIdentityBare = row(OneIdentity(AlarmIdentityBare), "identity of the alarm")
    _number = include(_Number)
    _files = include(_Files)


@message(
    BOOK,
    0x1210,
    "Attachments of an alarm, identity of 39 bytes",
    chapter="Sichuan",
    fits=_files_end(30 + 39 + 32 + 1),
)
class AttachmentsShort(Message):
    terminal_id: str = row(FilledText(30), "terminal id")
    ident: AlarmIdentityShort = row(OneIdentity(AlarmIdentityShort), "identity of the alarm")
    _number = include(_Number)
    _files = include(_Files)


@message(
    BOOK, 0x1210, "Attachments of an alarm, identity of 32 bytes", chapter="Hunan", fits=_files_end(7 + 32 + 32 + 1)
)
class AttachmentsLong(Message):
    terminal_id: str = row(FilledText(7), "terminal id")
    ident: AlarmIdentityLong = row(OneIdentity(AlarmIdentityLong), "identity of the alarm")
    _number = include(_Number)
    _files = include(_Files)


@message(BOOK, 0x1210, "Attachments of an alarm, list of files broken off", chapter=_CHAPTER)
class AttachmentsBroken(Message):
    _attachments = include(Attachments)


# -- one file -----------------------------------------------------------------------------------------------------


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
