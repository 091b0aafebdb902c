"""What the edge asks: may this terminal come in, and: store this report, then let its answer go.

edge ──login──▶ admission ──▶ registry (the newer connection wins) ──▶ journal, commands that wait
edge ──report──▶ registry (what it shows of the terminal) ──▶ journal ──committed──▶ link.send(answer)
                     └──answer to a command──▶ commands
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from jimigw.journal.interface import Entry, IJournal
from jimigw.model.command import Command
from jimigw.model.device import Device
from jimigw.model.record import record_json
from jimigw.model.report import Report, Ticket

from .admission import Admission
from .carrying import Carrying
from .command_queue import CommandLink
from .door import Question
from .facts import learn
from .registry import Registry
from .taps import Taps


class Link(CommandLink, Protocol):
    """A live connection, as the gateway sees it."""

    #: whose it is; None before a login that was let in
    device: Device | None
    #: answers that wait for the end of the batch they belong to
    answers: bytes

    @property
    def address(self) -> str:
        """The other end, for people."""
        ...

    def send(self, data: bytes) -> None:
        """Send to the terminal; nothing happens when the connection is gone."""
        ...

    @property
    def alive(self) -> bool:
        """Whether the connection is still there, and not being closed."""
        ...

    def disconnect(self, reason: str) -> None:
        """Close the connection, for this reason."""
        ...


class Questions(Protocol):
    """Finds out what terminals may; see :class:`jimigw.gateway.door.HookedDoor`."""

    def ask(
        self, question: Question, identity: str, body: Mapping[str, Any], phone: str | None = None
    ) -> Deferred[tuple[int, str]]:
        """Fires with the result and the authentication code, and never fails."""
        ...


class Ended(Protocol):
    """How a command of the platform ended; see :class:`jimigw.protocols.events.CommandEnded`."""

    tag: Any
    outcome: str
    reason: str
    reply: Any


@attrs.define(slots=True, eq=False)
class Receipt(Entry):
    """A report on its way into the journal, with the answer that its terminal gets when it is there."""

    link: Link | None = None
    answer: bytes = b""
    ticket: Ticket | None = None


@attrs.define
class GatewayCounters:
    """What became of logins and reports."""

    logins: int = 0
    taken_over: int = 0
    refused_logins: int = 0
    refused_reports: int = 0
    reports: int = 0
    unanswered: int = 0
    answered: int = 0


class Gateway:
    """Ties edge, registry and journal together. Everything is called in the reactor thread."""

    _log = Logger()

    def __init__(
        self, registry: Registry, admission: Admission, journal: IJournal, commands: Carrying | None = None
    ) -> None:
        self.registry, self.admission, self.journal, self.commands = registry, admission, journal, commands
        #: who is asked where a door does not know; None where it always does
        self.questions: Questions | None = None
        self.taps = Taps()
        self.counters = GatewayCounters()
        self._ready: list[Link] = []
        # A batch that brought one connection many answers sends them in one write.
        journal.add_listener(self._send_ready)

    def login(self, link: Link, identity: str, report: Report, now: float) -> bool | Deferred[bool]:
        """Bind a connection to the terminal that logged in on it, and store the login. False: it is not let in.

        An older connection of the same terminal is closed, but only once the new one has passed admission. Where the
        platform has to be asked, the answer comes later; until then nothing that the terminal reports is taken.
        """
        admitted = self.admission.admits(identity)
        if admitted is None:
            asked = self.admission.ask(identity)
            return asked.addCallback(lambda admitted: self._decided(link, identity, report, now, admitted))
        return self._decided(link, identity, report, now, admitted)

    def _decided(self, link: Link, identity: str, report: Report, now: float, admitted: bool) -> bool:
        if not admitted:
            self.counters.refused_logins += 1
            # It was let in on this connection before, and is not any more.
            self.closed(link, "it is let in no more", now)
            return False
        if link.alive:
            self._enter(link, identity, report, now)
        return True

    def _enter(self, link: Link, identity: str, report: Report, now: float) -> None:
        self.counters.logins += 1
        device = self.registry.enter(identity, report.protocol, now)
        older, device.link = device.link, link
        link.device = device
        device.logins += 1
        device.last_seen = now
        device.protocol = report.protocol
        device.address = link.address
        if older is not link:
            device.link_since, device.link_frames, device.link_bytes, device.link_errors = now, 0, 0, 0
            if older is not None:
                self.counters.taken_over += 1
                older.disconnect(f"{identity} logged in again from {link.address}")
                self._link_lost(device)
        self.admission.entered(identity, device)
        self._look(device, report, now)
        self._store(device, report, None, now)
        if self.commands is not None:
            self.commands.logged_in(device.id)

    def ask(self, question: Question, identity: str, body: Mapping[str, Any], phone: str) -> Deferred[tuple[int, str]]:
        """Ask the platform what a terminal of JT/T 808 may; fires with the result and the code, and never fails."""
        assert self.questions is not None, "a session asks only where its door does not know"
        return self.questions.ask(question, identity, body, phone)

    def denied(self, identity: str, why: str) -> None:
        """The platform takes back a terminal that it had let in."""
        self._log.warn("{device} is let in no more: {why}", device=identity, why=why)
        self.disconnect(identity, f"it is let in no more: {why}")

    def report(self, link: Link, report: Report, now: float) -> None:
        """Store a report; its answer is sent after the commit. What cannot be stored is not answered."""
        device = link.device
        if device is None:
            self.counters.refused_reports += 1
            return
        self._look(device, report, now)
        self._store(device, report, link, now)
        if report.kind == "command_result" and self.commands is not None:
            body = report.message["body"]
            flag, content = body.get("server_flag"), body.get("content")
            if flag is not None:
                self.commands.heard(device.id, flag, content if isinstance(content, str) else str(content))

    def _look(self, device: Device, report: Report, now: float) -> None:
        """Take over what a report shows of the terminal."""
        device.last_seen = now
        device.link_frames += 1
        device.link_bytes += len(report.raw)
        position = report.position
        if position is not None and not position.replayed:
            device.position = position
            if position.ignition is not None:
                device.ignition = position.ignition
        if report.alarms:
            device.alarm, device.alarm_at = report.alarms[0], now
        kind = report.kind
        if kind != "position" and kind != "heartbeat":
            if kind == "unknown":
                device.link_errors += 1
            else:
                learn(device, report)
        if not device.stale:
            self.registry.touch(device)
        if self.taps:
            self.taps.up(device.id, report, now)

    def command_ended(self, link: Link | None, command: Ended, now: float) -> None:
        """A session says how a command of the platform ended."""
        device = None if link is None else link.device
        if device is not None and self.commands is not None:
            self.commands.ended(device.id, command.tag, command.outcome, command.reason, command.reply)

    def record_command(self, command: Command, told: Callable[[], None]) -> None:
        """Tell the platform how a command ended; ``told`` is called when the journal has it.

        What the terminal itself said of it is a record of its own.
        """
        device = self.registry.get(command.device)
        ending = {
            "command": command.id,
            "outcome": str(command.state),
            "reason": command.why,
            "text": command.text,
            "message": command.message,
            "reply": command.reply,
            "owner": command.owner,
            "purpose": command.purpose or None,
            "sendings": command.sendings,
        }
        body = {key: value for key, value in ending.items() if value is not None}
        # A terminal that was entered and never came: its number tells what it will speak.
        protocol = (device.protocol if device is not None else "") or ("jimi" if len(command.device) == 15 else "jt808")
        header = {"imei" if protocol == "jimi" else "phone": command.device}
        received = datetime.fromtimestamp(command.ended, UTC)
        report = Report(protocol, "command_result", {"header": header, "body": body}, b"", received)
        data, received_at = record_json(command.device, report), int(command.ended * 1_000_000)
        self.counters.reports += 1
        done = Entry(command.device, protocol, report.kind, received_at, b"", data, lambda _: told())
        if not self.journal.append(done):
            self.counters.unanswered += 1

    def disconnect(self, device_id: str, reason: str) -> bool:
        """Close the connection of a terminal; False if it is not on line. It may come again."""
        device = self.registry.get(device_id)
        if device is None or device.link is None:
            return False
        device.link.disconnect(reason)
        return True

    def forget(self, device_id: str) -> Deferred[None]:
        """Close the connection of a terminal and take it out of the registry; its records stay."""
        device = self.registry.get(device_id)
        if device is None:
            return succeed(None)
        self.disconnect(device_id, "the terminal is taken out of the registry")
        return self.registry.forget(device)

    def closed(self, link: Link, reason: str, now: float) -> None:
        """A connection is gone: its terminal is off line, unless a newer connection took over."""
        device = link.device
        if device is None:
            return
        link.device = None
        if device.link is not link:
            return
        device.link = None
        device.left, device.left_at = reason, now
        self.registry.touch(device)
        self._link_lost(device)
        message = {"header": _whose(device), "body": {"reason": reason}}
        report = Report(device.protocol, "logout", message, b"", datetime.fromtimestamp(now, UTC))
        self._store(device, report, None, now)

    def _link_lost(self, device: Device) -> None:
        if self.commands is not None:
            self.commands.link_lost(device.id)

    def _store(self, device: Device, report: Report, link: Link | None, now: float) -> None:
        identity, answer = device.card.id, report.answer
        self.counters.reports += 1
        taken = self.journal.append(
            Receipt(
                identity,
                report.protocol,
                report.kind,
                int(now * 1_000_000),
                report.raw,
                record_json(identity, report),
                None if answer is None or link is None else self._committed,
                0,
                link,
                answer or b"",
                report.ticket,
            )
        )
        if not taken:
            self.counters.unanswered += 1

    def _committed(self, entry: Entry) -> None:
        assert isinstance(entry, Receipt)
        link, ticket = entry.link, entry.ticket
        assert link is not None
        if ticket is not None:
            ticket.settle()
        if not link.answers:
            self._ready.append(link)
        link.answers += entry.answer
        self.counters.answered += 1

    def _send_ready(self) -> None:
        ready, self._ready = self._ready, []
        for link in ready:
            answers, link.answers = link.answers, b""
            if not answers:  # Over UDP an empty answer would be an empty datagram.
                continue
            try:
                link.send(answers)
            except Exception:
                # One connection's fault must not cost the others the answers of the same commit.
                self._log.failure("the answers to {address} could not be sent", address=link.address)


def _whose(device: Device) -> dict[str, str]:
    """The header of a record that the service makes itself: the terminal, under its protocol's key."""
    return {"imei" if device.protocol == "jimi" else "phone": device.id}
