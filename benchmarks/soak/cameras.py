"""Misbehaving terminals of the Jimi protocol. JC261/JC400 V1.3.5, chapters 4 and 5."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from jimigw.protocols.jimi.frame import LONG, Frame, FrameDecoder, encode_frame
from jimigw.protocols.jimi.messages import Command, CommandReply
from jimigw.tools.simulator.terminal import login_of

from .diary import COMMAND, flag_key
from .terminals import Line, Order, Terminal, words
from .tricks import How

_LOGIN, _REPLY = 0x01, 0x21
_UTF_16 = 0.2
"""How many of the answers are in UTF-16."""


class Camera(Terminal):
    """A terminal of the Jimi protocol. The mark of an order is its flag."""

    protocol = "jimi"
    _serial = 0
    #: the flag of a command before the last one
    _ended_flag = 0
    _last_flag = 0

    def decoder(self) -> FrameDecoder:
        return FrameDecoder()

    def greet(self, line: Line) -> None:
        self._write(self._frame(_LOGIN, login_of(self.identity, timedelta()).encode()))

    def take(self, line: Line, data: bytes) -> None:
        now = self.around.reactor.seconds()
        for frame in line.decoder.feed(data, now):
            if frame.protocol == _LOGIN:
                self.logged_in()
            elif frame.protocol == COMMAND:
                self._command(frame, now)

    def _command(self, frame: Frame, now: float) -> None:
        flag = Command.decode(frame.data, frame.start, frame.end).server_flag
        if flag != self._last_flag:
            self._ended_flag, self._last_flag = self._last_flag, flag
        self.obey(Order(flag_key(flag), now, frame.serial, flag))

    def can_be_busy(self, order: Order) -> bool:
        return True

    def answers(self, order: Order, how: How) -> Sequence[tuple[bytes, str | int | None]]:
        said = words(order.key, how)
        flag = 0 if self.flagless or how is How.ZERO else self._flag(order.mark, how)
        code = 2 if self.rng.random() < _UTF_16 else 1
        body = CommandReply(server_flag=flag, content_code=code, content=said)
        return [(self._frame(_REPLY, body.encode(), LONG), said)]

    def _flag(self, flag: int, how: How) -> int:
        if how is How.FOREIGN:
            return self.around.foreign_flag(self.identity, flag)
        return self._ended_flag if how is How.ENDED else flag

    def _frame(self, protocol: int, body: bytes, mark: int | None = None) -> bytes:
        self._serial = self._serial % 0xFFFF + 1
        return encode_frame(protocol, body, self._serial, *(() if mark is None else (mark,)))
