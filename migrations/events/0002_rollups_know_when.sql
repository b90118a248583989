-- Roll-ups also know when things happened, so that an incident that arrives late belongs to the stage
-- in which it happened, and keep what units outside a comparison report (arm is NULL there), so that
-- a version is watched after it has reached everyone. They are made anew from the log.
-- By the client's clock where it has one, but never after its arrival.
CREATE VIEW timed_events AS
SELECT *, least(coalesce(ts, received_at), received_at) AS happened_at FROM events;

DROP TABLE unit_exposures;
DROP TABLE unit_reports;

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
    happened_at TIMESTAMP NOT NULL,
    newcomer    BOOLEAN
);

CREATE TABLE unit_reports (
    rollout     VARCHAR   NOT NULL,
    unit        VARCHAR   NOT NULL,
    kind        VARCHAR   NOT NULL,
    name        VARCHAR   NOT NULL,
    step        INTEGER   NOT NULL,
    arm         VARCHAR,
    value       DOUBLE,
    seq         BIGINT    NOT NULL,
    received_at TIMESTAMP NOT NULL
);

UPDATE rollup_progress SET seq = 0;
