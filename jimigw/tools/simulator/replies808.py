"""What a simulated JT/T 808 terminal does when it is told to, and what it answers. JT/T 808-2019, chapter 7."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from jimigw.protocols.jt808.codec import Packet, encode_body
from jimigw.protocols.jt808.versions import V2011, V2019
from jimigw.wire.checks import xor8

from . import media808 as media
from .commanded808 import UNSUPPORTED, WRONG, Commanded, Handler, Said, general
from .reports808 import attributes, digits

#: seconds until a terminal has done what it was told
DOOR, DRIVER, UPGRADE, REBOOT = 1.0, 2.0, 5.0, 3.0
#: what came with a later edition
_SINCE_2013 = frozenset({0x8003, 0x8106, 0x8107, 0x8108, 0x8203, 0x8702, 0x8805})
_SINCE_2019 = frozenset({0x8004, 0x8204, 0x8608})


def obey(terminal: Commanded, packet: Packet, serial: int, now: float) -> list[Said]:
    """Do what a message of the platform says; what is said to it at once. ``serial`` is the one to quote."""
    msg_id = packet.header.msg_id
    known = _HANDLERS.get(msg_id)
    later = (msg_id in _SINCE_2013 and terminal.version == V2011) or (
        msg_id in _SINCE_2019 and terminal.version < V2019
    )
    if known is None or later or packet.opaque == "encrypted":
        return [general(serial, msg_id, UNSUPPORTED)]
    if packet.body is None:
        return [general(serial, msg_id, WRONG)]
    return list(known(terminal, packet.body, serial, now))


# -- parameters and control -------------------------------------------------------------------------------------------


def _set_parameters(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    for entry in body.to_json()["params"]:
        if entry["value"] is not None:
            terminal.state.parameters[entry["id"]] = entry["value"]
            if entry["id"] == 0x0029:
                terminal.interval = float(terminal.state.number(0x0029))
    yield general(serial, 0x8103)


def _all_parameters(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield 0x0104, _told(terminal, serial, sorted(terminal.state.parameters))


def _some_parameters(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield 0x0104, _told(terminal, serial, [each for each in body.ids if each in terminal.state.parameters])


def _told(terminal: Commanded, serial: int, ids: list[int]) -> dict[str, Any]:
    return {"seq": serial, "params": [{"id": each, "value": terminal.state.parameters[each]} for each in ids]}


def _control(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    removed = terminal.version == V2019 and body.command in (1, 3, 6, 7)
    if removed or not (1 <= body.command <= 7 or 0xF0 <= body.command <= 0xF1 or 0x64 <= body.command <= 0x65):
        yield general(serial, 0x8105, UNSUPPORTED)
        return
    yield general(serial, 0x8105)
    if body.command == 5:
        terminal.state.parameters = dict(terminal.state.factory)
        terminal.code = None
    if body.command in (3, 4, 5, 6, 7):
        terminal.later(now + REBOOT, lambda when: _hang_up(terminal, f"told to, by command {body.command}"))


def _hang_up(terminal: Commanded, why: str) -> None:
    if terminal.online:
        terminal.hang_up = why


def _attributes(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield 0x0107, attributes(terminal.phone, terminal.version)


def _upgrade(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield general(serial, 0x8108)
    result = {"type": body.type, "result": 0 if body.firmware else 1}
    terminal.later(now + UPGRADE, lambda when: terminal.keep(0x0108, result))


# -- where it is ------------------------------------------------------------------------------------------------------


def _locate(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    told = {"params": terminal.reporter.location(now).to_json()}
    yield 0x0201, told if terminal.version == V2011 else {"seq": serial, **told}


def _track(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    usual = float(terminal.state.number(0x0029))
    terminal.interval = float(body.period) if body.period else usual
    if body.period and body.expiry:
        terminal.later(now + body.expiry, lambda when: setattr(terminal, "interval", usual))
    yield general(serial, 0x8202)


def _confirm(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    terminal.reporter.confirmed(body.type)
    yield general(serial, 0x8203)


# -- people -----------------------------------------------------------------------------------------------------------


def _events(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield general(serial, 0x8301)
    if body.type in (1, 2, 3) and body.events:
        chosen = {"id": body.events[0].id}
        terminal.later(now + DRIVER, lambda when: terminal.keep(0x0301, chosen))


def _question(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield general(serial, 0x8302)
    if body.answers:
        chosen = {"seq": serial, "id": body.answers[0].id}
        terminal.later(now + DRIVER, lambda when: terminal.keep(0x0302, chosen))


def _menu(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield general(serial, 0x8303)
    if body.type in (1, 2, 3) and body.menus:
        chosen = {"id": body.menus[0].type, "flag": 1}
        terminal.later(now + DRIVER, lambda when: terminal.keep(0x0303, chosen))


def driver(phone: str, now: float) -> dict[str, Any]:
    """Who is driving, as JSON: the card was inserted and could be read."""
    number = int(phone)
    return {
        "status": 1,
        "time": digits(now),
        "ic_result": 0,
        "driver_name": "张伟",
        "certificate": f"4403{number % 10**14:014d}",
        "organization": "深圳市交通运输局",
        "cert_expiry": "20301231",
    }


def _driver(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield 0x0702, driver(terminal.phone, now)


# -- vehicle, areas, recorder -----------------------------------------------------------------------------------------


def _vehicle(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield general(serial, 0x8500)
    if terminal.version == V2019:
        # 2019: 0 locks; before, bit 0 set locks.
        doors = [control.param for control in body.controls if control.type_id == 1]
        locked = doors[-1] == b"\0" if doors else terminal.reporter.locked
    else:
        locked = bool(body.flag & 1)

    def done(when: float) -> None:
        terminal.reporter.locked = locked
        location = terminal.reporter.location(when).to_json()
        terminal.speak(0x0500, {"seq": serial, "location": location})

    terminal.later(now + DOOR, done)


def _set_areas(kind: int, msg_id: int) -> Handler:
    def handle(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
        told = body.to_json()
        held = terminal.state.areas[kind]
        if kind in (1, 2):
            if told["type"] == 0:
                held.clear()
            held.update((area["id"], area) for area in told["areas"])
        else:
            held[told["id"]] = told
        yield general(serial, msg_id)

    return handle


def _delete_areas(kind: int, msg_id: int) -> Handler:
    def handle(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
        held = terminal.state.areas[kind]
        for identity in body.ids or list(held):
            held.pop(identity, None)
        yield general(serial, msg_id)

    return handle


def _stored(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    held = terminal.state.areas.get(body.type, {})
    wanted = [area for identity, area in held.items() if not body.ids or identity in body.ids]
    setting = {1: 0x8600, 2: 0x8602, 3: 0x8604, 4: 0x8606}.get(body.type, 0x8600)
    data = b"".join(
        encode_body(setting, {"type": 0, "areas": [area]} if body.type in (1, 2) else area, terminal.version)
        for area in wanted
    )
    yield 0x0608, {"type": body.type, "length": len(wanted), "items": base64.b64encode(data).decode()}


def _records(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    block = b"\x12\x00" if body.command == 0 else bytes.fromhex(digits(now))
    packet = b"\x55\x7a" + bytes((body.command,)) + len(block).to_bytes(2, "big") + b"\0" + block
    data = base64.b64encode(packet + bytes((xor8(packet),))).decode()
    told = {"command": body.command, "data": data}
    yield 0x0700, told if terminal.version == V2011 else {"seq": serial, **told}


def _nothing(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
    yield from ()


def _only_general(msg_id: int) -> Handler:
    def handle(terminal: Commanded, body: Any, serial: int, now: float) -> Iterator[Said]:
        yield general(serial, msg_id)

    return handle


_HANDLERS: dict[int, Handler] = {
    0x8103: _set_parameters,
    0x8104: _all_parameters,
    0x8106: _some_parameters,
    0x8105: _control,
    0x8107: _attributes,
    0x8108: _upgrade,
    0x8201: _locate,
    0x8202: _track,
    0x8203: _confirm,
    0x8301: _events,
    0x8302: _question,
    0x8303: _menu,
    0x8500: _vehicle,
    **{0x8600 + 2 * at: _set_areas(at + 1, 0x8600 + 2 * at) for at in range(4)},
    **{0x8601 + 2 * at: _delete_areas(at + 1, 0x8601 + 2 * at) for at in range(4)},
    0x8608: _stored,
    0x8700: _records,
    0x8702: _driver,
    0x8801: media.shoot,
    0x8802: media.search,
    0x8803: media.send_found,
    0x8804: media.record_sound,
    0x8805: media.send_one,
    0x8900: media.transparent,
    0x8A00: media.key,
    0x9003: media.media_attributes,
    0x9105: _nothing,
    0x9205: media.clips,
    0x9206: media.upload_clip,
    0x9208: media.bring_attachments,
    0x9212: _nothing,
    **{
        each: _only_general(each)
        for each in (
            0x8204, 0x8300, 0x8304, 0x8400, 0x8401, 0x8701, 0x9101, 0x9102, 0x9201, 0x9202, 0x9207, 0x9301,
            0x9302, 0x9303, 0x9304, 0x9305, 0x9306,
        )
    },
}  # fmt: skip
