-- The event log: append-only, one row per distinct event_id, seq rising by arrival.
-- Instants are UTC. rollout, step, share_ppm and arm are set on exposures only; the service computes
-- them from the unit and the manifest commit, never from what the client claims.
CREATE TABLE events (
    seq             BIGINT    NOT NULL,
    event_id        VARCHAR   NOT NULL,
    received_at     TIMESTAMP NOT NULL,
    ts              TIMESTAMP,
    environment     VARCHAR   NOT NULL,
    agent           VARCHAR   NOT NULL,
    unit            VARCHAR   NOT NULL,
    kind            VARCHAR   NOT NULL,
    name            VARCHAR   NOT NULL,
    value           DOUBLE,
    conversation    VARCHAR,
    claimed_version VARCHAR,
    attributes      VARCHAR,
    manifest_commit VARCHAR,
    rollout         VARCHAR,
    step            INTEGER,
    share_ppm       INTEGER,
    arm             VARCHAR
);
