-- The stage of one run: an attached file that nobody else reads, deleted at the end.

-- name: make_seen
-- Every uid pulled, and in which batch it came first.
CREATE TABLE staging.seen (uid TEXT PRIMARY KEY, batch INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- name: make_held
-- What the index holds: fingerprints, and whether of a twin.
CREATE TABLE staging.held (fingerprint INTEGER PRIMARY KEY, is_twin INTEGER NOT NULL) STRICT;

-- name: make_changed
-- Contacts that are new or differ from the index.
CREATE TABLE staging.changed (
    uid TEXT PRIMARY KEY,
    fingerprint INTEGER NOT NULL,
    display TEXT,
    body TEXT NOT NULL,
    numbers TEXT NOT NULL,
    terms TEXT NOT NULL,
    shown INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;

-- name: make_gone
-- Uids to remove.
CREATE TABLE staging.gone (uid TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

-- name: make_outdated
-- Ids of contacts whose stored words and numbers no longer hold.
CREATE TABLE staging.outdated (id INTEGER PRIMARY KEY) STRICT;

-- name: make_touched
-- Ids of callers that may be others than before.
CREATE TABLE staging.touched (id INTEGER PRIMARY KEY) STRICT;

-- name: seen_before
-- Fingerprints of the rows that had some uids (JSON) in earlier batches: those staged, else those the index holds.
SELECT seen.uid, coalesce(staged.fingerprint, contact.fingerprint)
FROM json_each(:uids) AS item
JOIN staging.seen AS seen ON seen.uid = item.value AND seen.batch < :batch
LEFT JOIN staging.changed AS staged ON staged.uid = seen.uid
LEFT JOIN contact ON contact.source_id = :source_id AND contact.uid = seen.uid;

-- name: see
INSERT OR IGNORE INTO staging.seen (uid, batch) SELECT value, :batch FROM json_each(:uids);

-- name: hold_by_scan
-- Reads the whole table: eight times as fast a contact as the next one.
INSERT OR IGNORE INTO staging.held (fingerprint, is_twin)
SELECT fingerprint, instr(uid, char(31)) > 1 FROM contact NOT INDEXED WHERE source_id = :source_id
ORDER BY fingerprint;

-- name: hold_by_source
-- Reads the contacts of the source, in the order of the file: their ids come from an index alone.
INSERT OR IGNORE INTO staging.held (fingerprint, is_twin)
SELECT fingerprint, instr(uid, char(31)) > 1
FROM contact
WHERE id IN (SELECT id FROM contact WHERE source_id = :source_id)
ORDER BY fingerprint;

-- name: unheld
-- Where in a list of fingerprints (JSON) those stand that the index does not hold as they are; of some places (JSON)
-- twins are meant.
SELECT item.key
FROM json_each(:fingerprints) AS item
LEFT JOIN staging.held ON held.fingerprint = item.value
WHERE held.is_twin IS NOT (item.key IN (SELECT value FROM json_each(:twins)));

-- name: change
INSERT OR REPLACE INTO staging.changed (uid, fingerprint, display, body, numbers, terms, shown, checksum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

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
