-- The first schema. Times are milliseconds since 1970 in UTC, but for usage and refusals: whole
-- seconds. Columns that hold JSON say so; their forms are in codec.rs.

-- One row: counts the changes of the directory, so that a cache knows when it is stale.
CREATE TABLE change_counter (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    changes INTEGER NOT NULL
) STRICT;
INSERT INTO change_counter (id, changes) VALUES (1, 0);

-- A removed tenant keeps its row, and its number is never given again.
CREATE TABLE tenant (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    limits TEXT NOT NULL,               -- JSON
    suspension TEXT,                    -- JSON
    created_at INTEGER NOT NULL,
    removed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX tenant_name ON tenant (name) WHERE removed_at IS NULL;

CREATE TABLE domain (
    name TEXT PRIMARY KEY,
    tenant INTEGER NOT NULL REFERENCES tenant (id),
    kind TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX domain_tenant ON domain (tenant);

-- A removed account keeps its row; the same address in the same tenant revives it.
CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL REFERENCES tenant (id),
    key TEXT NOT NULL,                  -- the address in lower case
    address TEXT NOT NULL,
    display_name TEXT NOT NULL,
    alias TEXT COLLATE NOCASE,
    limits TEXT NOT NULL,               -- JSON
    suspension TEXT,                    -- JSON
    password TEXT NOT NULL,             -- PHC; empty when removed
    credential_version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    removed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX account_once ON account (tenant, key);
CREATE UNIQUE INDEX account_address ON account (key) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX account_alias ON account (tenant, alias)
    WHERE alias IS NOT NULL AND removed_at IS NULL;

CREATE TABLE recipient (
    tenant INTEGER NOT NULL REFERENCES tenant (id),
    key TEXT NOT NULL,                  -- the address in lower case
    address TEXT NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    tenant INTEGER,
    subject TEXT NOT NULL,
    before TEXT,                        -- JSON
    after TEXT                          -- JSON
) STRICT;

-- The queue. No reference to tenant and account: they outlive their messages, and the check would
-- be paid for each message. The id is a ULID, so rows are appended.
CREATE TABLE message (
    id BLOB PRIMARY KEY,                -- 16 octets
    tenant INTEGER NOT NULL,
    account INTEGER NOT NULL,
    body INTEGER NOT NULL,              -- body.seq
    octets INTEGER NOT NULL,
    recipient_count INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    due_at INTEGER,                     -- NULL: held or parked
    attempts INTEGER NOT NULL,
    parked TEXT,                        -- why this row cannot be worked on
    client TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sender TEXT,                        -- NULL: the null path
    recipients TEXT NOT NULL,           -- an address a line
    wishes TEXT,                        -- JSON; NULL where the client asked for nothing more
    envelope_sum INTEGER NOT NULL,      -- CRC-32 of these three and of the content: a bit that
    content_sum INTEGER NOT NULL,       -- flips on the disk must not send mail to a stranger
    progress TEXT                       -- JSON; NULL while every recipient waits
) STRICT, WITHOUT ROWID;
CREATE INDEX message_due ON message (due_at) WHERE due_at IS NOT NULL;

-- Bodies lie apart, in a table with row numbers: there a row of some KiB stays on its page.
CREATE TABLE body (
    seq INTEGER PRIMARY KEY,
    message BLOB NOT NULL,              -- whose it is, checked when it is read
    content BLOB NOT NULL
) STRICT;

-- Usage events, each tenant's in the order of time.
CREATE TABLE usage (
    tenant INTEGER NOT NULL,
    at INTEGER NOT NULL,                -- whole seconds
    seq INTEGER NOT NULL,               -- tells apart the events of one second
    account INTEGER NOT NULL,
    kind TEXT NOT NULL,
    recipients INTEGER NOT NULL,
    octets INTEGER NOT NULL,
    message BLOB NOT NULL,
    PRIMARY KEY (tenant, at, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE refusal (
    tenant INTEGER NOT NULL,            -- 0: not known
    hour INTEGER NOT NULL,              -- its first second
    account INTEGER NOT NULL,           -- 0: not known
    reason TEXT NOT NULL,
    refusals INTEGER NOT NULL,
    PRIMARY KEY (tenant, hour, account, reason)
) STRICT, WITHOUT ROWID;
