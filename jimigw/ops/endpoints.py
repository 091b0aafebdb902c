"""Twisted endpoint strings as config values: checked without listening, and given the listen queue a fleet needs."""

import ipaddress
import re
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.endpoints import serverFromString

from jimigw.ops.config_kinds import Text, Wrong, shown

# One colon-separated part; a backslash takes the next character as it is.
_PART = re.compile(r"(?:\\.|[^:\\])*", re.DOTALL)
_UNESCAPE = re.compile(r"\\(.)", re.DOTALL)

_LONE_BACKSLASH = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")
_CALLED = re.compile(r"^[\w.<>]+\(\) ")
"""The name of Twisted's own function at the begin of a `TypeError`; it tells an operator nothing."""

_WRAPPERS = ("haproxy",)
"""Types whose remainder is an endpoint string of its own."""

_SYSTEMD = re.compile(r"systemd:(?:domain=)?(?:INET|INET6|UNIX):(?:index=[0-9]{1,4}|name=[^:=]+)")


@attrs.frozen
class _Listening:
    """Where a type of endpoint takes its port, backlog and interface, counted among the parts without a name."""

    port: int | None
    backlog: int
    interface: int | None = None


_LISTENING = {
    "tcp": _Listening(port=0, backlog=2, interface=1),
    "tcp6": _Listening(port=0, backlog=1, interface=2),
    "ssl": _Listening(port=0, backlog=5, interface=4),
    "tls": _Listening(port=1, backlog=2, interface=3),
    "unix": _Listening(port=None, backlog=1),
}


def _parts(text: str) -> list[str]:
    """Split an endpoint string at its unescaped colons; the parts keep their escapes."""
    parts, at = [], 0
    while True:
        match = _PART.match(text, at)
        assert match is not None
        parts.append(match[0])
        at = match.end() + 1
        if at > len(text):
            return parts


def _arguments(parts: list[str]) -> tuple[list[str], dict[str, str]]:
    """Give the parts after the type as (those without a name, those with one), escapes resolved."""
    positional, named = [], {}
    for part in parts[1:]:
        # An escaped "=" does not make a name; Twisted takes the first bare one.
        if match := re.match(r"((?:\\.|[^=\\])*)=(.*)", part, re.DOTALL):
            named[_UNESCAPE.sub(r"\1", match[1])] = _UNESCAPE.sub(r"\1", match[2])
        else:
            positional.append(_UNESCAPE.sub(r"\1", part))
    return positional, named


def endpoint_with_backlog(text: str, backlog: int) -> str:
    """Add ``backlog=`` to an endpoint string of a type that has a listen queue, unless it names its own.

    Twisted's default of 50 is too short for a fleet that comes back all at once. Types without a queue of ours
    (``systemd:``, ``stdio:``) and types nobody here knows are given back unchanged; inside ``haproxy:`` the inner
    endpoint is meant.
    """
    parts = _parts(text)
    while len(parts) > 1 and parts[0].lower() in _WRAPPERS:
        parts = parts[1:]
    listening = _LISTENING.get(parts[0].lower())
    if listening is None:
        return text
    positional, named = _arguments(parts)
    if "backlog" in named or len(positional) > listening.backlog:
        return text
    return f"{text}:backlog={backlog}"


def stays_local(text: str) -> bool:
    """Whether nobody outside this machine can reach this endpoint: a loopback address, or a unix socket.

    Of ``systemd:`` a socket of ``domain=UNIX`` does; where another one listens is not known here.
    """
    parts = _parts(text)
    while len(parts) > 1 and parts[0].lower() in _WRAPPERS:
        parts = parts[1:]
    type_, (positional, named) = parts[0].lower(), _arguments(parts)
    if type_ == "systemd":
        return (named.get("domain") or next(iter(positional), "")) == "UNIX"
    if type_ == "unix":
        return True
    place = _LISTENING[type_].interface if type_ in _LISTENING else None
    if place is None:
        return False
    interface = named.get("interface", positional[place] if len(positional) > place else "")
    try:
        return ipaddress.ip_address(interface).is_loopback
    except ValueError:
        return interface == "localhost"


def endpoint_for_owner(text: str) -> str:
    """Add ``mode=600`` to a ``unix:`` endpoint that names no mode: Twisted's default lets everyone in."""
    parts = _parts(text)
    positional, named = _arguments(parts)
    if parts[0].lower() != "unix" or "mode" in named or len(positional) > 1:
        return text
    return f"{text}:mode=600"


def check_endpoint(text: str) -> None:
    """Raise `Wrong` for an endpoint string that Twisted would not listen on. Nothing is opened but the files it names.

    Certificates of ``ssl:`` and ``tls:`` are read, as a service would on its start. Of ``systemd:`` only the form is
    checked: its sockets are there only when systemd starts the service.
    """
    if _LONE_BACKSLASH.search(text):
        raise Wrong(f"{shown(text)} ends in a backslash that stands for nothing")
    if text.startswith("systemd:"):
        if not _SYSTEMD.fullmatch(text):
            raise Wrong(f"{shown(text)} is not systemd:domain=INET:index=N nor systemd:domain=INET:name=NAME")
        return
    parts = _parts(text)
    while len(parts) > 1 and parts[0].lower() in _WRAPPERS:
        parts = parts[1:]
    listening = _LISTENING.get(parts[0].lower())
    if listening is not None and listening.port is not None:
        _check_port(text, parts, listening.port)
    _check_by_twisted(text)


def _check_port(text: str, parts: list[str], place: int) -> None:
    """Raise `Wrong` for a port that is not one; Twisted itself finds that out only when it listens."""
    positional, named = _arguments(parts)
    port = named.get("port", positional[place] if len(positional) > place else None)
    if port is None:
        if parts[0].lower() == "tls":
            return
        raise Wrong(f"{shown(text)} names no port; expected for example {parts[0]}:21100")
    if not port.isascii() or not port.isdigit() or int(port[:6]) > 65535:
        raise Wrong(f"{shown(text)}: {shown(port)} is not a port; expected 0..65535")


def _check_by_twisted(text: str) -> None:
    # Parsing must not touch the reactor: it is called where none may be installed yet.
    parse: Callable[[Any, str], object] = serverFromString
    try:
        parse(None, text)
    except OSError as error:
        raise Wrong(f"{shown(text)}: cannot read {error.filename!r}: {error.strerror}") from None
    except (TypeError, IndexError, KeyError, StopIteration) as error:
        raise Wrong(f"{shown(text)} is not a server endpoint that Twisted can read: {_one_line(error)}") from None
    except ValueError as error:
        raise Wrong(f"{shown(text)}: {_one_line(error)}") from None
    except Exception as error:
        # The TLS library and plugins that bring endpoint types raise errors of their own; none of them may get through.
        raise Wrong(f"{shown(text)} cannot be set up; is a file it names no PEM file? ({_one_line(error)})") from None


def _one_line(error: Exception) -> str:
    return " ".join(_CALLED.sub("it ", str(error)).split()) or type(error).__name__


@attrs.frozen
class Endpoint(Text):
    """A Twisted server endpoint string: ``tcp:21100``, ``ssl:...``, ``unix:...``, ``systemd:...``, ``haproxy:...``."""

    what: str = 'a Twisted server endpoint such as "tcp:21100"'
    empty: bool = False

    @property
    def expected(self) -> str:
        return f"{self.what}, or nothing" if self.empty else self.what

    def read(self, value: object) -> str:
        text = super().read(value)
        if text:
            check_endpoint(text)
        return text
