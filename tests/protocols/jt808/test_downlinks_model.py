"""Commands against a model of the terminal: any sequence of sending, answering, waiting and losing the link."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jimigw.protocols.jt808.downlinks import Done, Downlinks, Settings
from jimigw.protocols.jt808.replies import UNQUOTED, rule_of

SETTINGS = Settings(window=3, most=12, most_bytes=1000)
COMMANDS = [0x8103, 0x8104, 0x8107, 0x8108, 0x8500, 0x8608, 0x8702, 0x8800, 0x8801, 0x9201, 0x9205]


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


class Conversation(RuleBasedStateMachine):
    """Every rule is something that the platform, the terminal or the network does."""

    @initialize(serial=st.sampled_from([0, 65530]))
    def begin(self, serial: int) -> None:
        self.downlinks = Downlinks(SETTINGS)
        self.now = 1000.0
        self.serial = serial
        self.commands: list[Sent] = []

    # -- what the model checks ------------------------------------------------------------------------------------

    def went_out(self, data: list[bytes]) -> None:
        """These bytes are whole commands that are open, each at most four times."""
        while data:
            command = self.commands[int(data[0].split(b"/")[0])]
            assert command.ended_at is None
            assert data[: len(command.frames)] == command.frames
            data = data[len(command.frames) :]
            command.times += 1
            command.owed += 1
            assert command.times <= len(SETTINGS.waits)

    def ended(self, tags: Iterable[Any]) -> None:
        for tag in tags:
            assert self.commands[tag].ended_at is None
            self.commands[tag].ended_at = self.now

    def answered_to(self, command: Sent, done: list[Done]) -> None:
        """What a reply to this command has ended is this command or nothing."""
        assert [each.tag for each in done] in ([], [command.tag])
        self.ended(each.tag for each in done)

    # -- what happens ---------------------------------------------------------------------------------------------

    @rule(msg_id=st.sampled_from(COMMANDS), frames=st.integers(1, 3), ttl=st.sampled_from([0.0, 5.0, 100.0, 1000.0]))
    @precondition(lambda self: len(self.downlinks) < SETTINGS.most)
    def send(self, msg_id: int, frames: int, ttl: float) -> None:
        tag = len(self.commands)
        command = Sent(tag, msg_id, self.serial, [b"%d/%d" % (tag, part) for part in range(frames)])
        self.serial = self.serial + frames & 0xFFFF
        self.commands.append(command)
        self.went_out(self.downlinks.send(tag, command.frames, msg_id, command.first_sn, self.now, ttl))

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0, 9.0, 30.0, 300.0]))
    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (deadline := self.downlinks.deadline) is not None and deadline <= end:
            assert deadline <= self.now or deadline > self.now - 1e-9
            self.now = max(self.now, deadline)
            data, done = self.downlinks.tick(self.now)
            self.ended(each.tag for each in done)
            self.went_out(data)
        self.now = end

    @rule(data=st.data(), part=st.integers(0, 2), result=st.sampled_from([0, 0, 0, 1, 3]))
    @precondition(lambda self: any(command.times for command in self.commands))
    def general_answer(self, data: st.DataObject, part: int, result: int) -> None:
        """Maybe late, maybe twice, maybe to another frame than the last."""
        command = data.draw(st.sampled_from([command for command in self.commands if command.times]))
        if result:
            command.owed = max(command.owed - 1, 0)
        seq = command.first_sn + min(part, len(command.frames) - 1) & 0xFFFF
        body = {"seq": seq, "id": command.msg_id, "result": result}
        self.answered_to(command, self.downlinks.heard(0x0001, 1, body, self.now))

    @rule(data=st.data())
    @precondition(lambda self: any(self.can_reply(command) for command in self.commands))
    def own_reply(self, data: st.DataObject) -> None:
        command = data.draw(st.sampled_from([command for command in self.commands if self.can_reply(command)]))
        (reply,) = rule_of(command.msg_id).replies
        command.owed -= 1
        body = {"result": 0} if reply in UNQUOTED else {"seq": command.first_sn, "result": 0}
        self.answered_to(command, self.downlinks.heard(reply, 1, body, self.now))

    def can_reply(self, command: Sent) -> bool:
        """One reply to each time that it was sent; one that quotes nothing comes in time, else nobody could tell."""
        replies = rule_of(command.msg_id).replies
        if not replies or not command.owed:
            return False
        in_time = command.ended_at is None or self.now < command.ended_at + SETTINGS.settle
        return in_time or replies[0] not in UNQUOTED

    @rule(data=st.data())
    @precondition(lambda self: len(self.downlinks) > 0)
    def cancel(self, data: st.DataObject) -> None:
        tag = data.draw(st.sampled_from([command.tag for command in self.commands if command.ended_at is None]))
        assert self.downlinks.cancel(tag, self.now)
        self.ended([tag])

    @rule()
    def lose_the_link(self) -> None:
        done, unsent = self.downlinks.drop_all(self.now)
        assert not any(self.commands[tag].times for tag in unsent if isinstance(tag, int))
        self.ended(each.tag for each in done)
        self.ended(unsent)
        assert len(self.downlinks) == 0

    @invariant()
    def open_is_what_has_not_ended(self) -> None:
        if hasattr(self, "downlinks"):
            still = [command.tag for command in self.commands if command.ended_at is None]
            assert len(self.downlinks) == len(still)
            assert all(tag in self.downlinks for tag in still)

    def teardown(self) -> None:
        if hasattr(self, "downlinks"):
            self.wait(1e6)
            assert all(command.ended_at is not None for command in self.commands)
            assert self.downlinks.deadline is None


Conversation.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestConversation = Conversation.TestCase
