"""``jimigw encode``: one message a line in, one frame a line out, and nothing shifts."""

import json

import pytest

from tests.tools.running import run
from tests.vectors.jimi import TRUE, Vector, named

HEARTBEAT = named("heartbeat")
GOOD = json.dumps({"header": {"msg_id": 128, "msg_sn": 1}, "body": {"server_flag": 7, "command": "STATUS"}})


@pytest.mark.parametrize("vector", TRUE, ids=str)
def test_decode_and_encode_is_the_identity(vector: Vector) -> None:
    text = run("decode", vector.raw.hex()).out
    for words in (("encode",), ("encode", "--protocol", "jimi")):
        ran = run(*words, stdin=text)
        assert (ran.status, ran.out, ran.err) == (0, vector.raw.hex() + "\n", "")


def test_all_in_one_stream() -> None:
    everything = "".join(vector.raw.hex() + "\n" for vector in TRUE)
    assert run("encode", stdin=run("decode", stdin=everything).out).out == everything


def test_a_line_that_fails_leaves_an_empty_line() -> None:
    ran = run("encode", "--protocol", "jimi", stdin=f"{GOOD}\n{{}}\n\n{GOOD}\n")
    assert ran.status == 1
    assert [bool(line) for line in ran.lines] == [True, False, True]
    assert ran.err == 'jimigw: line 2: {} is not an object with "header" and "body".\n'


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 1: is not JSON: "),
        ("[" * 100_000, "line 1: is not JSON: "),
        ("[]", 'line 1: is not an object with "header" and "body"'),
        ('{"ok": false, "error": "x", "hex": "00"}', 'line 1: says "ok": false'),
        ('{"header": {}, "body": {}, "boddy": {}}', 'line 1: boddy: unknown beside "header" and "body"'),
        ('{"protocol": "jt808", "header": {}, "body": {}}', "line 1: says \"protocol\": 'jt808', --protocol says jimi"),
        ('{"header": {"msg_id": 300}, "body": {}}', "header.msg_id: 300 is not a whole number from 0 to 255"),
        ('{"header": {"msg_id": 18}, "body": {}}', "header.msg_id: 0x12 is not a protocol number known here"),
        ('{"header": {"msg_id": 128, "mark": "7e"}, "body": {}}', 'header.mark: \'7e\' is not "7878" or "7979"'),
        ('{"header": {"msg_id": 128}, "body": {"server_flag": 7}}', "body.command: is missing"),
        ('{"header": {"msg_id": 128}, "body": {"server_flag": -1, "command": "A"}}', "body.server_flag: -1 is not"),
        ('{"header": {"msg_id": 128}, "body": {"server_flag": 1, "command": "版"}}', "body.command: '版' is not text"),
        ('{"header": {"msg_id": 128}, "body": {"flag": 1}}', "body.flag: is not a key of Command; known are "),
        ('{"header": {}, "body": {}, "edition": 2011}', 'line 1: edition: unknown beside "header" and "body"'),
        ("x" * 1_100_000, "line 1: is longer than a MiB"),
    ],
)
def test_what_is_wrong_is_named(line: str, complaint: str) -> None:
    ran = run("encode", "--protocol", "jimi", stdin=line)
    assert (ran.status, ran.out) == (1, "\n")
    assert complaint in ran.err


def test_the_protocol_has_to_be_said_somewhere() -> None:
    ran = run("encode", stdin=GOOD)
    assert "line 1: does not say its protocol: give --protocol" in ran.err


def test_a_protocol_that_is_none() -> None:
    ran = run("encode", "--protocol", "x25", stdin=GOOD)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "jimigw: the protocol x25 is not supported; supported: jimi, jt808.\n"
