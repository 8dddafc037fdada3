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
    terms TEXT NOT NULL,
    checksum INTEGER NOT NULL
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
INSERT OR REPLACE INTO staging.changed (uid, fingerprint, display, body, numbers, terms, checksum)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: take_back
DELETE FROM staging.changed WHERE uid = ?;

-- name: go
-- A contact to remove, and its twins: their uids begin with the same id and a unit separator.
INSERT OR IGNORE INTO staging.gone (uid)
SELECT uid FROM contact
WHERE source_id = :source_id AND (uid = :uid OR uid >= :uid || char(31) AND uid < :uid || char(32));

-- name: shared
-- One of some ids (JSON) that several contacts of the index share. CROSS keeps the order: few ids, many contacts.
SELECT item.value
FROM json_each(:uids) AS item
CROSS JOIN contact ON contact.source_id = :source_id
    AND contact.uid >= item.value || char(31) AND contact.uid < item.value || char(32)
LIMIT 1;

-- name: gone
-- Uids to remove, but for those made here, which no directory knows.
SELECT uid FROM staging.gone WHERE NOT instr(uid, char(31)) ORDER BY uid;

-- name: keep
DELETE FROM staging.gone WHERE uid = ?;

-- name: clear_seen
DELETE FROM staging.seen;

-- name: clear_changed
DELETE FROM staging.changed;

-- name: clear_gone
DELETE FROM staging.gone;
