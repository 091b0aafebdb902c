"""What the edge asks: may this terminal come in, and: store this report, then let its answer go.

edge ──login──▶ admission ──▶ registry (the newer connection wins) ──▶ journal
edge ──report──▶ journal ──committed──▶ link.send(answer)
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Protocol

import attrs
from twisted.logger import Logger

from jimigw.journal.interface import Entry, IJournal
from jimigw.model.device import Device
from jimigw.model.record import record_json
from jimigw.model.report import Report, Ticket

from .admission import Admission
from .registry import Registry


class Link(Protocol):
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

    def disconnect(self, reason: str) -> None:
        """Close the connection, for this reason."""
        ...


class Ended(Protocol):
    """How a command of the platform ended; see :class:`jimigw.protocols.events.CommandEnded`."""

    tag: Any
    outcome: str
    reason: str


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

    def __init__(self, registry: Registry, admission: Admission, journal: IJournal) -> None:
        self.registry, self.admission, self.journal = registry, admission, journal
        self.counters = GatewayCounters()
        self._ready: list[Link] = []
        # A batch that brought one connection many answers sends them in one write.
        journal.add_listener(self._send_ready)

    def login(self, link: Link, identity: str, report: Report, now: float) -> bool:
        """Bind a connection to the terminal that logged in on it, and store the login. False: it is not let in.

        An older connection of the same terminal is closed, but only once the new one has passed admission.
        """
        if not self.admission.admits(identity):
            self.counters.refused_logins += 1
            return False
        self.counters.logins += 1
        device = self.registry.enter(identity, report.protocol, now)
        older, device.link = device.link, link
        link.device = device
        device.logins += 1
        device.last_seen = now
        device.protocol = report.protocol
        if older is not None and older is not link:
            self.counters.taken_over += 1
            older.disconnect(f"{identity} logged in again from {link.address}")
        self._store(device, report, None, now)
        return True

    def report(self, link: Link, report: Report, now: float) -> None:
        """Store a report; its answer is sent after the commit. What cannot be stored is not answered."""
        device = link.device
        if device is None:
            self.counters.refused_reports += 1
            return
        device.last_seen = now
        if report.position is not None and not report.position.replayed:
            device.position = report.position
        self._store(device, report, link, now)

    def command_ended(self, link: Link | None, command: Ended, now: float) -> None:
        """Store how a command of the platform ended; what the terminal itself said of it is a record of its own."""
        device = None if link is None else link.device
        if device is None:
            return
        told: dict[str, Any] = {"command": str(command.tag), "outcome": command.outcome, "reason": command.reason}
        message = {"header": _whose(device), "body": told}
        received = datetime.fromtimestamp(now, UTC)
        self._store(device, Report(device.protocol, "command_result", message, b"", received), None, now)

    def closed(self, link: Link, reason: str, now: float) -> None:
        """A connection is gone: its terminal is off line, unless a newer connection took over."""
        device = link.device
        if device is None:
            return
        link.device = None
        if device.link is not link:
            return
        device.link = None
        message = {"header": _whose(device), "body": {"reason": reason}}
        report = Report(device.protocol, "logout", message, b"", datetime.fromtimestamp(now, UTC))
        self._store(device, report, None, now)

    def _store(self, device: Device, report: Report, link: Link | None, now: float) -> None:
        identity, answer = device.id, report.answer
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
