"""The hub's command API through the whole service, over real sockets: every ``_code`` by a situation that makes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import attrs
import pytest
import pytest_twisted
import treq
from twisted.internet import defer, reactor, task
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers

from jimigw.delivery.hub import pushes_of
from jimigw.gateway.hub import CODES, Code
from jimigw.model.command import Life
from jimigw.ops.config import ConfigError, load_config
from jimigw.protocols.jimi.codec import read_any
from jimigw.protocols.jimi.messages import CommandReply
from jimigw.store.interface import StoreError
from tests.service.harness import Client, Running, Start
from tests.service.jt808 import Terminal

IMEI, PHONE = "863000000000001", "13912345678"
HUB = 'hub.endpoint="tcp:0:interface=127.0.0.1"'
WAIT = "hub.wait=1"


@attrs.define
class Hub:
    """A service with the hub's API, and a client of it."""

    running: Running

    @property
    def url(self) -> str:
        port: Any = self.running.service.hub.port
        return f"http://127.0.0.1:{port.getHost().port}/api/device/sendInstruct"

    async def post(self, data: Any, path: str | None = None, method: str = "POST", **headers: str) -> Any:
        """Status and JSON of the answer."""
        agent = Agent(reactor, pool=HTTPConnectionPool(reactor, persistent=False))
        told = Headers({name.replace("_", "-"): [value] for name, value in headers.items()})
        response = await treq.request(method, path or self.url, data=data, headers=told, agent=agent)
        return response.code, json.loads(await treq.content(response) or b"null")

    async def send(self, imei: str = IMEI, content: str = "VERSION", **fields: Any) -> Any:
        """The answer to a command given as a form."""
        form = {"imei": imei, "cmdContent": content, **{key: str(value) for key, value in fields.items()}}
        status, answer = await self.post(form)
        assert (status, answer["code"]) == (200, 0), answer
        return answer

    def sending(self, imei: str = IMEI, content: str = "VERSION", **fields: Any) -> defer.Deferred[Any]:
        return defer.ensureDeferred(self.send(imei, content, **fields))

    def pushes(self) -> list[dict[str, Any]]:
        """The ends that are told by pushes, by the journal."""
        told = [json.loads(record.json()) for record in self.running.records()]
        return [push.item for each in told for push in pushes_of(each) if push.path == "/pushInstructResponse"]


OpenHub = Callable[..., Hub]


@pytest.fixture(name="hub")
def _hub(start: Start, tmp_path: Path) -> OpenHub:
    return lambda *settings: Hub(start(tmp_path, HUB, *settings))


async def until(condition: Callable[[], object]) -> None:
    for _ in range(20_000):
        if condition():
            return
        await task.deferLater(reactor, 0.0005)
    raise AssertionError("it did not come to pass")


class Camera:
    """A camera that is told commands, and answers when the test says so."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.answered = 0

    def told(self) -> list[tuple[int, str]]:
        bodies = [read_any(frame).body for frame in self.client.frames if frame.protocol == 0x80]
        return [(body["server_flag"], body["command"]) for body in bodies]

    async def answer(self, text: str) -> str:
        """Answer the next command; gives its text."""
        await until(lambda: len(self.told()) > self.answered)
        flag, command = self.told()[self.answered]
        self.answered += 1
        self.client.send(0x21, CommandReply(server_flag=flag, content_code=1, content=text).encode(), 99)
        return command

    async def leave(self, running: Running) -> None:
        assert self.client.transport is not None
        self.client.transport.loseConnection()
        await self.client.gone
        await until(lambda: not running.service.commands.online(IMEI))


async def camera(running: Running) -> Camera:
    client = await running.connect(IMEI)
    client.login()
    await client.got(1)
    return Camera(client)


@contextmanager
def failing_store(running: Running) -> Iterator[None]:
    """The disk under the store is full: nothing can be saved."""
    failed = lambda *_: defer.fail(StoreError("the store cannot be written: no space left"))  # noqa: E731
    with mock.patch.object(running.service.store, "save_command", failed):
        yield


def data_of(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer["data"]
    return found


# -- 100 ----------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_100_the_answer_of_a_camera(hub: OpenHub) -> None:
    api = hub()
    unit = await camera(api.running)
    sending = api.sending(serverFlagId=1, proNo=128, platform="web", requestId=6, cmdType="normallns", token="123")
    assert await unit.answer("[VERSION]JC400P_V1.2.3_210716") == "VERSION"
    assert await sending == {
        "code": 0,
        "msg": "success",
        "data": {
            "_code": "100",
            "_imei": IMEI,
            "_content": "[VERSION]JC400P_V1.2.3_210716",
            "_msg": None,
            "_proNo": 128,
            "_serverFlagId": 1,
        },
    }
    await api.running.stop()
    assert api.pushes() == [], "whoever got the answer by HTTP needs no push"
    command = [json.loads(record.data) for record in api.running.records() if b'"outcome"' in record.data]
    assert command[0]["message"]["body"]["owner"] == "hub"


@pytest_twisted.ensureDeferred
async def test_100_also_where_the_terminal_says_no(hub: OpenHub) -> None:
    api = hub()
    unit = await camera(api.running)
    sending = api.sending(content="SPEED,ON,10,90,1")
    await unit.answer("SPEED,parameter A error. ")
    data = data_of(await sending)
    assert (data["_code"], data["_content"]) == ("100", "SPEED,parameter A error. ")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, json.dumps({"deviceImei": IMEI, "cmdContent": "VERSION", "proNo": 128, "sync": True})),
        ({"Content_Type": "application/json"}, json.dumps({"imei": IMEI, "cmdContent": "VERSION", "timeOut": 5})),
        ({"Content_Type": "text/plain"}, f"deviceImei={IMEI}&cmdContent=VERSION&proNo=128&offLineFlag=false"),
        ({"Content_Type": "application/x-www-form-urlencoded"}, f"IMEI={IMEI}&cmdcontent=VERSION%23&PRONO="),
    ],
)
@pytest_twisted.ensureDeferred
async def test_forms_and_json_in_all_spellings(hub: OpenHub, headers: dict[str, str], body: str) -> None:
    api = hub()
    unit = await camera(api.running)
    sending = defer.ensureDeferred(api.post(body.encode(), **headers))
    assert await unit.answer("V1") == "VERSION"
    status, answer = await sending
    assert (status, data_of(answer)["_code"], data_of(answer)["_content"]) == (200, "100", "V1")


DOCUMENTED = (
    f"imei={IMEI}&cmdContent=SERVER&serverFlagId=1&proNo=128&platform=web&requestId=6&cmdType=normallns&token=123"
)
"""The request as the hub's page has it."""
SPELLINGS: list[tuple[str, str]] = [
    ("form", DOCUMENTED),
    ("form", DOCUMENTED.replace("imei=", "deviceImei=")),
    ("form", DOCUMENTED.replace("imei=", "IMEI=").replace("cmdContent", "cmdcontent")),
    ("form", f"{DOCUMENTED}&sync=true&offlineFlag=false&timeOut=30&language=zh"),
    ("form", f"{DOCUMENTED}&sync=TRUE&offLineFlag=0&timeOut="),
    ("form", f"deviceImei={IMEI}&cmdContent=SERVER&serverFlagId=1"),
    ("query", DOCUMENTED),
    ("json", f'{{"imei":"{IMEI}","cmdContent":"SERVER","serverFlagId":1,"proNo":128,"platform":"app"}}'),
    ("json", f'{{"deviceImei":{IMEI},"cmdContent":"SERVER","serverFlagId":"1","proNo":"128","sync":true}}'),
    ("json as a form", f'{{"imei":"{IMEI}","cmdContent":"SERVER","serverFlagId":1}}'),
]


@pytest.mark.parametrize(("how", "request_"), SPELLINGS)
@pytest_twisted.ensureDeferred
async def test_100_in_all_spellings(hub: OpenHub, how: str, request_: str) -> None:
    api = hub()
    unit = await camera(api.running)
    media = {"json": "application/json"}.get(how, "application/x-www-form-urlencoded")
    body, url = (b"", f"{api.url}?{request_}") if how == "query" else (request_.encode(), api.url)
    sending = defer.ensureDeferred(api.post(body, url, Content_Type=media))
    assert await unit.answer("SERVER,1,gw.example.org,21100,0") == "SERVER"
    status, answer = await sending
    data = data_of(answer)
    assert (status, answer["code"], answer["msg"]) == (200, 0, "success")
    assert (data["_code"], data["_imei"], data["_serverFlagId"], data["_proNo"]) == ("100", IMEI, 1, 128)
    assert data["_content"] == "SERVER,1,gw.example.org,21100,0"


@pytest_twisted.ensureDeferred
async def test_100_of_a_jt808_terminal(hub: OpenHub) -> None:
    api = hub()
    terminal = Terminal(api.running)
    await terminal.enter()

    async def replies(asked: int, msg_id: int, body: dict[str, Any]) -> None:
        await terminal.say(msg_id, {"seq": terminal.serials[asked], **body})

    sending = api.sending(PHONE, "", proNo=33028, serverFlagId=0)
    await terminal.hear(0x8104)
    await replies(0x8104, 0x0104, {"params": [{"id": 1, "value": 180}, {"id": 19, "value": "gw.example.org"}]})
    data = data_of(await sending)
    assert (data["_code"], data["_proNo"], data["_serverFlagId"]) == ("100", 33028, 0)
    assert json.loads(data["_content"]) == {"paramCount": "2", "1": "180", "19": "gw.example.org"}

    content = {"dataType": "0", "codeStreamType": "0", "channel": "1", "videoIP": "192.0.2.1", "videoTCPPort": "10002"}
    sending = api.sending(PHONE, json.dumps(content), proNo=37121)
    asked = await terminal.hear(0x9101)
    assert (asked["ip"], asked["tcp_port"], asked["udp_port"], asked["channel"]) == ("192.0.2.1", 10002, 0, 1)
    await replies(0x9101, 0x0001, {"id": 0x9101, "result": 0})
    data = data_of(await sending)
    assert (data["_code"], json.loads(data["_content"])) == ("100", {"id": 0x9101, "result": 0})

    sending = api.sending(PHONE, "STATUS")
    assert (await terminal.hear(0x8900))["data"] == "U1RBVFVT"
    terminal.serial = terminal.serials[0x8900]
    await terminal.say(0x0900, {"type": 240, "data": "T0s="})
    data = data_of(await sending)
    assert (data["_code"], data["_content"]) == ("100", "OK")
    await api.running.stop()
    terminal.socket.close()


@pytest_twisted.ensureDeferred
async def test_a_list_of_recordings_has_its_count_in_the_answer(hub: OpenHub) -> None:
    api = hub()
    terminal = Terminal(api.running)
    await terminal.enter()
    content = {"channel": 0, "beginTime": "261120000000", "endTime": "261120235959", "instructionID": "res_1"}
    sending = api.sending(PHONE, json.dumps(content), proNo=37381)
    await terminal.hear(0x9205)
    clip = {"channel": 1, "start_time": "261120000001", "end_time": "261120000201", "alarm": 0, "av_type": 0}
    clip |= {"stream": 1, "storage": 1, "size": 9}
    await terminal.say(0x1205, {"seq": terminal.serials[0x9205], "items": [clip, clip]})
    assert data_of(await sending)["_content"] == "2"
    await api.running.stop()
    terminal.socket.close()
    told = [json.loads(record.json()) for record in api.running.records()]
    lists = [push.item for each in told for push in pushes_of(each) if push.path == "/pushresourcelist"]
    assert [(item["totalNum"], item["instructionID"]) for item in lists] == [(2, "res_1")]


# -- 200 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"imei": ""}, "imei is missing"),
        ({"content": ""}, "there is no command"),
        ({"content": "VERSION\r\nREBOOT"}, "line break"),
        ({"content": "VERSION#REBOOT"}, "which ends a command"),
        ({"proNo": 1}, "proNo is '1'"),
        ({"proNo": 33028}, "cmdContent is not JSON"),
        ({"proNo": 33028, "content": '""'}, "takes text commands"),
        ({"proNo": 37121, "content": "{}"}, "cmdContent.videoIP is missing"),
        ({"proNo": 37121, "content": "{"}, "cmdContent is not JSON"),
        ({"sync": "perhaps"}, "sync is 'perhaps'"),
        ({"timeOut": "soon"}, "timeOut is 'soon'"),
        ({"requestId": "x" * 65}, "requestId is longer"),
        ({"requestId": "ü" * 30, "serverFlagId": "x" * 60}, "too long together"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_200_bad_parameters(hub: OpenHub, fields: dict[str, Any], words: str) -> None:
    api = hub()
    unit = await camera(api.running)
    data = data_of(await api.send(**fields))
    assert (data["_code"], data["_content"]) == ("200", "")
    assert words in data["_msg"]
    assert unit.told() == []


@pytest_twisted.ensureDeferred
async def test_200_what_the_terminal_cannot_be_told(hub: OpenHub) -> None:
    api = hub()
    terminal = Terminal(api.running)
    await terminal.enter()
    content = {"1": "not a number"}
    data = data_of(await api.send(PHONE, json.dumps(content), proNo=33027))
    assert data["_code"] == "200"
    assert "params" in data["_msg"]
    terminal.socket.close()


@pytest_twisted.ensureDeferred
async def test_dangerous_commands_only_where_they_are_wanted(hub: OpenHub) -> None:
    api = hub("hub.dangerous=false")
    await camera(api.running)
    assert data_of(await api.send(content="RELAY,1"))["_code"] == "200"
    assert data_of(await api.send(content="NOTINTHELIST,1"))["_code"] == "200"
    await api.running.stop()
    open_api = Hub(Running(api.running.config.data_path, HUB))
    unit = await camera(open_api.running)
    sending = open_api.sending(content="RELAY,1")
    assert await unit.answer("RELAY:OK!") == "RELAY,1"
    assert data_of(await sending)["_code"] == "100"
    await open_api.running.stop()


# -- 300, 301, 302 ------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_300_off_line_and_not_kept(hub: OpenHub) -> None:
    api = hub()
    await (await camera(api.running)).leave(api.running)
    answer = await api.send(cmdType="normallns", language="en", timeOut=20)
    data = data_of(answer)
    assert (data["_code"], data["_content"], data["_msg"]) == ("300", "", "device not online")
    assert (data["_type"], data["_language"], data["_time_out"]) == ("normallns", "en", 20)
    assert await api.running.service.commands.list() == []


@pytest.mark.parametrize("spelling", ["offlineFlag", "offLineFlag"])
@pytest_twisted.ensureDeferred
async def test_300_off_line_kept_and_sent_at_the_next_login(hub: OpenHub, spelling: str) -> None:
    api = hub()
    await (await camera(api.running)).leave(api.running)
    answer = await api.send(serverFlagId=17, **{spelling: "true"})
    assert data_of(answer)["_code"] == "300"
    assert "offline command" in answer["msg"]
    unit = await camera(api.running)
    assert await unit.answer("[VERSION]JC400") == "VERSION"
    commands = api.running.service.commands
    (command,) = await commands.list()
    await commands.wait(command.id, 5.0)
    await api.running.stop()
    (item,) = api.pushes()
    assert item["code"] == 0
    assert item["data"] == {
        "_code": "100",
        "_imei": IMEI,
        "_content": "[VERSION]JC400",
        "_msg": "the terminal answered",
        "_serverFlagId": 17,
        "_proNo": 128,
    }


@pytest_twisted.ensureDeferred
async def test_301_never_heard_of(hub: OpenHub) -> None:
    api = hub()
    data = data_of(await api.send("863000000000099", offlineFlag="true"))
    assert (data["_code"], data["_imei"]) == ("301", "863000000000099")


@pytest_twisted.ensureDeferred
async def test_302_it_did_not_get_its_turn(hub: OpenHub) -> None:
    api = hub(WAIT)
    unit = await camera(api.running)
    # An operator's command is out, and the camera takes its time.
    await api.running.service.commands.give_text(IMEI, "STATUS", owner="admin")
    data = data_of(await api.send())
    assert (data["_code"], data["_content"]) == ("302", "")
    assert [text for _, text in unit.told()] == ["STATUS"]


@pytest_twisted.ensureDeferred
async def test_302_too_many_wait(hub: OpenHub) -> None:
    api = hub("commands.max_queued=1")
    await camera(api.running)
    await api.running.service.commands.give_text(IMEI, "STATUS", owner="admin")
    data = data_of(await api.send())
    assert data["_code"] == "302"
    assert "more are not taken" in data["_msg"]


# -- 400, 500, 600 ------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_400_the_connection_is_lost(hub: OpenHub) -> None:
    api = hub()
    terminal = Terminal(api.running)
    await terminal.enter()
    sending = api.sending(PHONE, json.dumps({"flag": 8, "text": "hello"}), proNo=33536)
    await terminal.hear(0x8300)
    terminal.socket.close()
    data = data_of(await sending)
    assert data["_code"] == "400"
    assert "the link was lost" in data["_msg"]


@pytest_twisted.ensureDeferred
async def test_500_nothing_can_be_stored(hub: OpenHub) -> None:
    api = hub()
    await camera(api.running)
    with failing_store(api.running):
        data = data_of(await api.send())
    assert (data["_code"], "no space left" in data["_msg"]) == ("500", True)


@pytest_twisted.ensureDeferred
async def test_500_the_service_ends(hub: OpenHub) -> None:
    api = hub()
    unit = await camera(api.running)
    sending = api.sending()
    await until(unit.told)
    await api.running.stop()
    assert data_of(await sending)["_code"] == "500"


@pytest_twisted.ensureDeferred
async def test_600_no_answer_in_time(hub: OpenHub) -> None:
    api = hub(WAIT)
    unit = await camera(api.running)
    answer = await api.send(timeOut=500)
    data = data_of(answer)
    assert (data["_code"], data["_content"], data["_time_out"]) == ("600", "", 1)
    assert [text for _, text in unit.told()] == ["VERSION"]
    commands = api.running.service.commands
    (command,) = await commands.list()
    ended = await commands.wait(command.id, 5.0)
    assert ended.state is Life.EXPIRED, "it is not kept"
    await api.running.stop()
    assert api.pushes() == []


@pytest_twisted.ensureDeferred
async def test_600_kept_and_told_by_a_push(hub: OpenHub) -> None:
    api = hub(WAIT)
    unit = await camera(api.running)
    answer = await api.send(offlineFlag="true", serverFlagId="flag-7")
    assert data_of(answer)["_code"] == "600"
    assert "offline command" in answer["msg"]
    await unit.answer("late but true")
    commands = api.running.service.commands
    (command,) = await commands.list()
    await commands.wait(command.id, 5.0)
    await api.running.stop()
    ((data),) = [item["data"] for item in api.pushes()]
    assert (data["_code"], data["_content"], data["_serverFlagId"]) == ("100", "late but true", "flag-7")


@pytest_twisted.ensureDeferred
async def test_asynchronous_commands_are_answered_at_once_and_told_by_a_push(hub: OpenHub) -> None:
    api = hub()
    unit = await camera(api.running)
    data = data_of(await api.send(sync="false"))
    assert (data["_code"], data["_content"]) == ("100", "")
    await unit.answer("V1")
    commands = api.running.service.commands
    (command,) = await commands.list()
    await commands.wait(command.id, 5.0)
    await api.running.stop()
    assert [item["data"]["_content"] for item in api.pushes()] == ["V1"]


def test_every_code_is_made_here_or_never() -> None:
    text = Path(__file__).read_text("utf-8")
    made = {code for code in Code if f"test_{code.value}_" in text}
    assert set(Code) - made == {Code.SMS_SENT, Code.SMS_FAILED}
    assert all(CODES[code][1].startswith("never") for code in set(Code) - made)


# -- HTTP ---------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_what_is_not_a_command(hub: OpenHub) -> None:
    api = hub()
    root = api.url.removesuffix("/api/device/sendInstruct")
    assert (await api.post(b"", f"{root}/"))[0] == 404
    assert (await api.post(b"", f"{root}/api/device/sendInstruct/../x"))[0] == 404
    assert (await api.post(None, method="GET"))[0] == 405
    assert (await api.post(None, method="PUT"))[0] == 405
    assert await api.post(None, method="HEAD") == (405, None)
    assert (await api.post(b"imei=1&cmdContent=" + b"x" * (1 << 20)))[0] == 413
    assert (await api.post(b"imei=1", Origin="http://evil.example.org"))[0] == 403
    assert (await api.post(b"imei=%ff"))[1]["data"]["_code"] == "301"
    for body in (b"\xff", b"{", b"[1]", b'{"imei":', b"&".join(b"a=1" for _ in range(200))):
        status, answer = await api.post(body, Content_Type="application/json" if body[:1] in b"{[" else "x/y")
        assert (status, data_of(answer)["_code"]) == (200, "200"), body


@pytest_twisted.ensureDeferred
async def test_a_fault_of_ours_is_500_and_no_traceback(hub: OpenHub) -> None:
    api = hub()
    await camera(api.running)
    with mock.patch.object(api.running.service.commands, "give_text", side_effect=RuntimeError("secret inside")):
        status, answer = await api.post({"imei": IMEI, "cmdContent": "VERSION"})
    assert (status, data_of(answer)["_code"]) == (200, "500")
    assert "secret" not in json.dumps(answer)


@pytest_twisted.ensureDeferred
async def test_whoever_hangs_up_leaves_nothing_behind(hub: OpenHub) -> None:
    api = hub()
    unit = await camera(api.running)
    sending = defer.ensureDeferred(api.post({"imei": IMEI, "cmdContent": "VERSION"}))
    await until(unit.told)
    sending.addErrback(lambda _: None)
    sending.cancel()
    commands = api.running.service.commands
    await until(lambda: not commands._waiters)
    await unit.answer("V1")
    await until(lambda: not len(commands))


@pytest_twisted.ensureDeferred
async def test_a_token(hub: OpenHub, tmp_path: Path) -> None:
    (tmp_path / "hub.token").write_text("s3cret\n")
    api = hub('hub.token_file="hub.token"')
    unit = await camera(api.running)
    for fields in ({}, {"token": ""}, {"token": "123"}, {"token": "s3cret "}, {"token": "ü"}):
        assert await api.post({"imei": IMEI, "cmdContent": "VERSION", **fields}) == (
            401,
            {"code": 401, "msg": "the token is wrong"},
        )
    sending = api.sending(token="s3cret")
    await unit.answer("V1")
    assert data_of(await sending)["_code"] == "100"


def test_without_a_token_it_is_for_this_machine_only() -> None:
    with pytest.raises(ConfigError, match=r"hub\.endpoint: 'tcp:10088' can be reached from other machines"):
        load_config(None, ['hub.endpoint="tcp:10088"'])
    load_config(None, ['hub.endpoint="tcp:10088"', 'hub.token_file="hub.token"'])
    load_config(None, ['hub.endpoint=""'])


@pytest_twisted.ensureDeferred
async def test_a_token_that_cannot_be_read_ends_the_service(start: Start, tmp_path: Path) -> None:
    running = start(tmp_path)
    for content in (None, b"", b"\n", b"two\nlines", b"\xff", b"x" * 2000):
        if content is not None:
            (tmp_path / "hub.token").write_bytes(content)
        port = running.service.hub.__class__(
            reactor,
            lambda: load_config(None, [*running.settings, HUB, 'hub.token_file="hub.token"']),
            running.service.commands,
            running.service.registry,
        )
        with pytest.raises(Exception, match="token"):
            await port.start()
        assert port.port is None
