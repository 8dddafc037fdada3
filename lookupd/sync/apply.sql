-- One run's changes, in one transaction. `staging.seen` holds every uid of a pull of everything,
-- `staging.changed` the contacts that are new or differ, `staging.gone` the uids to remove.

-- name: find_gone
-- A pull of everything: what it left out is gone.
INSERT INTO staging.gone (uid)
SELECT uid FROM contact WHERE source_id = :source_id AND uid NOT IN (SELECT uid FROM staging.seen);

-- name: plan
-- What the run will do. A uid made here changes with its row: one that goes while another comes is an edit. Under
-- other settings than those of the last good run any uid may have become another one.
SELECT
    (SELECT count(*) FROM contact WHERE source_id = :source_id) AS before,
    (SELECT count(*) FROM staging.changed) AS written,
    (SELECT count(*) FROM staging.changed JOIN contact USING (uid) WHERE source_id = :source_id) AS changed,
    (SELECT count(*) FROM staging.gone) AS removed,
    min(
        (SELECT count(*) FROM staging.gone WHERE instr(uid, char(31))),
        (SELECT count(*) FROM staging.changed WHERE instr(uid, char(31)))
    ) AS replaced,
    (SELECT settings FROM source WHERE id = :source_id) IS NOT :settings AS is_resettled;

-- name: find_outdated
-- Contacts whose stored words and numbers no longer hold.
INSERT INTO staging.outdated (id)
SELECT id FROM contact WHERE source_id = :source_id AND uid IN (SELECT uid FROM staging.gone)
UNION
SELECT id FROM contact WHERE source_id = :source_id AND uid IN (SELECT uid FROM staging.changed);

-- name: forget_words
INSERT INTO search (search, rowid, terms)
SELECT 'delete', id, terms FROM contact WHERE id IN (SELECT id FROM staging.outdated);

-- name: touch_outdated
-- The callers that may be these contacts.
INSERT OR IGNORE INTO staging.touched (id)
SELECT callable.id FROM staging.outdated CROSS JOIN callable ON contact_id = outdated.id ORDER BY 1;

-- name: forget_numbers
DELETE FROM number WHERE (key, source_id, rank, contact_id, extension) IN (
    SELECT item.value ->> 0, contact.source_id, item.value ->> 2, contact.id, item.value ->> 1
    FROM staging.outdated
    JOIN contact USING (id)
    JOIN json_each(contact.numbers) AS item
);

-- name: forget_contacts
DELETE FROM contact WHERE source_id = :source_id AND uid IN (SELECT uid FROM staging.gone);

-- name: last
-- Contacts that are new come behind this one.
SELECT coalesce(max(id), 0) FROM contact;

-- name: write_contacts
-- New contacts get their ids in the order of their names, which is the order a browse and a cut search show.
INSERT INTO contact (source_id, uid, fingerprint, display, body, numbers, terms, shown, checksum)
SELECT :source_id, uid, fingerprint, display, body, numbers, terms, shown, checksum
FROM staging.changed
WHERE true
ORDER BY terms, uid
ON CONFLICT (source_id, uid) DO UPDATE SET
    fingerprint = excluded.fingerprint, display = excluded.display, body = excluded.body,
    numbers = excluded.numbers, terms = excluded.terms, shown = excluded.shown, checksum = excluded.checksum;

-- name: write_numbers
-- Of the contacts behind the last old one, and of the outdated ones that are still there. CROSS keeps the order:
-- few outdated ones, many contacts.
INSERT OR IGNORE INTO number (key, source_id, rank, contact_id, extension)
SELECT item.value ->> 0, :source_id, item.value ->> 2, written.id, item.value ->> 1
FROM (
    SELECT id, numbers FROM contact WHERE id > :last
    UNION ALL
    SELECT id, numbers FROM staging.outdated CROSS JOIN contact USING (id) WHERE id <= :last
) AS written
JOIN json_each(written.numbers) AS item
ORDER BY 1, 2, 3, 4, 5;

-- name: touch_written
-- The same for those that are written.
INSERT OR IGNORE INTO staging.touched (id)
SELECT id FROM callable WHERE contact_id > :last
UNION ALL
SELECT callable.id FROM staging.outdated CROSS JOIN callable ON contact_id = outdated.id WHERE contact_id <= :last
ORDER BY 1;

-- name: touched
SELECT id FROM staging.touched;

-- name: write_words
INSERT INTO search (rowid, terms)
SELECT id, terms FROM staging.outdated CROSS JOIN contact USING (id) WHERE id <= :last
UNION ALL
SELECT id, terms FROM contact WHERE id > :last;

-- name: abandon_words
INSERT INTO search (search, rowid, terms) SELECT 'delete', id, terms FROM contact WHERE source_id = :source_id;

-- name: abandon_numbers
DELETE FROM number WHERE source_id = :source_id;

-- name: abandon_contacts
DELETE FROM contact WHERE source_id = :source_id;

-- name: abandon_runs
DELETE FROM run WHERE source_id = :source_id;

-- name: abandon_source
DELETE FROM source WHERE id = :source_id;
