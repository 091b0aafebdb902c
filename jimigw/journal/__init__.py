"""The durable log of everything that terminals say, and its readers' cursors."""

from jimigw.journal.file_reader import JournalReader, open_reader
from jimigw.journal.interface import (
    Entry,
    IJournal,
    JournalClosed,
    JournalDamaged,
    JournalError,
    JournalStats,
    Record,
    Records,
)
from jimigw.journal.sqlite import SqliteJournal

__all__ = [
    "Entry",
    "IJournal",
    "JournalClosed",
    "JournalDamaged",
    "JournalError",
    "JournalReader",
    "JournalStats",
    "Record",
    "Records",
    "SqliteJournal",
    "open_reader",
]
