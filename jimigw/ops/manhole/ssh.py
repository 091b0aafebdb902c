"""SSH: only with a key that is authorised, only a shell, and it is the same session as telnet's."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, cast

import attrs
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.avatar import ConchUser
from twisted.conch.error import ConchError, ValidPublicKey
from twisted.conch.interfaces import IConchUser, ISession
from twisted.conch.ssh.connection import SSHConnection
from twisted.conch.ssh.factory import SSHFactory
from twisted.conch.ssh.keys import BadKeyError, EncryptedKeyError, FingerprintFormats, Key
from twisted.conch.ssh.session import SSHSession
from twisted.conch.ssh.transport import SSHServerTransport
from twisted.conch.ssh.userauth import SSHUserAuthServer
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from jimigw.gateway.private import MAX_FILE

from .access import ManholeError, load_private
from .entrance import Entrance, address_of, prepare
from .screen import Keys, Visitor
from .shell import Shell

MAX_KEYS_TRIED = 6
"""Keys that a client may offer on one connection."""

GOODBYE = 5.0
"""Seconds that a client gets to hang up after its session."""


@implementer(ILogObserver)
def _only_disasters(event: LogEvent) -> None:
    if event.get("log_level") is LogLevel.critical:
        globalLogPublisher(event)


_quiet = Logger(namespace="jimigw.ops.manhole.ssh", observer=_only_disasters)
"""For conch, which says something of every packet that it does not expect."""


def load_host_key(path: Path) -> Key:
    """The key that the manhole shows to SSH clients, made in this file if there is none."""
    try:
        return cast(Key, Key.fromString(load_private(path, _make_host_key)))
    except (BadKeyError, EncryptedKeyError) as error:
        raise ManholeError(f"{path}: it is no SSH key without a password: {error}") from None


def _make_host_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )


@attrs.frozen
class Known:
    """Who has shown that he may come in: the user, and what his key is called."""

    user: str
    key: str


@implementer(ICredentialsChecker)
class KeyChecker:
    """Lets in who has the private half of a key in a file, under the user's name. The file is read at each login."""

    credentialInterfaces = (ISSHPrivateKey,)
    _log = Logger()

    def __init__(self, path: Path, user: str) -> None:
        self._path, self._user = path, user

    def requestAvatarId(self, credentials: Any) -> Any:
        label = self._authorized(credentials)
        if label is None:
            raise UnauthorizedLogin("the key is not authorised")
        if not credentials.signature:
            raise ValidPublicKey
        key = Key.fromString(credentials.blob)
        if not key.verify(credentials.signature, credentials.sigData):
            raise UnauthorizedLogin("the signature is wrong")
        return Known(self._user, label)

    def _authorized(self, credentials: Any) -> str | None:
        """What the key is called, None if it may not come in."""
        if credentials.username != self._user.encode("utf-8"):
            return None
        try:
            offered = Key.fromString(credentials.blob)
        except (BadKeyError, EncryptedKeyError):
            return None
        return next((label for key, label in self.keys() if key == offered), None)

    def keys(self) -> list[tuple[Key, str]]:
        """The keys of the file, each with its comment, or its fingerprint."""
        try:
            with open(self._path, "rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o022:
                    self._log.warn("manhole: {path} is not believed: others may write it", path=str(self._path))
                    return []
                lines = file.read(MAX_FILE).splitlines()
        except OSError as error:
            self._log.warn("manhole: {path} cannot be read: {why}", path=str(self._path), why=error.strerror)
            return []
        found = []
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith(b"#"):
                continue
            try:
                key = Key.fromString(line.strip())
                if not key.isPublic():
                    raise BadKeyError("it is a private key")
            except Exception as error:
                # A line with options is none: to take the key without its restrictions would be wrong.
                self._log.warn(
                    "manhole: {path}, line {number} is no public key without options: {why}",
                    path=str(self._path),
                    number=number,
                    why=str(error)[:200],
                )
                continue
            words = line.decode("utf-8", "replace").split(None, 2)
            found.append((key, words[2].strip() if len(words) > 2 else _fingerprint(key)))
        return found


def _fingerprint(key: Key) -> str:
    return str(key.fingerprint(FingerprintFormats.SHA256_BASE64))


@implementer(IRealm)
@attrs.frozen
class _Realm:
    line: SshLine | None

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        if self.line is None or IConchUser not in interfaces:
            raise NotImplementedError
        return IConchUser, _User(self.line, avatarId), lambda: None


class _Userauth(SSHUserAuthServer):
    _log = _quiet
    attemptsBeforeDisconnect = MAX_KEYS_TRIED

    def serviceStarted(self) -> None:
        super().serviceStarted()
        line = cast(SshLine, self.transport)
        self.portal = Portal(_Realm(line), [line.checker])

    def _ebBadAuth(self, reason: Failure) -> None:
        if self.method == b"publickey":
            cast(SshLine, self.transport).tried = True
        super()._ebBadAuth(reason)


class _Connection(SSHConnection):
    _log = _quiet


class _Channel(SSHSession):
    """A session channel: a shell, and nothing else."""

    _log = _quiet
    outlet: Any = None

    def request_exec(self, data: bytes) -> int:
        return 0

    def request_subsystem(self, data: bytes) -> int:
        return 0

    def stopWriting(self) -> None:
        if self.outlet is not None:
            self.outlet.pauseProducing()

    def startWriting(self) -> None:
        if self.outlet is not None:
            self.outlet.resumeProducing()


class SshFactory(SSHFactory):
    """Makes the connections of one SSH endpoint."""

    noisy = False
    services = {b"ssh-userauth": _Userauth, b"ssh-connection": _Connection}

    def __init__(self, entrance: Entrance, host_key: Key, checker: KeyChecker) -> None:
        self.publicKeys = {host_key.sshType(): host_key}
        self.privateKeys = {host_key.sshType(): host_key}
        self.portal = Portal(_Realm(None), [checker])
        self.protocol = lambda: SshLine(entrance, checker)
        self.primes = None


class SshLine(SSHServerTransport):
    """One SSH connection."""

    _log = _quiet
    ourVersionString = b"SSH-2.0-jimigw"
    way = "ssh"

    def __init__(self, entrance: Entrance, checker: KeyChecker) -> None:
        self.entrance, self.checker = entrance, checker
        #: the connection below
        self._wire: Any = None
        self.tried = False
        self.user: _User | None = None
        self._deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._wire = self.transport
        prepare(self._wire)
        self.host, self.address = address_of(self._wire.getPeer())
        if not self.entrance.knock(self, self.address):
            self._wire.abortConnection()
            return
        # Until a shell is open, whatever is missing to it.
        self._deadline = self.entrance.reactor.callLater(
            self.entrance.config.login_timeout, self.abort, "it has not logged in"
        )
        self._wire.registerProducer(_Flow(self), True)
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        try:
            super().dataReceived(data)
        except Exception:
            # Packets that are not what they should be; conch raises whatever comes to its mind.
            self.abort("it does not speak SSH")

    def connectionLost(self, reason: Failure | None = None) -> None:
        waited = self in self.entrance.waiting
        self.arrived()
        if waited and self.tried:
            self.entrance.strange_key(self.host)
        super().connectionLost(reason)

    def arrived(self) -> None:
        """It does not wait at the door any more."""
        self.entrance.left(self)
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    def hang_up_soon(self) -> None:
        """The session is over: the client hangs up by itself, or is cut off."""
        if self._wire.connected:
            self._deadline = self.entrance.reactor.callLater(GOODBYE, self.abort, "its session is over")

    def abort(self, why: str) -> None:
        """Cut the connection."""
        if self.user is not None and self.user.shell is not None:
            self.user.shell.outlet.close(why)
        self._wire.abortConnection()


class _Flow:
    """What the TCP connection under SSH says of its buffer."""

    def __init__(self, line: SshLine) -> None:
        self._line = line

    def pauseProducing(self) -> None:
        if (shell := self._shell()) is not None:
            shell.outlet.pauseProducing()
        else:
            self._line.abort("it does not read")

    def resumeProducing(self) -> None:
        if (shell := self._shell()) is not None:
            shell.outlet.resumeProducing()

    def stopProducing(self) -> None: ...

    def _shell(self) -> Shell | None:
        return None if self._line.user is None else self._line.user.shell


@implementer(ISession)
class _User(ConchUser):
    """Somebody with an authorised key, and the one session that a connection may have."""

    _log = _quiet

    def __init__(self, line: SshLine, known: Known) -> None:
        super().__init__()
        self.channelLookup[b"session"] = _Channel
        self._line, self._known = line, known
        line.user = self
        self._size = (80, 24)
        self._opened = False
        self.shell: Shell | None = None
        self._keys: Keys | None = None

    def getPty(self, term: bytes, windowSize: tuple[int, int, int, int], modes: Any) -> None:
        self._size = (windowSize[1], windowSize[0])

    def windowChanged(self, newWindowSize: tuple[int, int, int, int]) -> None:
        self._size = (newWindowSize[1], newWindowSize[0])
        if self.shell is not None:
            self.shell.terminalSize(*self._size)

    def openShell(self, proto: Any) -> None:
        if self._opened:
            raise ConchError("a connection has one session")
        self._opened = True
        channel, entrance = proto.session, self._line.entrance
        self._line.arrived()
        pipe = _ChannelPipe(self._line, channel)
        if full := entrance.full():
            pipe.write(f"{full}\r\n".encode())
            pipe.loseConnection()
            return
        visitor = Visitor(self._known.user, self._line.address, self._line.way, self._known.key)
        self.shell = shell = entrance.enter(visitor)
        shell.terminalSize(*self._size)
        self._keys = shell.attach(pipe)
        channel.outlet = shell.outlet
        proto.makeConnection(_Incoming(self._keys))

    def execCommand(self, proto: Any, command: bytes) -> None:
        raise ConchError("there is only a shell")

    def eofReceived(self) -> None:
        if self.shell is not None:
            self.shell.leave("it left")

    def closed(self) -> None:
        keys, self._keys = self._keys, None
        if keys is not None:
            self.shell = None
            keys.connectionLost(Failure(ConnectionDone()))
        self._line.hang_up_soon()


class _ChannelPipe:
    """A channel as the way out of a session."""

    def __init__(self, line: SshLine, channel: Any) -> None:
        self._line, self._channel = line, channel

    def write(self, data: bytes) -> None:
        self._channel.write(data)

    def loseConnection(self) -> None:
        if not self._channel.localClosed:
            self._channel.conn.sendRequest(self._channel, b"exit-status", struct.pack(">L", 0))
        self._channel.loseConnection()

    def abortConnection(self) -> None:
        self._line.abort("it is cut")


class _Incoming:
    """Where conch puts what comes in on a channel."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def write(self, data: bytes) -> None:
        self._keys.dataReceived(data)

    def loseConnection(self) -> None: ...
