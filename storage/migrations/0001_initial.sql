-- +goose Up
-- Times are Unix milliseconds (0: none), booleans 0 or 1, lists space-delimited.

CREATE TABLE users (
    id            TEXT   PRIMARY KEY,     -- a token's sub: random, never reused
    username      TEXT   NOT NULL UNIQUE, -- PRECIS UsernameCaseMapped
    email         TEXT   NOT NULL,
    full_name     TEXT   NOT NULL,
    password_hash TEXT   NOT NULL,        -- bcrypt
    password_cost BIGINT NOT NULL,        -- of password_hash
    scopes        TEXT   NOT NULL,
    disabled      BIGINT NOT NULL,
    epoch         TEXT   NOT NULL,        -- changes when all sessions end
    created_at    BIGINT NOT NULL
);
-- A failed login costs as much as the dearest hash; this finds it at once.
CREATE INDEX users_password_cost ON users (password_cost);

CREATE TABLE clients (
    id               TEXT   PRIMARY KEY,
    name             TEXT   NOT NULL,
    public           BIGINT NOT NULL,
    grants           TEXT   NOT NULL,
    scopes           TEXT   NOT NULL,
    default_scopes   TEXT   NOT NULL,
    audiences        TEXT   NOT NULL,
    introspect       BIGINT NOT NULL,     -- may see the tokens of others
    disabled         BIGINT NOT NULL,
    secret_hash      TEXT   NOT NULL,
    old_secret_hash  TEXT   NOT NULL,     -- good until old_secret_until
    old_secret_until BIGINT NOT NULL,
    epoch            TEXT   NOT NULL,
    created_at       BIGINT NOT NULL
);

-- One row for each login; it is gone when the login has ended.
CREATE TABLE grants (
    id            TEXT   PRIMARY KEY,
    user_id       TEXT   NOT NULL,
    client_id     TEXT   NOT NULL,
    user_epoch    TEXT   NOT NULL,        -- dead unless it equals the user's
    client_epoch  TEXT   NOT NULL,        -- dead unless it equals the client's
    scopes        TEXT   NOT NULL,
    audiences     TEXT   NOT NULL,
    auth_time     BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,        -- absolute, from the login
    refresh_hash  BYTEA,                  -- SHA-256 of the one live refresh token
    previous_hash BYTEA,                  -- of its parent
    rotated_at    BIGINT NOT NULL,        -- when the live one was issued
    answer        BYTEA                   -- what the parent's use answered, sealed under the parent
);
-- With the epoch: what an event ended is found without a look at what lives.
CREATE INDEX grants_user ON grants (user_id, user_epoch);
CREATE INDEX grants_client ON grants (client_id, client_epoch);
CREATE INDEX grants_expiry ON grants (expires_at);

-- What ended before its time, until the last access token it concerns is expired.
CREATE TABLE revocations (
    kind          TEXT   NOT NULL,        -- token, grant, user, client
    key           TEXT   NOT NULL,        -- jti, grant id, user id, client id
    epoch         TEXT   NOT NULL,        -- of users and clients: the one that lives
    keep_grant    TEXT   NOT NULL,        -- of users: a grant of an older epoch that lives on
    until         BIGINT NOT NULL,
    seq           BIGINT NOT NULL UNIQUE, -- commit order, for those who follow
    swept         BIGINT NOT NULL,        -- whether the grants it ended are deleted
    PRIMARY KEY (kind, key)
);
CREATE INDEX revocations_until ON revocations (until);
CREATE INDEX revocations_unswept ON revocations (seq) WHERE swept = 0;

CREATE TABLE signing_keys (
    id              TEXT   PRIMARY KEY,   -- RFC 7638 thumbprint
    algorithm       TEXT   NOT NULL,
    sealed          BYTEA  NOT NULL,      -- the private key under the master key
    created_at      BIGINT NOT NULL,
    signs_from      BIGINT NOT NULL,
    published_until BIGINT NOT NULL
);

-- Counters and facts that all processes share.
CREATE TABLE settings (
    name  TEXT   PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO settings (name, value) VALUES ('revocations', 0), ('signing_keys', 0), ('directory', 0), ('access_token_ttl', 0);
