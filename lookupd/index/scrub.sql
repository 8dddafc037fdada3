-- The whole index, a table after the other.

-- name: contacts
SELECT id, source_id, uid, display, body, numbers, terms, shown, checksum FROM contact NOT INDEXED;

-- name: numbers
SELECT key, source_id, rank, contact_id, extension FROM number;

-- name: callers
SELECT id, display, body, checksum FROM caller;

-- name: callers_made
-- Their ids and checksums of what is shown, as they follow from the other tables: see `write_callers` in
-- sync/apply.sql.
SELECT
    CAST(number.key AS INTEGER) << 13 | number.source_id AS id, contact.shown,
    min(printf('%d %09d', number.extension <> '', number.rank) || contact.uid)
FROM number
CROSS JOIN contact ON contact.id = number.contact_id
WHERE number.key GLOB '+[1-9]*' AND number.key NOT GLOB '*x' AND length(number.key) <= 16 AND number.source_id <= 8191
GROUP BY number.key, number.source_id;

-- name: miscounted
-- A source that has other contacts than its last run wrote, or contacts without their source.
SELECT source.id FROM source
WHERE contacts <> (SELECT count(*) FROM contact WHERE source_id = source.id)
UNION ALL
SELECT source_id FROM contact WHERE source_id NOT IN (SELECT id FROM source)
LIMIT 1;
