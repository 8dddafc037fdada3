-- name: add
INSERT INTO token (id, hash, name, tenant, user, scopes, created_at) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: all
SELECT id, name, tenant, user, scopes, created_at, revoked_at FROM token ORDER BY created_at, id;

-- name: by_hash
SELECT id, name, tenant, user, scopes, created_at, revoked_at FROM token WHERE hash = ? AND revoked_at IS NULL;

-- name: revoke
UPDATE token SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL;
