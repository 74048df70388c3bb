-- +goose Up
-- How PostgreSQL keeps the tables, which other engines have no words for.

-- A refresh changes no indexed column. Where its page has room for the new version
-- of the row (HOT), no index is written.
ALTER TABLE grants SET (fillfactor = 70);

-- By default a fifth of a table may be dead before it is vacuumed, a million rows
-- of five. Pruning walks over those it deleted until they are.
ALTER TABLE grants SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE revocations SET (autovacuum_vacuum_scale_factor = 0.02);
