"""The reactor's polling without a log context for every event."""

from __future__ import annotations

import errno
from functools import partial
from typing import Any

from twisted.python import log

# By its name: where there is no epoll, its module cannot be imported.
_EPOLL = ("twisted.internet.epollreactor", "EPollReactor")
_INSIDE = ("_selectables", "_poller", "_doReadOrWrite")


def poll_plainly(reactor: Any) -> None:
    """Let Twisted's epoll reactor call whoever has something to read without a log context around each call.

    The context tells legacy log messages which connection they are of; ours say it themselves. It costs 2 us an event,
    a fifteenth of all that a report costs. Any other reactor is left as it is, and one that is not as we know it.
    """
    kind = type(reactor)
    if (kind.__module__, kind.__name__) == _EPOLL and all(hasattr(reactor, name) for name in _INSIDE):
        vars(reactor)["doIteration"] = partial(_poll, reactor)


def _poll(reactor: Any, timeout: float | None) -> None:
    """What ``EPollReactor.doPoll`` does."""
    selectables = reactor._selectables
    try:
        ready = reactor._poller.poll(-1 if timeout is None else timeout, len(selectables))
    except OSError as error:
        if error.errno == errno.EINTR:
            return
        raise
    read_or_write = reactor._doReadOrWrite
    for fd, event in ready:
        selectable = selectables.get(fd)
        if selectable is not None:
            try:
                read_or_write(selectable, fd, event)
            except Exception:
                log.err()
