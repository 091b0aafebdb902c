"""Files in a folder: ``files/<key>`` beside ``incoming/``, on one file system, so that a whole file appears at once."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from jimigw.vault.interface import AlreadyThere, Item, NotThere, VaultError, Whole
from jimigw.vault.keys import is_key
from jimigw.vault.troubles import trouble
from jimigw.vault.vault import Vault
from jimigw.vault.workers import Pool, VaultReactor, threads

MAX_SAFE = 100_000
"""Folders that are remembered as safe on the disk; more are made safe once more."""

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)
_PROBE = "~probe"  # no key is like this


class FolderVault(Vault):
    """A vault in ``path``; ``make_pool`` gives threads, or in a test something that runs jobs by hand."""

    def __init__(self, path: str | Path, reactor: VaultReactor, *, make_pool: Callable[[int], Pool] = threads) -> None:
        folder = Path(path).absolute()
        super().__init__(folder, FolderShelf(folder), reactor, make_pool=make_pool)


class FolderShelf:
    """``files/`` in this folder."""

    keepers = 4

    def __init__(self, folder: Path) -> None:
        self.name = f"The folder {folder}"
        self._folder = folder
        self._files = folder / "files"
        # Folders are made and removed by one thread at a time: one that is empty to the one that removes it may be the
        # one where another is about to put a file.
        self._folders = threading.Lock()
        self._safe: set[Path] = set()
        self._removed = 0

    def start(self) -> None:
        """Make the folder, and try whether files can be moved into it."""
        try:
            self._files.mkdir(mode=0o750, exist_ok=True)
            source, target = self._folder / "incoming" / _PROBE, self._files / _PROBE
            with suppress(FileNotFoundError):
                os.unlink(target)
            os.close(os.open(source, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
            try:
                self._place(source, target)
            finally:
                for probe in (source, target):
                    with suppress(FileNotFoundError):
                        os.unlink(probe)
            for folder in (self._folder.parent, self._folder, self._files):
                _sync(folder)
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise VaultError(
                    f"{self._folder}/incoming and {self._files} lie on different file systems, but files move from one"
                    f" to the other: let {self._folder} be one file system."
                ) from error
            raise trouble("used", self._files, error) from error

    def tidy(self) -> None:
        """Nothing is left half done here: a file appears at once."""

    def put(self, path: Path, whole: Whole, key: str) -> None:
        """Move the file to its place, and have that on the disk."""
        target = self._files / key
        try:
            with self._folders:
                try:
                    self._make(target.parent)
                    self._place(path, target)
                except BaseException:
                    self._remove_empty(target.parent)
                    raise
                removed = self._removed
            try:
                self._make_safe(target.parent, removed)
            except BaseException:
                self.delete(key)
                raise
        except FileExistsError as error:
            raise AlreadyThere(f"There is a file under the key {key} already.") from error
        except OSError as error:
            raise trouble("kept", target, error) from error

    def read(self, key: str, offset: int, length: int) -> bytes:
        """Read up to ``length`` bytes."""
        path = self._files / key
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                found = os.fstat(fd)
                if not stat.S_ISREG(found.st_mode):
                    raise NotThere(f"There is no file under the key {key}.")
                return b"".join(_pieces(fd, offset, min(length, found.st_size - offset)))
            finally:
                os.close(fd)
        except (FileNotFoundError, NotADirectoryError) as error:
            self._see_files("read")
            raise NotThere(f"There is no file under the key {key}.") from error
        except OSError as error:
            raise trouble("read", path, error) from error

    def delete(self, key: str) -> None:
        """Remove the file, and folders that are empty then."""
        path = self._files / key
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            self._see_files("deleted from")
        except OSError as error:
            if path.is_dir():
                return  # another error than IsADirectoryError on some systems
            raise trouble("deleted", path, error) from error
        with self._folders:
            self._remove_empty(path.parent)

    def items(self, older_than: float) -> list[Item]:
        """Look at all files."""
        self._see_files("looked through")
        try:
            return list(self._look(self._files, older_than))
        except OSError as error:
            raise trouble("looked through", self._files, error) from error

    def hurry(self) -> None:
        """Nothing here takes long."""

    def close(self) -> None:
        """Nothing is open."""

    def _see_files(self, doing: str) -> None:
        """Tell a file that is not there from a disk that is not there: nobody shall take all files for lost.

        :raises VaultError: the folder of files is not there.
        """
        try:
            os.stat(self._files)
        except OSError as error:
            raise trouble(doing, self._files, error) from error

    def _look(self, folder: Path, older_than: float) -> Iterator[Item]:
        with suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from self._look(Path(entry.path), older_than)
                    continue
                key = os.path.relpath(entry.path, self._files)
                with suppress(FileNotFoundError):
                    found = entry.stat(follow_symlinks=False)
                    # The time of its last change of name is when it was put there.
                    if is_key(key) and stat.S_ISREG(found.st_mode) and found.st_ctime < older_than:
                        yield Item(key, found.st_size, found.st_ctime)

    def _place(self, source: Path, target: Path) -> None:
        """Have the file under this name, never in place of another one."""
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # Without links, and with only us putting files there, this is the same.
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
            os.rename(source, target)

    def _make(self, folder: Path) -> None:
        # A folder of an earlier run, whoever was killed then, may not be safe yet: it counts as new.
        if folder == self._files:
            return
        try:
            os.mkdir(folder, 0o750)
        except FileExistsError:
            pass
        except FileNotFoundError:
            if folder.parent == self._files:
                raise
            self._make(folder.parent)
            os.mkdir(folder, 0o750)

    def _make_safe(self, folder: Path, removed: int) -> None:
        """Have a new name in ``folder`` on the disk, and the names of the folder and of those above it."""
        _sync(folder)
        fresh = []
        while folder != self._files:
            if folder not in self._safe:
                fresh.append(folder)
                _sync(folder.parent)
            folder = folder.parent
        with self._folders:
            if len(self._safe) > MAX_SAFE:
                self._safe.clear()
            if self._removed == removed:  # else it may be another folder of this name by now
                self._safe.update(fresh)

    def _remove_empty(self, folder: Path) -> None:
        while folder != self._files:
            try:
                os.rmdir(folder)
            except FileNotFoundError:
                pass  # one above it may have been made
            except OSError:
                return
            self._safe.discard(folder)
            self._removed += 1
            folder = folder.parent


def _pieces(fd: int, offset: int, length: int) -> Iterator[bytes]:
    while length > 0 and (piece := os.pread(fd, length, offset)):
        yield piece
        offset, length = offset + len(piece), length - len(piece)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that has no such thing
            raise
    finally:
        os.close(fd)
