-- Groups of the recipient directory: a row for each member. What has a member is a group.
CREATE TABLE group_member (
    tenant INTEGER NOT NULL REFERENCES tenant (id),
    of TEXT NOT NULL,                   -- the group's address in lower case
    member TEXT NOT NULL,               -- the member's address in lower case
    address TEXT NOT NULL,
    PRIMARY KEY (tenant, of, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_member_of ON group_member (tenant, member);
