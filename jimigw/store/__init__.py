"""What outlives the process beside the journal: terminals, commands, what is known of files, the versions of their
tables."""

from jimigw.store.database import Database
from jimigw.store.interface import (
    CardChanges,
    Contents,
    DeadLettersFull,
    IStore,
    MediaClash,
    StoreClosed,
    StoreError,
)
from jimigw.store.sqlite import SqliteStore

__all__ = [
    "CardChanges",
    "Contents",
    "Database",
    "DeadLettersFull",
    "IStore",
    "MediaClash",
    "SqliteStore",
    "StoreClosed",
    "StoreError",
]
