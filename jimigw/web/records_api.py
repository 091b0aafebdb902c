"""Routes: records of the journal, and alarms."""

from __future__ import annotations

from collections.abc import Sequence

from jimigw.journal.interface import Record
from jimigw.model.report import KINDS

from .kinds import Line, Whole, Words
from .problems import NOT_FOUND, Problem
from .rooms import Rooms
from .routes import Answer, Call, Parameter, Reply, Route
from .scanning import Scanner
from .shapes import AlarmPage, RecordOut, RecordPage
from .tokens import Scope

TAG = "Records"

WHICH_KINDS = Parameter("kinds", Words(KINDS), "only records of these kinds")
WHOSE = Parameter("device", Line(64), "only records of this terminal: its id, IMEI or phone number")


class RecordsApi:
    """The journal, read by id."""

    def __init__(self, rooms: Rooms, scanner: Scanner) -> None:
        self._rooms, self._scanner = rooms, scanner

    def routes(self) -> list[Route]:
        """The rows."""
        return [
            Route(
                "GET",
                "/api/v1/records",
                Scope.READ,
                "Read records in order of id",
                self.list_records,
                {200: Answer(RecordPage, "a page of records")},
                TAG,
                "A page may hold fewer records than asked for, or none, and another one follow: go on from `next` as "
                "long as `more` is true. Ids that retention has deleted are passed over.",
                query=(
                    Parameter("after", Whole(), "begin behind this id; 0 is the oldest record", 0),
                    WHICH_KINDS,
                    WHOSE,
                    Parameter("limit", Whole(1, 1000), "records of a page", 100),
                ),
            ),
            Route(
                "GET",
                "/api/v1/records/{id}",
                Scope.READ,
                "Show a record",
                self.show_record,
                {200: Answer(RecordOut, "the record")},
                TAG,
                parameters=(Parameter("id", Whole(1), "its id"),),
                problems=(NOT_FOUND,),
            ),
            Route(
                "GET",
                "/api/v1/alarms",
                Scope.READ,
                "Read alarms, the newest first",
                self.list_alarms,
                {200: Answer(AlarmPage, "a page of records of kind alarm")},
                TAG,
                "A page may hold fewer records than asked for, or none, and another one follow: go on until `next` is "
                "null. Looking for the alarms of one terminal reaches further back at once.",
                query=(
                    WHOSE,
                    Parameter("before", Whole(1), "the `next` of the page before", None),
                    Parameter("limit", Whole(1, 1000), "records of a page", 100),
                ),
            ),
        ]

    def whose(self, name: str | None) -> str | None:
        """The id under which a terminal has its records; also of one that is not known any more."""
        found = self._rooms.registry.get(name) if name is not None else None
        return name if found is None else found.id

    async def list_records(self, call: Call) -> Reply:
        query = call.query
        records, next, more = await self._scanner.page(
            query["after"], query["limit"], self.whose(query["device"]), query["kinds"]
        )
        return Reply(b'{"records":[%b],"next":%d,"more":%b}' % (_joined(records), next, b"true" if more else b"false"))

    async def show_record(self, call: Call) -> Reply:
        id = call.path["id"]
        found = await self._rooms.journal.read(id - 1, 1)
        if not found or found[0].id != id:
            raise Problem(NOT_FOUND, f"there is no record {id}: the newest is {self._rooms.journal.last_id()}")
        return Reply(found[0].json())

    async def list_alarms(self, call: Call) -> Reply:
        query = call.query
        records, next = await self._scanner.backward(
            query["before"], query["limit"], self.whose(query["device"]), "alarm"
        )
        return Reply(b'{"records":[%b],"next":%b}' % (_joined(records), b"%d" % next if next else b"null"))


def _joined(records: Sequence[Record]) -> bytes:
    # As they lie in the journal: nothing is parsed and written again.
    return b",".join(record.json() for record in records)
