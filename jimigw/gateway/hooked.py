"""Admission by the platform: who is let in is asked, and what it said is remembered.

A terminal that the platform has let in stays in, whatever becomes of the platform: it is never kept waiting for an
answer, only asked about again in the background, and only a plain no takes it off. A terminal that nobody has let in
yet waits for the answer, and stays out where none comes. Nothing is kept of it.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from jimigw.model.device import State

from .recent import Recent

SUCCESS, FAILURE = 0, 1

_HANDOVER = 600.0
"""Seconds that a terminal has from its registration to its first login: until then its code is in memory only."""


@attrs.frozen
class Verdict:
    """What the platform said of a terminal, or that it said nothing.

    ``result`` is that of a registration (0 success, 1 vehicle registered already, ... 4 terminal unknown; see 0x8100),
    or 0 and 1 for an authentication. ``code`` is the authentication code that came with it. ``certain`` is False where
    no answer came, in time or at all, or none that can be understood: then nobody said no, and nobody said yes. ``why``
    is for the log.
    """

    admitted: bool
    result: int
    code: str | None
    certain: bool
    why: str


class Asks(Protocol):
    """Asks the platform. The answers never fail, and come within four seconds."""

    def register(self, phone: str, body: Mapping[str, Any]) -> Deferred[Verdict]:
        """May this terminal register? ``body`` is that of its 0x0100, with the keys of the exchange format."""
        ...

    def authenticate(self, phone: str, code: str) -> Deferred[Verdict]:
        """Is this the terminal's code, and is it let in?"""
        ...


@attrs.define
class HookedCounters:
    """What became of the terminals' questions. ``known`` were let in without asking, ``asked`` waited for an answer."""

    known: int = 0
    asked: int = 0
    admitted: int = 0
    refused: int = 0
    unanswered: int = 0
    rechecks: int = 0
    rechecks_dropped: int = 0
    denied: int = 0


@attrs.frozen
class _Grant:
    """A terminal that was let in and is not in the registry yet, with the code that it was given."""

    code: str | None


def _nothing(*_: Any) -> None:
    return None


class Hooked:
    """Lets in whom the platform lets in.

    ``find`` gives a terminal of the registry by its identity. ``on_denied(identity, why)`` is called when the platform
    takes back a terminal that was in; ``on_changed(identity, state)`` whenever what the platform said of a terminal was
    noted in its state, which wants to be stored then. ``cache`` is how long, in seconds, an answer is good for before a
    terminal is asked about again, ``most`` bounds each table, ``rechecks`` how many are asked about in the background
    at once.
    """

    _log = Logger()

    def __init__(
        self,
        asks: Asks,
        find: Callable[[str], State | None],
        seconds: Callable[[], float],
        *,
        on_denied: Callable[[str, str], object] = _nothing,
        on_changed: Callable[[str, State], object] = _nothing,
        cache: float = 60.0,
        most: int = 10_000,
        rechecks: int = 4,
    ) -> None:
        self._asks, self._find = asks, find
        self._on_denied, self._on_changed = on_denied, on_changed
        self._cache, self._most, self._rechecks = cache, most, rechecks
        self.counters = HookedCounters()
        # Strangers can fill the table of those that were refused, so what is known of others is not in it.
        self._granted: Recent[str, _Grant] = Recent(seconds, _HANDOVER, most)
        self._refused: Recent[str, bool] = Recent(seconds, cache, most)
        self._fresh: Recent[str, bool] = Recent(seconds, cache, most)
        self._to_recheck: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._rechecking: set[str] = set()
        self._pumping = False

    # -- what is known without asking ---------------------------------------------------------------------------------

    def admits(self, identity: str) -> bool | None:
        """Whether this terminal is let in, None: the platform has to be asked.

        A Jimi terminal has no code and nothing to say but this, so one that is known is asked about again from here.
        """
        device = self._find(identity)
        if device is not None and device.admitted:
            if device.protocol == "jimi" and device.auth_code is None:
                self.recheck(identity, identity, "")
            return bool(device.admitted)  # A no that is remembered comes at once.
        if self._granted.get(identity) is not None:
            return True
        return False if self._refused.get(identity) else None

    def code_of(self, identity: str, device: State | None = None) -> str | None:
        """The code of a known terminal, None for one that is not known or was never given one."""
        device = device or self._find(identity)
        if device is not None and device.admitted:
            return device.auth_code
        grant = self._granted.get(identity)
        return None if grant is None else grant.code

    def knows(self, identity: str, code: str, device: State | None = None) -> bool:
        """Whether this is a known terminal with its own code; one that was never given a code has an empty one."""
        device = device or self._find(identity)
        if device is not None and device.admitted:
            right = device.auth_code
        else:
            grant = self._granted.get(identity)
            if grant is None:
                return False
            right = grant.code
        return hmac.compare_digest(_bytes(right or ""), _bytes(code))

    def entered(self, identity: str, device: State) -> bool:
        """Note in the state of a terminal that logged in what the platform said of it. Returns whether that is new."""
        grant = self._granted.get(identity)
        if grant is None:
            return False
        self._granted.drop(identity)
        return self._note(identity, device, grant.code)

    # -- asking -------------------------------------------------------------------------------------------------------

    def ask_registration(
        self, identity: str, phone: str, body: Mapping[str, Any], device: State | None = None
    ) -> Deferred[Verdict]:
        """May this terminal register? A known one gets the code that it has, at once. Never fails."""
        code = self.code_of(identity, device)
        if code is not None:
            self.counters.known += 1
            self.recheck(identity, phone, code)
            return succeed(Verdict(True, SUCCESS, code, True, "the platform let it in before"))
        self.counters.asked += 1
        return self._asks.register(phone, body).addCallback(self._registered, identity, device)

    def ask_authentication(
        self, identity: str, phone: str, code: str, device: State | None = None
    ) -> Deferred[Verdict]:
        """Is this its code? A known terminal with its own code is let in at once. Never fails."""
        if self.knows(identity, code, device):
            self.counters.known += 1
            self.recheck(identity, phone, code)
            return succeed(Verdict(True, SUCCESS, None, True, "the platform let it in before"))
        self.counters.asked += 1
        return self._asks.authenticate(phone, code).addCallback(self._authenticated, identity, code, device)

    def ask(self, identity: str) -> Deferred[bool]:
        """May this Jimi terminal, which has no code, log in? Never fails."""
        return self.ask_authentication(identity, identity, "").addCallback(lambda verdict: verdict.admitted)

    def _registered(self, verdict: Verdict, identity: str, device: State | None) -> Verdict:
        self._count(verdict)
        if verdict.admitted:
            self._let_in(identity, verdict.code, device)
        return verdict

    def _authenticated(self, verdict: Verdict, identity: str, code: str, device: State | None) -> Verdict:
        # A no is about this code. Whoever tries codes must not put out the terminal whose number it uses.
        self._count(verdict)
        if verdict.admitted:
            self._let_in(identity, code or None, device)
        elif verdict.certain and not code:
            self._refused.put(identity, True)
        return verdict

    def _count(self, verdict: Verdict) -> None:
        if verdict.admitted:
            self.counters.admitted += 1
        elif verdict.certain:
            self.counters.refused += 1
        else:
            self.counters.unanswered += 1

    def _let_in(self, identity: str, code: str | None, device: State | None) -> None:
        self._refused.drop(identity)
        self._fresh.put(identity, True)
        device = self._find(identity) or device
        if device is None:
            self._granted.put(identity, _Grant(code))
        else:
            self._note(identity, device, code)

    def _note(self, identity: str, device: State, code: str | None) -> bool:
        changed = not device.admitted or (code is not None and device.auth_code != code)
        device.admitted = True
        if code is not None:
            device.auth_code = code
        if changed:
            self._tell(self._on_changed, identity, device)
        return changed

    # -- asking again -------------------------------------------------------------------------------------------------

    def recheck(self, identity: str, phone: str, code: str) -> None:
        """Ask about a known terminal again in the background, unless that was done within the cache time.

        The platform is asked with the code that the terminal has, also after a registration: asked to register it
        anew, a platform may give another code, of which the terminal would not hear.
        """
        if self._fresh.get(identity) or identity in self._rechecking or identity in self._to_recheck:
            return
        if len(self._to_recheck) >= self._most:
            self.counters.rechecks_dropped += 1
            return
        self._to_recheck[identity] = (phone, code)
        self._pump()

    def _pump(self) -> None:
        if self._pumping:  # Answers that come at once must not pile up calls.
            return
        self._pumping = True
        try:
            while self._to_recheck and len(self._rechecking) < self._rechecks:
                identity, (phone, code) = self._to_recheck.popitem(last=False)
                self._rechecking.add(identity)
                self.counters.rechecks += 1
                self._asks.authenticate(phone, code).addCallback(self._rechecked, identity, code)
        finally:
            self._pumping = False

    def _rechecked(self, verdict: Verdict, identity: str, code: str) -> None:
        self._rechecking.discard(identity)
        if verdict.certain:
            if verdict.admitted:
                self._fresh.put(identity, True)
            else:
                self._take_off(identity, code, verdict.why)
        self._pump()

    def _take_off(self, identity: str, code: str, why: str) -> None:
        grant = self._granted.get(identity)
        if grant is not None and (grant.code or "") == code:
            self._granted.drop(identity)
        device = self._find(identity)
        if device is None or not device.admitted or (device.auth_code or "") != code:
            return  # It was given another code since the question was asked.
        self.counters.denied += 1
        device.admitted = False
        if not code:
            self._refused.put(identity, True)
        self._tell(self._on_changed, identity, device)
        self._tell(self._on_denied, identity, why)

    def _tell(self, listener: Callable[..., object], *what: Any) -> None:
        try:
            listener(*what)
        except Exception:
            self._log.failure("what the platform said of {identity} could not be passed on", identity=what[0])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
