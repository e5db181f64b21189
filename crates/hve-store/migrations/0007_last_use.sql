-- When each secret, token and certificate of an account was used last. It is no part of the
-- directory, and no change of it counts as one.
CREATE TABLE last_use (
    account INTEGER NOT NULL,
    proof TEXT NOT NULL,                -- such as 'secret 3'
    at INTEGER NOT NULL,
    client TEXT NOT NULL,
    mechanism TEXT NOT NULL,
    PRIMARY KEY (account, proof)
) STRICT, WITHOUT ROWID;
