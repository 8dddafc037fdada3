-- Each statement takes state.db from the version before to its own. Never change one that was released: add one.

-- name: token
-- Who may ask: only the hash of a token is kept.
CREATE TABLE token (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,  -- SHA-256
    name TEXT NOT NULL,
    tenant TEXT NOT NULL,
    user TEXT,
    scopes TEXT NOT NULL,  -- JSON [text, ...]
    created_at REAL NOT NULL,  -- seconds since 1970
    revoked_at REAL
) STRICT;
