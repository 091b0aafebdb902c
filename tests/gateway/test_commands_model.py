"""Commands against everything that terminals, links, disks and crashes do: the promises hold in every order.

Each command ends in at most one end state and stays there, none is sent after its end, none is confirmed by the answer
to another, none that must not be done twice comes twice unless the terminal said that it was busy, and after enough
time every one has ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jimigw.gateway.carrying import CommandSettings
from tests.support.recorder import RecordingLink

from .world import CommandWorld

FLAGGED, ORDERED = "863000000000001", "863000000000002"
CAMERAS = st.sampled_from([FLAGGED, ORDERED])
TEXTS = st.sampled_from(["VERSION", "STATUS", "Picture,in", "RELAY,1", "RELAY,0"])


class Sentinel(RecordingLink):
    """A link that looks, whenever something is sent, whether it may be."""

    def __init__(self, model: CommandsModel) -> None:
        super().__init__()
        self.model = model

    def command(self, tag: int, content: str | Mapping[str, Any], ttl: float) -> None:
        stored = self.model.world.store.commands_[tag]
        assert stored.state == "sent", f"command {tag} goes out and is stored as {stored.state}"
        assert tag not in dict(self.model.world.ended), f"command {tag} goes out after its end was told"
        super().command(tag, content, ttl)


class CommandsModel(RuleBasedStateMachine):
    """Two cameras, one that brings flags back and one that does not, and a service that is killed now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.world = CommandWorld(CommandSettings(ttl=500.0, most_queued=8))
        self.world.device(FLAGGED)
        self.world.device(ORDERED)
        self.received: dict[str, list[int]] = {FLAGGED: [], ORDERED: []}
        self.received_at: dict[int, float] = {}
        self.busy: Counter[int] = Counter()
        self.links: dict[str, Sentinel] = {}
        self.given = 0

    def _collect(self) -> None:
        for id, link in self.links.items():
            for tag, _ in link.given:
                self.received[id].append(tag)
                self.received_at[tag] = self.world.clock.seconds()
            link.given.clear()

    @rule(camera=CAMERAS, text=TEXTS, ttl=st.sampled_from([5.0, 90.0, 500.0]))
    def give(self, camera: str, text: str, ttl: float) -> None:
        self.world.commands.give_text(camera, text, owner="x", ttl=ttl, confirm=True).addErrback(lambda _: None)

    @rule(camera=CAMERAS)
    def log_in(self, camera: str) -> None:
        device = self.world.device(camera)
        had_one, link = device.link is not None, Sentinel(self)
        device.link = self.links[camera] = link
        if had_one:
            self.world.commands.link_lost(camera)
        self.world.commands.logged_in(camera)

    @rule(camera=CAMERAS)
    def lose(self, camera: str) -> None:
        if self.world.device(camera).link is not None:
            self._collect()
            del self.links[camera]
            self.world.lose(camera)

    @rule()
    def commit(self) -> None:
        self.world.store.commit()

    @rule()
    def write_half(self) -> None:
        """The disk takes the first thing that waits."""
        if self.world.store.waiting:
            act, done = self.world.store.waiting.pop(0)
            done.callback(act())

    @rule(seconds=st.sampled_from([0.5, 2.0, 9.0, 61.0, 130.0]))
    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @rule()
    def kill(self) -> None:
        self._collect()
        self.links.clear()
        self.world.crash()

    @precondition(lambda self: any(self.received.values()))
    @rule(data=st.data(), words=st.sampled_from(["done", "busy", "parameter A error. "]))
    def answer(self, data: st.DataObject, words: str) -> None:
        """A camera answers something that it got, now, late or again, under its flag or without one."""
        camera = data.draw(st.sampled_from([id for id, got in self.received.items() if got]))
        if camera not in self.links:
            return
        got = self.received[camera]
        tag = got[-1] if data.draw(st.booleans()) else data.draw(st.sampled_from(got))
        if camera == ORDERED and self.world.clock.seconds() > self.received_at[tag] + CommandSettings().doubt:
            return  # the answer of a camera without flags that is later than the time of doubt cannot be told
        self.busy[tag] += words == "busy"
        self.world.commands.heard(camera, 0 if camera == ORDERED else tag, f"{words} {tag}")

    @precondition(lambda self: any(self.received.values()))
    @rule(data=st.data())
    def answer_with_anothers_flag(self, data: st.DataObject) -> None:
        tags = [tag for got in self.received.values() for tag in got]
        tag = data.draw(st.sampled_from([*tags, 4_000_000_000]))
        if FLAGGED in self.links and tag not in self.received[FLAGGED]:
            self.world.commands.heard(FLAGGED, tag, "done by mistake")

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.world.commands._open:
            id = data.draw(st.sampled_from(sorted(self.world.commands._open)))
            self.world.commands.cancel(id, "x").addErrback(lambda _: None)

    @invariant()
    def promises_hold(self) -> None:
        self._collect()
        store = self.world.store
        told = dict(self.world.ended)
        assert all(told[id] == state for id, state in self.world.ended), "two different ends were told"
        for id, state in self.world.ended:
            assert str(store.commands_[id].state) == state, "another end was told than is stored"
        ends: dict[int, str] = {}
        for id, state in store.history:
            assert ends.get(id, state) == state, f"command {id} was {ends[id]} and became {state}"
            if store.commands_[id].state.ended and state == str(store.commands_[id].state):
                ends[id] = state
        for command in store.commands_.values():
            for words in (command.reply, command.late):
                assert words is None or str(words).split()[-1] == str(command.id), f"{command.id} got {words!r}"

    @invariant()
    def nothing_is_done_twice(self) -> None:
        for tag, times in Counter(tag for got in self.received.values() for tag in got).items():
            assert self.world.store.commands_[tag].repeatable or times <= 1 + self.busy[tag], (
                f"{tag} came {times} times"
            )

    def teardown(self) -> None:
        for _ in range(12):
            self.world.store.commit()
            self.world.clock.advance(61.0)
        self.world.store.commit()
        assert not self.world.store.open_commands(), "a command never ended"
        assert len(self.world.commands) == 0


TestCommandsModel = CommandsModel.TestCase
TestCommandsModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
