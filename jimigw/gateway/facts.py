"""What terminals say of themselves between their reports: model, firmware, SIM card, cameras, plate.

A row of :data:`FACTS` is one message: its protocol and id, and what of its body is worth a place in the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jimigw.model.device import Device
from jimigw.model.report import Report

from .catalogue import firmware_of
from .vendor_text import text_of

Fact = tuple[str, Any]
_LONGEST = 64


def _registration(body: Mapping[str, Any]) -> Iterator[Fact]:
    yield "model", body.get("model")
    # A colour of 0 says that the text is a VIN: that is no plate.
    yield "told_plate", body.get("license_number") if body.get("color") else None


def _attributes(body: Mapping[str, Any]) -> Iterator[Fact]:
    yield "model", body.get("model")
    yield "firmware", body.get("firmware_version")
    iccid = body.get("iccid")
    yield "iccid", iccid if isinstance(iccid, str) and iccid.strip("0") else None


def _transfer(body: Mapping[str, Any]) -> Iterator[Fact]:
    content = body.get("content")
    if body.get("file_type") == 0x0A and isinstance(content, Mapping):
        yield "iccid", str(content.get("iccid") or "").rstrip("f") or None
    elif body.get("file_type") == 0x08:
        yield from _reply(body)  # [VERSION]..., as in the answer to VERSION


def _cameras(body: Mapping[str, Any]) -> Iterator[Fact]:
    lists = [body.get(key) for key in ("built_in", "peripheral")]
    yield "cameras", sum(len(cameras) for cameras in lists if isinstance(cameras, list))


def _reply(body: Mapping[str, Any]) -> Iterator[Fact]:
    content = body.get("content")
    if isinstance(content, str) and "VERSION" in content:
        model, firmware = firmware_of(content)
        yield "model", model
        yield "firmware", firmware


def _words(body: Mapping[str, Any]) -> Iterator[Fact]:
    text = text_of(body)
    if body.get("type") == 0xF0 and text is not None:
        yield from _reply({"content": text})


FACTS: Mapping[tuple[str, int], Callable[[Mapping[str, Any]], Iterator[Fact]]] = {
    ("jt808", 0x0100): _registration,
    ("jt808", 0x0107): _attributes,
    ("jt808", 0x0900): _words,
    ("jimi", 0x94): _transfer,
    ("jimi", 0xE0): _cameras,
    ("jimi", 0x21): _reply,
    ("jimi", 0x15): _reply,
}


def learn(device: Device, report: Report) -> None:
    """Take over what a report says of the terminal itself. What it does not say, or says empty, stays as it was."""
    header, body = report.message.get("header"), report.message.get("body")
    if not isinstance(header, Mapping) or not isinstance(body, Mapping):
        return
    read = FACTS.get((report.protocol, header.get("msg_id", -1)))
    if read is None:
        return
    for name, value in read(body):
        if isinstance(value, str):
            value = value.strip()[:_LONGEST]
        if value or value == 0:
            setattr(device, name, value)
