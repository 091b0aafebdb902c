"""What every vault does, whatever it keeps files in."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest
import pytest_twisted

from jimigw.vault.interface import HEAD_BYTES, AlreadyThere, NotThere, VaultError
from jimigw.vault.keys import MAX_KEY
from jimigw.vault.vault import Vault
from tests.vault.harness import Engine, both, error_of, keep, landing, md5

DATA = bytes(range(256)) * 40
PART = 16 << 20


@pytest.mark.parametrize("step", [1, 7, 64, 1000, 5000, len(DATA)])
@pytest_twisted.ensureDeferred
async def test_a_file_in_pieces(engine: Engine, vault: Vault, step: int) -> None:
    incoming = vault.begin()
    for at in range(0, len(DATA), step):
        incoming.write(DATA[at : at + step])
    assert incoming.size == len(DATA)
    whole = await incoming.finish()
    assert (whole.size, whole.md5, whole.head) == (len(DATA), md5(DATA), DATA[:HEAD_BYTES])
    assert engine.seen() == {}
    await vault.keep(incoming, "a/b/file.bin")
    assert engine.seen() == {"a/b/file.bin": DATA}
    assert landing(engine) == []
    assert vault.last_error() is None


@pytest.mark.parametrize("data", [b"", b"x", DATA[: HEAD_BYTES - 1], DATA[:HEAD_BYTES], DATA[: HEAD_BYTES + 1]])
@pytest_twisted.ensureDeferred
async def test_small_files(engine: Engine, vault: Vault, data: bytes) -> None:
    await keep(vault, "small", data)
    assert engine.seen() == {"small": data}
    assert await vault.read("small", 0, 1000) == data


LONG_PART, LONG_KEY = "a" * 200, "/".join(["a" * 99] * 4)
WRONG_KEYS = ["", "/", "a/", "/a", "a//b", ".", "..", "../a", "a/../b", "a/.", "\u00e4", "a b", "a\n", "a\0", "a:b"]


RIGHT_KEYS = ["a", "b/c/d/e/f/g", ".a", "a..b", "...", "-", "_/-/.._", LONG_PART, LONG_KEY]
READS = [
    # offset, length, what is read
    (0, len(DATA), DATA),
    (0, len(DATA) + 1, DATA),
    (0, 1, DATA[:1]),
    (17, 1000, DATA[17:1017]),
    (len(DATA) - 1, 1, DATA[-1:]),
    (len(DATA) - 1, 10, DATA[-1:]),
    (len(DATA), 10, b""),
    (len(DATA) + 1, 10, b""),
    (1 << 62, 1 << 62, b""),
    (5, 0, b""),
    (0, 1 << 40, DATA),
]


@pytest_twisted.ensureDeferred
async def test_wrong_keys(engine: Engine, vault: Vault) -> None:
    for key in [*WRONG_KEYS, LONG_PART + "a", LONG_KEY + "/a/b", "a" * (MAX_KEY + 1)]:
        incoming = vault.begin()
        incoming.write(DATA)
        await incoming.finish()
        results = await both(vault.keep(incoming, key), vault.read(key, 0, 1), vault.delete(key))
        assert [type(result) for result in results] == [ValueError] * 3, key
    assert (engine.seen(), landing(engine)) == ({}, [])


@pytest_twisted.ensureDeferred
async def test_right_keys(engine: Engine, vault: Vault) -> None:
    for key in RIGHT_KEYS:
        await keep(vault, key, DATA)
        assert await vault.read(key, 0, len(DATA)) == DATA
    assert sorted(item.key for item in await vault.items(time.time() + 60)) == sorted(RIGHT_KEYS)
    for key in RIGHT_KEYS:
        await vault.delete(key)
    assert engine.seen() == {}


@pytest_twisted.ensureDeferred
async def test_reading(vault: Vault) -> None:
    await keep(vault, "file", DATA)
    for offset, length, expected in READS:
        assert await vault.read("file", offset, length) == expected, (offset, length)


@pytest_twisted.ensureDeferred
async def test_what_is_not_there(engine: Engine, vault: Vault) -> None:
    await keep(vault, "a/b", DATA)
    for key in ("c", "a", "a/b/c", "a/c"):
        assert isinstance(await error_of(vault.read(key, 0, 10)), NotThere)
        assert isinstance(await error_of(vault.read(key, 0, 0)), NotThere)
        await vault.delete(key)
    for offset, length in ((-1, 1), (0, -1)):
        assert isinstance(await error_of(vault.read("a/b", offset, length)), ValueError)
    assert engine.seen() == {"a/b": DATA}
    assert vault.last_error() is None


@pytest_twisted.ensureDeferred
async def test_deleted_while_it_is_read(engine: Engine, vault: Vault) -> None:
    await keep(vault, "a/file", DATA)
    assert await vault.read("a/file", 0, 100) == DATA[:100]
    first, deleted, second = await both(
        vault.read("a/file", 100, 100), vault.delete("a/file"), vault.read("a/file", 200, 100)
    )
    assert first == DATA[100:200] or isinstance(first, NotThere)
    assert deleted is None
    assert second == DATA[200:300] or isinstance(second, NotThere)
    assert isinstance(await error_of(vault.read("a/file", 300, 100)), NotThere)
    await vault.delete("a/file")
    assert engine.seen() == {}


@pytest_twisted.ensureDeferred
async def test_what_it_keeps(vault: Vault) -> None:
    before = time.time()
    sizes = {f"device-{n % 3}/{n}": n * 11 for n in range(12)}
    for key, size in sizes.items():
        await keep(vault, key, b"x" * size)
    items = await vault.items(time.time() + 5)
    assert {item.key: item.size for item in items} == sizes
    assert all(before - 5 < item.kept < time.time() + 5 for item in items)
    assert list(await vault.items(before - 60)) == []
    room = await vault.room()
    assert room is not None and 0 < room.free < room.total


@pytest_twisted.ensureDeferred
async def test_nothing_is_written_over(engine: Engine, vault: Vault) -> None:
    await keep(vault, "a/file", DATA)
    incoming = vault.begin()
    incoming.write(b"other")
    await incoming.finish()
    assert isinstance(await error_of(vault.keep(incoming, "a/file")), AlreadyThere)
    assert (engine.seen(), landing(engine)) == ({"a/file": DATA}, [])
    assert vault.last_error() is None
    await incoming.abort()
    assert isinstance(await error_of(vault.keep(incoming, "a/other")), VaultError)


@pytest_twisted.ensureDeferred
async def test_two_with_the_same_key_at_once(engine: Engine, vault: Vault) -> None:
    contents = [bytes([n]) * 1000 for n in range(8)]
    waiting = []
    for data in contents:
        incoming = vault.begin()
        incoming.write(data)
        await incoming.finish()
        waiting.append(incoming)
    results = await both(*[vault.keep(incoming, "a/same") for incoming in waiting])
    kept = [data for data, result in zip(contents, results, strict=True) if result is None]
    assert len(kept) == 1
    assert [type(result) for result in results if result is not None] == [AlreadyThere] * 7
    assert (engine.seen(), landing(engine)) == ({"a/same": kept[0]}, [])


@pytest.mark.parametrize("moment", ["new", "given", "drained", "finishing", "finished"])
@pytest_twisted.ensureDeferred
async def test_aborted_at_any_time(engine: Engine, vault: Vault, moment: str) -> None:
    incoming = vault.begin()
    waiting = finishing = None
    if moment != "new":
        for _ in range(100):
            incoming.write(DATA)
        waiting = incoming.drained()
    if moment in ("drained", "finished"):
        await incoming.drained()
    if moment == "finishing":
        finishing = incoming.finish()
    elif moment == "finished":
        await incoming.finish()
    await incoming.abort()
    assert landing(engine) == []
    assert incoming.waiting == 0
    if waiting is not None:
        await waiting
    if finishing is not None:
        assert isinstance(await error_of(finishing), VaultError)
    await incoming.drained()
    await incoming.abort()
    assert isinstance(await error_of(vault.keep(incoming, "a")), VaultError)
    assert (engine.seen(), vault.last_error()) == ({}, None)


@pytest_twisted.ensureDeferred
async def test_bytes_after_an_abort_are_dropped(engine: Engine, vault: Vault) -> None:
    incoming = vault.begin()
    incoming.write(DATA)
    ended = incoming.abort()
    incoming.write(DATA)
    await ended
    incoming.write(DATA)
    assert isinstance(await error_of(incoming.finish()), VaultError)
    assert (landing(engine), incoming.waiting) == ([], 0)


@pytest_twisted.ensureDeferred
async def test_aborted_while_it_is_kept(engine: Engine, vault: Vault) -> None:
    incoming = vault.begin()
    incoming.write(DATA)
    await incoming.finish()
    kept, aborted = vault.keep(incoming, "a"), incoming.abort()
    assert await both(kept, aborted) == [None, None]
    assert engine.seen() == {"a": DATA}


@pytest_twisted.ensureDeferred
async def test_misuse_is_told_at_once(vault: Vault) -> None:
    incoming = vault.begin()
    with pytest.raises(RuntimeError):
        vault.keep(incoming, "a")
    with pytest.raises(ValueError):
        incoming.write_at(-1, b"x")
    ended = incoming.finish()
    with pytest.raises(RuntimeError):
        incoming.write(b"x")
    with pytest.raises(RuntimeError):
        incoming.finish()
    await ended


@pytest_twisted.ensureDeferred
async def test_waiting_bytes(vault: Vault) -> None:
    incoming = vault.begin()
    heard: list[int] = []

    def hear(most: int, result: None) -> None:
        heard.append(most)

    for _ in range(200):
        incoming.write(DATA)
    assert incoming.waiting == 200 * len(DATA)
    for most in (0, 1 << 20, 1 << 60):
        incoming.drained(most).addCallback(partial(hear, most))
    assert heard == [1 << 60]
    await incoming.drained()
    assert heard == [1 << 60, 1 << 20, 0]
    assert incoming.waiting == 0
    whole = await incoming.finish()
    assert whole.md5 == md5(DATA * 200)
    await incoming.abort()


@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 2 * PART + 12345])
@pytest_twisted.ensureDeferred
async def test_long_files(engine: Engine, vault: Vault, size: int) -> None:
    data = (DATA * (size // len(DATA) + 1))[:size]
    await keep(vault, "long", data)
    assert engine.seen() == {"long": data}
    assert await vault.read("long", PART - 5, 10) == data[PART - 5 : PART + 5]
    incoming = vault.begin()
    incoming.write(data)
    await incoming.finish()
    assert isinstance(await error_of(vault.keep(incoming, "long")), AlreadyThere)
    await vault.delete("long")
    assert (engine.seen(), landing(engine)) == ({}, [])


@pytest_twisted.ensureDeferred
async def test_an_earlier_run_is_cleared_away(engine: Engine, open_vault: Callable[..., Vault]) -> None:
    vault = open_vault(engine)
    await keep(vault, "a/b", DATA)
    await vault.close()
    for name in ("00000001", "00000007", "other"):
        (engine.folder / "incoming" / name).write_bytes(b"half")
    vault = open_vault(engine)
    assert landing(engine) == []
    assert await vault.read("a/b", 0, len(DATA)) == DATA
    await keep(vault, "a/c", DATA)


@pytest_twisted.ensureDeferred
async def test_one_service_at_a_time(engine: Engine, vault: Vault) -> None:
    with pytest.raises(VaultError, match="in use by another process"):
        engine.vault().start()
    with pytest.raises(VaultError, match="was started before"):
        vault.start()
    await keep(vault, "a", DATA)


@pytest_twisted.ensureDeferred
async def test_closed(engine: Engine) -> None:
    vault = engine.vault()
    with pytest.raises(VaultError, match="is not open"):
        vault.begin()
    vault.start()
    incoming, finished = vault.begin(), vault.begin()
    await finished.finish()
    incoming.write(DATA)
    waiting = incoming.drained()
    first, second = vault.close(), vault.close()
    with pytest.raises(VaultError, match="is not open"):
        vault.begin()
    results = await both(
        waiting, incoming.finish(), vault.keep(finished, "a"), vault.read("a", 0, 1), vault.delete("a"), vault.room()
    )
    assert [type(result) for result in results] == [VaultError] * 6
    assert await both(first, second, vault.close()) == [None] * 3
    assert landing(engine) == []
