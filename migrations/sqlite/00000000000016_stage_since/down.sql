ALTER TABLE opportunities DROP COLUMN stage_since;
