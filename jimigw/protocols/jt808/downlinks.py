"""Commands of the platform on their way to one terminal, until their replies come. JT/T 808-2019, 6.1.1 and chapter 7.

    send(tag, frames, ...)     a command        -> bytes to send now
    heard(msg_id, ...)         an uplink        -> commands that end with it
    tick(now)                  when ``deadline`` has passed -> bytes to send, commands that end
    drop_all(now)              the link is gone -> commands that end, commands that were never sent

The life of a command; the table of replies is in :mod:`.replies`:

    WAITING ──its turn──▶ OUT ──own reply, or 0x0001 where that is enough──▶ answered
       │                   │ ──0x0001 or own reply with another result────▶ refused
       │                   │ ──no answer to the last repeat────▶ failed
       ├──link lost────────┼──link lost────▶ lost (from WAITING: unsent)
       │                   │ ──0x0001, and its own reply may follow──▶ HEARD (never repeated), then as OUT
       └──its time is over─┴──its time is over──▶ expired

A reply is matched by the serial number that it quotes. Replies that quote none belong to the only command that waits
for one: the next such command goes out when the first has ended, and, if that was sent repeatedly or was not answered,
so that more replies to it may be under way, ``settle`` seconds later.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import attrs

from .replies import GENERAL, REFUSALS, REPLIES, TEXT, TEXT_TYPE, General, Rule, rule_of, unquoted


def growing(first: float, repeats: int) -> tuple[float, ...]:
    """How long to wait after the first sending and after each repeat: T(n+1) = T(n) x (n+1), n from 1. 2019, 6.1."""
    waits = [first]
    for number in range(1, repeats + 1):
        waits.append(waits[-1] * (number + 1))
    return tuple(waits)


@attrs.frozen
class Settings:
    """``window``: commands that are out at once; ``waits``: seconds after the first sending and each repeat;
    ``settle``: see the module; ``most`` commands and ``most_bytes`` of frames are kept, waiting ones included."""

    window: int = 4
    waits: Sequence[float] = growing(10.0, 3)
    settle: float = 10.0
    most: int = 64
    most_bytes: int = 32 << 20


class Outcome(StrEnum):
    """How a command ends."""

    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    LOST = "lost"
    UNSENT = "unsent"


@attrs.define
class Done:
    """A command that has ended, and why: a sentence for people.

    ``reply`` is the body of the terminal's message that decided it, as JSON, ``reply_id`` its message id and
    ``reply_sn`` its own serial number; None where none did.
    """

    tag: Hashable
    outcome: Outcome
    reason: str
    reply: Mapping[str, Any] | None = None
    reply_id: int | None = None
    reply_sn: int | None = None


class QueueFull(Exception):
    """A command that was not taken because too many, or too long ones, are waiting."""


@attrs.define(eq=False)
class _Reply:
    msg_id: int
    msg_sn: int
    body: Mapping[str, Any]

    @property
    def quoted(self) -> Any:
        """The serial number of the command that it answers: the answer to a text command has it as its own."""
        if self.msg_id in TEXT.replies:
            return self.msg_sn if self.body.get("type") == TEXT_TYPE else None
        return self.body.get("seq")


@attrs.define(eq=False)
class _Order:
    tag: Hashable
    frames: Sequence[bytes]
    msg_id: int
    first_sn: int
    rule: Rule
    #: the replies that quote no serial number: one command at a time may wait for each
    keys: frozenset[int]
    expires: float
    size: int
    sent: int = 0
    due: float = 0.0
    #: a general answer that did not end it: HEARD
    heard: _Reply | None = None
    #: a general answer to a part of it that was not the last
    partly: _Reply | None = None

    def position(self, serial: Any) -> int | None:
        """Which of its frames, from 0, has this serial number; None for those of others."""
        if not isinstance(serial, int):
            return None
        position = (serial - self.first_sn) & 0xFFFF
        return position if position < len(self.frames) else None

    def overlaps(self, other: _Order) -> bool:
        return self.position(other.first_sn) is not None or other.position(self.first_sn) is not None

    @property
    def until(self) -> float:
        """When something has to be done about it, if it is not its turn before."""
        return min(self.due, self.expires) if self.sent else self.expires


#: how a command ends that is an answer itself, as soon as it is sent
_NO_ANSWER = (Outcome.ANSWERED, "sent; it wants no answer", None)


class Downlinks:
    """The commands for one terminal. See the module. ``edition`` is the terminal's, None for any since 2013."""

    __slots__ = ("_bytes", "_free_since", "_orders", "_quiet", "_settings", "edition")

    def __init__(self, settings: Settings | None = None, edition: int | None = None) -> None:
        self._settings = settings or Settings()
        self.edition = edition
        self._orders: dict[Hashable, _Order] = {}
        self._bytes = 0
        #: when a command ended last, and another one's turn came
        self._free_since = 0.0
        #: until when replies of an earlier command may still come, by message id
        self._quiet: dict[int, float] = {}

    def __len__(self) -> int:
        """How many commands have not ended."""
        return len(self._orders)

    def __contains__(self, tag: Hashable) -> bool:
        return tag in self._orders

    @property
    def unsent(self) -> list[Hashable]:
        """The tags of the commands that are still waiting for their turn, in order."""
        return [tag for tag, order in self._orders.items() if not order.sent]

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` wants to be called, None if nothing is pending. Look at it after every other call."""
        if not self._orders:
            return None
        times = [order.until for order in self._orders.values()]
        times += [max(start, self._free_since) for _, start in self._next()]
        return min(times)

    def send(
        self,
        tag: Hashable,
        frames: Sequence[bytes],
        msg_id: int,
        first_sn: int,
        now: float,
        ttl: float,
        rule: Rule | None = None,
    ) -> list[bytes]:
        """Take a command of these frames, whose serial numbers are consecutive from ``first_sn``; what to send now.

        It ends at the latest ``ttl`` seconds from now; ``rule`` says what ends it, None: that of its id.
        :class:`QueueFull` if there is no room for it, ValueError for a tag that is open and for a command without
        frames; then it was not taken.
        """
        settings, size = self._settings, sum(map(len, frames))
        if tag in self._orders:
            raise ValueError(f"command {tag!r} is open already; every command needs a tag of its own")
        if not 0 < len(frames) <= 0xFFFF:
            raise ValueError(f"command {tag!r} has {len(frames)} frames, it needs 1 to 65535")
        if len(self._orders) >= settings.most:
            raise QueueFull(f"{len(self._orders)} commands are waiting for this terminal, at most {settings.most} may")
        if self._bytes + size > settings.most_bytes:
            raise QueueFull(
                f"{self._bytes} bytes of commands are waiting for this terminal, {size} more are over the "
                f"{settings.most_bytes} that may"
            )
        rule = rule or rule_of(msg_id)
        keys = unquoted(self.edition).intersection(rule.replies)
        self._orders[tag] = _Order(tag, frames, msg_id, first_sn, rule, keys, now + ttl, size)
        self._bytes += size
        return self._release(now)

    def heard(self, msg_id: int, msg_sn: int, body: Mapping[str, Any], now: float) -> list[Done]:
        """What ends with this message of the terminal. Afterwards the next commands may have their turn: the
        ``deadline`` says so, and :meth:`tick` gives their bytes."""
        if not self._orders or msg_id not in REPLIES:
            return []
        reply = _Reply(msg_id, msg_sn, body)
        order = self._answered(reply) if msg_id == GENERAL else self._replied(reply)
        if order is None:
            return []
        return self._judge(order, reply, now)

    def tick(self, now: float) -> tuple[list[bytes], list[Done]]:
        """What to send now, repeats and commands whose turn it is, and what has ended without a reply."""
        data: list[bytes] = []
        done: list[Done] = []
        for order in list(self._orders.values()):
            if now < order.until:
                continue
            ending = self._overdue(order, now)
            if ending is not None:
                done.append(self._end(order, *ending, now))
                continue
            order.due = now + self._settings.waits[order.sent]
            order.sent += 1
            data += order.frames
        while True:
            data += self._release(now)
            over = [order for order in self._orders.values() if order.sent and not order.rule.wanted]
            if not over:
                return data, done
            done += [self._end(order, *_NO_ANSWER, now) for order in over]

    def cancel(self, tag: Hashable, now: float) -> bool:
        """Forget a command, without a :class:`Done`; False if it is not open. If it was sent, the terminal has it."""
        order = self._orders.get(tag)
        if order is None:
            return False
        self._remove(order, now, answered=False)
        return True

    def drop_all(self, now: float) -> tuple[list[Done], list[Hashable]]:
        """The link is gone: what ends with it, and the tags that were never sent and can wait for the next login.

        Whether the terminal got what was sent is not known, so nothing of it is sent again on the next link.
        """
        done, unsent = [], []
        for order in list(self._orders.values()):
            if order.sent or now >= order.expires:
                ending = self._overdue(order, now) or self._without_reply(
                    order, Outcome.LOST, "the link was lost before the terminal answered"
                )
                done.append(self._end(order, *ending, now))
            else:
                unsent.append(order.tag)
                self._remove(order, now, answered=True)
        return done, unsent

    # -- matching -----------------------------------------------------------------------------------------------------

    def _answered(self, reply: _Reply) -> _Order | None:
        """The command that a general answer quotes, by serial number and message id."""
        body = reply.body
        for order in self._orders.values():
            if order.sent and order.msg_id == body.get("id") and order.position(body.get("seq")) is not None:
                return order if order.rule.wanted else None
        return None

    def _replied(self, reply: _Reply) -> _Order | None:
        """The command that this reply of its own is for."""
        for order in self._orders.values():
            if (
                order.sent
                and reply.msg_id in order.rule.replies
                and (reply.msg_id in order.keys or order.position(reply.quoted) is not None)
            ):
                return order
        return None

    def _judge(self, order: _Order, reply: _Reply, now: float) -> list[Done]:
        result = reply.body.get("result")
        refusals = REFUSALS.get(reply.msg_id)
        if refusals is not None and not isinstance(result, int):
            return []
        if refusals is not None and result:
            why = f"0x{reply.msg_id:04X}: {refusals.get(result, f'result {result}')}"
            return [self._end(order, Outcome.REFUSED, why, reply, now)]
        why = f"0x{reply.msg_id:04X}" if refusals is None else f"0x{reply.msg_id:04X}: {refusals.get(0, 'success')}"
        if reply.msg_id != GENERAL:
            return [self._end(order, Outcome.ANSWERED, why, reply, now)]
        if order.position(reply.body["seq"]) != len(order.frames) - 1:
            # It is being received: no repeat before the terminal has been silent as long again.
            if order.heard is None:
                order.partly, order.due = reply, now + self._settings.waits[order.sent - 1]
        elif order.rule.general is General.ENDS:
            return [self._end(order, Outcome.ANSWERED, why, reply, now)]
        elif order.heard is None:
            order.heard, order.due, self._free_since = reply, now + order.rule.patience, now
        return []

    def _overdue(self, order: _Order, now: float) -> tuple[Outcome, str, _Reply | None] | None:
        """How a command ends whose time has come, None if it goes on."""
        if not order.sent:
            return Outcome.EXPIRED, "its time was over before it could be sent", None
        if not order.rule.wanted:
            return _NO_ANSWER
        if now >= order.expires:
            return self._without_reply(order, Outcome.EXPIRED, "its time was over before the terminal answered")
        if now < order.due:
            return None
        if order.heard is not None:
            own = " or ".join(f"0x{reply:04X}" for reply in order.rule.replies)
            return self._without_reply(order, Outcome.FAILED, f"acknowledged by 0x0001, but {own} did not follow")
        if order.sent > len(self._settings.waits) - 1:
            why = "only a part of it was acknowledged" if order.partly else "no answer"
            return Outcome.FAILED, f"{why}, sent {order.sent} times", order.partly
        return None

    @staticmethod
    def _without_reply(order: _Order, outcome: Outcome, why: str) -> tuple[Outcome, str, _Reply | None]:
        """The end of a command that did not get its own reply: good if a general answer came and is enough."""
        if order.heard is not None and order.rule.general is General.ENOUGH:
            return Outcome.ANSWERED, "0x0001: success", order.heard
        return outcome, why, order.heard or order.partly

    # -- turns --------------------------------------------------------------------------------------------------------

    def _next(self) -> Iterator[tuple[_Order, float]]:
        """The commands whose turn is next, and the time from which on each may go out."""
        out = [order for order in self._orders.values() if order.sent]
        slots = self._settings.window - sum(order.heard is None for order in out)
        keys = frozenset[int]().union(*(order.keys for order in out))
        for order in self._orders.values():
            if slots <= 0:
                return
            if order.sent:
                continue
            if not order.keys & keys and not any(map(order.overlaps, out)):
                out.append(order)
                slots -= 1
                yield order, max((self._quiet.get(key, 0.0) for key in order.keys), default=0.0)
            keys |= order.keys

    def _release(self, now: float) -> list[bytes]:
        data: list[bytes] = []
        for order, start in list(self._next()):
            if start <= now < order.expires:
                order.sent = 1
                order.due = now + self._settings.waits[0] if order.rule.wanted else now
                data += order.frames
        return data

    def _end(self, order: _Order, outcome: Outcome, why: str, reply: _Reply | None, now: float) -> Done:
        own = reply is not None and reply.msg_id != GENERAL
        self._remove(order, now, answered=order.sent == 1 and (own or outcome is Outcome.REFUSED))
        if reply is None:
            return Done(order.tag, outcome, why)
        return Done(order.tag, outcome, why, reply.body, reply.msg_id, reply.msg_sn)

    def _remove(self, order: _Order, now: float, *, answered: bool) -> None:
        """``answered``: no more replies to it are to be expected."""
        del self._orders[order.tag]
        self._bytes -= order.size
        self._free_since = now
        if order.sent and not answered:
            for key in order.keys:
                self._quiet[key] = now + self._settings.settle


__all__ = ["Done", "Downlinks", "Outcome", "QueueFull", "Settings", "growing"]
