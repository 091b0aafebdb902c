-- Commands of the platform. Times are seconds since 1970, 0 for not yet.

CREATE TABLE command (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    created REAL NOT NULL,
    expires REAL NOT NULL,
    text TEXT,
    message TEXT,                -- JSON
    owner TEXT NOT NULL,
    purpose TEXT NOT NULL,
    repeatable INTEGER NOT NULL,
    state TEXT NOT NULL,
    why TEXT NOT NULL,
    sendings INTEGER NOT NULL,
    sent REAL NOT NULL,
    ended REAL NOT NULL,
    reply TEXT,                  -- JSON
    late TEXT,                   -- JSON
    told INTEGER NOT NULL        -- whether the journal has its end
);

CREATE INDEX command_device ON command (device, id);
CREATE INDEX command_open ON command (id) WHERE state IN ('queued', 'sent');
CREATE INDEX command_untold ON command (id) WHERE told = 0;
CREATE INDEX command_ended ON command (ended) WHERE state NOT IN ('queued', 'sent');

-- The highest id that may have been given: it is never given again, also where no command has it (any more).
INSERT INTO counter (name, value) VALUES ('command', 0);
