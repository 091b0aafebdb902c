"""The journal's readers as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from jimigw.delivery.readers import Readers
from jimigw.web.readers_api import DeadLetter, ReaderStatus


class ReadersView:
    """What :class:`jimigw.web.readers_api.Readers` wants, of the readers of the service."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def names(self) -> Sequence[str]:
        """All names."""
        return list(self._readers)

    def _known(self, name: str) -> str:
        if name not in self._readers:
            raise LookupError(f"there is no reader {name!r}")
        return name

    def status(self, name: str) -> ReaderStatus:
        """How a reader is doing."""
        status = self._readers.status(self._known(name))
        told = attrs.asdict(status)
        told["last_error_at"] = _moment(status.last_error_at)
        details = {key: value for key, value in told.items() if key in _DETAILS and value is not None}
        return ReaderStatus(
            name,
            status.state,
            status.why or "",
            status.cursor,
            status.behind,
            status.delivered,
            status.failed,
            status.dead_letters,
            last_delivery=_moment(status.last_delivery),
            last_error=status.last_error,
            details=details,
        )

    def pause(self, name: str, reason: str) -> None:
        """Deliver nothing more until :meth:`resume`."""
        self._readers.pause(self._known(name), reason or "it was paused by the API")

    def resume(self, name: str) -> None:
        """Go on."""
        self._readers.resume(self._known(name))

    def rewind(self, name: str, to: int | datetime) -> Any:
        """Go on behind this id, or with what was received at this time or later."""
        if isinstance(to, datetime):
            return self._readers.rewind_to_time(self._known(name), to.timestamp())
        self._readers.rewind(self._known(name), to)
        return None

    def dead_letters(self, name: str, after: int, limit: int) -> Deferred[Sequence[DeadLetter]]:
        """Dead letters with an id above ``after``, by id."""
        page = self._readers.dead_letters.page(self._known(name), after, limit)
        return page.addCallback(
            lambda letters: [
                DeadLetter(
                    each.id, each.device, each.kind, each.reason, datetime.fromtimestamp(each.at, UTC), each.record
                )
                for each in letters
            ]
        )

    def resend(self, name: str, ids: Sequence[int]) -> Deferred[int]:
        """Deliver these records once more; how many arrived."""
        return self._readers.send_again(self._known(name), ids).addCallback(lambda sent: sent.sent)

    def discard(self, name: str, ids: Sequence[int]) -> Deferred[int]:
        """Forget these dead letters; how many there were."""
        return self._readers.dead_letters.delete(self._known(name), ids)


def _moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


_DETAILS = frozenset(
    {"behind_seconds", "in_hand", "under_way", "set_aside", "rate", "breaker", "last_error_at", "next_try"}
)
