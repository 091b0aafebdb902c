"""Every message that a platform may send: what the simulated terminal answers, and that this ends the command."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest

from jimigw.protocols.jt808.book import BOOK, direction_of
from jimigw.protocols.jt808.messages.safety_items import AlarmIdentity
from jimigw.protocols.jt808.replies import RULES
from tests.tools.simulator.world808 import ALL, START, World, made, packets

CIRCLE = {"id": 7, "flag": 0, "center_latitude": 34_600_000, "center_longitude": 58_400_000, "radius": 500}
BOX = {"id": 8, "flag": 0, "lt_lat": 34_600_000, "lt_lng": 58_400_000, "rb_lat": 34_700_000, "rb_lng": 58_300_000}
POLYGON = {"id": 9, "flag": 0, "points": [{"lat": 34_600_000 + at, "lng": 58_400_000} for at in range(3)]}
TURN = {"point_id": 1, "path_id": 2, "point_lat": 34_600_000, "point_lng": 58_400_000, "width": 20, "attrib": 0}
ROUTE = {"id": 10, "flag": 0, "points": [TURN]}
SEARCH = {"type": 0, "channel": 0, "event": 0, "start_time": "0" * 12, "end_time": "0" * 12}
CLIP = {"channel": 0, "start_time": "0" * 12, "end_time": "0" * 12, "alarm": 0, "av_type": 0, "stream": 0, "storage": 0}
PLAYED = {key: value for key, value in CLIP.items() if key != "alarm"}
SERVER = {"ip": "192.0.2.9", "tcp_port": 1078, "udp_port": 0}
SHOOT = {"channel_id": 1, "command": 2, "period": 0, "save": 0, "resolution": 1, "quality": 5, "bright": 120,
         "contrast": 60, "saturate": 60, "chromaticity": 120}  # fmt: skip
IDENT = {"terminal_id": "0000007", "time": "261128173000", "seq": 0, "count": 2}
KEY = {"e": 65537, "n": base64.b64encode(b"\xc0" + bytes(126) + b"\1").decode()}

#: id, body, what the terminal answers at once, what follows within ten seconds
COMMANDS: list[tuple[int, dict[str, Any], list[int], list[int]]] = [
    (0x8103, {"params": [{"id": 0x29, "value": 5}]}, [0x0001], []),
    (0x8104, {}, [0x0104], []),
    (0x8105, {"command": 4}, [0x0001], []),
    (0x8106, {"ids": [0x29, 0x13]}, [0x0104], []),
    (0x8107, {}, [0x0107], []),
    (0x8108, {"type": 0, "manufacturer": "70999", "version": "V3", "firmware": "AAEC"}, [0x0001], [0x0108]),
    (0x8201, {}, [0x0201], []),
    (0x8202, {"period": 2, "expiry": 6}, [0x0001], []),
    (0x8203, {"seq": 0, "type": 1}, [0x0001], []),
    (0x8204, {}, [0x0001], []),
    (0x8300, {"flag": 4, "text": "减速"}, [0x0001], []),
    (0x8301, {"type": 1, "events": [{"id": 3, "content": "装货"}]}, [0x0001], [0x0301]),
    (0x8302, {"flag": 8, "question": "?", "answers": [{"id": 6, "answer": "A"}]}, [0x0001], [0x0302]),
    (0x8303, {"type": 1, "menus": [{"type": 4, "info": "天气"}]}, [0x0001], [0x0303]),
    (0x8304, {"type": 4, "info": "晴"}, [0x0001], []),
    (0x8400, {"type": 0, "phone": "13800138000"}, [0x0001], []),
    (0x8401, {"type": 1, "contacts": [{"type": 3, "phone": "10086", "name": "客服"}]}, [0x0001], []),
    (0x8500, {"flag": 1}, [0x0001], [0x0500]),
    (0x8600, {"type": 0, "areas": [CIRCLE]}, [0x0001], []),
    (0x8601, {"ids": [7]}, [0x0001], []),
    (0x8602, {"type": 0, "areas": [BOX]}, [0x0001], []),
    (0x8603, {"ids": []}, [0x0001], []),
    (0x8604, POLYGON, [0x0001], []),
    (0x8605, {"ids": [9]}, [0x0001], []),
    (0x8606, ROUTE, [0x0001], []),
    (0x8607, {"ids": [10]}, [0x0001], []),
    (0x8608, {"type": 1, "ids": []}, [0x0608], []),
    (0x8700, {"command": 0}, [0x0700], []),
    (0x8701, {"command": 0x82}, [0x0001], []),
    (0x8702, {}, [0x0702], []),
    (0x8801, SHOOT, [0x0805], [0x0801]),
    (0x8802, SEARCH, [0x0802], []),
    (0x8803, {**SEARCH, "delete": 0}, [0x0001], []),
    (0x8804, {"command": 1, "time": 1, "save": 0, "rate": 0}, [0x0001], [0x0801]),
    (0x8805, {"id": 1, "flag": 0}, [0x0001], [0x0801]),
    (0x8900, {"type": 0xF0, "data": "U1RBVFVT"}, [0x0001, 0x0900], []),
    (0x8A00, KEY, [0x0A00], []),
    (0x9003, {}, [0x1003], []),
    (0x9101, {**SERVER, "channel": 1, "data_type": 0, "stream": 0}, [0x0001], []),
    (0x9102, {"channel": 1, "command": 0}, [0x0001], []),
    (0x9105, {"channel": 1, "loss": 0}, [], []),
    (0x9201, {**SERVER, **PLAYED, "mode": 0, "speed": 0}, [0x0001], []),
    (0x9202, {"channel": 1, "control": 2}, [0x0001], []),
    (0x9205, CLIP, [0x1205], []),
    (0x9206, {"ip": "192.0.2.9", "port": 21, "username": "u", "password": "p", "path": "/", **CLIP, "condition": 7},
     [0x0001], [0x1206]),
    (0x9207, {"seq": 1, "control": 2}, [0x0001], []),
    (0x9208, {**SERVER, "ident": IDENT, "alarm_no": "A1"}, [0x0001], []),
    (0x9301, {"channel": 1, "direction": 1, "speed": 9}, [0x0001], []),
    *[(each, {"channel": 1, "value": 0}, [0x0001], []) for each in range(0x9302, 0x9307)],
]  # fmt: skip

#: what is otherwise in one edition: (edition, id), body, answers, what follows; None: as above
OTHERWISE: dict[tuple[int, int], tuple[dict[str, Any] | None, list[int], list[int]]] = {
    (2019, 0x8500): ({"controls": [{"type_id": 1, "param": 0}]}, [0x0001], [0x0500]),
    (2011, 0x8801): (None, [0x0001], [0x0801]),
    **{(2011, each): (None, [0x0001], []) for each in (0x8106, 0x8107, 0x8108, 0x8702)},
    (2011, 0x8805): ({"data": "AAAAAQA="}, [0x0001], []),
    (2011, 0x8106): ({"data": "AQAAACk="}, [0x0001], []),
    (2011, 0x8608): (None, [0x0001], []),
    (2011, 0x8606): ({**ROUTE, "points": [{key: TURN[key] for key in TURN if key != "point_id"}]}, [0x0001], []),
    (2013, 0x8608): (None, [0x0001], []),
}

#: messages that an edition does not know: answered 0x0001 with result 3
NOT_IN = {2011: {0x8106, 0x8107, 0x8108, 0x8203, 0x8204, 0x8608, 0x8702, 0x8805}, 2013: {0x8204, 0x8608}, 2019: set()}

CASES = [
    pytest.param(version, msg_id, *(
        (body if other[0] is None else other[0], *other[1:])
        if (other := OTHERWISE.get((version, msg_id))) is not None else (body, at_once, later)
    ), id=f"{msg_id:04x}-{version}")
    for version in ALL
    for msg_id, body, at_once, later in COMMANDS
]  # fmt: skip


def on_line(version: int) -> World:
    """A world whose terminal is on line, has taken a picture and had an alarm, and says nothing by itself."""
    world = World(made(version, interval=1e5))
    world.run(1)
    world.terminal.album.take(world.now, 0, 1)
    world.terminal.evidence.keep(AlarmIdentity.from_json(IDENT), 0x6401)
    return world


def test_every_message_of_the_platform_is_here() -> None:
    answers = {0x8001, 0x8003, 0x8004, 0x8100, 0x8800, 0x9212}
    assert {row[0] for row in COMMANDS} == {e.identity for e in BOOK if direction_of(e.identity) == "down"} - answers
    assert RULES.keys() - answers <= {row[0] for row in COMMANDS}


@pytest.mark.parametrize(("version", "msg_id", "body", "at_once", "later"), CASES)
def test_command(version: int, msg_id: int, body: dict[str, Any], at_once: list[int], later: list[int]) -> None:
    world = on_line(version)
    before = len(world.said)
    world.command(msg_id, body, "asked")
    said = world.said[before:]
    replies = [packet.header.msg_id for packet in said if packet.header.msg_id != 0x0801]
    assert replies == at_once
    if at_once == [0x0001]:
        assert (said[0].body.id, said[0].body.result) == (msg_id, 3 if msg_id in NOT_IN[version] else 0)
    world.run(10)
    followed = {packet.header.msg_id for packet in world.said[before:] if packet.header.msg_id != 0x0001}
    assert set(later) <= followed | set(at_once)
    if msg_id in (0x8801,):
        world.run(300)  # more may follow the general answer, which is enough in the end
    if at_once:
        outcome = "refused" if msg_id in NOT_IN[version] else "answered"
        assert world.ended["asked"].outcome == outcome, world.ended["asked"].reason
    assert world.terminal.unanswered == 0


@pytest.mark.parametrize("version", ALL)
def test_what_is_not_known_is_not_supported(version: int) -> None:
    world = on_line(version)
    world.command(0x8F01, {"data": "AAE="}, "vendor")
    assert world.ended["vendor"].outcome == "refused"


def test_a_body_that_cannot_be_read_is_wrong() -> None:
    world = on_line(2019)
    world.command(0x8202, {"unknown_id": True, "data": "AA=="}, "short")
    assert (world.ended["short"].outcome, world.said[-1].body.result) == ("refused", 2)


class TestWhatCommandsDo:
    """What a terminal does beside answering."""

    def test_parameters_are_kept_and_told(self) -> None:
        world = on_line(2019)
        world.command(0x8103, {"params": [{"id": 0x13, "value": "example.org:1"}, {"id": 0x29, "value": 7}]}, 1)
        world.command(0x8106, {"ids": [0x13, 0x29, 0x1234]}, 2)
        assert world.ended[2].reply is not None
        told = {entry["id"]: entry["value"] for entry in world.ended[2].reply["params"]}
        assert told == {0x13: "example.org:1", 0x29: 7}
        assert world.terminal.interval == 7.0

    def test_all_parameters_can_be_read(self) -> None:
        for version in ALL:
            world = on_line(version)
            world.command(0x8104, {}, "all")
            assert world.ended["all"].reply is not None
            assert len(world.ended["all"].reply["params"]) == len(world.terminal.state.parameters)

    def test_tracking_for_a_while(self) -> None:
        world = World(made(interval=60.0))
        world.run(1)
        before = len(world.of(0x0200))
        world.command(0x8202, {"period": 2, "expiry": 100})
        world.run(160)
        assert 30 <= len(world.of(0x0200)) - before <= 55
        assert world.terminal.interval == 60.0

    @pytest.mark.parametrize("version", [2013, 2019])
    def test_doors(self, version: int) -> None:
        world = on_line(version)
        locking = {"flag": 1} if version == 2013 else {"controls": [{"type_id": 1, "param": 0}]}
        world.command(0x8500, locking, "lock")
        world.run(5)
        assert world.of(0x0500)[-1]["location"]["status"] >> 12 & 1 == 1

    def test_stored_areas_are_told(self) -> None:
        world = on_line(2019)
        world.command(0x8600, {"type": 0, "areas": [CIRCLE, {**CIRCLE, "id": 17}]})
        world.command(0x8602, {"type": 0, "areas": [BOX]})
        world.command(0x8604, POLYGON)
        world.command(0x8606, ROUTE)
        world.command(0x8601, {"ids": [7]})
        for kind, ids in ((1, [17]), (2, [8]), (3, [9]), (4, [10])):
            world.command(0x8608, {"type": kind, "ids": []}, kind)
            reply = world.ended[kind].reply
            assert reply is not None
            areas = [area for each in reply["parsed"] for area in each.get("areas", [each])]
            assert [area["id"] for area in areas] == ids

    def test_pictures_are_stored_found_and_sent(self) -> None:
        world = on_line(2013)
        world.command(0x8801, {**SHOOT, "save": 1, "command": 3}, "shoot")
        assert world.ended["shoot"].reply is not None and world.ended["shoot"].reply["ids"] == [2, 3, 4]
        assert not world.of(0x0801)
        world.command(0x8802, {**SEARCH, "channel": 1}, "found")
        assert world.ended["found"].reply is not None
        assert [each["id"] for each in world.ended["found"].reply["result"]] == [1, 2, 3, 4]
        world.command(0x8805, {"id": 3, "flag": 1})
        world.run(5)
        assert [body["id"] for body in world.of(0x0801)] == [3]
        world.command(0x8805, {"id": 3, "flag": 0}, "gone")
        assert world.ended["gone"].outcome == "refused"

    def test_a_channel_that_is_not_there(self) -> None:
        world = on_line(2019)
        world.command(0x8801, {**SHOOT, "channel_id": 9}, "shoot")
        assert world.ended["shoot"].outcome == "refused"

    def test_sound_is_a_wav(self) -> None:
        world = on_line(2019)
        world.command(0x8804, {"command": 1, "time": 2, "save": 0, "rate": 0})
        world.run(10)
        (body,) = world.of(0x0801)
        assert (body["type"], body["format"]) == (1, 3)
        assert base64.b64decode(body["multimedia"]).startswith(b"RIFF")

    @pytest.mark.parametrize("command", [4, 5])
    def test_a_reset_makes_a_new_connection(self, command: int) -> None:
        world = on_line(2019)
        world.command(0x8105, {"command": command}, "reset")
        world.run(10)
        assert world.ended["reset"].outcome == "answered"
        assert (len(world.logins), len(world.door.registered)) == (2, 1 if command == 4 else 2)

    def test_an_upgrade_in_parts_and_its_result(self) -> None:
        world = on_line(2019)
        firmware = base64.b64encode(random.Random(0).randbytes(20_000)).decode()
        world.command(0x8108, {"type": 0, "manufacturer": "70999", "version": "V3", "firmware": firmware}, "upgrade")
        world.run(10)
        assert world.ended["upgrade"].outcome == "answered"
        assert world.of(0x0108) == [{"type": 0, "result": 0}]

    def test_lost_parts_of_a_command_are_asked_for(self) -> None:
        """0x0005, since 2019."""
        world = on_line(2019)
        left = [True]

        def lose(data: bytes) -> bytes:
            frames = [b"~" + each + b"~" for each in data.split(b"~") if each]
            if len(frames) > 3 and left:
                left.clear()
                del frames[2]
            return b"".join(frames)

        world.passes_down = lose
        firmware = base64.b64encode(bytes(8000)).decode()
        world.command(0x8108, {"type": 0, "manufacturer": "70999", "version": "V3", "firmware": firmware}, "upgrade")
        world.run(20)
        assert [packet.body.ids for packet in world.said if packet.header.msg_id == 0x0005] == [[3]]
        assert world.ended["upgrade"].outcome == "answered"

    def test_a_command_that_is_repeated_is_done_once_and_answered_again(self) -> None:
        world = on_line(2013)
        silent = [True]
        world.passes = lambda frames: [] if silent else frames
        world.command(0x8801, {**SHOOT, "save": 1, "command": 1}, "shoot")
        silent.clear()
        world.run(30)
        assert world.ended["shoot"].outcome == "answered"
        assert sorted(world.terminal.album.stored) == [1, 2]

    def test_keys_are_exchanged_once(self) -> None:
        world = on_line(2019)
        world.command(0x8A00, KEY, "key")
        world.run(30)
        assert [packet.header.msg_id for packet in world.said].count(0x0A00) == 1

    def test_a_long_list_goes_in_parts(self) -> None:
        terminal = made(2019)
        terminal.part_size = 512
        world = World(terminal)
        world.run(1)
        world.command(0x9205, CLIP, "clips")
        world.run(1)
        assert world.ended["clips"].reply is not None and len(world.ended["clips"].reply["items"]) == 24
        assert terminal.tally.counts["parts"] == 2


def test_lost_parts_of_an_answer_are_sent_again() -> None:
    terminal = made(2019)
    terminal.part_size = 512
    world = World(terminal)
    world.run(1)
    lost = [2]

    def passes(frames: list[bytes]) -> list[bytes]:
        kept = []
        for frame in frames:
            if packets([frame])[0].header.frag_sn in lost:
                lost.clear()
            else:
                kept.append(frame)
        return kept

    world.passes = passes
    world.command(0x9205, CLIP, "clips")
    world.run(30)
    assert world.ended["clips"].outcome == "answered"
    assert world.now > START
