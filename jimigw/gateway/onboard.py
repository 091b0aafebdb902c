"""Turning a JC400 or JC261 to this gateway in one call: send the vendor's sequence, read it back, say what differs."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred

from jimigw.model.command import Command, Life

from .catalogue import JC400, CommandRefused, Step, differs, plan

_SERVER = "SERVER"
_PURPOSE = "onboarding"


class Gives(Protocol):
    """Gives commands and waits for their ends; see :class:`.commands.Commands`."""

    def give_text(
        self,
        device_id: str,
        text: str,
        *,
        owner: str,
        purpose: str = "",
        ttl: float | None = None,
        confirm: bool = False,
    ) -> Deferred[Command]: ...

    def wait(self, id: int, seconds: float) -> Deferred[Command]: ...

    def online(self, device: str) -> bool: ...

    def family(self, device: str) -> str: ...

    @property
    def answer_timeout(self) -> float: ...


def onboard(commands: Gives, device: str, owner: str, confirm: bool, **settings: Any) -> Deferred[list[str]]:
    """Send a terminal the onboarding sequence and read it back; fires with what came of each step, in sentences.

    ``settings`` are those of :func:`.catalogue.plan`: ``host`` is needed. SERVER, which restarts the terminal, is sent
    last, only where the terminal has another, and not at all after a step that went wrong. Fails with
    :class:`CommandRefused` where the settings are wrong, the terminal is off line, or nothing was confirmed.
    """
    return Deferred.fromCoroutine(_onboard(commands, device, owner, confirm, settings))


async def _onboard(commands: Gives, device: str, owner: str, confirm: bool, settings: dict[str, Any]) -> list[str]:
    try:
        steps = plan(**settings)
    except TypeError as error:
        raise CommandRefused(f"the settings are wrong: {error}") from None
    if commands.family(device) != JC400:
        raise CommandRefused(f"{device} is no JC400 or JC261, whose sequence this is", code="device")
    if not confirm:
        texts = " · ".join(step.text for step in steps)
        raise CommandRefused(f"this turns the terminal to another server: {texts}. Confirm it", code="confirm")
    if not commands.online(device):
        raise CommandRefused(f"{device} is off line, and this takes its answers", code="device")
    lines: list[str] = []
    right = True
    for step in steps:
        if step.name != _SERVER:
            right = await _sent(commands, device, owner, step, lines) and right
    for step in steps:
        if step.name != _SERVER and step.query is not None:
            right = await _read_back(commands, device, owner, step, lines) and right
    lines += [f"{step.name} cannot be read back" for step in steps if step.query is None]
    for step in steps:
        if step.name == _SERVER:
            await _server(commands, device, owner, step, lines, right)
    return lines


async def _sent(commands: Gives, device: str, owner: str, step: Step, lines: list[str]) -> bool:
    ended = await _run(commands, device, owner, step.text)
    lines.append(f"{step.text}: {_outcome(ended)}")
    return ended.state is Life.ANSWERED


async def _read_back(commands: Gives, device: str, owner: str, step: Step, lines: list[str]) -> bool:
    assert step.query is not None
    ended = await _run(commands, device, owner, step.query)
    if ended.state is not Life.ANSWERED:
        lines.append(f"{step.name} could not be read back: {_outcome(ended)}")
        return False
    difference = differs(step, str(ended.reply))
    lines.append(difference or f"{step.name} is as it should be")
    return difference is None


async def _server(commands: Gives, device: str, owner: str, step: Step, lines: list[str], right: bool) -> None:
    if not right:
        lines.append(f"{step.text} is not sent: what stands before it has to be right first")
        return
    if step.query is not None:
        ended = await _run(commands, device, owner, step.query)
        if ended.state is Life.ANSWERED and differs(step, str(ended.reply)) is None:
            lines.append("SERVER is as it should be, so the terminal need not restart")
            return
    await _sent(commands, device, owner, step, lines)
    lines.append("the terminal restarts and comes to the server that it was told")


async def _run(commands: Gives, device: str, owner: str, text: str) -> Command:
    given = await commands.give_text(
        device, text, owner=owner, purpose=_PURPOSE, ttl=2 * commands.answer_timeout, confirm=True
    )
    return await commands.wait(given.id, 3 * commands.answer_timeout)


def _outcome(command: Command) -> str:
    if command.state is Life.ANSWERED:
        return str(command.reply)
    said = f" ({command.reply})" if command.reply is not None else ""
    return f"{command.state}, {command.why}{said}"
