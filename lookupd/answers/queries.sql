-- name: keep
-- What a source said, unless a later word is known. It gets a new id, so that other processes read it. What lies
-- ahead of now was said by a clock that has been set back.
INSERT OR REPLACE INTO answer (
    source, number, extension, caller, settings, at, uid, display, body, numbers
)
SELECT :source, :number, :extension, :caller, :settings, :at, :uid, :display, :body, :numbers
WHERE NOT EXISTS (
    SELECT 1 FROM answer
    WHERE source = :source AND number = :number AND extension = :extension AND caller = :caller AND at > :at AND at <= :latest
);

-- name: news
-- The newest answers behind an id, oldest first.
SELECT id, source, number, extension, caller, settings, at, uid, display, body, numbers
FROM (SELECT * FROM answer WHERE id > :seen ORDER BY id DESC LIMIT :most)
ORDER BY id;

-- name: last
-- The id of the last answer that was ever written.
SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'answer';

-- name: forget_absences
-- Absences of a source that are no longer believed.
DELETE FROM answer WHERE source = :source AND uid IS NULL AND at < :before;

-- name: forget_contacts
-- Contacts of a source that are too old for anything.
DELETE FROM answer WHERE source = :source AND uid IS NOT NULL AND at < :before;

-- name: forget_changed
-- Answers of sources whose settings have changed (JSON uuids).
DELETE FROM answer WHERE source IN (SELECT value FROM json_each(:sources));

-- name: forget_ahead
-- What was said by a clock that has been set back.
DELETE FROM answer WHERE at > :latest;

-- name: forget_sources
-- Answers of sources that are no longer configured (JSON uuids of those that are), after a while.
DELETE FROM answer WHERE source NOT IN (SELECT value FROM json_each(:sources)) AND at < :before;

-- name: forget_oldest
-- All but the newest.
DELETE FROM answer WHERE id <= (SELECT id FROM answer ORDER BY id DESC LIMIT 1 OFFSET :most);
