"""The files that a terminal named on an attachment connection, and what has come of each."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from .attachment_stream import cut_name
from .coverage import Coverage


@attrs.define(eq=False)
class File:
    """A file of a list. ``written`` is its name in bytes. ``begun``: its data may come; ``complete``: it is safe;
    ``refused``: nobody wants it. ``brought`` counts new bytes since the terminal last said that it is complete;
    ``vain`` how often in a row it said so, was asked for more, and brought nothing new."""

    name: str
    written: bytes
    number: str
    size: int
    coverage: Coverage
    begun: bool = False
    complete: bool = False
    refused: bool = False
    brought: int = 0
    vain: int = 0

    def start(self, size: int, fresh: bool = True) -> None:
        """Its data come. ``fresh``: what came before does not count."""
        if fresh:
            self._empty()
            self.brought = self.vain = 0
        self.size, self.begun, self.complete, self.refused = size, True, False, False

    def end(self, *, refused: bool = False) -> None:
        """Nothing more of it is awaited, because it is complete or not wanted."""
        self._empty()
        self.begun, self.complete, self.refused = False, not refused, refused

    def _empty(self) -> None:
        self.coverage = Coverage(self.coverage.most)

    def lacks(self, told: int, most: int) -> tuple[tuple[int, int], ...]:
        """The terminal says that the file is complete, and has ``told`` bytes: the first gaps, offset and length.

        A larger size than before counts. So does a smaller one where exactly so much has come; otherwise it is no
        reason to believe that what is missing does not exist.
        """
        if told > self.size or (0 < told == self.coverage.end and not self.coverage.missing(told, 1)):
            self.size = told
        missing = tuple(self.coverage.missing(self.size, most))
        self.vain = self.vain + 1 if missing and not self.brought else 0
        self.brought = 0
        return missing


class Files:
    """By name, and by the first 50 bytes of it, which packets of data have. ``most``: of those that are not complete;
    ``stretches``: see :class:`.coverage.Coverage`."""

    def __init__(self, most: int, stretches: int) -> None:
        self._most, self._stretches = most, stretches
        self._by_name: dict[str, File] = {}
        #: of several with the same beginning the one that began last
        self._by_cut: dict[bytes, File] = {}

    def get(self, name: str) -> File | None:
        """The file of this name."""
        return self._by_name.get(name)

    def of_packet(self, cut: bytes) -> File | None:
        """The file that a packet with this name belongs to."""
        return self._by_cut.get(cut)

    def is_known(self, cut: bytes) -> bool:
        """Whether a packet may have this name."""
        return cut in self._by_cut

    def listed(self, number: str, named: Iterable[tuple[str, bytes, int]]) -> bool:
        """A list names files of the alarm with this number: name, its bytes, size. False, and nothing done, where they
        are too many. Those that are under way or complete stay as they are."""
        named = list(named)
        names = {name for name, _written, _size in named}
        still_open = {name for name, file in self._by_name.items() if not file.complete}
        if len(still_open | names) > self._most:
            return False
        for file in list(self._by_name.values()):
            if file.complete and file.name not in names:
                self.forget(file)
        for name, written, size in named:
            known = self._by_name.get(name)
            if known is None or known.number != number or not (known.begun or known.complete):
                self._enter(File(name, written, number, size, Coverage(self._stretches)))
        return True

    def _enter(self, file: File) -> None:
        self._by_name[file.name] = file
        other = self._by_cut.get(cut_name(file.written))
        if other is None or other.name == file.name or not other.begun:
            self._by_cut[cut_name(file.written)] = file

    def start(self, file: File, size: int, fresh: bool = True) -> None:
        """Its data come; see :meth:`File.start`."""
        file.start(size, fresh)
        self._by_cut[cut_name(file.written)] = file

    def forget(self, file: File) -> None:
        """Nothing is known of it any more."""
        del self._by_name[file.name]
        cut = cut_name(file.written)
        if self._by_cut.get(cut) is file:
            del self._by_cut[cut]

    def clear(self) -> None:
        """Forget all."""
        self._by_name.clear()
        self._by_cut.clear()
