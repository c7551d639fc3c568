-- What the planner takes the changes of a large database for (docs/adr/0016). A database that was just filled has no statistics,
-- and without any each tenant would have ten changes: too few to look for those of one record elsewhere than along the key.
-- Nobody counts anew, so that every installation plans alike, whatever it was like when somebody looked.
ANALYZE sqlite_schema;
DELETE FROM sqlite_stat1;
DROP TABLE IF EXISTS sqlite_stat4;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('changes', 'changes', '1000000 100000 1'),
    ('changes', 'changes_feed', '1000000 100000 1000 1'),
    ('changes', 'changes_kind', '1000000 100000 20000 200 1'),
    ('changes', 'changes_record', '1000000 100000 20000 4 1'),
    ('changes', 'changes_trash', '10000 1000 1 1'),
    ('changes', 'changes_cause', '10000 1000 2 1'),
    ('changes', 'changes_heavy', '1000 100');
ANALYZE sqlite_schema;
