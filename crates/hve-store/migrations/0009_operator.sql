-- What an operator does to queued messages beside a running server.

-- Held: due_at is NULL, and what comes of an attempt under way does not change that.
ALTER TABLE message ADD COLUMN held TEXT;   -- JSON: who, when

-- Messages that were taken out of the queue, for as long as an attempt that was under way at that
-- moment may still be settled: what it delivered is written down as delivered. Emptied when the
-- server starts, for then no attempt is under way.
CREATE TABLE cancelled (
    message BLOB PRIMARY KEY,           -- 16 octets
    tenant INTEGER NOT NULL,
    account INTEGER NOT NULL,
    octets INTEGER NOT NULL,
    progress TEXT,                      -- JSON, as in message
    recipients TEXT NOT NULL,
    is_notice INTEGER NOT NULL,         -- 1: in no usage report
    cancelled_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: the highest id that was ever held or cancelled. Whoever has a message above it in memory
-- need not look whether it was.
CREATE TABLE withheld (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    highest BLOB NOT NULL
) STRICT;
INSERT INTO withheld (id, highest) VALUES (1, x'');
