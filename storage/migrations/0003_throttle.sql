-- +goose Up
-- What is known of guesses at passwords and secrets. Every row is forgotten at a
-- time it carries, so an attack leaves nothing behind for long.

-- One account as seen from one network.
CREATE TABLE throttle_lanes (
    account       TEXT   NOT NULL,        -- a user's id, or a keyed hash of a name that is no user's
    network       TEXT   NOT NULL,        -- an IPv4 address, an IPv6 /64; empty where there is none
    failures      BIGINT NOT NULL,        -- passwords tried since the last right one
    delay         BIGINT NOT NULL,        -- milliseconds to wait after the last of them
    blocked_until BIGINT NOT NULL,        -- when that wait is over
    forget_at     BIGINT NOT NULL,        -- when the failures no longer count
    tried         TEXT   NOT NULL,        -- keyed hashes of the last passwords tried
    repeats_until BIGINT NOT NULL,        -- when the repeats of those are paid back
    known_until   BIGINT NOT NULL,        -- how long the user counts as at home here
    home_until    BIGINT NOT NULL,        -- when what was failed at home is paid back
    expires_at    BIGINT NOT NULL,        -- when the row says nothing any more
    PRIMARY KEY (account, network)
);
CREATE INDEX throttle_lanes_expiry ON throttle_lanes (expires_at);

-- What an account, a network, or a client may fail. Each failure moves a time ahead
-- by what it costs; a time that is past is a budget not touched.
CREATE TABLE throttle_budgets (
    kind          TEXT   NOT NULL,        -- account, network, client, client_network
    key           TEXT   NOT NULL,
    until         BIGINT NOT NULL,        -- when all is paid back
    PRIMARY KEY (kind, key)
);
CREATE INDEX throttle_budgets_expiry ON throttle_budgets (kind, until);
