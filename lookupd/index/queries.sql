-- name: number
-- Every contact with a number, in any order. A number without its contact is damage, and gives a row that says so.
SELECT
    number.key, number.source_id, number.extension, number.rank, number.contact_id,
    contact.uid, contact.display, contact.body, contact.numbers, contact.terms, contact.checksum
FROM number
LEFT JOIN contact ON contact.id = number.contact_id
WHERE number.key = ?;

-- name: blocks
-- The same for four blocks.
SELECT
    number.key, number.source_id, number.extension, number.rank, number.contact_id,
    contact.uid, contact.display, contact.body, contact.numbers, contact.terms, contact.checksum
FROM number INDEXED BY block
LEFT JOIN contact ON contact.id = number.contact_id
WHERE number.key IN (?, ?, ?, ?) AND number.key GLOB '*x';

-- name: some_blocks
-- Each is sought behind the one before, however many contacts it has.
WITH RECURSIVE some (key) AS (
    SELECT min(key) FROM number INDEXED BY block WHERE key GLOB '*x'
    UNION ALL
    SELECT (SELECT min(key) FROM number INDEXED BY block WHERE key > some.key AND key GLOB '*x')
    FROM some
    WHERE some.key IS NOT NULL
)
SELECT key FROM some WHERE key IS NOT NULL LIMIT ?;

-- name: caller_file_sum
-- The checksum of what is said about the file of callers: another one when that has changed.
SELECT checksum FROM caller_file;

-- name: caller_file
-- The file of callers, if there is one or is to be.
SELECT name, is_made, changed, checksum FROM caller_file;

-- name: candidates
-- The first contacts for some words, among some sources (JSON ids). CROSS keeps the order: words lead to contacts.
SELECT contact.id, contact.source_id, contact.uid, contact.terms
FROM search
CROSS JOIN contact ON contact.id = search.rowid
WHERE search MATCH :match AND contact.source_id IN (SELECT value FROM json_each(:sources))
LIMIT :candidates;

-- name: page
-- Some contacts (JSON ids), in this order.
SELECT
    contact.id, contact.source_id,
    contact.uid, contact.display, contact.body, contact.numbers, contact.terms, contact.checksum
FROM json_each(?) AS wanted
CROSS JOIN contact ON contact.id = wanted.value
ORDER BY wanted.key;

-- name: browse
-- Contacts of a source as they are stored: in the order of their names where it was read whole. The plus keeps the
-- order: they are read as they lie in the table, as far as the page.
SELECT id, source_id, uid, display, body, numbers, terms, checksum
FROM contact
WHERE +source_id = :source
ORDER BY id
LIMIT :limit OFFSET :offset;

-- name: browse_small
-- The same for a source that is small, wherever it lies: the ids of all of it are sorted.
SELECT id, source_id, uid, display, body, numbers, terms, checksum
FROM contact
WHERE id IN (SELECT id FROM contact WHERE source_id = :source ORDER BY id LIMIT :limit OFFSET :offset)
ORDER BY id;

-- name: sources
-- Every source that was ever synced.
SELECT
    id, uuid, name, generation, contacts, synced_at, full_at, cursor, held,
    (SELECT seconds FROM run WHERE source_id = source.id AND outcome = 'succeeded' ORDER BY id DESC LIMIT 1)
FROM source;

-- name: runs
-- The last runs of a source, newest first.
SELECT started_at, seconds, outcome, is_full, added, changed, removed, unchanged, refused, oddities, error
FROM run
WHERE source_id = (SELECT id FROM source WHERE uuid = ?)
ORDER BY id DESC
LIMIT ?;

-- name: add_source
-- Make room for a source, or note its new name.
INSERT INTO source (uuid, name) VALUES (:uuid, :name)
ON CONFLICT (uuid) DO UPDATE SET name = excluded.name WHERE name <> excluded.name;

-- name: forget_cursor
-- What was told under other settings is no start to go on from: everything is pulled again.
UPDATE source SET cursor = NULL WHERE uuid = :uuid AND cursor IS NOT NULL AND settings IS NOT :settings;

-- name: past
-- Of each source that had a good run: when it began, and the fingerprint of the settings it was pulled under.
SELECT uuid, synced_at, settings FROM source WHERE synced_at IS NOT NULL;

-- name: source
-- One source.
SELECT
    id, uuid, name, generation, contacts, synced_at, full_at, cursor, held,
    (SELECT seconds FROM run WHERE source_id = source.id AND outcome = 'succeeded' ORDER BY id DESC LIMIT 1)
FROM source WHERE uuid = ?;

-- name: fingerprints
-- What is stored of some contacts (JSON uids).
SELECT uid, fingerprint FROM contact
WHERE source_id = ? AND uid IN (SELECT value FROM json_each(?));

-- name: finish_run
-- Note how a run ended.
INSERT INTO run (
    source_id, started_at, seconds, outcome, is_full, added, changed, removed, unchanged, refused, oddities, error
) VALUES (
    :source_id, :started_at, :seconds, :outcome, :is_full, :added, :changed, :removed, :unchanged, :refused,
    :oddities, :error
);

-- name: forget_runs
-- Keep the last 100 runs of a source.
DELETE FROM run WHERE source_id = :source_id AND id NOT IN (
    SELECT id FROM run WHERE source_id = :source_id ORDER BY id DESC LIMIT 100
);

-- name: hold
-- A run was held: say so until one succeeds.
UPDATE source SET held = :held WHERE id = :source_id;

-- name: succeed
-- A run succeeded.
UPDATE source SET
    generation = generation + :is_change, contacts = :contacts, synced_at = :synced_at,
    full_at = coalesce(:full_at, full_at), cursor = :cursor, settings = :settings, held = NULL
WHERE id = :source_id;

-- name: abandoned
-- Sources that are no longer configured to be synced (JSON uuids of those that are), not synced between two instants.
SELECT id, name FROM source
WHERE uuid NOT IN (SELECT value FROM json_each(?)) AND coalesce(synced_at, 0) NOT BETWEEN ? AND ?;
