-- How the accounts of a tenant, and one account, may sign in. JSON; NULL is the default: a password
-- does, from anywhere.
ALTER TABLE tenant ADD COLUMN sign_in TEXT;
ALTER TABLE account ADD COLUMN sign_in TEXT;
