-- What SCRAM checks a password by; NULL where it was set before, or SCRAM forbids it.
ALTER TABLE secret ADD COLUMN scram TEXT;
-- The key from which the salts of SCRAM are made, for user names that exist and those that do not.
CREATE TABLE scram_salt (key BLOB NOT NULL CHECK (length(key) = 32)) STRICT;
INSERT INTO scram_salt VALUES (randomblob(32));
