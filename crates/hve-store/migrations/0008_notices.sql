-- Notices of delivery status, and the recipients that were given up.

-- Somebody was told that the message is delayed.
ALTER TABLE message ADD COLUMN delay_told INTEGER NOT NULL DEFAULT 0;
-- The message this one tells of; NULL in those that a client sent.
ALTER TABLE message ADD COLUMN notice_of BLOB;

-- Recipients that were given up: the oldest rows go. It is no part of the directory, and no change
-- of it counts as one.
CREATE TABLE failed_recipient (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    tenant INTEGER NOT NULL,
    account INTEGER NOT NULL,
    message BLOB NOT NULL,
    recipient TEXT NOT NULL,
    stage TEXT,                         -- such as 'rcpt'
    status TEXT,                        -- such as '5.1.1'
    hop TEXT,
    reply TEXT,                         -- the next hop's own words
    words TEXT NOT NULL,
    told TEXT                           -- who was sent a notice of it
) STRICT;
CREATE INDEX failed_recipient_account ON failed_recipient (account, seq);
CREATE INDEX failed_recipient_at ON failed_recipient (at);
