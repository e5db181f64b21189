-- What the guard against guessing knows after a restart, and what an operator sees of it. No
-- password is in here, and nothing that was made from one.

-- An address (IPv6: a /64) from which an account was signed in to.
CREATE TABLE known_client (
    account INTEGER NOT NULL,
    network TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (account, network)
) STRICT, WITHOUT ROWID;

-- User names and addresses for which several different wrong passwords were tried.
CREATE TABLE suspect (
    kind TEXT NOT NULL,                 -- account or network
    name TEXT NOT NULL,                 -- the user name in lower case, or the address
    guesses INTEGER NOT NULL,           -- different ones of late, as of tried_at
    tried_at INTEGER NOT NULL,
    other TEXT,                         -- the last one's address, or user name
    blocks INTEGER NOT NULL,            -- so many in a row
    blocked_at INTEGER,                 -- the last of them
    blocked_until INTEGER,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX suspect_tried ON suspect (tried_at);

-- What the operator forgave; a running server follows.
CREATE TABLE guard_reset (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind TEXT,                          -- NULL: everything
    name TEXT
) STRICT;
