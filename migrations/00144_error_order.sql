-- +goose Up

-- Rows come in the order of time. An index in that order is appended to, and half as large as one by key first, whose pages are split.
ALTER TABLE error_minutes DROP CONSTRAINT error_minutes_pkey, ADD PRIMARY KEY (at, key_id);
ALTER TABLE error_moments DROP CONSTRAINT error_moments_pkey, ADD PRIMARY KEY (at, key_id);

-- The newest rows are written many times a minute. What updates leave is to be used again within minutes, or the tables grow.
ALTER TABLE error_minutes SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE error_moments SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1);
