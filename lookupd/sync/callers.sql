-- The file of callers.

-- name: callers
-- Who is shown when a number calls, of all sources. It sorts what it reads in the order of the file: in the order of
-- numbers contacts lie anywhere, which takes hours where memory does not hold them.
SELECT id, display, body, shown
FROM (SELECT id, display, body, shown, min(precedence) FROM callable GROUP BY id);

-- name: callers_made
-- The same, as far as it takes to compare.
SELECT id, shown FROM (SELECT id, shown, min(precedence) FROM callable GROUP BY id);

-- name: put_caller_file
-- There is one, or is to be.
INSERT OR REPLACE INTO caller_file (id, name, is_made, changed, checksum) VALUES (1, ?, ?, ?, ?);

-- name: forget_caller_file
DELETE FROM caller_file;
