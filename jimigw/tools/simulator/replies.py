"""What a simulated terminal says to text commands, in the words that real ones use."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

VERSION = "[VERSION]JC400D_WAVA_DMS_V4.2.13_210716.2013"

_CAMERAS = ("IN", "OUT", "INOUT")


class Commanded(Protocol):
    """What the commands look at and change."""

    imei: str
    interval: float
    reporting: bool
    settings: dict[str, str]

    @property
    def status(self) -> str: ...


def reply(terminal: Commanded, text: str) -> str:
    """The answer to a command; a trailing ``#`` and what stands behind it are not part of it."""
    words = [word.strip() for word in text.partition("#")[0].split(",")]
    known = _COMMANDS.get(words[0]) or _COMMANDS.get(words[0].upper())
    if known is None or (words[0] != "Picture" and words[0] != "Video" and words[0] != words[0].upper()):
        return f"{words[0]},command header error. "
    return known(terminal, words[1:])


def _version(terminal: Commanded, words: list[str]) -> str:
    return VERSION


def _status(terminal: Commanded, words: list[str]) -> str:
    return terminal.status


def _timer_text(terminal: Commanded) -> str:
    return f"{'ON' if terminal.reporting else 'OFF'},{terminal.interval:g}"


def _param(terminal: Commanded, words: list[str]) -> str:
    settings = ";".join(f"{key}:{value}" for key, value in sorted(terminal.settings.items()))
    return f"IMEI:{terminal.imei};TIMER:{_timer_text(terminal)};{settings}"


def _check(terminal: Commanded, words: list[str]) -> str:
    wanted = {key: terminal.settings[key] for key in ("UPLOAD", "SERVER", "TIMEZONE", "APN")}
    return ";".join([f"VERSION:{VERSION}", *(f"{key}:{value}" for key, value in wanted.items())])


def _timer(terminal: Commanded, words: list[str]) -> str:
    if not words:
        return f"[TIMER] {_timer_text(terminal)}"
    if words[0] not in ("ON", "OFF"):
        return "TIMER,parameter A error. options:[ON,OFF]"
    if len(words) > 1:
        if not re.fullmatch(r"\d{1,5}", words[1]) or not 5 <= int(words[1]) <= 18_000:
            return "TIMER,parameter B error. options:[5-18000]"
        terminal.interval = float(words[1])
    terminal.reporting = words[0] == "ON"
    return "TIMER:OK!"


def _rtmp(terminal: Commanded, words: list[str]) -> str:
    if not words or words[0] not in ("ON", "OFF"):
        return "RTMP,parameter A error. options:[ON,OFF]"
    if len(words) < 2 or words[1] not in (*_CAMERAS, "PIP"):
        return "RTMP,parameter B error. options:[IN,OUT,INOUT,PIP]"
    return "RTMP:OK!"


def _picture(terminal: Commanded, words: list[str]) -> str:
    return "PICTURE:OK!" if words and words[0].upper() in _CAMERAS else "PICTURE,parameter A error. "


def _video(terminal: Commanded, words: list[str]) -> str:
    return "VIDEO:OK!" if words and words[0].upper() in _CAMERAS else "VIDEO,parameter A error. "


def _evideo(terminal: Commanded, words: list[str]) -> str:
    if len(words) not in (2, 3):
        return "EVIDEO,command length error. support length [3, 4]"
    if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", words[0]):
        return "EVIDEO,parameter A error. "
    return "EVIDEO:OK!" if words[1] in ("1", "2") else "EVIDEO,parameter B error. options:[1,2]"


def _setting(name: str) -> Callable[[Commanded, list[str]], str]:
    def handle(terminal: Commanded, words: list[str]) -> str:
        if not words:
            return f"{name}:{terminal.settings[name]}"
        terminal.settings[name] = ",".join(words)[:200]
        return f"{name}:OK!"

    return handle


#: what a terminal is set to when it leaves the factory, as far as it can be asked for here
FACTORY_SETTINGS = {
    "APN": "internet",
    "COREKITSW": "1",
    "FILELIST": "http://example.org/filelist",
    "RSERVICE": "rtmp://example.org:1936/live",
    "SERVER": "1,example.org,21100",
    "TIMEZONE": "+00:00",
    "UPLOAD": "http://example.org:23010/upload",
}

_COMMANDS: dict[str, Callable[[Commanded, list[str]], str]] = {
    "VERSION": _version,
    "STATUS": _status,
    "PARAM": _param,
    "CHECK": _check,
    "TIMER": _timer,
    "RTMP": _rtmp,
    "Picture": _picture,
    "Video": _video,
    "EVIDEO": _evideo,
    **{name: _setting(name) for name in FACTORY_SETTINGS},
}
