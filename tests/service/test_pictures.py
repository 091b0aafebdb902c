"""Pictures in the reports of JT/T 808 terminals (0x0801) through the whole service: of every edition they become files
of the same store, and a platform hears of each by its callback, with a link that leads to the picture."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import treq
from twisted.internet import reactor as the_reactor

from jimigw.model.media import MediaQuery, MediaState, Source
from jimigw.tools.simulator import life
from jimigw.tools.simulator.fleet import Fleet
from jimigw.tools.simulator.plan import Plan
from tests.service.harness import Start, until
from tests.support.platform import Platform

reactor: Any = the_reactor


@pytest.fixture(autouse=True)
def quick_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "RESCUE_AFTER", 1.2)
    monkeypatch.setattr(life, "LAST_RETRY", 0.5)


@pytest.mark.parametrize("dialect", ["document", "emqx"])
@pytest_twisted.ensureDeferred
async def test_every_picture_is_a_file_that_the_platform_hears_of(start: Start, tmp_path: Path, dialect: str) -> None:
    platform = Platform()
    running = start(
        tmp_path,
        f'callbacks=[{{url="{platform.url}", kinds=["upload"]}}]',
        'uploads.endpoint="tcp:0:interface=127.0.0.1"',
        'uploads.public_url="http://gateway.example.org:23010"',
        f'exchange.dialect="{dialect}"',
    )
    files = running.service.files
    await until(lambda: files.ports)
    ports: list[Any] = list(running.service.ports)
    plan = Plan(
        "127.0.0.1", ports[-2].getHost().port, devices=3, interval=1.0, seconds=2.0, alarms_an_hour=0.0, seed=4,
        protocol="jt808", version="mixed", pictures_an_hour=3600.0,
    )  # fmt: skip
    await Fleet(reactor, plan).run()

    def sent() -> set[tuple[str, int]]:
        """The pictures that are in the journal whole: terminal and number, by their last packet."""
        found = [(each.device, json.loads(each.json())["message"]["body"]) for each in running.records()]
        return {
            (device, body["id"])
            for device, body in found
            if "multimedia" in body and body.get("packet") == body.get("packets")
        }

    def heard() -> dict[int, dict[str, Any]]:
        """What the callback told of files, by their number."""
        bodies = [each["message"]["body"] for each in platform.records]
        return {body["media"]: body for body in bodies if "filename" in body}

    await until(lambda: len(heard()) >= len(sent()) > 2)
    stored = await files.uploads.find(MediaQuery(states=frozenset({MediaState.STORED}), limit=1000))
    assert {(each.device, each.details["media_id"]) for each in stored} == sent()
    assert {each.source for each in stored} == {Source.JT808}
    assert set(heard()) == {each.id for each in stored}
    place: Any = files.ports[0].getHost()
    for media in stored:
        told = heard()[media.id]
        assert (told["kind"], told["mime_type"], told["size"], told["md5"]) == (
            "picture", "image/jpeg", media.size, media.md5,
        )  # fmt: skip
        link = told["url"].replace("http://gateway.example.org:23010", f"http://127.0.0.1:{place.port}")
        answer = await treq.get(link, persistent=False)
        content = await answer.content()
        assert (answer.code, content[:2], content[-2:]) == (200, b"\xff\xd8", b"\xff\xd9")
        pieces = {
            body.get("packet", 1): b64decode(body["multimedia"])
            for each in running.records()
            if each.device == media.device
            and (body := json.loads(each.json())["message"]["body"]).get("id") == media.details["media_id"]
            and "multimedia" in body
        }
        assert content == b"".join(piece for _, piece in sorted(pieces.items()))
    await platform.close()
