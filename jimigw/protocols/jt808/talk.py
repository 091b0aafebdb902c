"""What is under way with one JT/T 808 terminal on a connection: its address, its parts, its commands, its key."""

from __future__ import annotations

import struct
from collections.abc import Hashable
from datetime import datetime
from typing import Any

import attrs

from jimigw.model.report import Report
from jimigw.wire.checks import xor8
from jimigw.wire.errors import DecodeError, EncodeError
from jimigw.wire.kinds import to_base64

from .codec import Packet, encode_body
from .dialect import Dialect
from .downlinks import Done, Downlinks, Outcome
from .familiar import Form, form_of
from .fragments import Budget, Sent
from .frame import MAX_BODY, Frame, build, escape, head_of, split
from .header import Addressing, Header, phone_text
from .long_messages import LongMessages
from .replies import TEXT_TYPE, rule_of
from .rsa import RSA, TerminalKey, pieces

_SERIALS_A_SECOND = 256
"""How fast the first serial number of a conversation moves on, so that a late answer to what was said on an older
connection, or before a restart, quotes none of the numbers of this one: never in four minutes, and hardly later."""

#: forms of location reports of one terminal: with and without an item or two
_MOST_FORMS = 8

GENERAL = 0x8001
_RESPONSE = struct.Struct(">HHB")
_ANSWER = struct.Struct(">HHHBB")


@attrs.define(eq=False)
class Question:
    """A registration or an authentication that is not decided yet: the message, its frame and when it came.

    ``serial`` is the number that the answer quotes: that of the latest repeat.
    """

    packet: Packet
    raw: bytes
    received: datetime
    serial: int


class Talk:
    """One terminal on a connection: who it is, whether it is in, and what is under way with it."""

    __slots__ = (
        "_general",
        "_long_commands",
        "addressing",
        "commands",
        "digits",
        "edition",
        "encrypted",
        "forms",
        "identity",
        "inside",
        "key",
        "long",
        "questions",
        "registration",
        "sent",
        "serial",
        "told_key",
    )

    def __init__(self, header: Header, budget: Budget, now: float) -> None:
        self.identity = header.identity
        self.addressing = header.addressing
        #: 2011 where the registration showed it; the header's own edition otherwise
        self.edition: int | None = None
        self.inside = False
        #: the registration, until the terminal has shown that it got its code: only then it is worth a record
        self.registration: Report | None = None
        #: the forms of its location reports, by the properties word of the header; ``digits``: its phone number in JSON
        self.forms: dict[int, Form] = {}
        self.digits = ""
        #: for :meth:`general`: what all general answers begin with, and the exclusive or of that
        self._general: tuple[Addressing, bytes, int] | None = None
        #: what is not decided yet, by :attr:`.events.Ask.question`
        self.questions: dict[str, Question] = {}
        self.serial = int(now * _SERIALS_A_SECOND) & 0xFFFF
        self.long = LongMessages(budget)
        self.sent = Sent()
        #: the first serial numbers of the open commands among them, by tag
        self._long_commands: dict[Hashable, int] = {}
        self.commands = Downlinks()
        #: the terminal's public key, once it told it, and whether its latest frame was encrypted
        self.key: TerminalKey | None = None
        self.encrypted = False
        #: whether the terminal was told the platform's key on this connection
        self.told_key = False

    @property
    def phone(self) -> str:
        """The digits of its phone field, leading zeros included."""
        return phone_text(self.addressing.phone, "emqx")

    @property
    def version(self) -> int:
        """The edition that the terminal speaks."""
        return self.edition or self.addressing.version

    @property
    def deadline(self) -> float | None:
        """When something of this terminal is due, None if nothing is."""
        waits = [wait for wait in (self.long.deadline, self.commands.deadline, self.sent.deadline) if wait is not None]
        return min(waits, default=None)

    def say(self, msg_id: int, body: dict[str, Any]) -> list[bytes]:
        """The frames of a message to this terminal, its body in the exchange format."""
        return self.frames(msg_id, encode_body(msg_id, body, self.version))[1]

    def general(self, msg_id: int, msg_sn: int, result: int) -> bytes:
        """The general answer (0x8001) to the message of this id and serial number.

        The hottest of all answers, and the simplest: written as :meth:`frames` would, without making anything twice.
        """
        if self.encrypted:
            return b"".join(self.frames(GENERAL, _RESPONSE.pack(msg_sn, msg_id, result))[1])
        if self._general is None or self._general[0] is not self.addressing:
            head = head_of(self.addressing, GENERAL, _RESPONSE.size)
            self._general = self.addressing, head, xor8(head)
        _, head, check = self._general
        serial = self.serial
        self.serial = (serial + 1) & 0xFFFF
        words = serial ^ msg_sn ^ msg_id
        content = head + _ANSWER.pack(serial, msg_sn, msg_id, result, check ^ words >> 8 ^ words & 0xFF ^ result)
        if b"}" in content or b"~" in content:
            content = escape(content)
        return b"~" + content + b"~"

    def familiar(self, frame: Frame, dialect: Dialect) -> None:
        """Remember the form of this location report, for the next of its kind."""
        form = form_of(frame, dialect)
        if form is not None:
            if len(self.forms) >= _MOST_FORMS:
                self.forms.clear()
            self.digits = phone_text(frame.header.phone, dialect)
            self.forms[form.properties] = form

    def frames(self, msg_id: int, body: bytes) -> tuple[int, list[bytes]]:
        """The frames of a message to this terminal and the serial number of the first.

        They have the header form and the very phone field that the terminal uses. A terminal that encrypts, and has
        told its key, gets its messages encrypted as well.
        """
        self.told_key = self.told_key or msg_id == 0x8A00
        if len(body) <= MAX_BODY and not self.encrypted:
            first = self.serial
            self.serial = (first + 1) & 0xFFFF
            return first, [build(self.addressing, msg_id, body, first)]
        key = self.key if self.encrypted else None
        parts = pieces(body) if key is not None else split(body)
        first = self.serial
        self.serial = (first + len(parts)) & 0xFFFF
        encrypt = RSA if key is not None and body else 0
        frames = []
        for index, part in enumerate(parts):
            place = (len(parts), index + 1) if len(parts) > 1 else None
            plain = key.encrypt(part) if key is not None and encrypt else part
            frames.append(build(self.addressing, msg_id, plain, (first + index) & 0xFFFF, encrypt=encrypt, part=place))
        return first, frames

    def command(self, tag: Hashable, message: Any, now: float, ttl: float, dialect: Dialect) -> list[bytes]:
        """Take a message of the platform, in the exchange format, or the text of a command, that waits for its reply;
        what to send now.

        :class:`EncodeError` for a message that cannot be written, :class:`.downlinks.QueueFull` if too many wait.
        """
        if isinstance(message, str):
            text = to_base64(message.encode("gb18030"))
            message = {"header": {"msg_id": 0x8900}, "body": {"type": TEXT_TYPE, "data": text}}
        header = message.get("header") if isinstance(message, dict) else None
        msg_id = header.get("msg_id") if isinstance(header, dict) else None
        if isinstance(msg_id, bool) or not isinstance(msg_id, int) or not 0x8000 <= msg_id <= 0xFFFF:
            raise EncodeError(f"{msg_id!r} is not the id of a message to a terminal, 32768 to 65535", "header.msg_id")
        try:
            body = encode_body(msg_id, message.get("body") or {}, self.version, dialect)
        except EncodeError as error:
            raise error.within("body") from None
        first, frames = self.frames(msg_id, body)
        self.commands.edition = self.edition
        rule = rule_of(msg_id, message.get("body"))
        data = self.commands.send(tag, frames, msg_id, first, now, ttl, rule)
        if len(frames) > 1:
            self.sent.keep(first, frames, now)
            if rule.wanted:
                self._long_commands[tag] = first
        return data

    def cancel(self, tag: Hashable, now: float) -> None:
        """Forget a command: it is not repeated, and nothing ends it."""
        self.commands.cancel(tag, now)
        self.let_go(tag)

    def let_go(self, tag: Hashable) -> None:
        """A command has come to its end: the terminal asks for its parts no more.

        One that wants no answer ends as it is sent, and is kept for its time.
        """
        first = self._long_commands.pop(tag, None)
        if first is not None:
            self.sent.drop(first)

    def learn_key(self, e: int, n: bytes) -> bool:
        """Take the terminal's public key (0x0A00); False if it is none."""
        try:
            self.key = TerminalKey(e, n)
        except DecodeError:
            return False
        return True

    def leave(self, now: float) -> list[Done]:
        """The link is gone: give back what is kept, and say how the commands ended that were open."""
        self.questions.clear()
        self.long.clear()
        done, unsent = self.commands.drop_all(now)
        return done + [Done(tag, Outcome.UNSENT, "the link was lost before it was sent") for tag in unsent]
