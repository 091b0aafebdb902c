"""A vault whose threads a test moves by hand: whatever comes in whatever order, it keeps what a dictionary would."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from jimigw.vault import incoming as incoming_module
from jimigw.vault.folder import FolderVault
from jimigw.vault.incoming import Incoming
from jimigw.vault.interface import HEAD_BYTES, AlreadyThere, NotThere, VaultError, Whole
from tests.store.harness import HandPool, HandReactor
from tests.vault.harness import Engine, FolderEngine, md5

pieces = st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=120)), max_size=20)


def put(whole: bytearray, offset: int, data: bytes) -> None:
    """What a file is after this."""
    if data:
        whole.extend(bytes(max(0, offset - len(whole))))
        whole[offset : offset + len(data)] = data


def settle(reactor: HandReactor, pool: HandPool) -> None:
    while pool.run():
        reactor.advance(0)


def result(deferred: Deferred[Any]) -> Any:
    """What it has come to; its failure as an exception that is not raised."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    (value,) = results
    return value.value if isinstance(value, Failure) else value


def test_pieces_in_any_order(engine: Engine) -> None:
    reactor, pool = HandReactor(), HandPool()
    vault = engine.vault(reactor=reactor, make_pool=lambda most: pool)
    vault.start()
    number = 0

    @settings(max_examples=300 if isinstance(engine, FolderEngine) else 15)
    @given(pieces, st.booleans())
    def check(pieces: list[tuple[int, bytes]], at_once: bool) -> None:
        nonlocal number
        incoming, whole = vault.begin(), bytearray()
        for offset, data in pieces:
            incoming.write_at(offset, data)
            put(whole, offset, data)
            if not at_once:
                pool.run()
        finished = incoming.finish()
        settle(reactor, pool)
        assert result(finished) == Whole(len(whole), md5(bytes(whole)), bytes(whole[:HEAD_BYTES]))
        number += 1
        kept = vault.keep(incoming, f"pieces/{number}")
        settle(reactor, pool)
        assert result(kept) is None
        read = vault.read(f"pieces/{number}", 0, 1000)
        settle(reactor, pool)
        assert result(read) == bytes(whole)

    check()
    closed = vault.close()
    settle(reactor, pool)
    assert result(closed) is None


def test_two_hundred_files_take_turns(folder_engine: FolderEngine) -> None:
    reactor, pool = HandReactor(), HandPool()
    vault = folder_engine.vault(reactor=reactor, make_pool=lambda most: pool)
    vault.start()
    settle(reactor, pool)
    long, short = 10 * incoming_module.BATCH_BYTES, 1000
    files = [vault.begin() for _ in range(200)]
    for number, incoming in enumerate(files):
        for _ in range(10):
            incoming.write(bytes((long if number < 3 else short) // 10))
    while any(incoming.waiting for incoming in files[3:]):
        assert pool.run()
    assert all(incoming.waiting > long // 2 for incoming in files[:3])
    closed = vault.close()
    settle(reactor, pool)
    assert result(closed) is None


def test_small_pieces_are_put_together(folder_engine: FolderEngine) -> None:
    reactor, pool = HandReactor(), HandPool()
    vault = folder_engine.vault(reactor=reactor, make_pool=lambda most: pool)
    vault.start()
    settle(reactor, pool)
    incoming = vault.begin()
    for number in range(100_000):
        incoming.write(number.to_bytes(3, "big"))
    assert sum(len(run.pieces) for run in incoming._runs) < 30
    finished = incoming.finish()
    assert len(pool.jobs) == 1
    jobs = 0
    while pool.run():
        jobs += 1
    assert jobs < 6
    assert result(finished).md5 == md5(b"".join(number.to_bytes(3, "big") for number in range(100_000)))
    closed = vault.close()
    settle(reactor, pool)
    assert result(closed) is None


@attrs.define(eq=False)
class Coming:
    """A file on its way in, and what it should be."""

    incoming: Incoming
    whole: bytearray = attrs.field(factory=bytearray)
    finished: bool = False
    done: Whole | None = None
    given_up: bool = False


class VaultModel(RuleBasedStateMachine):
    """Everything at once, and the threads do their jobs in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="jimigw-vault-"))
        self.reactor, self.pool = HandReactor(), HandPool()
        self.engine = FolderEngine(self.folder / "uploads")
        self.vault = FolderVault(self.engine.folder, self.reactor, make_pool=lambda most: self.pool)
        self.vault.start()
        settle(self.reactor, self.pool)
        self.files: list[Coming] = []
        self.kept: dict[str, bytes] = {}
        self.open = 0
        self.closing = False
        self.wrong: list[BaseException] = []

    def teardown(self) -> None:
        for file in self.files:
            file.given_up = file.done is None
        closed = self.vault.close()
        self.closing = True
        settle(self.reactor, self.pool)
        assert result(closed) is None
        assert self.wrong == []
        assert self.open == 0
        assert list((self.engine.folder / "incoming").iterdir()) == []
        self.see()
        shutil.rmtree(self.folder)

    def hear(self, deferred: Deferred[Any], then: Callable[[Any], None]) -> None:
        """Look at the outcome once it is there."""
        self.open += 1

        def heard(value: Any) -> None:
            self.open -= 1
            try:
                then(value.value if isinstance(value, Failure) else value)
            except AssertionError as error:  # it would stay in the Deferred
                self.wrong.append(error)

        deferred.addBoth(heard)

    @rule()
    def begin(self) -> None:
        if len(self.files) < 6:
            self.files.append(Coming(self.vault.begin()))

    @precondition(lambda self: self.files)
    @rule(data=st.data(), offset=st.integers(0, 50), content=st.binary(max_size=50), end=st.booleans())
    def write(self, data: st.DataObject, offset: int, content: bytes, end: bool) -> None:
        file = data.draw(st.sampled_from(self.files))
        if file.finished and not file.given_up:
            return
        offset = len(file.whole) if end else offset
        file.incoming.write_at(offset, content)
        if not file.given_up:
            put(file.whole, offset, content)
            assert file.incoming.size == len(file.whole)

    @precondition(lambda self: self.files)
    @rule(data=st.data(), most=st.sampled_from([0, 10, 1000]))
    def drain(self, data: st.DataObject, most: int) -> None:
        file = data.draw(st.sampled_from(self.files))

        def drained(value: object) -> None:
            assert value is None or (self.closing and isinstance(value, VaultError))
            assert file.incoming.waiting <= most

        self.hear(file.incoming.drained(most), drained)

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        file = data.draw(st.sampled_from(self.files))
        if file.finished:
            return
        file.finished = True

        def finished(value: object) -> None:
            if file.given_up:
                assert isinstance(value, VaultError)
            else:
                whole = bytes(file.whole)
                assert value == Whole(len(whole), md5(whole), whole[:HEAD_BYTES])
                file.done = value

        self.hear(file.incoming.finish(), finished)

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def abort(self, data: st.DataObject) -> None:
        file = data.draw(st.sampled_from(self.files))
        file.given_up = True
        self.files.remove(file)

        def aborted(value: object) -> None:
            assert value is None
            assert not file.incoming._file.path.exists()

        self.hear(file.incoming.abort(), aborted)

    @rule(data=st.data(), key=st.sampled_from(["a/1", "a/2", "b/c/1", "b/d/1"]))
    def keep(self, data: st.DataObject, key: str) -> None:
        done = [file for file in self.files if file.done is not None]
        if not done:
            return
        file = data.draw(st.sampled_from(done))
        self.files.remove(file)

        def kept(value: object) -> None:
            if value is None:
                assert key not in self.kept
                self.kept[key] = bytes(file.whole)
            else:
                assert isinstance(value, AlreadyThere)
                assert key in self.kept
            assert not file.incoming._file.path.exists()

        self.hear(self.vault.keep(file.incoming, key), kept)

    @rule(key=st.sampled_from(["a/1", "a/2", "b/c/1", "b/d/1"]), offset=st.integers(0, 60), length=st.integers(0, 60))
    def read(self, key: str, offset: int, length: int) -> None:
        def read(value: object) -> None:
            if key in self.kept:
                assert value == self.kept[key][offset : offset + length]
            else:
                assert isinstance(value, NotThere)

        self.hear(self.vault.read(key, offset, length), read)

    @rule(key=st.sampled_from(["a/1", "a/2", "b/c/1", "b/d/1"]))
    def delete(self, key: str) -> None:
        def deleted(value: object) -> None:
            assert value is None
            self.kept.pop(key, None)

        self.hear(self.vault.delete(key), deleted)

    @rule()
    def list_all(self) -> None:
        def listed(value: Any) -> None:
            assert {item.key: item.size for item in value} == {key: len(data) for key, data in self.kept.items()}

        self.hear(self.vault.items(float("inf")), listed)

    @precondition(lambda self: self.pool.jobs)
    @rule(turn=st.integers(0, 10), count=st.integers(1, 4))
    def work(self, turn: int, count: int) -> None:
        for _ in range(count):
            self.pool.jobs.rotate(turn)
            if self.pool.run():
                self.see()

    @rule()
    def settle(self) -> None:
        settle(self.reactor, self.pool)
        assert self.open == 0
        assert all(file.incoming.waiting == 0 for file in self.files)

    @invariant()
    def see(self) -> None:
        """Others see what is kept, whole, and no empty folders."""
        for error in self.wrong:
            raise error
        assert self.engine.seen() == self.kept
        folders = {path for path in (self.engine.folder / "files").rglob("*") if path.is_dir()}
        assert all(list(folder.iterdir()) for folder in folders)


TestVaultModel = VaultModel.TestCase
TestVaultModel.settings = settings(max_examples=60, stateful_step_count=60)
