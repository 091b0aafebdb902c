"""What outlives the process beside the journal: terminals, commands, the versions of their tables."""

from jimigw.store.database import Database
from jimigw.store.interface import CardChanges, Contents, DeadLettersFull, IStore, StoreClosed, StoreError
from jimigw.store.sqlite import SqliteStore

__all__ = [
    "CardChanges",
    "Contents",
    "Database",
    "DeadLettersFull",
    "IStore",
    "SqliteStore",
    "StoreClosed",
    "StoreError",
]
