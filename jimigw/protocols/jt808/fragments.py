"""Long messages in parts: put together on the way up, kept for repeats on the way down. JT/T 808-2019, 4.4.3, 8.6, 8.7.

    Reassembly.add(header, body, now)    one part       -> Assembled, or what became of the part
    Reassembly.requests(now)             what to ask the terminal for once more, when ``deadline`` has passed
    Reassembly.expire(now)               what is given up, when ``deadline`` has passed
    Sent.keep / again / drop             the same for long messages of the platform

Which parts are one message: those of one message id and total whose serial numbers are consecutive. The edition of
2019 does not demand that any more, and some terminals never did it: a serial number that does not fit is taken for

======================================================================= ==========================================
what is known                                                           a part of the set that lacks it?
======================================================================= ==========================================
it would make the set's serial numbers overlap with another message's   yes, and the terminal is LOOSE from now on
the terminal is LOOSE                                                   yes
the terminal has sent consecutive numbers (CONSECUTIVE), or the set has no
nothing, this is the first long message                                 yes
======================================================================= ==========================================

A part that came before is a repeat if its bytes are the same, otherwise the terminal has begun anew with the same
serial numbers: what was there is dropped, so that a body is never mixed of two messages.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Sequence

import attrs

from .fragment_sets import (
    ENDED_COST,
    MEDIA_DATA,
    MIB,
    PART_COST,
    SET_COST,
    Assembled,
    Budget,
    EndedSet,
    Limits,
    Missing,
    OpenSet,
    Part,
    Serials,
)
from .header import Header

#: what stands at the beginning of multimedia data, and of every part of it with some terminals; its first bytes tell
_MEDIA_HEAD, _MEDIA_KEY = 36, 8


class Reassembly:
    """The incomplete messages of one terminal. See the module; :meth:`clear` when the terminal is gone.

    Nothing is allocated for what a header only announces: memory grows with the bytes that have come.
    """

    __slots__ = ("_budget", "_ended", "_limits", "_sets", "held", "serials")

    def __init__(self, budget: Budget, limits: Limits | None = None) -> None:
        self._budget = budget
        self._limits = limits or Limits()
        self._sets: list[OpenSet] = []
        self._ended: list[EndedSet] = []
        #: bytes this terminal is charged for
        self.held = 0
        self.serials = Serials.UNKNOWN

    def __len__(self) -> int:
        """How many messages are incomplete."""
        return len(self._sets)

    @property
    def deadline(self) -> float | None:
        """When :meth:`requests` and :meth:`expire` want to be called, None if nothing is pending."""
        times = [one.touched + self._limits.expire_after for one in self._sets]
        times += [one.ask_at for one in self._sets if one.ask_at is not None]
        times += [one.until for one in self._ended]
        return min(times, default=None)

    def add(self, header: Header, body: bytes, now: float) -> Assembled | Part:
        """One part, its body as it is in the frame (in the plain, where it was encrypted). Never raises."""
        total = 1 if header.frag_total is None else header.frag_total
        index = 1 if header.frag_sn is None else header.frag_sn
        if not 1 <= index <= total:
            return self._refuse("index")
        if total == 1:
            return Assembled(header, body, (header.msg_sn,), header.msg_sn)
        ended = self._known_end(header, index, body, now)
        if ended is not None:
            return ended
        home = self._home(header, index, body)
        if home is not None and index in home.parts:
            if home.parts[index] == body:
                home.touched = now
                return Part.REPEATED
            if home.serial_of(index) == header.msg_sn:
                self._drop(home, "restarted")
                home = None
            else:
                # What stood here had a number out of line: this one's fits, so that one was of another message.
                home.strays.pop(index, None)
        return self._keep(home, header, index, body, now)

    def requests(self, now: float) -> list[Missing]:
        """What is to be asked for now: by 0x8003, for 0x0801 by 0x8800. Again after 1, 1.5, 2, ... times ``ask_after``
        without a new part."""
        found = []
        for one in self._sets:
            if one.ask_at is not None and now >= one.ask_at:
                one.asked += 1
                wait = self._limits.ask_after * (1 + one.asked / 2)
                one.ask_at = now + wait if one.asked < self._limits.asks else None
                found.append(one.missing())
        return found

    def expire(self, now: float) -> list[Missing]:
        """Drop the messages that have heard nothing for ``expire_after``, and say what they lacked."""
        self._forget(now)
        dead = [one for one in self._sets if now >= one.touched + self._limits.expire_after]
        for one in dead:
            self._drop(one, "expired")
        return [one.missing() for one in dead]

    def lost(self, whole: Assembled) -> None:
        """What was put together could not be stored: its parts are put together again when they come again."""
        for one in self._ended:
            if one.alike(whole.header) and one.serial_of(1) == whole.header.msg_sn:
                self._ended.remove(one)
                self._charge(-one.cost)
                return

    def clear(self) -> None:
        """Drop everything and give the room back."""
        while self._sets:
            self._drop(self._sets[0], "left")
        while self._ended:
            self._charge(-self._ended.pop().cost)

    # -- which set ----------------------------------------------------------------------------------------------------

    def _home(self, header: Header, index: int, body: bytes) -> OpenSet | None:
        """The set that this part belongs to, None if it opens one."""
        base = header.msg_sn - index + 1 & 0xFFFF
        alike = [one for one in reversed(self._sets) if one.alike(header)]
        for one in alike:
            if one.base == base or one.strays.get(index) == header.msg_sn:
                return self._asked_again(one, alike, index, body) or one
        for one in alike:
            have = one.parts.get(index)
            if have is None or have == body:
                if one.is_near(base):
                    self.serials = Serials.LOOSE
                if self.serials is Serials.LOOSE or (self.serials is Serials.UNKNOWN and not one.confirmed):
                    return one
            elif index == 1 and self.serials is Serials.LOOSE:
                # Nothing tells the parts of this one from those of the next any more.
                self._drop(one, "restarted")
        return None

    def _asked_again(self, one: OpenSet, alike: list[OpenSet], index: int, body: bytes) -> OpenSet | None:
        """The set that asked for this part, if it is the only part of the set ``one`` and comes once more.

        A terminal whose serial numbers jump brings a part that was asked for under its own number, which has opened
        a set by itself.
        """
        if len(one.parts) == 1 and one.parts.get(index) == body:
            for other in alike:
                if other.asked and not other.confirmed and index not in other.parts:
                    self._drop(one, None)
                    self.serials = Serials.LOOSE
                    return other
        return None

    def _known_end(self, header: Header, index: int, body: bytes, now: float) -> Part | None:
        """What a part means whose message is complete, or was too big; None if it is of another message."""
        self._forget(now)
        for one in self._ended:
            if one.alike(header) and one.serial_of(index) == header.msg_sn:
                if one.sums is None:
                    return self._refuse("late")
                if one.sums[index - 1] == zlib.crc32(body):
                    return Part.FINISHED
                self._ended.remove(one)
                self._charge(-one.cost)
                break
        return None

    # -- keeping ------------------------------------------------------------------------------------------------------

    def _keep(self, home: OpenSet | None, header: Header, index: int, body: bytes, now: float) -> Assembled | Part:
        base, size = header.msg_sn - index + 1 & 0xFFFF, len(body) + PART_COST
        if home is not None and home.cost + size > self._limits.set_bytes:
            self._drop(home, "too_big")
            self._remember(home, None, now)
            return Part.REFUSED
        if not self._make_room(size if home is not None else size + SET_COST, home):
            return Part.REFUSED
        if home is None:
            home = OpenSet(header.msg_id, header.frag_total, base, header, now, None)
            self._sets.append(home)
            home.cost = SET_COST
            self._charge(SET_COST, 1)
        self._put(home, header, index, body)
        home.touched = now
        home.asked, home.ask_at = 0, now + self._limits.ask_after
        if len(home.parts) < home.total:
            return Part.KEPT
        return self._finish(home, header.msg_sn, now)

    def _put(self, home: OpenSet, header: Header, index: int, body: bytes) -> None:
        before = home.parts.get(index)
        growth = len(body) - len(before) if before is not None else len(body) + PART_COST
        if header.msg_sn != home.serial_of(index):
            home.strays[index] = header.msg_sn
        elif len(home.parts) > len(home.strays):
            home.confirmed = True
            if self.serials is Serials.UNKNOWN:
                self.serials = Serials.CONSECUTIVE
        home.parts[index] = body
        if index == 1:
            home.header = header
        home.cost += growth
        self._charge(growth)

    def _make_room(self, size: int, home: OpenSet | None) -> bool:
        """Whether there is room for this many bytes more, and one set more if there is no ``home``."""
        limits, budget, sets = self._limits, self._budget, int(home is None)
        while sets and len(self._sets) >= limits.sets and self.give_way("sets", home):
            pass
        while self.held + size > limits.terminal_bytes:
            if not self.give_way("bytes", home):
                return self._no_room("bytes", home)
        while not budget.has_room(size, sets):
            holder = budget.greediest()
            if holder is None or not holder.give_way("budget", home):
                return self._no_room("budget", home)
        return True

    def give_way(self, reason: str, but: OpenSet | None) -> bool:
        """Drop the oldest of what is held, but not this set. False if there is nothing else."""
        if reason != "sets" and self._ended:
            self._charge(-self._ended.pop(0).cost)
            return True
        for one in self._sets:
            if one is not but:
                self._drop(one, reason)
                return True
        return False

    def _no_room(self, reason: str, home: OpenSet | None) -> bool:
        if home is None:
            self._refuse(reason)
        else:
            self._drop(home, reason)
        return False

    def _finish(self, home: OpenSet, serial: int, now: float) -> Assembled:
        parts = [home.parts[index] for index in range(1, home.total + 1)]
        whole = Assembled(home.header, b"", [home.serial_of(index) for index in range(1, home.total + 1)], serial)
        self._drop(home, None)
        self._remember(home, array("I", map(zlib.crc32, parts)), now)
        head = parts[0][:_MEDIA_KEY]
        if home.msg_id == MEDIA_DATA and all(len(part) >= _MEDIA_HEAD and part.startswith(head) for part in parts):
            parts[1:] = [part[_MEDIA_HEAD:] for part in parts[1:]]
        whole.body = b"".join(parts)
        return whole

    def _remember(self, home: OpenSet, sums: Sequence[int] | None, now: float) -> None:
        # Always less than the set was charged for, so that no room has to be made.
        cost = ENDED_COST + (4 * home.total + PART_COST // 2 * len(home.strays) if sums is not None else 0)
        ended = EndedSet(home.msg_id, home.total, home.base, now + self._limits.expire_after, sums, cost)
        ended.strays = home.strays if sums is not None else {}
        self._ended.append(ended)
        self._charge(cost)
        if len(self._ended) > self._limits.remembered:
            self._charge(-self._ended.pop(0).cost)

    def _forget(self, now: float) -> None:
        while self._ended and self._ended[0].until <= now:
            self._charge(-self._ended.pop(0).cost)

    def _drop(self, one: OpenSet, reason: str | None) -> None:
        self._sets.remove(one)
        self._charge(-one.cost, -1)
        if reason is not None:
            self._budget.dropped[reason] += 1

    def _refuse(self, reason: str) -> Part:
        self._budget.dropped[reason] += 1
        return Part.REFUSED

    def hold(self, size: int) -> bool:
        """Charge this terminal for bytes that are kept for it elsewhere; False, and nothing charged, without room."""
        if self.held + size > self._limits.terminal_bytes or not self._budget.has_room(size, 0):
            return False
        self._charge(size)
        return True

    def release(self, size: int) -> None:
        """Give back what :meth:`hold` took."""
        self._charge(-size)

    def _charge(self, size: int, sets: int = 0) -> None:
        self.held += size
        self._budget.take(self, size, sets)


@attrs.define(eq=False)
class _Kept:
    frames: Sequence[bytes]
    until: float
    size: int
    #: frames that may still be sent again
    left: int


class Sent:
    """The frames of long messages that went to one terminal, for its requests of missing parts (0x0005, 2019, 8.7).

    Bounded by ``max_messages`` and ``max_bytes``, the oldest goes first; a message is kept for ``keep_for`` seconds,
    and its frames are sent again ``rounds`` times at most, since a request is short and what it asks for is long.
    """

    __slots__ = ("_bytes", "_kept", "keep_for", "max_bytes", "max_messages", "rounds")

    def __init__(
        self, max_messages: int = 8, max_bytes: int = 32 * MIB, keep_for: float = 600.0, rounds: int = 5
    ) -> None:
        self.max_messages, self.max_bytes = max_messages, max_bytes
        self.keep_for, self.rounds = keep_for, rounds
        self._kept: dict[int, _Kept] = {}
        self._bytes = 0

    def __len__(self) -> int:
        """How many messages are kept."""
        return len(self._kept)

    @property
    def deadline(self) -> float | None:
        """When :meth:`expire` wants to be called, None if nothing is kept."""
        return min((kept.until for kept in self._kept.values()), default=None)

    def keep(self, first_sn: int, frames: Sequence[bytes], now: float) -> bool:
        """Keep the frames of one message, the first of which has this serial number. False if they are too long."""
        self.drop(first_sn)
        size = sum(map(len, frames))
        if size > self.max_bytes or not self.max_messages:
            return False
        while self._kept and (len(self._kept) >= self.max_messages or self._bytes + size > self.max_bytes):
            self.drop(next(iter(self._kept)))
        self._kept[first_sn] = _Kept(frames, now + self.keep_for, size, self.rounds * len(frames))
        self._bytes += size
        return True

    def again(self, seq: int, indices: Sequence[int]) -> list[bytes]:
        """The frames with these part numbers, as they were sent, of the message whose first serial number is ``seq``;
        any of its other serial numbers is understood. Nothing for what is not kept."""
        found = self._find(seq)
        if found is None:
            return []
        wanted = [index for index in dict.fromkeys(indices) if 1 <= index <= len(found.frames)][: found.left]
        found.left -= len(wanted)
        return [found.frames[index - 1] for index in wanted]

    def drop(self, first_sn: int) -> None:
        """Forget this message, because it was answered."""
        kept = self._kept.pop(first_sn, None)
        if kept is not None:
            self._bytes -= kept.size

    def expire(self, now: float) -> None:
        """Forget what was kept long enough."""
        for first_sn in [first_sn for first_sn, kept in self._kept.items() if kept.until <= now]:
            self.drop(first_sn)

    def _find(self, seq: int) -> _Kept | None:
        if seq in self._kept:
            return self._kept[seq]
        for first_sn, kept in reversed(self._kept.items()):
            if (seq - first_sn & 0xFFFF) < len(kept.frames):
                return kept
        return None


__all__ = [
    "Assembled",
    "Budget",
    "Limits",
    "Missing",
    "Part",
    "Reassembly",
    "Sent",
    "Serials",
]
