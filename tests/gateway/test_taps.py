"""Listening to live traffic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.logger import ILogObserver, globalLogPublisher
from zope.interface import implementer

from jimigw.gateway.taps import Tap, Taps, Traffic
from jimigw.model.report import Report


def report() -> Report:
    return Report("jimi", "position", {"header": {}, "body": {}}, b"up", datetime(2026, 1, 1, tzinfo=UTC))


def test_a_tap_hears_its_terminal_both_ways_until_it_is_closed() -> None:
    taps, heard = Taps(), list[Traffic]()
    assert not taps
    tap = taps.add("a", heard.append)
    assert taps
    taps.up("a", report(), 1.0)
    taps.up("b", report(), 2.0)
    taps.down("a", "jimi", b"down", 3.0)
    tap.close()
    tap.close()
    taps.up("a", report(), 4.0)
    assert [(t.at, t.device, t.direction, t.raw, t.kind) for t in heard] == [
        (1.0, "a", "up", b"up", "position"),
        (3.0, "a", "down", b"down", None),
    ]
    assert not taps


def test_a_tap_without_a_device_hears_all() -> None:
    taps, heard = Taps(), list[str]()
    taps.add(None, lambda traffic: heard.append(traffic.device))
    taps.up("a", report(), 1.0)
    taps.down("b", "jt808", b"x", 2.0)
    assert heard == ["a", "b"]


def test_a_listener_that_fails_is_taken_off_and_the_others_go_on() -> None:
    taps, heard = Taps(), list[str]()

    def broken(traffic: Traffic) -> None:
        raise ValueError("broken")

    events: list[Any] = []

    @implementer(ILogObserver)
    def observe(event: Any) -> None:
        events.append(event)

    globalLogPublisher.addObserver(observe)
    try:
        taps.add(None, broken)
        taps.add(None, lambda traffic: heard.append(traffic.device))
        taps.up("a", report(), 1.0)
        taps.up("b", report(), 2.0)
    finally:
        globalLogPublisher.removeObserver(observe)
    assert heard == ["a", "b"]
    assert len(events) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_listener_may_close_taps_while_it_hears(order: tuple[int, int]) -> None:
    taps, heard = Taps(), list[int]()
    both: list[Tap] = []

    def hear(number: int) -> None:
        heard.append(number)
        for tap in both:
            tap.close()

    for number in order:
        both.append(taps.add(None, lambda traffic, number=number: hear(number)))  # type: ignore[misc]
    taps.up("a", report(), 1.0)
    assert heard[0] == order[0]
    taps.up("a", report(), 2.0)
    assert len(heard) <= 2
