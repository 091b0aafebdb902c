"""Forms as cameras send them, and as nobody should."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
IMEI = "490154203237518"
NAME = f"EVENT_{IMEI}_00000000_2026_09_17_06_40_08_F_23.ts"
OWN_NAME = "2026_09_17_06_40_08_F_23.ts"
TIME = "1789652420763"
CLIP = bytes([0x47, *range(187)]) * 20
LABEL = "0c1e3a5b7d9f00112233445566778899"


@attrs.frozen
class Part:
    """A part of a form. ``own`` is its file name, ``more`` are lines of its head."""

    name: str
    data: bytes
    own: str | bytes | None = None
    type: str | None = None
    more: Sequence[str] = ()

    def head(self) -> bytes:
        text = f'Content-Disposition: form-data; name="{self.name}"'.encode()
        if self.own is not None:
            own = self.own if isinstance(self.own, bytes) else self.own.encode()
            text += b'; filename="' + own + b'"'
        lines = [text, *(each.encode() for each in self.more)]
        if self.type is not None:
            lines.append(f"Content-Type: {self.type}".encode())
        return b"\r\n".join(lines) + b"\r\n\r\n"


def field(name: str, value: str | bytes) -> Part:
    return Part(name, value if isinstance(value, bytes) else value.encode())


def clip(data: bytes = CLIP, own: str | bytes = OWN_NAME) -> Part:
    """The file, with the wrong type that real cameras send."""
    return Part("file", data, own, "multipart/form-data")


def form(*parts: Part, boundary: str = BOUNDARY, end: bool = True) -> bytes:
    """The body that these parts make."""
    body = b"".join(b"--%s\r\n%s%s\r\n" % (boundary.encode(), each.head(), each.data) for each in parts)
    return body + (b"--%s--\r\n" % boundary.encode() if end else b"")


def form_type(boundary: str = BOUNDARY) -> str:
    return f"multipart/form-data; boundary={boundary}"


def captured(sign: str = "MDQ4ODAwMjRhNDkyMDM4NzZkZDNkOGRmNDBlMDAxZGM=", data: bytes = CLIP) -> list[Part]:
    """The form of a JC261 as it was captured, with the IMEI that its publisher put into it."""
    return [field("filename", NAME), field("timestamp", TIME), field("sign", sign), clip(data)]
