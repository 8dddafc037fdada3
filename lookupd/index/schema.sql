-- The index: what the sources held at their last good run. Everything here can be pulled again.

CREATE TABLE source (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0,  -- how many runs changed something
    contacts INTEGER NOT NULL DEFAULT 0,
    synced_at REAL,  -- when the last good pull began, seconds since 1970
    full_at REAL,  -- when the last good pull of everything began
    cursor TEXT,  -- where the back-end goes on telling changes
    settings INTEGER,  -- fingerprint of the settings under which that was told
    held TEXT  -- why the last run was held, until one succeeds
) STRICT;

CREATE TABLE contact (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES source,
    uid TEXT NOT NULL,
    terms TEXT NOT NULL,  -- what search finds it by
    fingerprint INTEGER NOT NULL,  -- of the row it was made from: an unchanged row costs no write
    shown INTEGER NOT NULL,  -- checksum of what is shown when its number calls
    checksum INTEGER NOT NULL,  -- of all that is served or found: SQLite would not notice a flipped bit
    display TEXT,  -- the caller's name
    numbers TEXT NOT NULL,  -- its rows in number: JSON [[key, extension, rank], ...]
    body TEXT NOT NULL,  -- all fields as a JSON object, ready to send
    UNIQUE (source_id, uid)
) STRICT;

-- rank: position of the number's column, so that of two contacts the one whose first column has it wins
CREATE TABLE number (
    key TEXT NOT NULL,
    source_id INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    contact_id INTEGER NOT NULL,
    extension TEXT NOT NULL,
    PRIMARY KEY (key, source_id, rank, contact_id, extension)
) STRICT, WITHOUT ROWID;

-- Few: who asks for the blocks that a number lies in reads next to nothing.
CREATE INDEX block ON number (key) WHERE key GLOB '*x';

-- The file beside this one that has ready who is shown when a number calls, and what has changed since (callerfile.py).
CREATE TABLE caller_file (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    is_made INTEGER NOT NULL,  -- else it is being made
    changed BLOB NOT NULL,  -- ids of callers that may be others than the file says: 8 bytes each, ascending
    checksum INTEGER NOT NULL  -- of the name and of what has changed
) STRICT;

-- Who may be shown when a number calls: of the rows with one id the one that comes first in precedence is. An id is
-- the digits of a number in E.164 << 13 | source_id. Numbers without an extension come before others, then those of
-- earlier columns, then uids. An internal number, a block, or a number that is too long has none: see `span` in
-- caller.py. The plus keeps SQLite from reading contacts in the order of an index.
-- An item is a text of JSON, `["+33199001234","",0]`, and looked at as one: taking it apart each time takes longer.
CREATE VIEW callable AS
SELECT
    CAST(substr(item.value, 4) AS INTEGER) << 13 | contact.source_id AS id,
    contact.id AS contact_id,
    contact.display,
    contact.body,
    contact.shown,
    printf('%d %09d', instr(item.value, '"",') = 0, item.value ->> 2) || contact.uid AS precedence
FROM contact
JOIN json_each(contact.numbers) AS item
WHERE +contact.source_id <= 8191
    AND item.value GLOB '[[]"+[1-9]*' AND item.value NOT GLOB '*x",*' AND instr(item.value, '",') <= 19;

-- Words come folded and separated by single blanks; the ascii tokenizer leaves them as they are.
CREATE VIRTUAL TABLE search USING fts5 (
    terms,
    content = 'contact',
    content_rowid = 'id',
    tokenize = 'ascii',
    prefix = '1 2 3 4 5',
    detail = none,
    columnsize = 0
);

CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES source,
    started_at REAL NOT NULL,  -- seconds since 1970
    seconds REAL NOT NULL,
    outcome TEXT NOT NULL,  -- succeeded, failed, held
    is_full INTEGER NOT NULL,
    added INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    unchanged INTEGER NOT NULL,
    refused INTEGER NOT NULL,  -- rows left out, as no contact can hold them
    oddities TEXT NOT NULL,  -- what was odd about the rows: JSON [text, ...]
    error TEXT
) STRICT;

CREATE INDEX run_of_source ON run (source_id, id);
