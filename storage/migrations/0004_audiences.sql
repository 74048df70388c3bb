-- +goose Up
-- How tokens for one audience look, where they are not plain.

CREATE TABLE audiences (
    uri          TEXT   PRIMARY KEY,
    algorithm    TEXT   NOT NULL,         -- empty: that of the main line of keys
    typ          TEXT   NOT NULL,         -- in the header of its tokens
    extra_claims TEXT   NOT NULL,
    ttl          BIGINT NOT NULL,         -- milliseconds; 0: that of the server
    created_at   BIGINT NOT NULL
);

ALTER TABLE signing_keys ADD COLUMN for_audiences BIGINT NOT NULL DEFAULT 0; -- 0: of the main line
ALTER TABLE signing_keys ADD COLUMN signs_until BIGINT NOT NULL DEFAULT 0;
