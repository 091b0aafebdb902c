"""The video recorder of a simulated Jimi terminal: what it films, and what of it is uploaded when, without a socket.

    announced(names, now)         an alarm named these files: some come by themselves
    obey(text, flag, now)         a command of the server: what is said to it
    errands(now) -> errands       HTTP requests that are to be made now
    ran(errand, outcome, now)     one of them was made

Files go one at a time. What is not answered with 200 is sent again, as long as it takes. Names have the local time, and
the server flag of the command that asked for them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from .card import CABIN, ROAD, Card
from .clips import Content
from .errands import Errand, Outcome
from .events import file_name
from .life import NEVER
from .plan import Uploads
from .tally import Tally

MOST_FILES = 500
"""Files that are kept; the oldest goes for one more."""

PHOTO_BYTES = 25_000
LIST_PAUSE = 5.0
"""Seconds after which a list of recordings is posted a second time."""

_EARLY = 31
_LETTERS = {ROAD: "F", CABIN: "I"}
_WHICH = {"OUT": (ROAD,), "IN": (CABIN,), "INOUT": (CABIN, ROAD)}
_PHOTO, _VIDEO = {ROAD: 9, CABIN: 10}, {ROAD: 7, CABIN: 8}
_EVIDEO, _HVIDEO = {ROAD: 20, CABIN: 21}, {ROAD: 22, CABIN: 25}


@attrs.define
class _File:
    """A file on the card: when it is to be uploaded next (NEVER: it is not), and how often that was tried in vain."""

    size: int
    due: float = NEVER
    attempts: int = 0


class Recorder:
    """See the module. ``settings`` are those of the terminal: where to upload to is in them."""

    def __init__(
        self,
        imei: str,
        zone: timedelta,
        habits: Uploads,
        settings: Mapping[str, str],
        tally: Tally,
        rng: random.Random,
        now: float,
    ) -> None:
        self.imei, self.habits, self.settings, self.tally = imei, habits, settings, tally
        self.files: dict[str, _File] = {}
        self._zone, self._rng = zone, rng
        self._card = Card(rng, now, zone, habits.card_hours)
        self._lists: list[float] = []
        self._under_way: Errand | None = None
        self._out = 0
        self._finishing = False

    # -- what is to be done -------------------------------------------------------------------------------------------
    def next_timer(self) -> float:
        """When :meth:`errands` wants to be called."""
        if self._finishing:
            return NEVER
        files = (file.due for file in self.files.values()) if self._under_way is None else ()
        return min(*self._lists, NEVER, NEVER, min(files, default=NEVER))

    def errands(self, now: float) -> list[Errand]:
        """What is to be posted now; each of them is out until :meth:`ran`."""
        if self._finishing:
            return []
        found: list[Errand] = []
        for due in [due for due in self._lists if due <= now]:
            self._lists.remove(due)
            self.tally.count("lists sent")
            found.append(Errand(self.settings["FILELIST"], self._card.listing(self.imei, now)))
        if self._under_way is None and self.files:
            name, file = min(self.files.items(), key=lambda item: item[1].due)
            if file.due <= now:
                file.due = NEVER
                self.tally.count("uploads started")
                chunked = self._rng.random() < 0.5
                content = Content(name, file.size)
                self._under_way = Errand(self.settings["UPLOAD"], content, name, chunked, file.attempts)
                found.append(self._under_way)
        self._out += len(found)
        return found

    def ran(self, errand: Errand, outcome: Outcome, now: float) -> None:
        """What became of an errand."""
        self._out -= 1
        if not errand.name:
            self.tally.count("lists answered" if outcome.taken else "lists failed")
            return
        self.checked(outcome)
        self._under_way = None
        file = self.files.get(errand.name)
        if outcome.taken:
            self.tally.count("uploads answered")
        else:
            self.tally.count("uploads failed")
            if file is not None:
                wait = self.habits.again[min(file.attempts, len(self.habits.again) - 1)]
                file.due = now + wait * self._rng.uniform(0.9, 1.1)
                file.attempts += 1

    def checked(self, outcome: Outcome) -> None:
        """Look whether the server got what was sent."""
        if outcome.taken and outcome.md5 is not None:
            self.tally.count("MD5s right" if outcome.md5 == outcome.sent else "MD5s wrong")

    def finish(self) -> None:
        """Begin nothing any more."""
        self._finishing = True

    @property
    def settled(self) -> bool:
        """Nothing is out."""
        return not self._out

    # -- what there is ------------------------------------------------------------------------------------------------
    def announced(self, names: list[str], now: float) -> None:
        """An alarm announced these files; some never come by themselves."""
        for name in names:
            if name in self.files:
                continue  # an alarm of the same kind in the same second
            camera = CABIN if "_I_" in name else ROAD
            held_back = self._rng.random() < self.habits.lost or camera not in self.habits.cameras
            if held_back:
                self.tally.count("files held back")
            self._film(name, self.habits.clip_bytes, NEVER if held_back else self._soon(now, 1, 3))

    def _film(self, name: str, size: int, due: float) -> None:
        if len(self.files) >= MOST_FILES and name not in self.files:
            del self.files[next(iter(self.files))]
        self.files[name] = _File(max(1, size), due)

    def _soon(self, now: float, least: float, most: float) -> float:
        return now + self.habits.ready * self._rng.uniform(least, most)

    def _local(self, now: float) -> datetime:
        return datetime.fromtimestamp(int(now), UTC) + self._zone

    # -- commands -----------------------------------------------------------------------------------------------------
    def obey(self, text: str, flag: int, now: float) -> str | None:
        """What is said to a command of media, "" for nothing; None where it is another command, or a wrong one that
        :func:`jimigw.tools.simulator.replies.reply` complains about."""
        head, *words = (word.strip() for word in text.partition("#")[0].split(","))
        handle = _COMMANDS.get(head)
        if handle is None:
            return None
        if head in self.habits.refuses:
            return f"{head},parameter A error. "
        said: str | None = handle(self, words, flag, now)
        if said is None or not said.endswith("OK!"):
            return said
        return "" if head in self.habits.silent else said

    def _busy(self) -> bool:
        return self._rng.random() < self.habits.busy

    def _name(self, flag: int, local: datetime, camera: int, number: int, extension: str, prefix: str = "EVENT") -> str:
        digits = f"{flag:08x}" if self.habits.hex_flags else f"{flag:08d}"
        return file_name(self.imei, digits, local, _LETTERS[camera], number, extension, prefix)

    def _picture(self, words: list[str], flag: int, now: float) -> str | None:
        cameras = _WHICH.get(words[0].upper()) if words else None
        if cameras is None:
            return None
        if self._busy():
            return "busy"
        for camera in cameras:
            # The cabin's takes a second, the road's now and then half a minute.
            slow = camera == ROAD and self._rng.random() < 0.1
            due = self._soon(now, 6, 7) if slow else self._soon(now, 0.2, 0.3 if camera == CABIN else 2)
            size = min(PHOTO_BYTES, self.habits.clip_bytes)
            self._film(self._name(flag, self._local(now), camera, _PHOTO[camera], "jpg", "CMD"), size, due)
        return "PICTURE:OK!"

    def _video(self, words: list[str], flag: int, now: float) -> str | None:
        cameras = _WHICH.get(words[0].upper()) if words else None
        if cameras is None:
            return None
        if self._busy():
            return "busy"
        for camera in cameras:
            name = self._name(flag, self._local(now), camera, _VIDEO[camera], "ts", "CMD")
            self._film(name, self.habits.clip_bytes, self._soon(now, 1, 3))
        return "VIDEO:OK!"

    def _evideo(self, words: list[str], flag: int, now: float) -> str | None:
        local = _time(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)", words[0]) if words else None
        camera = _camera(words[1]) if len(words) in (2, 3) else None
        if local is None or camera is None:
            return None
        if self._busy():
            return "busy"
        if self._card.block(local, camera, now) is None:
            self.tally.count("clips not on the card")
        else:
            # With a length, clips were seen to begin half a minute early.
            begins = local - timedelta(seconds=_EARLY) if len(words) == 3 else local
            name = self._name(flag, begins, camera, _EVIDEO[camera], "ts")
            self._film(name, self.habits.clip_bytes, self._soon(now, 1, 4))
        return "EVIDEO:OK!"

    def _hvideo(self, words: list[str], flag: int, now: float) -> str:
        if len(words) != 2:
            return "HVIDEO,command length error. support length [3]"
        local = _time(r"(\d{4})_(\d\d)_(\d\d)_(\d\d)_(\d\d)_(\d\d)", words[0])
        camera = _camera(words[1])
        if local is None:
            return "HVIDEO,parameter A error. "
        if camera is None:
            return "HVIDEO,parameter B error. options:[1,2]"
        if self._busy():
            return "busy"
        block = self._card.block(local, camera, now)
        if block is None:
            self.tally.count("clips not on the card")
        else:
            name = self._name(flag, block, camera, _HVIDEO[camera], "ts")
            self._film(name, self.habits.clip_bytes // 3, self._soon(now, 1, 4))
        return "HVIDEO:OK!"

    def _upload(self, words: list[str], flag: int, now: float) -> str:
        file = self.files.get(words[0]) if len(words) == 1 else None
        if file is None:
            return "UPLOADFILE,parameter A error. "
        if self._busy():
            return "busy"
        file.due = min(file.due, self._soon(now, 0.2, 1))
        return "UPLOADFILE:OK!"

    def _list(self, words: list[str], flag: int, now: float) -> str | None:
        if words:
            return None
        soon = self._soon(now, 0.1, 0.5)
        self._lists = [soon, soon + LIST_PAUSE]
        return "FILELIST:OK!"


_COMMANDS: Mapping[str, Any] = {
    "Picture": Recorder._picture,
    "Video": Recorder._video,
    "EVIDEO": Recorder._evideo,
    "HVIDEO": Recorder._hvideo,
    "UPLOADFILE": Recorder._upload,
    "FILELIST": Recorder._list,
}


def _time(pattern: str, text: str) -> datetime | None:
    found = re.fullmatch(pattern, text, re.ASCII)
    try:
        return datetime(*map(int, found.groups())).replace(tzinfo=UTC) if found else None  # type: ignore[arg-type]
    except ValueError:
        return None


def _camera(text: str) -> int | None:
    return {"1": ROAD, "2": CABIN}.get(text)


__all__ = ["LIST_PAUSE", "MOST_FILES", "PHOTO_BYTES", "Recorder"]
