-- The file of callers.

-- name: callers
-- Who is shown when a number calls, of all sources. It sorts what it reads in the order of the file: in the order of
-- numbers contacts lie anywhere, which takes hours where memory does not hold them.
-- Every contact is checked by `sound`, a function of ours that raises: a garbled number would stand for another one.
-- What is shown of it is checked when it is packed.
SELECT id, display, body, shown
FROM (
    SELECT callable.id, callable.display, callable.body, callable.shown, min(precedence)
    FROM contact NOT INDEXED
    CROSS JOIN callable ON callable.contact_id = contact.id
    WHERE sound(contact.id, contact.uid, contact.numbers, contact.terms, contact.shown, contact.checksum)
    GROUP BY callable.id
    ORDER BY callable.id
);

-- name: callers_made
-- The same, as far as it takes to compare, of contacts that were checked just before.
SELECT id, shown FROM (SELECT id, shown, min(precedence) FROM callable GROUP BY id ORDER BY id);

-- name: put_caller_file
-- There is one, or is to be.
INSERT OR REPLACE INTO caller_file (id, name, is_made, changed, checksum) VALUES (1, ?, ?, ?, ?);

-- name: contacts
-- How many the index holds.
SELECT coalesce(sum(contacts), 0) FROM source;

-- name: forget_caller_file
DELETE FROM caller_file;
