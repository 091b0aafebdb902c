"""Files of terminals: what ``media(17)`` gives, and files as tables and cards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jimigw.model.media import Media, MediaQuery, MediaState

from .cards import one_line
from .following import Following, Later
from .house import House
from .interpreter import OperatorError
from .shell import Shell
from .tables import Column, Page, ago, card, local_time, table
from .words import page_of_class

MAX_FILES = 1000
"""Files that are shown at once."""

_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))

_FILES = (
    Column("file", right=True),
    Column("name", least=46),
    Column("state"),
    Column("holds", spare=4),
    Column("camera", right=True, spare=3),
    Column("taken", spare=2),
    Column("size", right=True, spare=1),
    Column("alarm", right=True, spare=6),
    Column("kept", spare=7),
    Column("reason", least=8, spare=5),
)


class File:
    """One file of a terminal. At the prompt its name alone shows all that is known of it."""

    def __init__(self, house: House, shell: Shell, following: Following, id: int) -> None:
        self._house, self._shell, self._following, self._id = house, shell, following, id

    def __repr__(self) -> str:
        return f"file {self._id}"

    def __dir__(self) -> list[str]:
        return file_words()

    def at_prompt(self) -> None:
        """Show it: see the interpreter."""
        self._show("file", lambda: self._house.uploads.media(self._id))

    @property
    def id(self) -> int:
        """Its number."""
        return self._id

    def info(self) -> Later:
        """All that is known of it; the value of what this gives is the Media, once it is there."""
        return self._show("file", lambda: self._house.uploads.media(self._id))

    def help(self) -> Page:
        """What can be done with a file."""
        return page_of_class(File, sorted(file_words()), f"media({self._id}).", self._shell.width)

    def fetch(self) -> Later:
        """Ask its terminal for it, if it is missing, failed or announced."""
        return self._told("fetch", lambda: self._house.uploads.fetch(self._id, self._shell.user))

    def protect(self, on: object = True) -> Later:
        """Keep it whatever its age and however little room there is; protect(False): no more."""
        if not isinstance(on, bool):
            raise OperatorError("protect() or protect(False).")
        what = "is protected" if on else "is protected no more"
        return self._following.show(
            f"protect file {self._id}",
            lambda: self._house.uploads.protect(self._id, on),
            lambda media: [f"{file_in_short(media)} {what}."],
        )

    def delete(self, confirm: bool = False) -> Later:
        """Delete its content, with confirm=True. What is known of it stays for a while."""
        if confirm is not True:
            raise OperatorError(f"Its content is gone then. If it is meant: media({self._id}).delete(confirm=True)")
        return self._told("delete", lambda: self._house.uploads.delete(self._id, self._shell.user))

    def _show(self, what: str, begin: Any) -> Later:
        def lines(media: Media) -> Sequence[str]:
            return file_card(media, self._shell.reactor.seconds(), self._shell.width)

        return self._following.show(f"{what} {self._id}", begin, lines)

    def _told(self, what: str, begin: Any) -> Later:
        return self._following.show(f"{what} file {self._id}", begin, lambda media: [file_told(media)])


def file_words() -> list[str]:
    """What ``media(...)`` gives has these attributes."""
    return [name for name in vars(File) if not name.startswith("_") and name != "at_prompt"]


def show_files(
    house: House, shell: Shell, following: Following, device: str, last: object, state: str | Iterable[str] | None
) -> Later:
    """The newest files of a terminal as a table, when they are read."""
    if not isinstance(last, int) or not 1 <= last <= MAX_FILES:
        raise OperatorError(f"last is a number from 1 to {MAX_FILES}.")
    wanted = None if state is None else [state] if isinstance(state, str) else list(state)
    for each in wanted or ():
        if each not in tuple(MediaState):
            raise OperatorError(f"{each!r} is no state of a file; there are {', '.join(MediaState)}.")
    states = None if wanted is None else frozenset(map(MediaState, wanted))

    def lines(found: list[Media]) -> Sequence[str]:
        if not found:
            return ["There are no such files."]
        more = [f"(the newest {last}; there may be more)"] if len(found) == last else []
        return [*files_table(found, shell.width), *more]

    query = MediaQuery(device=device, states=states, limit=last)
    return following.show("files", lambda: house.uploads.find(query), lines)


def files_table(files: Iterable[Media], width: int) -> list[str]:
    """A line for each file."""
    rows = [
        [
            str(each.id),
            _short_name(each),
            str(each.state),
            each.kind,
            each.camera,
            local_time(each.taken or each.announced or each.stored),
            size_said(each.size),
            None if each.alarm is None else str(each.alarm),
            "protected" if each.protected else None,
            one_line(each.why),
        ]
        for each in files
    ]
    return table(_FILES, rows, width)


def _short_name(media: Media) -> str:
    """The name, without the IMEI of a terminal that is named anyway."""
    return media.name.replace(media.device, "…", 1) if media.name else "(not known)"


def file_card(media: Media, now: float, width: int) -> list[str]:
    """All that is known of a file."""
    tie = f" (by its {media.tie})" if media.tie else ""
    return card(
        [
            ("file", media.id),
            ("name", media.name),
            ("came as", media.alias),
            ("variant", media.variant or None),
            ("device", media.device),
            ("state", f"{media.state}: {media.why}" if media.why else str(media.state)),
            ("holds", f"{media.kind}, {media.mime}" if media.mime else media.kind),
            ("known by", str(media.source)),
            ("camera", media.camera),
            ("event", media.event),
            ("flag", media.flag),
            ("taken", local_time(media.taken)),
            ("length", None if media.seconds is None else f"{media.seconds:g} s"),
            ("alarm", None if media.alarm is None else f"{media.alarm}{tie}"),
            ("command", None if media.command is None else f"{media.command}{'' if media.alarm else tie}"),
            ("announced", _when(media.announced, now)),
            ("asked", _when(media.asked, now)),
            ("stored", _when(media.stored, now)),
            ("tries", f"{media.attempts}{f', the last by {media.step}' if media.step else ''}"),
            ("size", f"{size_said(media.size)} ({media.size:,} bytes)" if media.size else None),
            ("md5", media.md5),
            ("lies at", media.place),
            ("protected", media.protected or None),
            ("details", one_line(dict(media.details)) if media.details else None),
        ],
        width,
    )


def _when(moment: float, now: float) -> str:
    return f"{local_time(moment)} ({ago(moment, now)})" if moment else ""


def file_in_short(media: Media) -> str:
    """Which file it is."""
    camera = "" if media.camera is None else f", camera {media.camera}"
    return f"file {media.id}, {media.name}" if media.name else f"file {media.id}{camera}"


def file_told(media: Media) -> str:
    """Which file it is, and where it is."""
    why = f": {one_line(media.why)}" if media.why else ""
    return f"{file_in_short(media)}, is {media.state}{why}"


def size_said(size: int) -> str:
    """Bytes as people say them; nothing for none."""
    for unit, factor in _UNITS:
        if size >= factor:
            return f"{size / factor:.1f} {unit}" if size < 100 * factor else f"{size / factor:.0f} {unit}"
    return f"{size} B" if size else ""
