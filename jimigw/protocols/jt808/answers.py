"""What a terminal that is in gets for each of its messages. JT/T 808-2019, 7; the reference tables of the standard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from jimigw.wire.kinds import to_base64

from .codec import Packet
from .header import Header
from .long_messages import MEDIA
from .rsa import PlatformKey
from .talk import Talk
from .versions import V2011

#: results of the general answer
SUCCESS, FAILURE, UNSUPPORTED = 0, 1, 3

#: answers of the terminal to what the platform asked: nothing is owed for them
_REPLIES = frozenset({0x0001, 0x0104, 0x0201, 0x0500, 0x0608, 0x0700, 0x0802, 0x0805, 0x1003})
#: answered at once, also while nothing can be stored: a terminal that hears nothing gives the link up
AT_ONCE = frozenset({0x0002, 0x0003, 0x0101, 0x0004, 0x0005})

#: messages of the connection for attachments (T/JSATL12): see :mod:`.attachments`
_ATTACHMENTS = frozenset({0x1210, 0x1211, 0x1212})

_TIME = ("year", "month", "day", "hour", "minute", "second")


def at_once(talk: Talk, packet: Packet, received: datetime) -> bytes:
    """The answer to one of :data:`AT_ONCE`."""
    header, body = packet.header, _any(packet)
    if header.msg_id == 0x0004:
        return b"".join(talk.say(0x8004, {name: getattr(received, name) for name in _TIME}))
    if header.msg_id == 0x0005 and body is not None:
        again = b"".join(talk.sent.again(body.seq, body.ids))
        return again or talk.general(header.msg_id, header.msg_sn, FAILURE)
    return talk.general(header.msg_id, header.msg_sn, SUCCESS)


def once_stored(talk: Talk, packet: Packet, header: Header, key: PlatformKey | None) -> bytes:
    """The answer to any other message, for when it is stored; ``header`` is the one that it quotes."""
    return b"".join(_frames(talk, packet, header, key))


def _frames(talk: Talk, packet: Packet, header: Header, key: PlatformKey | None) -> Iterator[bytes]:
    body = _any(packet)
    if header.msg_id in _REPLIES:
        return
    if packet.opaque in ("unknown", "encrypted"):
        yield talk.general(header.msg_id, header.msg_sn, UNSUPPORTED)
    elif header.msg_id == 0x0A00 and body is not None:
        known = talk.learn_key(body.e, body.n)
        if key is None or not known:
            yield talk.general(header.msg_id, header.msg_sn, FAILURE if key else UNSUPPORTED)
        elif not talk.told_key:
            # A terminal that has our key is answering it: it gets none for its own again.
            yield from talk.say(0x8A00, {"e": key.e, "n": to_base64(key.n)})
    elif header.msg_id == MEDIA and body is not None:
        # Exactly the id: a count of 0 behind it is "incomplete" to some terminals.
        answer = {"mm_id": body.id}
        if talk.version == V2011:
            answer["seq"] = header.msg_sn
        yield from talk.say(0x8800, answer)
    elif header.msg_id in _ATTACHMENTS:
        # Files come to a port of their own. Who said here that one is complete would have it deleted.
        yield talk.general(header.msg_id, header.msg_sn, UNSUPPORTED)
    else:
        # What could not be read is stored as it came: it is safe, and asking for it again would bring the same.
        yield talk.general(header.msg_id, header.msg_sn, SUCCESS)


def _any(packet: Packet) -> Any:
    """A body whose class depends on its id and edition."""
    return packet.body
