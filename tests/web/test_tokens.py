"""Tokens: in their file, through the tool, and before a running service."""

from __future__ import annotations

import io
import json
import stat
import threading
from pathlib import Path

import pytest
import pytest_twisted

from jimigw.gateway.brakes import Brakes
from jimigw.tools.console import Console
from jimigw.tools.main import parser
from jimigw.web.entrance import Entrance
from jimigw.web.tokens import ADMIN_FILE, TOKENS_FILE, Scope, TokenFile, Tokens, TokensError, digest
from tests.web.api import ApiClient
from tests.web.harness import until


def test_a_file_holds_no_token(tmp_path: Path) -> None:
    file = TokenFile(tmp_path)
    text = file.create("map", Scope.READ, 1000.0, days=1)
    path = tmp_path / TOKENS_FILE
    assert text not in path.read_text()
    assert digest(text) in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    tokens = Tokens(file)
    tokens.open()
    found = tokens.find(text, 1001.0)
    assert found is not None
    assert (found.name, found.scope) == ("map", "read")
    assert tokens.find(text, 1000.0 + 86_400) is None
    for wrong in (
        "",
        "x",
        text[:-1],
        text + "x",
        text[:-1] + "-",
        "jgw_" + "0" * 8 + text[12:],
        "é" * 56,
        text.upper(),
    ):
        assert tokens.find(wrong, 1001.0) is None or wrong == text, wrong
    tokens.save()
    assert file.used() == {found.id: 1001.0}


@pytest.mark.parametrize("name", ["", "-x", "a\nb", "x" * 65, "ä"])
def test_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(TokensError, match="is no name for a token"):
        TokenFile(tmp_path).create(name, Scope.READ, 0.0)


def test_many_programs_make_tokens_at_once(tmp_path: Path) -> None:
    def make(start: int) -> None:
        for number in range(start, start + 10):
            TokenFile(tmp_path).create(f"t{number}", Scope.READ, 0.0)

    threads = [threading.Thread(target=make, args=(10 * number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(TokenFile(tmp_path).load()) == 50


def test_the_first_start_makes_one_and_no_other_does(tmp_path: Path) -> None:
    file = TokenFile(tmp_path)
    assert file.first_start(0.0)
    assert not file.first_start(0.0)
    path = tmp_path / ADMIN_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [digest(path.read_text().strip())] == [token.sha256 for token in file.load()]
    file.revoke("admin")
    assert not path.exists()
    assert not file.first_start(0.0), "who takes all tokens away does not get one back"


def _run(folder: Path, *words: str) -> tuple[int, str, str]:
    options = parser(["token"]).parse_args(["token", *words, "--set", f'data_dir="{folder}"'])
    out, err = io.BytesIO(), io.StringIO()
    status = options.run(options, Console(io.BytesIO(), out, err))
    return status, out.getvalue().decode(), err.getvalue()


def test_the_tool(tmp_path: Path) -> None:
    status, text, _ = _run(tmp_path, "create", "map", "--scope", "command", "--expires", "30")
    assert (status, text.startswith("jgw_")) == (0, True)
    status, _, complaint = _run(tmp_path, "create", "map")
    assert (status, complaint) == (1, "jimigw: there is a token 'map' already; revoke it, or choose another name\n")
    status, listed, _ = _run(tmp_path, "list")
    assert listed.splitlines()[1].split()[::2][:2] == ["map", "command"]
    assert text.strip() not in listed
    (token,) = json.loads((tmp_path / TOKENS_FILE).read_text())
    assert _run(tmp_path, "revoke", "map")[:2] == (0, f"map ({token['id']}) is good for nothing any more\n")
    assert _run(tmp_path, "revoke", "map")[::2] == (1, "jimigw: there is no token 'map'\n")
    assert _run(tmp_path, "create", "x", "--expires", "-1")[0] == 1


@pytest_twisted.ensureDeferred
async def test_a_running_service_hears_of_changes(api: ApiClient) -> None:
    file = TokenFile(api.running.config.data_path)
    text = file.create("late", Scope.READ, 0.0)
    await until(lambda: api.api.tokens.find(text, 1.0) is not None)
    assert (await api.ask("GET", "/api/v1/version", token=text)).status == 200
    file.revoke("late")
    await until(lambda: api.api.tokens.find(text, 1.0) is None)
    file.path.write_text("{")
    await until(lambda: len(api.api.tokens) == 0)
    assert (await api.ask("GET", "/api/v1/version")).status == 401


@pytest_twisted.ensureDeferred
async def test_wrong_tokens_wait_and_good_ones_do_not(api: ApiClient) -> None:
    api.api.entrance._brakes = Brakes(first=3600.0, longest=3600.0)
    wrong = "jgw_00000000_" + "A" * 43
    assert (await api.ask("GET", "/api/v1/version", token=wrong)).status == 401
    held = []
    for _ in range(8):
        exchange = await api.connect()
        exchange.send(f"GET /api/v1/version HTTP/1.1\r\nAuthorization: Bearer {wrong}\r\n\r\n".encode())
        held.append(exchange)
    entrance: Entrance = api.api.entrance
    await until(lambda: entrance._held.get("127.0.0.1") == 8)
    refused = await api.ask("GET", "/api/v1/version", token=wrong)
    assert (refused.status, refused.headers["retry-after"]) == (429, "3601")
    assert (await api.ask("GET", "/api/v1/version")).status == 200
    assert all(exchange.heard == b"" for exchange in held)
    for exchange in held:
        exchange.close()
    await until(lambda: not entrance._held)
