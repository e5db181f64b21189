-- Who hears of what becomes of mail, and who is answered.
ALTER TABLE tenant ADD COLUMN postmaster TEXT;
ALTER TABLE account ADD COLUMN bounce_to TEXT;
ALTER TABLE account ADD COLUMN reply_to TEXT;
