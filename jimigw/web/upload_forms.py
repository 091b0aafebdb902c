"""The form of an upload (Jimi V1.3.5, 6.1.2 and 6.3.2), read while it comes in; no I/O.

    feed(bytes) ──▶ FilePart ──▶ bytes, bytes, ... ──▶ None      the file, as it comes, wherever it stands
                └─▶ Form.fields                                 all else, kept: few, short, each once

Anything else than a form of this kind is a :class:`BadForm`, whose message is a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import attrs
from multipart import MultipartError, MultipartSegment, PushMultipartParser

from .callback_body import LONGEST, details_of, said_in

MOST_PARTS = 64
"""Parts of one form."""
MOST_BESIDE = 128 << 10
"""Bytes of a form beside the file: fields, heads of parts, what stands before and behind them."""
_LONGEST_BOUNDARY = 200
_LONGEST_NAME = 255
_LONGEST_HEAD, _MOST_HEADS = 4096, 16


class BadForm(ValueError):
    """The form cannot be understood, or says what cannot be. The message says what would be right."""


@attrs.frozen
class FieldRow:
    """A field beside the file: its name, whatever the case, its longest value in bytes, and what it says."""

    name: str
    longest: int
    meaning: str


FIELDS: Sequence[FieldRow] = (
    FieldRow("filename", _LONGEST_NAME, "the name of the file; without it the part's own name"),
    FieldRow("timestamp", 64, "the time of the upload, milliseconds since 1970; only for the sign"),
    FieldRow("sign", 256, "see the setting uploads.sign"),
    FieldRow("imei", 64, "the terminal (6.3)"),
    FieldRow("instructionId", 64, "the server flag of the command that asked for the file (6.3)"),
    FieldRow("callbackBody", LONGEST, "what JT/T terminals say of the file, a JSON object"),
)
"""All fields that are known; others are passed over."""

_BY_NAME = {row.name.lower(): row for row in FIELDS}
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]*))', re.IGNORECASE)
_PLAIN_CODINGS = frozenset({"", "binary", "8bit", "7bit"})


@attrs.frozen
class FilePart:
    """The file begins: what its part says of it. ``name`` is "" where there is none that can be used."""

    name: str
    mime: str


@attrs.define
class Form:
    """What a form has said so far, of the address and of its parts. ``file`` is None until the file begins."""

    fields: dict[str, str] = attrs.field(factory=dict)
    file: FilePart | None = None

    def get(self, name: str) -> str:
        """A field; "" where it is not there, or empty."""
        return self.fields.get(name, "")

    def put(self, name: str, data: bytes) -> None:
        """A field has come. One that nobody knows is passed over."""
        row = _BY_NAME.get(name.lower())
        if row is None:
            return
        if len(data) > row.longest:
            raise BadForm(f"{row.name} is longer than {row.longest} bytes")
        try:
            text = data.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise BadForm(f"{row.name} is not UTF-8") from None
        if row.name != "callbackBody" and not text.isprintable():
            raise BadForm(f"{row.name} holds what cannot be printed")
        if text and self.fields.setdefault(row.name, text) != text:
            raise BadForm(f"{row.name} is there twice, with two values")

    @property
    def called(self) -> str:
        """What the terminal calls the file, whatever that is; "" where it says nothing."""
        own = self.file.name if self.file is not None else ""
        local = said_in(self.details).name
        return next((name for name in (self.get("filename"), local, own) if plain_name(name)), "")

    @property
    def details(self) -> Mapping[str, Any]:
        """``callbackBody`` as an object."""
        return details_of(self.get("callbackBody"))


def plain_name(name: str) -> str:
    """The last step of a path; "" where that is no name."""
    last = re.split(r"[/\\]", name)[-1].strip()
    return "" if last.strip(".") == "" else last


class FormReader:
    """Reads one form. ``content_type`` is the header of the request, ``form`` gets what is said."""

    def __init__(self, content_type: str, form: Form) -> None:
        self.form = form
        self._parser = PushMultipartParser(
            boundary_of(content_type),
            max_header_size=_LONGEST_HEAD,
            max_header_count=_MOST_HEADS,
            max_segment_count=MOST_PARTS,
            # Every byte is a character of it: a name in another coding is no reason to refuse a file.
            header_charset="latin-1",
        )
        self._received = self._of_file = 0
        self._in_file = False
        self._name: str | None = None
        self._value = bytearray()

    def feed(self, data: bytes) -> Iterator[FilePart | bytes | None]:
        """The next bytes of the body: the file's begin, its bytes, None at its end. To be taken to the end."""
        if not data:
            return
        self._received += len(data)
        try:
            for event in self._parser.parse(data):
                if event is None:
                    if self._in_file:
                        yield None
                    self._ended()
                elif isinstance(event, MultipartSegment):
                    self._begun(event)
                    if self._in_file:
                        yield self.form.file
                elif self._in_file:
                    self._of_file += len(event)
                    yield bytes(event)
                else:
                    self._more(event)
        except MultipartError as error:
            raise BadForm(f"the form cannot be read: {error}") from None
        if self._received - self._of_file > MOST_BESIDE:
            raise BadForm(f"beside the file there are more than {MOST_BESIDE} bytes")

    def close(self) -> None:
        """The body has ended."""
        try:
            self._parser.close()
        except MultipartError:
            raise BadForm("the form ends before its last boundary") from None

    def _begun(self, segment: MultipartSegment) -> None:
        name = _of_head(segment.name)
        if segment.header("Content-Transfer-Encoding", "").strip().lower() not in _PLAIN_CODINGS:
            raise BadForm("the parts have to be sent as they are, without a Content-Transfer-Encoding")
        self._in_file = name.lower() not in _BY_NAME and (segment.filename is not None or name.lower() == "file")
        if not self._in_file:
            self._name = name
            return
        if self.form.file is not None:
            raise BadForm("there is a second file; each needs a request of its own")
        own = _of_head(segment.filename)
        usable = own.isprintable() and len(own.encode("utf-8", "replace")) <= _LONGEST_NAME
        self.form.file = FilePart(own if usable else "", _of_head(segment.content_type)[:100])

    def _more(self, data: bytes | bytearray) -> None:
        row = _BY_NAME.get((self._name or "").lower())
        if row is not None:
            self._value += data
            if len(self._value) > row.longest:
                raise BadForm(f"{row.name} is longer than {row.longest} bytes")

    def _ended(self) -> None:
        if self._name is not None:
            self.form.put(self._name, bytes(self._value))
        self._name, self._in_file = None, False
        self._value.clear()


def boundary_of(content_type: str) -> bytes:
    """The boundary that the header Content-Type names. :class:`BadForm` where that is no form."""
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        raise BadForm("the body has to be multipart/form-data")
    found: set[str] = {quoted or plain for quoted, plain in _BOUNDARY.findall(content_type)}
    if len(found) != 1 or not (boundary := found.pop()):
        raise BadForm("Content-Type has to name one boundary")
    if len(boundary) > _LONGEST_BOUNDARY or not boundary.isprintable():
        raise BadForm(f"the boundary is longer than {_LONGEST_BOUNDARY} bytes, or cannot be printed")
    return boundary.encode("latin-1", "replace")


def put_query(query: bytes, form: Form) -> None:
    """The fields that stand in the address."""
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, encoding="latin-1", max_num_fields=MOST_PARTS
        )
    except ValueError:
        raise BadForm(f"the address has more than {MOST_PARTS} fields") from None
    for name, value in pairs:
        form.put(name, value.encode("latin-1", "replace"))


def _of_head(text: str | None) -> str:
    """What stands in the head of a part, whose bytes were taken as characters."""
    return (text or "").encode("latin-1", "replace").decode("utf-8", "replace")
