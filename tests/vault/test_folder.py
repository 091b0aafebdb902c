"""What only a folder does: its rights, its locks, its empty folders, and in which order things reach the disk."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from jimigw.vault.folder import FolderShelf, FolderVault
from jimigw.vault.interface import AlreadyThere, NotThere, VaultError, Whole
from jimigw.vault.vault import Vault
from tests.vault.harness import FolderEngine, error_of, keep

OpenVault = Callable[..., Vault]
WHOLE = Whole(1, "0cc175b9c0f1b6a831c399e269772661", b"a")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest_twisted.ensureDeferred
async def test_rights(folder_engine: FolderEngine, open_vault: OpenVault) -> None:
    before = os.umask(0)
    try:
        vault = open_vault(folder_engine)
        incoming = vault.begin()
        incoming.write(b"a")
        await incoming.drained()
        (landed,) = (folder_engine.folder / "incoming").iterdir()
        assert mode(landed) == 0o640
        await incoming.finish()
        await vault.keep(incoming, "a/b/c")
    finally:
        os.umask(before)
    root = folder_engine.folder
    assert {mode(path) for path in (root, *root.rglob("*")) if path.is_dir()} == {0o750}
    assert {mode(path) for path in root.rglob("*") if path.is_file()} == {0o640}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "/uploads cannot be used for files of terminals: File exists."),
        ("lock", "/uploads/lock cannot be opened: it is a folder."),
        ("incoming", "/uploads/incoming cannot be used for files on their way in: File exists."),
        ("files", "/uploads/files cannot be used: File exists."),
    ],
)
def test_something_else_is_in_its_place(folder_engine: FolderEngine, name: str, sentence: str) -> None:
    place = folder_engine.folder / name
    place.parent.mkdir(exist_ok=True)
    if name == "lock":
        place.mkdir(parents=True)
    else:
        place.touch()
    vault = folder_engine.vault()
    with pytest.raises(VaultError) as raised:
        vault.start()
    assert str(raised.value).removeprefix(str(folder_engine.folder.parent)) == sentence
    place.rmdir() if name == "lock" else place.unlink()
    vault.start()  # once it is put right
    assert not [path for path in folder_engine.folder.rglob("*") if path.is_file() and path.name != "lock"]
    closed: list[None] = []
    vault.close().addCallback(closed.append)


@pytest_twisted.ensureDeferred
async def test_empty_folders_go(folder_engine: FolderEngine, open_vault: OpenVault) -> None:
    vault = open_vault(folder_engine)
    files = folder_engine.folder / "files"
    for key in ("a/b/1", "a/b/2", "a/c/1"):
        await keep(vault, key, b"x")
    for key, left in (("a/b/1", ["a", "a/b", "a/c"]), ("a/b/2", ["a", "a/c"]), ("a/c/1", [])):
        await vault.delete(key)
        assert sorted(str(path.relative_to(files)) for path in files.rglob("*") if path.is_dir()) == left
    await keep(vault, "a/b/1", b"y")
    assert await vault.read("a/b/1", 0, 5) == b"y"


@pytest_twisted.ensureDeferred
async def test_what_is_not_ours_stays(folder_engine: FolderEngine, open_vault: OpenVault, tmp_path: Path) -> None:
    vault = open_vault(folder_engine)
    files = folder_engine.folder / "files"
    await keep(vault, "a/1", b"x")
    (files / "lost+found").mkdir()
    (files / "a" / "not a key").write_bytes(b"y")
    (tmp_path / "secret").write_bytes(b"secret")
    (files / "a" / "link").symlink_to(tmp_path / "secret")
    (files / "a" / "up").symlink_to(tmp_path)
    assert [item.key for item in await vault.items(1e12)] == ["a/1"]
    error = await error_of(vault.read("a/link", 0, 10))
    assert isinstance(error, VaultError)
    assert not isinstance(error, NotThere)
    await vault.delete("a/1")
    assert (files / "a" / "not a key").read_bytes() == b"y"


def shelf_of(folder: Path) -> FolderShelf:
    (folder / "incoming").mkdir(parents=True, exist_ok=True)
    shelf = FolderShelf(folder)
    shelf.start()
    return shelf


def new_file(folder: Path, name: str) -> Path:
    path = folder / "incoming" / name
    path.write_bytes(b"a")
    return path


def test_folders_that_come_and_go_in_many_threads(tmp_path: Path) -> None:
    shelf, wrong = shelf_of(tmp_path), []

    def work(thread: int) -> None:
        try:
            for _ in range(300):
                key = f"a/b/{thread}"
                shelf.put(new_file(tmp_path, str(thread)), WHOLE, key)
                (tmp_path / "incoming" / str(thread)).unlink()
                assert shelf.read(key, 0, 10) == b"a"
                shelf.delete(key)
                with pytest.raises(NotThere):
                    shelf.read(key, 0, 10)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert list((tmp_path / "files").iterdir()) == []


class Calls:
    """The calls that say something to the disk, as they are made; they are made all the same."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        self._root = root
        for name in ("fsync", "link", "rename", "mkdir", "unlink", "rmdir"):
            self._listen(name, getattr(os, name), monkeypatch)

    def _listen(self, name: str, real: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
        def call(what: Any, *arguments: Any, **options: Any) -> Any:
            path = Path(os.readlink(f"/proc/self/fd/{what}")) if isinstance(what, int) else Path(what)
            where = arguments[0] if name in ("link", "rename") else path
            result = real(what, *arguments, **options)
            self.made.append(f"{name} {os.path.relpath(where, self._root)}")
            return result

        monkeypatch.setattr(os, name, call)


@pytest_twisted.ensureDeferred
async def test_the_order_in_which_it_reaches_the_disk(
    folder_engine: FolderEngine, open_vault: OpenVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = open_vault(folder_engine)
    calls = Calls(folder_engine.folder, monkeypatch)

    async def made(key: str) -> list[str]:
        calls.made.clear()
        await keep(vault, key, b"x")
        return list(calls.made)

    assert await made("a/b/1") == [
        "fsync incoming/00000001",
        "mkdir files/a",
        "mkdir files/a/b",
        "link files/a/b/1",
        "fsync files/a/b",
        "fsync files/a",
        "fsync files",
        "unlink incoming/00000001",
    ]
    assert await made("a/b/2") == [
        "fsync incoming/00000002",
        "link files/a/b/2",
        "fsync files/a/b",
        "unlink incoming/00000002",
    ]
    calls.made.clear()
    await vault.delete("a/b/1")
    await vault.delete("a/b/2")
    assert calls.made == ["unlink files/a/b/1", "unlink files/a/b/2", "rmdir files/a/b", "rmdir files/a"]
    assert (await made("a/3"))[1:] == [
        "mkdir files/a",
        "link files/a/3",
        "fsync files/a",
        "fsync files",
        "unlink incoming/00000003",
    ]
    await vault.close()
    again = open_vault(folder_engine)
    calls.made.clear()
    await keep(again, "a/4", b"x")  # a folder of an earlier run may not be on the disk yet
    assert calls.made[1:4] == ["link files/a/4", "fsync files/a", "fsync files"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def link(*arguments: object, **options: object) -> None:
        raise OSError(number, "no links")

    monkeypatch.setattr(os, "link", link)
    shelf = shelf_of(tmp_path)
    shelf.put(new_file(tmp_path, "1"), WHOLE, "a/1")
    with pytest.raises(AlreadyThere):
        shelf.put(new_file(tmp_path, "2"), WHOLE, "a/1")
    assert shelf.read("a/1", 0, 10) == b"a"
    assert [item.key for item in shelf.items(1e12)] == ["a/1"]


def test_a_folder_that_cannot_be_made_safe_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = shelf_of(tmp_path)

    def fsync(fd: int) -> None:
        raise OSError(errno.EIO, "error of the disk")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(VaultError, match="input/output error"):
        shelf.put(new_file(tmp_path, "1"), WHOLE, "a/b/1")
    assert list((tmp_path / "files").iterdir()) == []


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    used: Any = None
    assert FolderVault("uploads", used).folder == tmp_path / "uploads"
