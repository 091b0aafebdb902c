"""One operator's session on a terminal, whatever brings the keys: the prompt, the keys, what is shown, its end."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from twisted.conch.insults.insults import TerminalProtocol
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThread
from twisted.logger import Logger
from twisted.python.failure import Failure

from jimigw.ops.columns import width_of
from jimigw.ops.logging import escape

from .completion import Completion, in_columns
from .editor import Editor
from .interpreter import Interpreter, Leave, OperatorError
from .outlet import Outlet, Pipe
from .screen import Keys, Visitor, screen_bytes

PROMPTS = (">>> ", "... ")

MAX_LOGGED = 2000
"""Characters of a typed line that are logged."""

_NARROWEST, _WIDEST = 20, 1000


class Shell(TerminalProtocol):
    """The session. ``words`` makes the vocabulary for it; ``gone`` is called once, at its end."""

    _log = Logger()
    #: runs what waits for a disk
    in_thread: Any = staticmethod(deferToThread)

    def __init__(
        self,
        reactor: Any,
        visitor: Visitor,
        words: Callable[[Shell], Mapping[str, Any]],
        complete: Callable[[str, Mapping[str, Any]], Completion],
        gone: Callable[[Shell], None],
        history: deque[str] | None = None,
        idle_timeout: float = 0.0,
    ) -> None:
        self.reactor, self.visitor = reactor, visitor
        self.width, self.height = 80, 24
        self.since: float = reactor.seconds()
        self._words, self._complete, self._gone = words, complete, gone
        self._editor = Editor(history)
        self._idle_timeout = idle_timeout
        self._idle: IDelayedCall | None = None
        self._running = False
        self._fresh = True
        self._stale = False
        self._decode = codecs.getincrementaldecoder("utf-8")("replace")
        #: what runs until the session ends or stops it; each has a ``stop()``
        self.things: list[Any] = []
        #: what is called at the end of the session
        self.endings: list[Callable[[], object]] = []
        self.outlet: Outlet = Outlet(reactor, _Nowhere(), lambda lines: None)
        self.interpreter = Interpreter({}, self.write_text)

    # -- begin and end

    def attach(self, pipe: Pipe) -> Keys:
        """The protocol that takes the operator's bytes; its output goes into this pipe, bounded."""
        self.outlet = Outlet(self.reactor, pipe, self._print_between)
        keys = Keys(lambda: self)
        keys.makeConnection(_OutletTransport(self.outlet))
        return keys

    def connectionMade(self) -> None:
        self.interpreter = Interpreter(self._words(self), self.write_text, lambda: self.width)
        self._log.info("manhole: a session of {who} begins", who=escape(str(self.visitor), MAX_LOGGED))
        self._keys = self._handlers()
        self._alive()
        self._raw("jimigw: help() lists the words, Tab completes, Ctrl-C stops what runs, Ctrl-D leaves.\n")
        self._prompt()

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self._idle is not None and self._idle.active():
            self._idle.cancel()
        self.outlet.close("the connection is lost")
        self.stop_all()
        for end in self.endings:
            end()
        self._log.info(
            "manhole: the session of {who} ends after {seconds:.0f} s: {why}",
            who=escape(str(self.visitor), MAX_LOGGED),
            seconds=self.reactor.seconds() - self.since,
            why=self.outlet.closed,
        )
        self._gone(self)

    @property
    def alive(self) -> bool:
        """Whether there is still somebody to show something to."""
        return not self.outlet.closed

    def leave(self, why: str) -> None:
        """End the session in order."""
        self._sure_of_line()
        self.outlet.finish(why)

    def stop_all(self) -> int:
        """Stop all that runs; how many there were."""
        things, self.things = self.things, []
        for thing in things:
            try:
                thing.stop()
            except Exception:
                self._log.failure("manhole: something that ran could not be stopped")
        return len(things)

    def _alive(self) -> None:
        if not self._idle_timeout:
            return
        if self._idle is not None and self._idle.active():
            self._idle.reset(self._idle_timeout)
        elif self.alive:
            self._idle = self.reactor.callLater(self._idle_timeout, self._idled)

    def _idled(self) -> None:
        self._print_between([f"Nothing was typed for {self._idle_timeout:.0f} s."])
        self.leave(f"nothing was typed for {self._idle_timeout:.0f} s")

    # -- what is shown

    def write_text(self, text: str) -> None:
        """Show text: above the line that is being typed, if no statement runs. Nothing in it can steer the terminal."""
        if not self.alive:
            return
        if self._running:
            self._raw(text)
        else:
            self._print_between(text.removesuffix("\n").split("\n"))

    def say(self, lines: Sequence[str]) -> None:
        """Show lines."""
        if lines:
            self.write_text("\n".join(lines) + "\n")

    def live(self, make: Callable[[], Sequence[str]]) -> None:
        """Show a live report, or drop it if the operator does not keep up. Never raises."""
        try:
            if self.outlet.live(make):
                self._alive()
        except Exception as error:
            self._log.failure("manhole: a live report cannot be shown")
            self.write_text(f"A report cannot be shown: {type(error).__name__}: {error}\n")

    def _print_between(self, lines: Sequence[str]) -> None:
        text = "\n".join(lines) + "\n"
        if self._running:
            self._raw(text)
        else:
            self.terminal.write(b"\r\x1b[K" + screen_bytes(text))
            self._fresh = True
            self._prompt()

    def _raw(self, text: str) -> None:
        if text:
            self._fresh = text.endswith("\n")
            self.terminal.write(screen_bytes(text))

    def _sure_of_line(self) -> None:
        if not self._fresh:
            self._raw("\n")

    def _prompt(self) -> None:
        """Write the prompt and what has been typed behind it, on a line of its own."""
        if not self.alive:
            return
        prompt = PROMPTS[self.interpreter.more]
        shown, column = self._editor.view(self.width - len(prompt) - 1)
        back = width_of(shown) - column
        self.terminal.write(b"\r\x1b[K" + screen_bytes(prompt + shown) + (b"\x1b[%dD" % back if back else b""))
        self._fresh = self._stale = False

    # -- keys

    def terminalSize(self, width: int, height: int) -> None:
        # A window that says 0 does not know; others are held to what tables can be made for.
        self.width = max(_NARROWEST, min(_WIDEST, width)) if width else 80
        self.height = max(2, min(_WIDEST, height)) if height else 24

    def unhandledControlSequence(self, seq: bytes) -> None:
        pass

    def keystrokeReceived(self, keyID: bytes, modifier: bytes | None) -> None:
        if not self.alive:
            return
        self._alive()
        handler = self._keys.get(keyID)
        if handler is not None:
            if handler() is False:
                self.terminal.write(b"\a")
        elif modifier is None and len(keyID) == 1 and (keyID >= b" " or keyID == b"\x00"):
            text = self._decode.decode(keyID).replace("\x00", "")
            if text:
                self._typed(text)

    def _typed(self, text: str) -> None:
        if not text.isprintable() or not self._editor.insert(text):
            self.terminal.write(b"\a")
            return
        editor = self._editor
        at_end = editor.cursor == len(editor.text)
        if at_end and not self._stale and width_of(editor.text) < self.width - len(PROMPTS[0]) - 2:
            self.terminal.write(screen_bytes(text))
        else:
            # Drawn once for all keys that came together: a pasted line has thousands.
            self._stale = True

    def settle(self) -> None:
        """Draw what the keys so far have changed."""
        if self._stale:
            self._prompt()

    def _handlers(self) -> Mapping[bytes, Callable[[], object]]:
        keys, editor = self.terminal, self._editor

        def edited(do: Callable[[], bool]) -> Callable[[], bool]:
            def handle() -> bool:
                done = do()
                if done:
                    self._prompt()
                return done

            return handle

        def toggle() -> None:
            editor.typeover = not editor.typeover

        return {
            b"\r": self._return,
            b"\n": self._return,
            keys.TAB: self._tab,
            b"\x7f": edited(editor.backspace),
            b"\x08": edited(editor.backspace),
            keys.DELETE: edited(editor.delete),
            keys.LEFT_ARROW: edited(lambda: editor.move(-1)),
            keys.RIGHT_ARROW: edited(lambda: editor.move(1)),
            keys.HOME: edited(editor.home),
            b"\x01": edited(editor.home),
            keys.END: edited(editor.end),
            b"\x05": edited(editor.end),
            keys.UP_ARROW: edited(editor.older),
            b"\x10": edited(editor.older),
            keys.DOWN_ARROW: edited(editor.newer),
            b"\x0e": edited(editor.newer),
            keys.INSERT: toggle,
            b"\x15": edited(editor.delete_before),
            b"\x0b": edited(editor.delete_after),
            b"\x17": edited(editor.delete_word),
            b"\x0c": self._clear_screen,
            b"\x03": self.interrupt,
            b"\x04": self._end_of_input,
            b"\x1c": lambda: self.leave("it left"),
        }

    def interrupt(self) -> None:
        """Ctrl-C: stop what is watched, forget what was typed."""
        self._editor.clear()
        self.interpreter.reset()
        stopped = self._stop_watches()
        self._raw("\n")
        self._raw(f"{stopped}\n" if stopped else "KeyboardInterrupt\n")
        self._prompt()

    def _stop_watches(self) -> str:
        watched = [thing for thing in self.things if getattr(thing, "live", False)]
        for thing in watched:
            self.things.remove(thing)
            thing.stop()
        return "; ".join(f"{thing} is stopped" for thing in watched)

    def _end_of_input(self) -> object:
        if self._editor.text:
            done = self._editor.delete()
            self._prompt()
            return done
        self._raw("\n")
        self.leave("it left")
        return None

    def _clear_screen(self) -> None:
        self.terminal.write(b"\x1b[2J\x1b[H")
        self._prompt()

    def _tab(self) -> object:
        before = self._editor.text[: self._editor.cursor]
        if self.interpreter.more and not before.strip():
            self._editor.insert("    ")
            self._prompt()
            return None
        try:
            found = self._complete(before, self.interpreter.namespace)
        except Exception:
            # Names of the operator's own objects are asked for, and those may do anything.
            self._log.failure("manhole: completion failed")
            return False
        if found.addition:
            self._editor.insert(found.addition)
            self._prompt()
        elif found.names:
            self._print_between(in_columns(found.names, self.width))
        else:
            return False
        return None

    def _return(self) -> None:
        self.settle()
        line = self._editor.take()
        self._raw("\n")
        if line.strip():
            self._log.info(
                "manhole: {user}, {address} typed: {line}",
                user=self.visitor.user,
                address=self.visitor.address,
                line=escape(line, MAX_LOGGED),
            )
        self._running = True
        try:
            self.interpreter.push(line)
        except Leave:
            self._running = False
            self.leave("it left")
            return
        except Exception:
            self._log.failure("manhole: a line could not be run")
        finally:
            self._running = False
        self._sure_of_line()
        self._prompt()

    # -- for the vocabulary

    @property
    def user(self) -> str:
        """Who gives a command from here."""
        return f"manhole:{self.visitor.user}"

    def keep(self, thing: Any, most: int) -> None:
        """Remember something that runs, so that it ends with the session."""
        if len(self.things) >= most:
            raise OperatorError(f"There are {most} watches and traces already; stop() stops them all.")
        self.things.append(thing)

    def drop(self, thing: Any) -> None:
        """Something has ended by itself."""
        if thing in self.things:
            self.things.remove(thing)


@attrs.frozen
class _OutletTransport:
    """An outlet as the transport that `ServerProtocol` writes to."""

    outlet: Outlet

    def write(self, data: bytes) -> None:
        self.outlet.write(data)

    def loseConnection(self) -> None:
        self.outlet.finish("it left")


class _Nowhere:
    def write(self, data: bytes) -> None: ...

    def loseConnection(self) -> None: ...

    def abortConnection(self) -> None: ...
