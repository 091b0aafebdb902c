"""An operator at an SSH client, in this process."""

from __future__ import annotations

import re
from typing import Any

from twisted.conch.ssh import channel, common, connection, session, transport, userauth
from twisted.conch.ssh.keys import Key
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.protocol import ClientFactory

_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class SshClient:
    """What one connection did: ``text`` is all that the shell said."""

    def __init__(self, user: str, keys: list[Key], width: int = 100) -> None:
        self.user, self.keys, self.width = user.encode(), keys, width
        self.text = ""
        self._seen = 0
        self.opened: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self.channel: Any = None
        self.status: int | None = None
        self.refusals: list[str] = []
        #: requests to make instead of a shell
        self.instead: list[tuple[bytes, bytes]] = []
        self._expecting: tuple[re.Pattern[str], Deferred[str]] | None = None

    def factory(self) -> Any:
        factory = ClientFactory.forProtocol(lambda: _Transport(self))
        factory.noisy = False
        return factory

    def line(self, text: str) -> None:
        self.channel.write(text.encode() + b"\r")

    def type(self, text: str) -> None:
        self.channel.write(text.encode())

    def resize(self, width: int, height: int) -> None:
        packed = session.packRequest_window_change((height, width, 0, 0))
        self.channel.conn.sendRequest(self.channel, b"window-change", packed)

    def expect(self, pattern: str, seconds: float = 10) -> Deferred[str]:
        """Fires when what has come since the last expectation fits."""
        waiting: Deferred[str] = Deferred()
        self._expecting = (re.compile(pattern, re.DOTALL), waiting)
        real: Any = reactor
        waiting.addTimeout(seconds, real)
        self.look()
        return waiting

    def look(self) -> None:
        if self._expecting is None:
            return
        pattern, waiting = self._expecting
        plain = _STEERING.sub("", self.text[self._seen :]).replace("\r", "")
        if found := pattern.search(plain):
            self._expecting = None
            self._seen = len(self.text)
            waiting.callback(plain[: found.end()])


class _Transport(transport.SSHClientTransport):
    def __init__(self, client: SshClient) -> None:
        self.client = client

    def verifyHostKey(self, hostKey: bytes, fingerprint: bytes) -> Deferred[int]:
        return succeed(1)

    def connectionSecure(self) -> None:
        self.requestService(_Auth(self.client))

    def receiveError(self, reasonCode: int, description: str) -> None:
        self.client.refusals.append(str(description))

    def connectionLost(self, reason: Any = None) -> None:
        super().connectionLost(reason)
        if not self.client.opened.called:
            self.client.opened.errback(ConnectionError("it was not let in"))
        self.client.gone.callback(None)


class _Auth(userauth.SSHUserAuthClient):
    def __init__(self, client: SshClient) -> None:
        super().__init__(client.user, _Connection(client))
        self._keys = list(client.keys)
        self._key: Key | None = None

    def getPublicKey(self) -> Key | None:
        self._key = self._keys.pop(0) if self._keys else None
        return None if self._key is None else self._key.public()

    def getPrivateKey(self) -> Deferred[Key]:
        return fail(KeyError()) if self._key is None else succeed(self._key)

    def getPassword(self, prompt: Any = None) -> Any:
        return None


class _Connection(connection.SSHConnection):
    def __init__(self, client: SshClient) -> None:
        super().__init__()
        self.client = client

    def serviceStarted(self) -> None:
        self.openChannel(_Channel(self.client))


class _Channel(channel.SSHChannel):
    name = b"session"
    conn: Any

    def __init__(self, client: SshClient) -> None:
        super().__init__()
        self.client = client

    def channelOpen(self, specificData: Any) -> None:
        self.client.channel = self
        if self.client.instead:
            for request, data in self.client.instead:
                asked = self.conn.sendRequest(self, request, common.NS(data), wantReply=True)
                asked.addCallbacks(
                    lambda _: self.client.refusals.append("taken"), lambda _: self.client.refusals.append("refused")
                )
            asked.addBoth(self._opened)
            return
        size = session.packRequest_pty_req(b"xterm", (24, self.client.width, 0, 0), b"")
        self.conn.sendRequest(self, b"pty-req", size)
        self.conn.sendRequest(self, b"shell", b"", wantReply=True).addCallback(self._opened)

    def _opened(self, _: Any) -> None:
        self.client.opened.callback(None)

    def dataReceived(self, data: bytes) -> None:
        self.client.text += data.decode("utf-8", "replace")
        self.client.look()

    def request_exit_status(self, data: bytes) -> bool:
        self.client.status = int.from_bytes(data, "big")
        return True

    def closed(self) -> None:
        self.conn.transport.loseConnection()
