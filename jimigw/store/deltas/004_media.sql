-- Files of terminals, the alarms that have them, and what holds for them. Times are seconds since 1970, 0 for not known.

CREATE TABLE media (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,
    name TEXT,                   -- what the terminal calls it; NULL while only a time and a camera are known
    alias TEXT,                  -- under which it came, where that is another name
    variant INTEGER NOT NULL,    -- 0, 1, ...: other contents under the same name
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    why TEXT NOT NULL,
    camera INTEGER,
    event INTEGER,
    flag INTEGER,
    taken REAL NOT NULL,
    seconds REAL,
    alarm INTEGER,               -- id in media_alarm
    command INTEGER,             -- id in command
    tie TEXT NOT NULL,
    announced REAL NOT NULL,
    asked REAL NOT NULL,
    stored REAL NOT NULL,
    attempts INTEGER NOT NULL,
    step TEXT NOT NULL,
    size INTEGER NOT NULL,
    md5 TEXT NOT NULL,
    mime TEXT NOT NULL,
    key TEXT NOT NULL,           -- in the vault; '' where it has nothing
    place TEXT NOT NULL,
    protected INTEGER NOT NULL,
    told INTEGER NOT NULL,       -- whether the journal has its last end
    details TEXT NOT NULL,       -- JSON
    at REAL NOT NULL             -- by which it is found: taken, else announced, else stored
);

CREATE UNIQUE INDEX media_named ON media (name, device, variant) WHERE name IS NOT NULL;

CREATE INDEX media_alias ON media (alias, device) WHERE alias IS NOT NULL;

-- What people look for. The newest ids come first, so each of these ends with the id.
CREATE INDEX media_device ON media (device, id);
CREATE INDEX media_device_at ON media (device, at, id);
CREATE INDEX media_at ON media (at, id);
CREATE INDEX media_of_alarm ON media (alarm, id) WHERE alarm IS NOT NULL;
CREATE INDEX media_of_command ON media (command, id) WHERE command IS NOT NULL;
CREATE INDEX media_flag ON media (flag, id) WHERE flag IS NOT NULL;
CREATE INDEX media_camera ON media (camera, id) WHERE camera IS NOT NULL;
CREATE INDEX media_source ON media (source, id);
CREATE INDEX media_kind ON media (kind, id);
CREATE INDEX media_state ON media (state, id);
CREATE INDEX media_protected ON media (id) WHERE protected = 1;

-- What a start has to know.
CREATE INDEX media_unfinished ON media (id) WHERE state IN ('announced', 'arriving', 'asked') OR told = 0;
CREATE INDEX media_kept ON media (device, key, size) WHERE key <> '';

-- What may be deleted: content, the oldest first; and then what is known of files without content.
CREATE INDEX media_old ON media (stored, id) WHERE state = 'stored' AND protected = 0;
CREATE INDEX media_old_device ON media (device, stored, id) WHERE state = 'stored' AND protected = 0;
CREATE INDEX media_gone ON media (max(announced, stored))
    WHERE state IN ('deleted', 'failed', 'missing') AND key = '' AND told = 1;

CREATE TABLE media_alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,
    record INTEGER NOT NULL,     -- id in the journal
    time REAL NOT NULL,
    protocol TEXT NOT NULL,
    code INTEGER,
    name TEXT,
    identity TEXT NOT NULL,      -- the terminal's own for it
    number TEXT NOT NULL,        -- under which attachments are asked for; '' for none
    request TEXT NOT NULL,       -- JSON: what that message says of the alarm
    expected INTEGER NOT NULL,
    complete REAL NOT NULL,
    told INTEGER NOT NULL,       -- whether the journal has that it is complete
    position TEXT                -- JSON
);

-- A record that is read twice is the same alarm.
CREATE UNIQUE INDEX media_alarm_same ON media_alarm (device, record, identity, coalesce(code, -1));
CREATE INDEX media_alarm_device ON media_alarm (device, id);
CREATE INDEX media_alarm_time ON media_alarm (time, id);
CREATE INDEX media_alarm_number ON media_alarm (number) WHERE number <> '';
CREATE INDEX media_alarm_incomplete ON media_alarm (id) WHERE complete = 0;
CREATE INDEX media_alarm_complete ON media_alarm (id) WHERE complete <> 0;
CREATE INDEX media_alarm_untold ON media_alarm (id) WHERE complete <> 0 AND told = 0;

-- The list of recordings on a terminal's card, as it came last.
CREATE TABLE playlist (
    device TEXT NOT NULL PRIMARY KEY,
    received REAL NOT NULL,
    digest TEXT NOT NULL,
    names BLOB NOT NULL          -- a list in JSON, by zlib
);

CREATE TABLE media_rule (
    device TEXT NOT NULL PRIMARY KEY,
    budget INTEGER,              -- bytes a month; NULL: as the config says
    fetch INTEGER,               -- NULL: as the config says
    zone INTEGER                 -- minutes east of UTC of its file names, as learned
) WITHOUT ROWID;

CREATE TABLE media_usage (
    device TEXT NOT NULL,
    month TEXT NOT NULL,         -- YYYY-MM, UTC
    files INTEGER NOT NULL,
    received INTEGER NOT NULL,   -- bytes
    asked INTEGER NOT NULL,      -- of them, those that were asked for
    PRIMARY KEY (device, month)
) WITHOUT ROWID;

CREATE INDEX media_usage_month ON media_usage (month);
