-- What sources said. Losing this file costs a few questions.

CREATE TABLE answer (
    -- grows with each write and is never used again: other processes read what stands behind the last they saw
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    number TEXT NOT NULL,
    -- '' without one
    extension TEXT NOT NULL,
    -- '' where everybody gets the same answer, else a hash of tenant, user and token
    caller TEXT NOT NULL,
    -- fingerprint of the settings under which it was asked: others ask again
    settings INTEGER NOT NULL,
    -- seconds since 1970
    at REAL NOT NULL,
    -- the contact; NULL for: nobody has this number
    uid TEXT,
    display TEXT,
    body TEXT,
    -- JSON: [key, extension or "", rank] for each
    numbers TEXT,
    UNIQUE (source, number, extension, caller)
) STRICT;
