-- The stage of one run: an attached file that nobody else reads, deleted at the end.

-- name: make_seen
-- Every uid pulled, with the fingerprint of its row.
CREATE TABLE staging.seen (uid TEXT PRIMARY KEY, fingerprint INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- name: make_changed
-- Contacts that are new or differ from the index.
CREATE TABLE staging.changed (
    uid TEXT PRIMARY KEY,
    fingerprint INTEGER NOT NULL,
    display TEXT,
    body TEXT NOT NULL,
    numbers TEXT NOT NULL,
    terms TEXT NOT NULL
) STRICT;

-- name: make_gone
-- Uids to remove.
CREATE TABLE staging.gone (uid TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

-- name: make_outdated
-- Ids of contacts whose stored words and numbers no longer hold.
CREATE TABLE staging.outdated (id INTEGER PRIMARY KEY) STRICT;

-- name: seen
-- What was pulled of some uids already (JSON).
SELECT uid, fingerprint FROM staging.seen WHERE uid IN (SELECT value FROM json_each(?));

-- name: see
INSERT OR IGNORE INTO staging.seen (uid, fingerprint) VALUES (?, ?);

-- name: change
INSERT OR REPLACE INTO staging.changed (uid, fingerprint, display, body, numbers, terms) VALUES (?, ?, ?, ?, ?, ?);

-- name: go
INSERT OR IGNORE INTO staging.gone (uid) VALUES (?);

-- name: gone
SELECT uid FROM staging.gone ORDER BY uid;

-- name: keep
DELETE FROM staging.gone WHERE uid = ?;
