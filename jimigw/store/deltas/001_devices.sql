-- Terminals. People and programs write cards, only the service writes states: neither overwrites the other.

CREATE TABLE card (
    id TEXT NOT NULL PRIMARY KEY,
    imei TEXT UNIQUE,
    phone TEXT UNIQUE,
    plate TEXT,
    name TEXT,
    zone INTEGER,                -- minutes east of UTC
    listed INTEGER NOT NULL,
    notes TEXT,
    revision INTEGER NOT NULL    -- of all cards when this one was changed
);

-- What changed since a revision.
CREATE INDEX card_revision ON card (revision);

-- Cards that were deleted, so that a running service hears of it.
CREATE TABLE removed_card (
    id TEXT NOT NULL PRIMARY KEY,
    revision INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX removed_card_revision ON removed_card (revision);

-- Times are seconds since 1970, 0 for never.
CREATE TABLE state (
    id TEXT NOT NULL PRIMARY KEY,
    protocol TEXT NOT NULL,
    first_seen REAL NOT NULL,
    last_seen REAL NOT NULL,
    logins INTEGER NOT NULL,
    model TEXT,
    firmware TEXT,
    iccid TEXT,
    cameras INTEGER,
    told_plate TEXT,
    auth_code TEXT,
    admitted INTEGER,
    address TEXT,
    "left" TEXT,
    left_at REAL NOT NULL,
    ignition INTEGER,
    position TEXT,               -- JSON
    alarm TEXT,                  -- JSON
    alarm_at REAL NOT NULL
);

CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

INSERT INTO counter (name, value) VALUES ('revision', 0);
