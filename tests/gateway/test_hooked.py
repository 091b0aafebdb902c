"""Admission by the platform: who waits for its answer, who does not, and what a silent platform costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from jimigw.gateway.door import HookedDoor
from jimigw.gateway.hooked import Hooked, HookedCounters, Verdict
from jimigw.model.device import Card, Device, State
from tests.web.harness import ClockReactor, Platform, RawServer, hooks, listening

PHONE, OTHER, IMEI = "013912345678", "013912345679", "863000000000014"
ID = PHONE.lstrip("0")
BODY = {"license_number": "粤B12345"}

YES = Verdict(True, 0, None, True, "yes")
CODE = Verdict(True, 0, "7f3a", True, "yes")
NO = Verdict(False, 1, None, True, "no")
TWICE = Verdict(False, 3, None, True, "registered already")
NOTHING = Verdict(False, 1, None, False, "no answer")


class Asked:
    """A platform that writes down what it is asked, and answers when the test does; or at once with ``always``."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, ...]] = []
        self.waiting: list[Deferred[Verdict]] = []
        self.always: Verdict | None = None

    def register(self, phone: str, body: Mapping[str, Any]) -> Deferred[Verdict]:
        return self._ask("register", phone, body["license_number"])

    def authenticate(self, phone: str, code: str) -> Deferred[Verdict]:
        return self._ask("authenticate", phone, code)

    def _ask(self, *question: str) -> Deferred[Verdict]:
        self.questions.append(question)
        if self.always is not None:
            return succeed(self.always)
        answer: Deferred[Verdict] = Deferred()
        self.waiting.append(answer)
        return answer

    def answer(self, verdict: Verdict) -> None:
        """Answer the oldest question that waits."""
        self.waiting.pop(0).callback(verdict)


class House:
    """Admission with all its neighbours."""

    def __init__(self, **how: Any) -> None:
        self.clock, self.asked = Clock(), Asked()
        self.devices: dict[str, Device] = {}
        self.denied: list[tuple[str, str]] = []
        self.changed: list[str] = []
        self.hooked = Hooked(
            self.asked,
            self.devices.get,
            self.clock.seconds,
            on_denied=lambda identity, why: self.denied.append((identity, why)),
            on_changed=lambda identity, state: self.changed.append(identity),
            **how,
        )
        self.door = HookedDoor(self.hooked)

    def device(self, identity: str = ID, **state: Any) -> Device:
        """A terminal of the registry."""
        device = self.devices[identity] = Device(card=Card(identity), **{"protocol": "jt808", **state})
        return device

    def known(self, identity: str = ID) -> Device:
        """One that the platform let in before the service was started."""
        return self.device(identity, admitted=True, auth_code="7f3a")

    def ask(self, question: Any, identity: str = ID, phone: str = PHONE, **body: str) -> list[tuple[int, str]]:
        """Ask at the door; the answer is put into the list when it is there."""
        answers: list[tuple[int, str]] = []
        self.door.ask(question, identity, body or BODY, phone).addCallback(answers.append)
        return answers


class TestAnUnknownTerminal:
    def test_has_to_be_asked_about(self) -> None:
        house = House()
        assert house.hooked.admits(ID) is None
        assert house.door.register(ID, BODY, PHONE) is None
        assert house.door.authenticate(ID, "7f3a", PHONE) is None
        assert house.asked.questions == []

    def test_registers_and_logs_in_with_the_code_of_the_platform(self) -> None:
        house = House()
        answers = house.ask("register")
        assert answers == []
        house.asked.answer(CODE)
        assert answers == [(0, "7f3a")]
        assert house.hooked.admits(ID) is True
        assert house.door.authenticate(ID, "7f3a", PHONE) is True, "the platform is not asked about its own code"
        assert house.asked.questions == [("register", PHONE, "粤B12345")]
        device = house.device()
        assert house.hooked.entered(ID, device)
        assert (device.admitted, device.auth_code) == (True, "7f3a")
        assert not house.hooked.entered(ID, device)
        assert house.changed == [ID]

    def test_registers_twice_and_gets_the_same_code(self) -> None:
        house = House()
        house.ask("register")
        house.asked.answer(CODE)
        assert house.door.register(ID, BODY, PHONE) == (0, "7f3a")
        assert len(house.asked.questions) == 1

    def test_logs_in_with_a_code_that_the_platform_knows(self) -> None:
        house = House()
        answers = house.ask("authenticate", code="old")
        house.asked.answer(YES)
        assert answers == [(0, "")]
        assert house.hooked.admits(ID) is True
        device = house.device()
        house.hooked.entered(ID, device)
        assert (device.admitted, device.auth_code) == (True, "old")

    @pytest.mark.parametrize(("verdict", "result"), [(NO, 1), (TWICE, 3), (NOTHING, 1)])
    def test_stays_out_where_no_yes_comes(self, verdict: Verdict, result: int) -> None:
        house = House()
        answers = house.ask("register")
        house.asked.answer(verdict)
        assert answers == [(result, "")]
        assert house.hooked.admits(ID) is None
        assert not house.hooked.knows(ID, "")
        house.ask("register")
        assert len(house.asked.questions) == 2, "it is asked about again"

    @pytest.mark.parametrize("verdict", [NO, NOTHING])
    def test_a_code_that_the_platform_does_not_take(self, verdict: Verdict) -> None:
        house = House()
        answers = house.ask("authenticate", code="x")
        house.asked.answer(verdict)
        assert answers == [(1, "")]
        assert house.hooked.admits(ID) is None

    def test_leaves_nothing_behind(self) -> None:
        house = House(most=50)
        for verdict in (NO, NOTHING):
            house.asked.always = verdict
            for number in range(1000):
                house.ask("register", str(number), str(number))
                house.ask("authenticate", str(number), str(number), code="x")
                house.hooked.ask_authentication(str(number), str(number), "")
        assert len(house.hooked._granted) == len(house.hooked._fresh) == len(house.hooked._to_recheck) == 0
        assert len(house.hooked._refused) == 50
        assert house.changed == []

    def test_a_code_that_was_never_used_is_forgotten(self) -> None:
        house = House()
        house.ask("register")
        house.asked.answer(CODE)
        house.clock.advance(601)
        assert house.hooked.admits(ID) is None
        assert house.door.authenticate(ID, "7f3a", PHONE) is None


class TestAKnownTerminal:
    """The platform let it in before. What it says now is never waited for."""

    def test_is_let_in_at_once(self) -> None:
        house = House()
        house.known()
        assert house.hooked.admits(ID) is True
        assert house.door.register(ID, BODY, PHONE) == (0, "7f3a")
        assert house.door.authenticate(ID, "7f3a", PHONE) is True
        assert house.ask("register") == [(0, "7f3a")]
        assert house.ask("authenticate", code="7f3a") == [(0, "")]
        assert house.hooked.counters.known == 4

    def test_is_asked_about_again_in_the_background_after_the_cache_time(self) -> None:
        house = House(cache=60)
        house.known()
        house.door.authenticate(ID, "7f3a", PHONE)
        house.door.authenticate(ID, "7f3a", PHONE)
        assert house.asked.questions == [("authenticate", PHONE, "7f3a")], "once, and with the number of the header"
        house.asked.answer(YES)
        house.clock.advance(59)
        house.door.register(ID, BODY, PHONE)
        assert len(house.asked.questions) == 1
        house.clock.advance(1)
        house.door.register(ID, BODY, PHONE)
        assert house.asked.questions[1:] == [("authenticate", PHONE, "7f3a")], "never to be registered anew"

    def test_stays_in_where_no_answer_comes(self) -> None:
        house = House()
        device = house.known()
        house.asked.always = NOTHING
        for _ in range(100):
            assert house.door.authenticate(ID, "7f3a", PHONE) is True
            house.clock.advance(1000)
        assert device.admitted
        assert (house.denied, house.changed) == ([], [])

    def test_is_taken_off_by_a_plain_no(self) -> None:
        house = House()
        device = house.known()
        house.door.authenticate(ID, "7f3a", PHONE)
        house.asked.answer(NO)
        assert device.admitted is False
        assert house.denied == [(ID, "no")]
        assert house.changed == [ID]
        assert house.door.authenticate(ID, "7f3a", PHONE) is None
        assert house.door.register(ID, BODY, PHONE) is None
        assert house.hooked.admits(ID) is None

    def test_comes_back_when_the_platform_lets_it(self) -> None:
        house = House()
        device = house.device(admitted=False, auth_code="7f3a")
        house.ask("authenticate", code="7f3a")
        house.asked.answer(YES)
        assert device.admitted is True
        assert house.changed == [ID]

    def test_is_not_put_out_by_who_guesses_its_code(self) -> None:
        house = House()
        device = house.known()
        assert house.door.authenticate(ID, "guess", PHONE) is None
        answers = house.ask("authenticate", code="guess")
        house.asked.answer(NO)
        assert answers == [(1, "")]
        assert device.admitted is True
        assert house.denied == []
        assert house.door.authenticate(ID, "7f3a", PHONE) is True

    def test_may_get_a_new_code_from_the_platform(self) -> None:
        house = House()
        device = house.known()
        house.ask("authenticate", code="new")
        house.asked.answer(YES)
        assert device.auth_code == "new"
        assert house.door.authenticate(ID, "new", PHONE) is True
        assert house.door.authenticate(ID, "7f3a", PHONE) is None

    def test_a_no_to_a_code_that_it_has_no_more_is_nothing(self) -> None:
        house = House()
        device = house.known()
        house.door.authenticate(ID, "7f3a", PHONE)
        house.ask("authenticate", code="new")
        house.asked.waiting.pop(1).callback(YES)
        house.asked.answer(NO)
        assert device.admitted is True
        assert house.denied == []

    def test_one_without_a_code_has_to_register(self) -> None:
        house = House()
        house.device(admitted=True)
        assert house.door.register(ID, BODY, PHONE) is None
        assert house.door.authenticate(ID, "x", PHONE) is None

    def test_never_asked_about_is_not_known(self) -> None:
        house = House()
        house.device(admitted=None, auth_code="7f3a")
        assert house.hooked.admits(ID) is None
        assert house.door.authenticate(ID, "7f3a", PHONE) is None

    @pytest.mark.parametrize("code", ["", "\udcff", "7F3A", "7f3a ", "7f3a" * 100])
    def test_any_other_code_is_asked_about(self, code: str) -> None:
        house = House()
        house.known()
        assert house.door.authenticate(ID, code, PHONE) is None

    def test_listeners_that_fail_change_nothing(self) -> None:
        def fail(*_: Any) -> None:
            raise RuntimeError("a listener's fault")

        house = House()
        device = house.known()
        hooked = Hooked(house.asked, house.devices.get, house.clock.seconds, on_denied=fail, on_changed=fail)
        hooked.recheck(ID, PHONE, "7f3a")
        house.asked.answer(NO)
        assert device.admitted is False
        assert hooked._rechecking == set()


class TestAJimiTerminal:
    """It has no code: the platform is asked about its IMEI."""

    def test_unknown(self) -> None:
        house = House()
        assert house.hooked.admits(IMEI) is None
        found: list[Verdict] = []
        house.hooked.ask_authentication(IMEI, IMEI, "").addCallback(found.append)
        assert house.asked.questions == [("authenticate", IMEI, "")]
        house.asked.answer(YES)
        assert found == [YES]
        assert house.hooked.admits(IMEI) is True
        device = house.device(IMEI, protocol="jimi")
        house.hooked.entered(IMEI, device)
        assert (device.admitted, device.auth_code) == (True, None)
        assert house.hooked.admits(IMEI) is True
        assert len(house.asked.questions) == 1

    def test_refused_is_not_asked_about_again_within_the_cache_time(self) -> None:
        house = House(cache=60)
        house.hooked.ask_authentication(IMEI, IMEI, "")
        house.asked.answer(NO)
        assert house.hooked.admits(IMEI) is False
        house.clock.advance(60)
        assert house.hooked.admits(IMEI) is None

    def test_without_an_answer_is_asked_about_again(self) -> None:
        house = House()
        house.hooked.ask_authentication(IMEI, IMEI, "")
        house.asked.answer(NOTHING)
        assert house.hooked.admits(IMEI) is None

    def test_known_is_let_in_and_asked_about_again_with_its_login(self) -> None:
        house = House(cache=60)
        device = house.device(IMEI, protocol="jimi", admitted=True)
        assert house.hooked.admits(IMEI) is True
        assert house.asked.questions == [("authenticate", IMEI, "")]
        house.asked.answer(YES)
        house.hooked.admits(IMEI)
        assert len(house.asked.questions) == 1
        house.clock.advance(60)
        assert house.hooked.admits(IMEI) is True
        house.asked.answer(NO)
        assert house.hooked.admits(IMEI) is False
        assert device.admitted is False
        assert house.denied == [(IMEI, "no")]

    def test_a_no_that_comes_at_once_counts_at_once(self) -> None:
        house = House()
        house.device(IMEI, protocol="jimi", admitted=True)
        house.asked.always = NO
        assert house.hooked.admits(IMEI) is False


class TestAFlood:
    """Strangers cost neither room nor the place of those that are known."""

    def test_strangers_do_not_push_out_what_is_known(self) -> None:
        house = House(most=100)
        house.asked.always = CODE
        house.ask("register")
        house.asked.always = NO
        for number in range(10_000):
            house.hooked.ask_authentication(str(number), str(number), "")
        assert house.door.authenticate(ID, "7f3a", PHONE) is True
        assert len(house.hooked._refused) == 100

    def test_a_fleet_that_comes_back_at_once_is_let_in_and_asked_about_bit_by_bit(self) -> None:
        house = House(most=1000, rechecks=4)
        for number in range(20_000):
            house.known(str(number))
            assert house.door.authenticate(str(number), "7f3a") is True
        assert len(house.asked.waiting) == 4
        assert len(house.hooked._to_recheck) == 1000
        assert house.hooked.counters == HookedCounters(known=20_000, rechecks=4, rechecks_dropped=18_996)
        asked = 0
        while house.asked.waiting:
            house.asked.answer(YES)
            asked += 1
        assert asked == 1004
        assert house.hooked._rechecking == set()

    def test_answers_that_come_at_once_pile_up_no_calls(self) -> None:
        house = House()
        for number in range(5000):
            house.known(str(number))
            house.hooked.recheck(str(number), str(number), "7f3a")
        house.asked.always = NOTHING
        house.asked.answer(NOTHING)
        assert house.hooked.counters.rechecks == 5000


class TestTheWholeWay:
    """With the HTTP side, and platforms of all sorts."""

    @pytest_twisted.ensureDeferred
    async def test_a_terminal_registers_and_comes_back_while_the_platform_is_gone(self) -> None:
        platform, clocked = Platform(lambda _: (200, {"code": 0, "authcode": "7f3a"})), ClockReactor()
        device = State()
        with listening(platform.site) as port, hooks(f"http://127.0.0.1:{port}", clocked) as asks:
            hooked = Hooked(asks, lambda _: None, clocked.seconds)
            door = HookedDoor(hooked)
            assert await door.ask("register", ID, BODY, PHONE) == (0, "7f3a")
            assert hooked.entered(ID, device)
        assert platform.requests[0].body == {"license_number": "粤B12345", "phone": PHONE}
        hooked = Hooked(asks, {ID: device}.get, clocked.seconds)
        assert HookedDoor(hooked).authenticate(ID, "7f3a", PHONE) is True
        verdict = await hooked.ask_authentication(OTHER, OTHER, "7f3a")
        assert (verdict.admitted, verdict.certain) == (False, False)

    @pytest_twisted.ensureDeferred
    async def test_a_dead_platform_keeps_strangers_waiting_and_nobody_else(self) -> None:
        server, clocked = RawServer(lambda _: None), ClockReactor()
        known = {str(number): State("jt808", admitted=True, auth_code="7f3a") for number in range(1000)}
        with listening(server) as port, hooks(f"http://127.0.0.1:{port}", clocked) as asks:
            hooked = Hooked(asks, known.get, clocked.seconds)
            strangers = [hooked.ask_registration(f"x{number}", PHONE, {"n": number}) for number in range(5000)]
            for identity in known:
                answer = hooked.ask_authentication(identity, identity, "7f3a")
                assert answer.called
                assert (await answer).admitted
            clocked.clock.advance(3)
            assert all(stranger.called for stranger in strangers)
            assert hooked.counters.unanswered == 5000
            assert all(state.admitted for state in known.values())
