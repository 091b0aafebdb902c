"""What of a record makes the items of a push: one function a push, from a record to the parts that are told.

The functions take any JSON object; what is not as records are gives nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from jimigw.gateway.hub import CODES, OWNER, Mode, Wanted, code_of, content_of

from .rows import ERRORS, View, look

_END = 2
"""The flag of an active safety alarm that is over."""
_STATUS, _SERIAL = 0x2005, 0x2007
"""Items of 0xE8 that are no events: the terminal's states, data of its serial port."""
_NO_EVENTS = frozenset({0x2002, 0x2003, _STATUS, 0x2006, _SERIAL})
_SAFETY = {"adas": "264", "dsm": "265", "bsd": "266"}
_CHANNELS = {"video_signal_lost": "257", "video_covered": "258", "storage_fault": "259"}
_VOLTS = 3


def _jimi(record: View, *ids: int) -> Any:
    """The body of a message of the Jimi protocol with one of these numbers, or None."""
    return _body(record, "jimi", ids)


def _jt808(record: View, *ids: int) -> Any:
    """The body of a message of JT/T 808 with one of these ids, or None."""
    return _body(record, "jt808", ids)


def _body(record: View, protocol: str, ids: tuple[int, ...]) -> Any:
    if record.get("protocol") != protocol or look(record, "message", "header", "msg_id") not in ids:
        return None
    body = look(record, "message", "body")
    if not isinstance(body, dict) or "outcome" in body or record.get("kind") == "unknown":
        return None
    return body


def _parts(value: Any) -> list[Mapping[str, Any]]:
    """An object, or the objects of a list."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


# -- sessions and heartbeats --------------------------------------------------------------------------------------


def sessions(record: View) -> Iterator[View]:
    """A login or a logout. The registration of JT/T 808 that stands behind a login is none."""
    kind, protocol = record.get("kind"), record.get("protocol")
    if kind == "login" and (body := _body(record, str(protocol), (0x01, 0x0102))) is not None:
        yield {**record, "type": "LOGIN", "zone": protocol if protocol == "jt808" else body.get("time_zone", "+00:00")}
    elif kind == "logout":
        yield {**record, "type": "LOGOUT", "zone": protocol if protocol == "jt808" else "+00:00"}


def heartbeats(record: View) -> Iterator[View]:
    """A heartbeat."""
    if record.get("kind") == "heartbeat":
        yield record


# -- places -------------------------------------------------------------------------------------------------------


def places(record: View) -> Iterator[View]:
    """The locations of a record: ``at``, as a record's position, and ``said``, the body that they stand in."""
    body, at = look(record, "message", "body"), record.get("position")
    if record.get("protocol") == "jimi":
        if record.get("kind") == "position" and isinstance(at, dict):
            yield {**record, "at": at, "said": body}
        return
    batch = _jt808(record, 0x0704)
    if batch is not None:
        for said in _parts(batch.get("location")):
            yield {**record, "at": _place(said, batch.get("type") == 1), "said": said}
    elif isinstance(at, dict) and _jt808(record, 0x0200, 0x0201) is not None:
        said = body if look(record, "message", "header", "msg_id") == 0x0200 else look(body, "params")
        yield {**record, "at": at, "said": said}


def _place(said: View, replayed: bool) -> dict[str, Any]:
    """A location of JT/T 808 as the position of a record, its time as the message has it."""
    status, extra = _bits(said.get("status")), said.get("extra")
    mileage, altitude = look(extra, "mileage"), said.get("altitude")
    place = {
        "time": said.get("time"),
        "latitude": _degrees(said.get("latitude"), status & 4),
        "longitude": _degrees(said.get("longitude"), status & 8),
        "speed_kmh": _times(said.get("speed"), 0.1),
        "course": said.get("direction"),
        "altitude_m": -(altitude & 0x7FFF) if isinstance(altitude, int) and altitude > 0x7FFF else altitude,
        "satellites": look(extra, "gnss_sat_num"),
        "mileage_m": _times(mileage, 100),
        "ignition": status & 1 != 0,
        "replayed": replayed,
    }
    return {key: value for key, value in place.items() if value is not None}


def _degrees(value: Any, negative: int) -> float | None:
    return None if not isinstance(value, int) else value / (-1e6 if negative else 1e6)


def _times(value: Any, factor: float) -> float | None:
    return None if not isinstance(value, int) else value * factor


def _bits(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def cells(record: View) -> Iterator[View]:
    """The radio cell of a location without a fix."""
    body = _jimi(record, 0x22, 0x37)
    if body is None or body.get("fixed") or not body.get("mcc"):
        return
    numbers = [body.get(key) for key in ("mcc", "mnc", "lac", "cell_id")]
    if all(isinstance(each, int) for each in numbers):
        mcc, mnc, lac, cell = numbers
        yield {**record, "lbs": {"mcc": mcc, "mnc": mnc, "cellList": f"{lac},{cell},0"}}


# -- alarms -------------------------------------------------------------------------------------------------------


def jimi_alarms(record: View) -> Iterator[View]:
    """An alarm or a notice of the Jimi protocol."""
    if _jimi(record, 0x95) is not None:
        yield record


def jt808_alarms(record: View) -> Iterator[View]:
    """All alarms in the locations of JT/T 808: the word, video, active safety, events of Jimi's own."""
    for place in places(record) if record.get("protocol") == "jt808" else ():
        said, extra = place.get("said"), look(place, "said", "extra")
        if _bits(look(said, "alarm")):
            yield {**place, "alert": "256", "word": look(said, "alarm")}
        for key, alert in _CHANNELS.items():
            if _bits(look(extra, key)):
                yield {**place, "alert": alert, "channels": {key: look(extra, key)}}
        for key, alert in _SAFETY.items():
            for item in _parts(look(extra, key)):
                if item.get("flag") == _END:
                    yield {**place, "alert": "removeAlarmType", "removed": alert, "item": item}
                else:
                    yield {**place, "alert": alert, "item": item}
        for item in _parts(look(extra, "jimi")):
            if isinstance(item.get("type"), int) and item["type"] not in _NO_EVENTS:
                yield {**place, "alert": str(item["type"]), "event": item}


def cards(record: View) -> Iterator[View]:
    """The number of a SIM card."""
    body = _jimi(record, 0x94)
    if body is not None and look(body, "content", "iccid") is not None:
        yield {**record, "iccid": look(body, "content", "iccid")}
    for item in _own_items(record, _STATUS):
        for state in _parts(look(item, "content", "states")):
            if state.get("name") == "iccid":
                yield {**record, "iccid": state.get("value")}


def _own_items(record: View, *types: int) -> Iterator[View]:
    """The items 0xE8 of these types, in all locations of a record."""
    for place in places(record) if record.get("protocol") == "jt808" else ():
        yield from (item for item in _parts(look(place, "said", "extra", "jimi")) if item.get("type") in types)


# -- sensors and modules ------------------------------------------------------------------------------------------


def fuels(record: View) -> Iterator[View]:
    """What fuel sensors say."""
    body = _jimi(record, 0x94)
    if body is not None and body.get("file_type") == 0x0E and isinstance(body.get("content"), dict):
        content = body["content"]
        yield {**record, "item": {**content, "path": content.get("sensor_id")}}
    for peripheral in _peripherals(record):
        if peripheral.get("id") == 2 and isinstance(peripheral.get("value"), dict):
            yield {**record, "item": peripheral["value"]}
        elif peripheral.get("id") in (1, 6):
            yield {**record, "item": {"path": 0, "value": peripheral.get("value"), "unit": _VOLTS}}


def temperatures(record: View) -> Iterator[View]:
    """What thermometers say, and hygrometers beside them."""
    content = look(_jimi(record, 0x9B), "content")
    if look(content, "temperature") is not None:
        yield {**record, "item": content}
    for peripheral in _peripherals(record):
        value = peripheral.get("value")
        if peripheral.get("id") == 4:
            yield {**record, "item": {"temperature": value}}
        elif peripheral.get("id") == 7:
            yield from ({**record, "item": sample} for sample in _parts(look(value, "samples")))


def tags(record: View) -> Iterator[View]:
    """What RFID readers read."""
    yield from ({**record, "item": each} for each in _peripherals(record) if each.get("id") == 5)


def _peripherals(record: View) -> list[Mapping[str, Any]]:
    return _parts(look(_jimi(record, 0xF2), "peripherals"))


def modules(record: View) -> Iterator[View]:
    """What plugged-in modules say that has no push of its own."""
    body = _jimi(record, 0x9B, 0x9C)
    content = look(body, "content")
    if body is None or look(content, "temperature") is not None:
        return
    if isinstance(content, dict):
        yield {**record, "text": content.get("card", content.get("text"))}
    else:
        yield {**record, "text" if body.get("module_type") in (0x32, 0x33) else "raw": content}


# -- JT/T 808 -----------------------------------------------------------------------------------------------------


def through(record: View) -> Iterator[View]:
    """Transparent data, but answers to text commands."""
    body = _jt808(record, 0x0900)
    if body is not None and body.get("type") != 0xF0:
        yield record


def extensions(record: View) -> Iterator[View]:
    """States and serial data in the items 0xE8 of locations."""
    for item in _own_items(record, _STATUS, _SERIAL):
        yield {**record, "item": item}


_EVENTS = {
    0x1210: "UploadAlarmFileList",
    0x1211: "UploadAlarmFileBegin",
    0x1212: "UploadAlarmFileEnd",
    0x0800: "UploadMediaFileBegin",
    0x0801: "UploadMediaFileEnd",
}


def hub_events(record: View) -> Iterator[View]:
    """The begin and the end of uploads."""
    body = _jt808(record, *_EVENTS)
    if body is not None:
        content = {key: value for key, value in body.items() if key not in ("multimedia", "location")}
        yield {**record, "type": _EVENTS[record["message"]["header"]["msg_id"]], "content": content}


def files(record: View) -> Iterator[View]:
    """A file that was stored, or given up. The message 0x0801 has no name for its picture: the record of the stored
    file follows it."""
    if isinstance(look(record, "message", "body", "filename"), str):
        yield record


def uploads(record: View) -> Iterator[View]:
    """A file that was stored."""
    if record.get("kind") == "upload":
        yield from files(record)


# -- commands -----------------------------------------------------------------------------------------------------


def _ended(record: View) -> Any:
    body = look(record, "message", "body")
    is_end = record.get("kind") == "command_result" and isinstance(look(body, "outcome"), str)
    return body if is_end else None


def recordings(record: View) -> Iterator[View]:
    """The list of recordings that a command asked for."""
    body = _ended(record)
    items = look(body, "reply", "items")
    if isinstance(items, list) and look(body, "message", "header", "msg_id") in (0x9205, 0x9201):
        wanted = Wanted.of(body.get("purpose"))
        yield {**record, "items": items, "total": len(items), "instruction": wanted.instruction_id}


def ftp_results(record: View) -> Iterator[View]:
    """The end of an upload by FTP; ``instruction`` is what :func:`instruction_of` found for its command."""
    if _jt808(record, 0x1206) is not None:
        yield record


def instruction_of(record: View) -> tuple[tuple[str, int], str] | None:
    """What the end of a command says about uploads to come: terminal and serial number, and the caller's id for it."""
    body = _ended(record)
    seq = look(body, "reply", "seq")
    if body is None or body.get("owner") != OWNER or not isinstance(seq, int):
        return None
    if look(body, "message", "header", "msg_id") != 0x9206:
        return None
    instruction = Wanted.of(body.get("purpose")).instruction_id
    return ((str(record.get("device")), seq), instruction) if instruction else None


def ends(record: View) -> Iterator[View]:
    """The end of a command that came through the hub's API and was not told in the HTTP answer."""
    body = _ended(record)
    if body is None or body.get("owner") != OWNER:
        return
    wanted = Wanted.of(body.get("purpose"))
    try:
        ended = datetime.fromisoformat(str(record.get("received_at"))).timestamp()
    except ERRORS:
        return
    if not wanted.wants_push(ended):
        return
    code = code_of(body["outcome"], str(body.get("reason")), wanted.mode)
    told = {
        "code": code.value,
        "msg": CODES[code][0],
        "content": content_of(body.get("reply")),
        "pro_no": wanted.pro_no,
        "flag": wanted.flag,
    }
    yield {**record, "told": told, "kind_of_end": "1" if wanted.mode is Mode.ASYNC else "2"}


def form_of_end(view: View) -> tuple[tuple[str, str], ...]:
    """``msgType`` beside the items: 1 of an asynchronous command, 2 of one that was kept."""
    return (("msgType", str(view["kind_of_end"])),)
