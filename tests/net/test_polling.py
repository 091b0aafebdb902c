"""Polling without log contexts does what the reactor's own polling does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.python import log

from jimigw.net.polling import poll_plainly

epollreactor = pytest.importorskip("twisted.internet.epollreactor")


class Reader:
    """One end of a socket pair; remembers what it read."""

    def __init__(self) -> None:
        self.other, self.socket = socket.socketpair()
        self.read: list[bytes] = []
        self.lost: Any = None
        self.fails = False

    def fileno(self) -> int:
        return self.socket.fileno()

    def logPrefix(self) -> str:
        raise AssertionError("nobody should ask for this")

    def doRead(self) -> None:
        self.read.append(self.socket.recv(100))
        if self.fails:
            raise ValueError("a fault")

    def connectionLost(self, reason: Any) -> None:
        self.lost = reason


@pytest.fixture
def reactor() -> Iterator[Any]:
    reactor = epollreactor.EPollReactor()
    poll_plainly(reactor)
    yield reactor
    reactor.removeAll()
    for waker in reactor._internalReaders:
        waker.connectionLost(None)
    reactor._poller.close()


@pytest.fixture
def reader(reactor: Any) -> Iterator[Reader]:
    reader = Reader()
    reactor.addReader(reader)
    yield reader
    reactor.removeReader(reader)
    reader.other.close()
    reader.socket.close()


def test_who_has_something_to_read_is_called(reactor: Any, reader: Reader) -> None:
    reactor.doIteration(0)
    reader.other.send(b"one")
    reactor.doIteration(None)
    reader.other.send(b"two")
    reactor.doIteration(1.0)
    assert reader.read == [b"one", b"two"]


def test_a_fault_costs_its_connection_only_and_is_logged(reactor: Any, reader: Reader) -> None:
    faults: list[Any] = []
    log.addObserver(faults.append)
    try:
        reader.fails = True
        reader.other.send(b"one")
        reactor.doIteration(1.0)
    finally:
        log.removeObserver(faults.append)
    assert reader.lost is not None
    assert [event["failure"].type for event in faults if event["isError"]] == [ValueError]
    assert reader not in reactor.getReaders()


def test_a_descriptor_that_went_meanwhile_is_passed_over(reactor: Any, reader: Reader) -> None:
    reader.other.send(b"one")
    del reactor._selectables[reader.fileno()]
    reactor.doIteration(1.0)
    assert reader.read == []
    reactor._selectables[reader.fileno()] = reader


@pytest.mark.parametrize("error", [InterruptedError(4, "a signal"), OSError(9, "a wrong descriptor")])
def test_a_signal_ends_the_wait_another_error_is_raised(reactor: Any, error: OSError) -> None:
    class Poller:
        def poll(self, timeout: float, most: int) -> None:
            raise error

        def close(self) -> None: ...

    poller, reactor._poller = reactor._poller, Poller()
    try:
        if isinstance(error, InterruptedError):
            reactor.doIteration(0)
        else:
            with pytest.raises(OSError, match="descriptor"):
                reactor.doIteration(0)
    finally:
        reactor._poller = poller


def test_other_reactors_are_left_alone() -> None:
    clock = Clock()
    poll_plainly(clock)
    assert not hasattr(clock, "doIteration")
