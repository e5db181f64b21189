-- The last lines of sessions that came to nothing, and what was wrong: a ring, of which the oldest
-- rows go. It is no part of the directory, and no change of it counts as one.
CREATE TABLE failed_session (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL,              -- its name, as in the ids of refusals
    at INTEGER NOT NULL,                -- when it ended
    client TEXT NOT NULL,
    network TEXT NOT NULL,              -- what counts as one client
    listener TEXT NOT NULL,             -- where it connected to
    tls TEXT NOT NULL,                  -- how TLS begins there
    account TEXT,                       -- who tried, where that is known
    diagnoses TEXT NOT NULL,            -- JSON
    lines TEXT NOT NULL                 -- JSON; without secrets
) STRICT;
