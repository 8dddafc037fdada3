-- The whole index, a table after the other.

-- name: contacts
SELECT id, source_id, uid, display, body, numbers, terms, shown, checksum FROM contact NOT INDEXED;

-- name: numbers
SELECT key, source_id, rank, contact_id, extension FROM number;

-- name: caller_file
SELECT name, is_made, changed, checksum FROM caller_file;

-- name: miscounted
-- A source that has other contacts than its last run wrote, or contacts without their source.
SELECT source.id FROM source
WHERE contacts <> (SELECT count(*) FROM contact WHERE source_id = source.id)
UNION ALL
SELECT source_id FROM contact WHERE source_id NOT IN (SELECT id FROM source)
LIMIT 1;
