"""Plays captured frames over one connection, one after the other, and notes what is answered to each."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConnector
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure

from jimigw.protocols.jimi.codec import one_frame
from jimigw.protocols.jimi.frame import Frame, FrameDecoder, encode_frame
from jimigw.wire.errors import DecodeError

from ..console import NotHex, bytes_of_hex
from .terminal import login_of

LOGIN = 0x01
LOGIN_TIMEOUT = 5.0
_LARGEST_FILE = 64 << 20


class PlayError(Exception):
    """The frames cannot be played: a sentence that says why."""


@attrs.frozen
class Captured:
    """A frame of the file, with a name for people."""

    name: str
    raw: bytes

    @property
    def key(self) -> tuple[int, int] | None:
        """Protocol number and serial number, which the answer will carry; None for what is no true frame."""
        try:
            frame = one_frame(self.raw)
        except DecodeError:
            return None
        return frame.protocol, frame.serial


@attrs.define
class Played:
    """What became of a frame: the seconds to its answer, None without one; all else that came meanwhile, in hex."""

    name: str
    hex: str
    answered_after: float | None = None
    answer: str | None = None
    came: list[str] = attrs.Factory(list)
    skipped: str = ""


def read_frames(path: str | Path) -> list[Captured]:
    """The frames of a file: hex, one a line, ``#`` before a remark; or a JSON file of vectors, those of terminals.

    :raises PlayError: the file cannot be read, or a line is not hex.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise PlayError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST_FILE:
        raise PlayError(f"{path}: is longer than {_LARGEST_FILE} bytes")
    text = data.decode("utf-8", "replace")
    frames = _of_vectors(path, text) if text.lstrip().startswith(("{", "[")) else _of_lines(path, text)
    if not frames:
        raise PlayError(f"{path}: there are no frames of a terminal in it")
    return frames


def _of_lines(path: str | Path, text: str) -> list[Captured]:
    frames = []
    for number, line in enumerate(text.splitlines(), 1):
        digits = line.partition("#")[0].strip()
        if not digits:
            continue
        try:
            frames.append(Captured(f"line {number}", bytes_of_hex(digits)))
        except NotHex as error:
            raise PlayError(f"{path}: line {number}: {error}") from error
    return frames


def _of_vectors(path: str | Path, text: str) -> list[Captured]:
    try:
        held = json.loads(text)
        vectors = held["vectors"] if isinstance(held, dict) else held
        return [
            Captured(str(each.get("name", f"vector {at}")), bytes_of_hex(each["hex"]))
            for at, each in enumerate(vectors, 1)
            if each.get("direction", "up") == "up"
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        wanted = 'a list of objects with "hex", by itself or under "vectors"'
        raise PlayError(f"{path}: is no file of vectors ({error!r}); wanted: {wanted}") from error


class Player(ClientFactory):
    """One connection and the frames that go over it.

    The first frame logs in if it is a login, otherwise one of ``imei`` does. Further logins are passed over: they would
    be another terminal's. A frame is followed by the next when it is answered or has waited ``wait`` seconds.
    """

    noisy = False

    def __init__(
        self,
        reactor: Any,
        frames: list[Captured],
        imei: str,
        wait: float,
        heard: Callable[[Played], None] = lambda played: None,
    ) -> None:
        self._reactor, self._wait, self._heard = reactor, wait, heard
        self._frames = list(frames)
        if not self._frames or (self._frames[0].key or (0, 0))[0] != LOGIN:
            login = encode_frame(LOGIN, login_of(imei, timedelta(0)).encode(), 1)
            self._frames.insert(0, Captured("login", login))
        self._decoder = FrameDecoder(65_541)
        self._played: list[Played] = []
        self._current: Played | None = None
        self._key: tuple[int, int] | None = None
        self._sent_at = 0.0
        self._timer: Any = None
        self._link: _Link | None = None
        self._done: Deferred[list[Played]] = Deferred()

    def play(self, host: str, port: int) -> Deferred[list[Played]]:
        """Connect and play. Fires with what became of each frame; fails with `PlayError`."""
        self._reactor.connectTCP(host, port, self, timeout=10)
        return self._done

    def buildProtocol(self, addr: Any) -> _Link:
        return _Link(self)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self._done.errback(PlayError(f"no connection: {reason.getErrorMessage()}"))

    def up(self, link: _Link) -> None:
        """The connection is there."""
        self._link = link
        self._next()

    def down(self) -> None:
        """The connection is gone; before the end that is an error."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if not self._done.called:
            last = "" if self._current is None else f" at {self._current.name}"
            self._done.errback(PlayError(f"the connection was closed{last}, {len(self._frames)} frames were left"))

    def heard(self, data: bytes) -> None:
        """The server said something."""
        for frame in self._decoder.feed(data, self._reactor.seconds()):
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        current = self._current
        if current is None:
            return
        if self._key == (frame.protocol, frame.serial) and current.answer is None:
            current.answered_after = self._reactor.seconds() - self._sent_at
            current.answer = frame.raw.hex()
            self._timer.cancel()
            self._over()
        else:
            current.came.append(frame.raw.hex())

    def _next(self) -> None:
        while self._frames:
            captured = self._frames.pop(0)
            self._key = captured.key
            played = Played(captured.name, captured.raw.hex())
            if self._played and self._key is not None and self._key[0] == LOGIN:
                played.skipped = "a second login, which another terminal would send"
                self._note(played)
                continue
            self._current, self._sent_at = played, self._reactor.seconds()
            self._link.transport.write(captured.raw)  # type: ignore[union-attr]
            wait = self._wait if self._played else LOGIN_TIMEOUT
            self._timer = self._reactor.callLater(wait, self._over)
            return
        self._link.transport.loseConnection()  # type: ignore[union-attr]
        self._done.callback(self._played)

    def _over(self) -> None:
        assert self._current is not None
        self._note(self._current)
        if len(self._played) == 1 and self._current.answer is None:
            self._done.errback(PlayError(f"the login was not answered within {LOGIN_TIMEOUT:g} seconds"))
            self._link.transport.loseConnection()  # type: ignore[union-attr]
            return
        self._next()

    def _note(self, played: Played) -> None:
        self._played.append(played)
        self._heard(played)


class _Link(Protocol):
    """The bytes of the connection, on to the player."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]
        self._player.up(self)

    def dataReceived(self, data: bytes) -> None:
        self._player.heard(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._player.down()
