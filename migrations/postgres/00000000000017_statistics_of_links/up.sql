-- SQLite is told here what its planner takes tables for; PostgreSQL looks at them itself.
SELECT 1;
