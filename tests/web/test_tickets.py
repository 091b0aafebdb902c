"""Tickets: what they are good for and how long, in their file, and before a running service."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from jimigw.web import tickets as limits
from jimigw.web.tickets import AWAY_SECONDS, BEGIN_SECONDS, TICKETS_FILE, Ticket, Tickets
from jimigw.web.tokens import Scope, TokenFile, Tokens
from tests.service.harness import Start
from tests.web.api import HTTP, ApiClient, Exchange, camera, parsed
from tests.web.harness import until
from tests.web.test_events import events, follow


class ClockWithPool(Clock):
    """A clock whose threads do their work at once, or when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.later: list[Callable[[], None]] | None = None

    def getThreadPool(self) -> ClockWithPool:
        return self

    def callFromThread(self, call: Callable[..., None], *args: object) -> None:
        call(*args)

    def callInThreadWithCallback(
        self, done: Callable[[bool, Any], None], work: Callable[..., Any], *args: Any, **named: Any
    ) -> None:
        def run() -> None:
            try:
                done(True, work(*args, **named))
            except OSError:
                done(False, Failure())

        run() if self.later is None else self.later.append(run)


class Connection:
    """A stream that may be closed."""

    aborted = False

    def abort(self) -> None:
        self.aborted = True


class House:
    """Tickets of one start of a service in a folder, and what they complain of."""

    def __init__(self, folder: Path, at: float = 0.0) -> None:
        self.file = TokenFile(folder)
        if not self.file.path.exists():
            self.file.create("page", Scope.READ, 0.0)
        self.tokens = Tokens(self.file)
        self.tokens.open()
        self.clock = ClockWithPool()
        self.clock.advance(at)
        self.said: list[str] = []
        self.tickets = Tickets(self.clock, folder, self.tokens, self.said.append)
        self.tickets.open()
        (self.page,) = self.file.load()

    def make(self) -> str:
        return self.tickets.make(self.page)

    def begin(self, text: str, after: int = 7) -> Ticket:
        ticket = self.tickets.find(text)
        assert ticket is not None
        ensureDeferred(self.tickets.begin(ticket, after))
        return ticket

    def good(self, text: str) -> bool:
        self.tickets.forget()
        return self.tickets.find(text) is not None


def test_a_ticket_has_to_begin_within_a_minute(tmp_path: Path) -> None:
    house = House(tmp_path)
    early, late = house.make(), house.make()
    assert early != late
    house.clock.advance(BEGIN_SECONDS - 1)
    house.begin(early)
    house.clock.advance(1)
    assert (house.good(early), house.good(late), house.good("x"), house.good("é" * 99)) == (True, False, False, False)


def test_it_comes_back_as_long_as_its_stream_was_not_away_for_long(tmp_path: Path) -> None:
    house = House(tmp_path)
    text = house.make()
    ticket = house.begin(text)
    for _ in range(3):
        connection = Connection()
        ticket.stream = connection
        house.clock.advance(100 * AWAY_SECONDS)
        assert house.good(text), "as long as the stream is open"
        house.tickets.left(ticket, Connection())
        assert ticket.stream is connection, "an older one is over, not this one"
        house.tickets.left(ticket, connection)
        house.clock.advance(AWAY_SECONDS - 1)
        assert house.good(text)
    house.clock.advance(1)
    assert not house.good(text)
    assert json.loads((tmp_path / TICKETS_FILE).read_text()) == []


def test_a_restart_is_a_break_like_others(tmp_path: Path) -> None:
    house = House(tmp_path)
    new, begun = house.make(), house.make()
    house.begin(begun, after=42)
    text = (tmp_path / TICKETS_FILE).read_text()
    assert begun not in text
    assert stat.S_IMODE((tmp_path / TICKETS_FILE).stat().st_mode) == 0o600
    again = House(tmp_path, at=1e6)
    found = again.tickets.find(begun)
    assert found is not None
    assert (found.after, again.good(new), len(again.tickets)) == (42, False, 1)
    again.clock.advance(AWAY_SECONDS)
    assert not again.good(begun)
    assert not House(tmp_path, at=2e6).good(begun)


def test_it_ends_with_its_token(tmp_path: Path) -> None:
    house = House(tmp_path)
    new, begun = house.make(), house.make()
    house.begin(begun).stream = Connection()
    house.file.revoke("page")
    house.tokens.refresh()
    assert (house.good(new), house.good(begun)) == (False, False)


def test_there_are_not_endlessly_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_NEW", 3)
    monkeypatch.setattr(limits, "MOST_AWAY", 3)
    house = House(tmp_path)
    made = [house.make() for _ in range(5)]
    assert [house.good(text) for text in made] == [False, False, True, True, True]
    open_one = house.make()
    house.begin(open_one).stream = Connection()
    made = []
    for _ in range(5):
        made.append(house.make())
        house.begin(made[-1])
    assert [house.good(text) for text in made] == [False, False, True, True, True]
    assert house.good(open_one), "it has a stream"
    assert len(json.loads((tmp_path / TICKETS_FILE).read_text())) == 4


def _keep(told: list[int], number: int, _: None) -> None:
    told.append(number)


def test_a_stream_begins_when_its_ticket_is_kept(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.clock.later = []
    told: list[int] = []
    for number in range(3):
        ticket = house.tickets.find(house.make())
        assert ticket is not None
        ensureDeferred(house.tickets.begin(ticket, number)).addCallback(partial(_keep, told, number))
    closing: Deferred[None] = house.tickets.close()
    assert (told, len(house.clock.later), closing.called) == ([], 1, False)
    house.clock.later.pop()()
    assert (told, len(house.clock.later)) == ([0], 1), "those that came meanwhile are one write"
    house.clock.later.pop()()
    assert (told, house.clock.later, closing.called) == ([0, 1, 2], [], True)
    assert [each["after"] for each in json.loads((tmp_path / TICKETS_FILE).read_text())] == [0, 1, 2]


def test_a_file_that_cannot_be_used_costs_new_tickets_only(tmp_path: Path) -> None:
    (tmp_path / TICKETS_FILE).write_text('[{"sha256": 1}]')
    house = House(tmp_path)
    assert len(house.said) == 1
    assert "tickets.json: browsers have to ask for new tickets: Expected `str`" in house.said[0]
    (tmp_path / TICKETS_FILE).unlink()
    (tmp_path / TICKETS_FILE).mkdir()
    text = house.make()
    house.begin(text)
    assert house.good(text)
    assert "after a restart browsers have to ask for new tickets" in house.said[1]


# -- before a service -------------------------------------------------------------------------------------------------


async def _ticket(client: ApiClient) -> str:
    answer = await client.ask("POST", "/api/v1/events/ticket")
    assert (answer.status, answer.json["seconds"]) == (201, BEGIN_SECONDS)
    return str(answer.json["ticket"])


def _ids(stream: Exchange) -> list[int]:
    return [id for id, _ in events(stream.heard)]


@pytest_twisted.ensureDeferred
async def test_who_comes_back_takes_over(api: ApiClient) -> None:
    api.running.settings.append("http.max_events=1")
    api.running.service.reload()
    first = await camera(api, reports=2)
    address = f"?ticket={await _ticket(api)}"
    stream = await follow(api, address, token="")
    assert parsed(stream.heard).body.startswith(b"1"), "chunks"
    assert b"\nid: 3\n\n" in stream.heard, "where it began, for who sees no event"
    back = await follow(api, address, token="")
    await stream.gone
    first.heartbeat(9)
    await until(partial(_ids, back))
    assert (_ids(stream), _ids(back), len(api.api.hub)) == ([], [4], 1)
    third = await follow(api, address, "Last-Event-ID: 2", token="")
    await until(lambda: len(_ids(third)) == 2)
    fourth = await follow(api, f"{address}&kinds=heartbeat&after=4", token="")
    await until(partial(_ids, fourth))
    assert (_ids(third), _ids(fourth)) == ([3, 4], [4]), "who has seen no event begins where the ticket began"
    for wrong in (f"?ticket={'x' * 32}", "?ticket="):
        assert (await api.ask("GET", f"/api/v1/events{wrong}", token=None)).status == 401 or wrong == "?ticket="
    other = await api.ask("GET", f"/api/v1/records{address}", token=None)
    assert other.status == 401, "a ticket is for nothing but the stream"


@pytest.mark.parametrize("seen", [True, False])
@pytest_twisted.ensureDeferred
async def test_the_same_address_goes_on_over_a_restart(start: Start, tmp_path: Path, seen: bool) -> None:
    address, got, last = "", list[int](), 3
    for turn in range(3):
        running = start(tmp_path, HTTP)
        await until(partial(getattr, running.service.webs, "ports"))
        client = ApiClient(running)
        terminal = await camera(client, reports=2)  # the page is not back yet
        if not turn:
            address = f"?ticket={await _ticket(client)}"
        stream = await follow(client, address, *([f"Last-Event-ID: {last}"] if turn and seen else []), token="")
        if seen or turn == 2:
            for serial in range(10, 13):
                terminal.heartbeat(serial)
            await terminal.got(6)
            journal = running.service.journal
            await until(lambda stream=stream, journal=journal: _ids(stream)[-1:] == [journal.last_id()])  # type: ignore[misc]
            got += _ids(stream)
            last = got[-1]
        await running.stop()
        await stream.gone
    assert got == list(range(4, last + 1))
