-- What readers of the journal could not hand on, and which of them wait for somebody.

CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    reader TEXT NOT NULL,
    record INTEGER NOT NULL,         -- id in the journal; of damaged records the first
    through INTEGER NOT NULL,        -- the last one
    reason TEXT NOT NULL,
    at REAL NOT NULL,                -- seconds since 1970
    device TEXT NOT NULL,
    protocol TEXT NOT NULL,
    kind TEXT NOT NULL,
    received_at INTEGER NOT NULL,    -- microseconds since 1970
    raw BLOB NOT NULL,
    data BLOB NOT NULL               -- JSON without its id; empty for damaged records
);

-- A record that is refused twice is one letter.
CREATE UNIQUE INDEX dead_letter_record ON dead_letter (reader, record);

CREATE TABLE paused_reader (reader TEXT NOT NULL PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
