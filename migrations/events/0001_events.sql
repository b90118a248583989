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

-- What the engine looks at, kept up to date from the log; it can be made anew from it at any time.
-- A unit's first exposure in each stage of each rollout; outside a rollout the arm is NULL.
CREATE TABLE unit_exposures (
    rollout     VARCHAR   NOT NULL,
    environment VARCHAR   NOT NULL,
    agent       VARCHAR   NOT NULL,
    unit        VARCHAR   NOT NULL,
    step        INTEGER   NOT NULL,
    share_ppm   INTEGER   NOT NULL,
    arm         VARCHAR,
    seq         BIGINT    NOT NULL,
    received_at TIMESTAMP NOT NULL,
    newcomer    BOOLEAN
);

-- A unit's first report of each kind and name in each rollout, with the stage and arm it falls to.
CREATE TABLE unit_reports (
    rollout     VARCHAR   NOT NULL,
    unit        VARCHAR   NOT NULL,
    kind        VARCHAR   NOT NULL,
    name        VARCHAR   NOT NULL,
    step        INTEGER   NOT NULL,
    arm         VARCHAR   NOT NULL,
    value       DOUBLE,
    seq         BIGINT    NOT NULL,
    received_at TIMESTAMP NOT NULL
);

-- The last event that the two tables above have taken in.
CREATE TABLE rollup_progress (seq BIGINT NOT NULL);
INSERT INTO rollup_progress VALUES (0);
