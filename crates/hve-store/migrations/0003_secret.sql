-- Up to two secrets an account, so that one can be rotated while the other works. The number of a
-- secret is its version: it is never given again.
CREATE TABLE secret (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL REFERENCES account (id),
    label TEXT NOT NULL COLLATE NOCASE,
    password TEXT NOT NULL,             -- PHC
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    UNIQUE (account, label)
) STRICT;
INSERT INTO secret (account, label, password, created_at)
    SELECT id, 'password', password, created_at FROM account WHERE removed_at IS NULL;
ALTER TABLE account DROP COLUMN password;
