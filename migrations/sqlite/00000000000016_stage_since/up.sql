-- When an opportunity came into the stage that it is in; null where it was made in it.
ALTER TABLE opportunities ADD COLUMN stage_since TEXT;
