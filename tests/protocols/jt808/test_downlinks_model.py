"""Commands against a model of the terminal: any sequence of sending, answering, waiting and losing the link."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from jimigw.protocols.jt808.downlinks import Done, Downlinks, Outcome, Settings
from jimigw.protocols.jt808.replies import UNQUOTED, rule_of

SETTINGS = Settings(window=3, most=12, most_bytes=1000)
COMMANDS = [0x8103, 0x8104, 0x8106, 0x8107, 0x8500, 0x8608, 0x8608, 0x8800, 0x8801, 0x9201, 0x9205]


@attrs.define
class Sent:
    """What the model knows of a command: ``owed`` own replies that the terminal has not given yet."""

    tag: int
    msg_id: int
    first_sn: int
    frames: list[bytes]
    times: int = 0
    owed: int = 0
    ended_at: float | None = None


class Conversation:
    """The platform, the terminal and the network; every step is something that one of them does."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.downlinks = Downlinks(SETTINGS)
        self.now = 1000.0
        self.serial = chance.choice([0, 65530])
        self.commands: list[Sent] = []

    def run(self, steps: int) -> None:
        """So many steps, then wait until everything has ended."""
        everything = [self.send, self.wait, self.answer_in_general, self.reply, self.cancel, self.lose_the_link]
        for step in self.chance.choices(everything, [30, 30, 15, 40, 4, 1], k=steps):
            step()
            still = [command.tag for command in self.commands if command.ended_at is None]
            assert len(self.downlinks) == len(still)
            assert all(tag in self.downlinks for tag in still)
        self.wait(1e6)
        assert all(command.ended_at is not None for command in self.commands)
        assert self.downlinks.deadline is None

    # -- what the model checks ------------------------------------------------------------------------------------

    def went_out(self, data: list[bytes]) -> None:
        """These frames are whole commands that are open, each at most four times."""
        while data:
            command = self.commands[int(data[0].split(b"/")[0])]
            assert command.ended_at is None
            assert data[: len(command.frames)] == command.frames
            data = data[len(command.frames) :]
            command.times += 1
            command.owed += 1
            assert command.times <= len(SETTINGS.waits)

    def ended(self, tags: Iterable[Any]) -> None:
        """Every command ends once."""
        for tag in tags:
            assert self.commands[tag].ended_at is None
            self.commands[tag].ended_at = self.now

    def answered_to(self, command: Sent, done: list[Done]) -> None:
        """What a reply to this command has ended is this command or nothing."""
        assert [each.tag for each in done] in ([], [command.tag])
        self.ended(each.tag for each in done)

    # -- what happens ---------------------------------------------------------------------------------------------

    def send(self) -> None:
        if len(self.downlinks) == SETTINGS.most:
            return
        tag, parts = len(self.commands), self.chance.randint(1, 3)
        command = Sent(
            tag, self.chance.choice(COMMANDS), self.serial, [b"%d/%d" % (tag, part) for part in range(parts)]
        )
        self.serial = self.serial + parts & 0xFFFF
        self.commands.append(command)
        ttl = self.chance.choice([0.0, 5.0, 100.0, 1000.0, 1000.0])
        self.went_out(self.downlinks.send(tag, command.frames, command.msg_id, command.first_sn, self.now, ttl))

    def wait(self, seconds: float | None = None) -> None:
        end = self.now + (self.chance.choice([0.0, 0.5, 3.0, 9.0, 30.0]) if seconds is None else seconds)
        while (deadline := self.downlinks.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            data, done = self.downlinks.tick(self.now)
            before = [command.times for command in self.commands]
            self.went_out(data)
            self.ended(each.tag for each in done)
            # Only what wants no answer goes out and ends at once.
            ended = [command for command in self.commands if command.tag in {each.tag for each in done}]
            at_once = [command for command in ended if command.times > before[command.tag]]
            assert all(not rule_of(command.msg_id).wanted for command in at_once)
            later = self.downlinks.deadline
            assert later is None or later > self.now
        self.now = end

    def answer_in_general(self) -> None:
        """Maybe late, maybe twice, maybe to another frame than the last."""
        sent = [command for command in self.commands if command.times]
        if not sent:
            return
        command = self.chance.choice(sent[-6:])
        part, result = self.chance.randrange(len(command.frames)), self.chance.choice([0, 0, 0, 1, 3])
        if result:
            command.owed = max(command.owed - 1, 0)
        body = {"seq": command.first_sn + part & 0xFFFF, "id": command.msg_id, "result": result}
        done = self.downlinks.heard(0x0001, 1, body, self.now)
        assert result or not done or part == len(command.frames) - 1
        assert all((each.outcome is Outcome.REFUSED) == bool(result) for each in done)
        self.answered_to(command, done)

    def reply(self) -> None:
        """With a message of its own, maybe late: one to each time that the command came."""
        able = [command for command in self.commands if self.can_reply(command)]
        if not able:
            return
        command = self.chance.choice(able)
        (reply,) = rule_of(command.msg_id).replies
        command.owed -= 1
        body = {"result": 0} if reply in UNQUOTED else {"seq": command.first_sn, "result": 0}
        self.answered_to(command, self.downlinks.heard(reply, 1, body, self.now))

    def can_reply(self, command: Sent) -> bool:
        """A reply that quotes nothing comes in time: of later ones nobody could tell what they are for."""
        replies = rule_of(command.msg_id).replies
        if not replies or not command.owed:
            return False
        in_time = command.ended_at is None or self.now < command.ended_at + SETTINGS.settle
        return in_time or replies[0] not in UNQUOTED

    def cancel(self) -> None:
        still = [command.tag for command in self.commands if command.ended_at is None]
        if still:
            tag = self.chance.choice(still)
            assert self.downlinks.cancel(tag, self.now)
            self.ended([tag])

    def lose_the_link(self) -> None:
        done, unsent = self.downlinks.drop_all(self.now)
        self.ended(each.tag for each in done)
        self.ended(unsent)
        assert not any(command.times for command in self.commands if command.tag in unsent)
        assert len(self.downlinks) == 0


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_every_command_ends_once_and_only_by_its_own_reply(seed: int) -> None:
    Conversation(Random(seed)).run(150)
