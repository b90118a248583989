"""The SQL of the roll-ups; `rollups` says what counts for whom."""

TAKE_IN_EXPOSURES = """
WITH fresh AS (
    SELECT rollout, environment, agent, unit, step, share_ppm, arm,
           min(seq) AS seq, arg_min(received_at, seq) AS received_at,
           arg_min(happened_at, seq) AS happened_at
    FROM timed_events
    WHERE kind = 'exposure' AND seq > $done AND seq <= $last
    GROUP BY rollout, environment, agent, unit, step, share_ppm, arm
)
INSERT INTO unit_exposures BY NAME
SELECT fresh.*,
       fresh.seq = min(fresh.seq) FILTER (fresh.arm IS NOT NULL)
                   OVER (PARTITION BY fresh.rollout, fresh.unit)
       AND NOT EXISTS (
           FROM unit_exposures AS earlier
           WHERE earlier.rollout = fresh.rollout AND earlier.unit = fresh.unit
             AND earlier.arm IS NOT NULL
       ) AS newcomer
FROM fresh ANTI JOIN unit_exposures AS known ON (
    known.rollout = fresh.rollout AND known.unit = fresh.unit AND known.step = fresh.step
    AND known.share_ppm = fresh.share_ppm AND known.arm IS NOT DISTINCT FROM fresh.arm
)
"""

TAKE_IN_REPORTS = """
WITH fresh AS MATERIALIZED (
    SELECT environment, agent, unit, kind, name, value, seq, received_at, happened_at
    FROM timed_events
    WHERE kind IN ('safety', 'outcome') AND seq > $done AND seq <= $last
),
attributed AS (
    SELECT fresh.unit, fresh.kind, fresh.name, fresh.seq,
           any_value(fresh.value) AS value, any_value(fresh.received_at) AS received_at,
           -- The latest exposure before it; where all seem to come after it, the earliest.
           arg_max(
               {'rollout': exposed.rollout, 'step': exposed.step, 'arm': exposed.arm},
               CASE WHEN exposed.happened_at <= fresh.happened_at + INTERVAL 10 SECONDS
                    THEN exposed.seq ELSE -exposed.seq END
           ) AS place
    FROM fresh JOIN unit_exposures AS exposed ON (
        fresh.environment = exposed.environment AND fresh.agent = exposed.agent
        AND fresh.unit = exposed.unit AND fresh.seq >= exposed.seq
    )
    GROUP BY fresh.unit, fresh.kind, fresh.name, fresh.seq
),
firsts AS (
    SELECT place.rollout AS rollout, unit, kind, name, arg_min(place.step, seq) AS step,
           arg_min_null(place.arm, seq) AS arm, arg_min_null(value, seq) AS value, min(seq) AS seq,
           arg_min(received_at, seq) AS received_at
    FROM attributed
    GROUP BY place.rollout, unit, kind, name, place.arm IS NULL
)
INSERT INTO unit_reports
SELECT * FROM firsts ANTI JOIN unit_reports AS known ON (
    known.rollout = firsts.rollout AND known.unit = firsts.unit
    AND known.kind = firsts.kind AND known.name = firsts.name
    AND (known.arm IS NULL) = (firsts.arm IS NULL)
)
"""

UNITS = """
WITH heard_of AS (
    SELECT unit, min(received_at) AS received_at, bool_or(kind = 'outcome') AS has_outcome
    FROM unit_reports
    WHERE rollout = $rollout AND arm IS NOT NULL AND seq <= $seq
      AND (kind = 'outcome' OR kind = 'safety' AND name = 'error')
    GROUP BY unit
),
units AS (
    SELECT step, share_ppm, arm, newcomer, has_outcome,
           exposed.received_at < $closed_before AS closed,
           heard_of.received_at <= exposed.received_at + to_seconds($window_s) AS in_time
    FROM unit_exposures AS exposed LEFT JOIN heard_of USING (unit)
    WHERE rollout = $rollout AND arm IS NOT NULL AND seq <= $seq
)
SELECT step, any_value(share_ppm), arm, count(*), count(*) FILTER (newcomer),
       count(*) FILTER (newcomer AND (closed OR has_outcome)),
       count(*) FILTER (newcomer AND closed),
       count(*) FILTER (newcomer AND closed AND in_time)
FROM units
GROUP BY step, arm ORDER BY step, arm
"""

# Incidents count when they arrive. Outcomes count in the order in which units came, up to the first
# that may still have one: were each counted as it arrives, an arm that answers more slowly would
# look like one that succeeds less often.
REPORTS = """
WITH reports AS NOT MATERIALIZED (
    SELECT * FROM unit_reports WHERE rollout = $rollout AND arm IS NOT NULL AND seq <= $seq
),
newcomers AS NOT MATERIALIZED (
    SELECT * FROM unit_exposures WHERE rollout = $rollout AND newcomer AND seq <= $seq
),
in_window AS (SELECT unit, seq FROM newcomers WHERE received_at >= $closed_before),
lately AS (
    SELECT unit, kind, name FROM reports WHERE seq > (SELECT min(seq) FROM in_window)
),
at_work AS (
    SELECT unit, seq FROM in_window
    ANTI JOIN (SELECT unit FROM lately WHERE kind = 'safety' AND name = 'error') USING (unit)
),
awaited AS (
    SELECT name, min(seq) AS seq FROM (
        SELECT unit, seq, name
        FROM at_work CROSS JOIN (SELECT DISTINCT name FROM reports WHERE kind = 'outcome')
    ) ANTI JOIN (SELECT unit, name FROM lately WHERE kind = 'outcome') USING (unit, name)
    GROUP BY name
),
first AS (SELECT coalesce(min(seq), $seq) AS seq FROM awaited),
too_early AS (
    SELECT later.unit, 'outcome' AS kind, awaited.name
    FROM (SELECT unit, seq FROM newcomers WHERE seq > (SELECT seq FROM first)) AS later
    JOIN awaited ON later.seq > awaited.seq
),
counted AS (
    SELECT step, arm, kind, name, value FROM reports WHERE seq <= (SELECT seq FROM first)
    UNION ALL
    SELECT step, arm, kind, name, value FROM (
        SELECT * FROM reports WHERE seq > (SELECT seq FROM first)
    ) ANTI JOIN too_early USING (unit, kind, name)
)
SELECT step, arm, kind, name,
       count(*) FILTER (kind = 'safety' OR value >= 0.5),
       count(*) FILTER (kind = 'outcome' AND value < 0.5)
FROM counted
GROUP BY step, arm, kind, name ORDER BY step, arm, kind, name
"""

# Who was at risk just before each first incident: units exposed in its stage that had none before.
RISK_SETS = """
WITH incidents AS (
    SELECT unit, step, arm, seq FROM unit_reports
    WHERE rollout = $rollout AND kind = 'safety' AND name = $name AND arm IS NOT NULL
      AND seq <= $seq
),
exposed AS (
    SELECT unit, step, arm, seq FROM unit_exposures
    WHERE rollout = $rollout AND arm IS NOT NULL AND seq <= $seq
),
moves AS (
    SELECT exposed.step, exposed.seq, exposed.arm, 1 AS change, FALSE AS is_incident
    FROM exposed LEFT JOIN incidents USING (unit)
    WHERE incidents.seq IS NULL OR exposed.seq < incidents.seq
    UNION ALL
    SELECT exposed.step, incidents.seq, exposed.arm, -1, exposed.step = incidents.step
    FROM exposed JOIN incidents USING (unit)
    WHERE exposed.seq < incidents.seq
),
at_risk AS (
    SELECT step, seq, arm, is_incident,
           sum(change) FILTER (arm = 'candidate') OVER before AS candidate,
           sum(change) FILTER (arm = 'baseline') OVER before AS baseline
    FROM moves
    WINDOW before AS (
        PARTITION BY step ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
)
SELECT step, arm = 'candidate', coalesce(candidate, 0), coalesce(baseline, 0)
FROM at_risk WHERE is_incident ORDER BY seq
"""

# Units met after a rollout reached everyone, in order, up to the first whose window is still open:
# for each incident how many units came since the one before, and the clean ones at the end.
AFTERWARDS = """
WITH met AS (
    SELECT unit, min(seq) AS seq, arg_min(received_at, seq) AS received_at FROM unit_exposures
    WHERE rollout = $rollout AND arm IS NULL AND share_ppm = 0 AND seq <= $seq
      AND received_at >= $since
    GROUP BY unit
),
closed AS (
    SELECT unit, seq, row_number() OVER (ORDER BY seq) AS place FROM met
    WHERE received_at < $closed_before
),
hits AS (
    SELECT place FROM closed SEMI JOIN unit_reports AS reported ON (
        reported.rollout = $rollout AND reported.unit = closed.unit AND reported.kind = 'safety'
        AND reported.name = $name AND reported.arm IS NULL
        AND reported.seq > closed.seq AND reported.seq <= $seq
    )
),
runs AS (
    SELECT place, place - lag(place, 1, 0) OVER (ORDER BY place) - 1 AS clean, 1 AS incidents
    FROM hits
    UNION ALL
    SELECT (SELECT count(*) FROM closed) + 1,
           (SELECT count(*) FROM closed) - (SELECT coalesce(max(place), 0) FROM hits), 0
)
SELECT clean, incidents FROM runs ORDER BY place
"""

FIRST_HARM = """
SELECT min(received_at) FROM unit_reports
WHERE rollout = $rollout AND seq <= $seq AND arm = 'candidate' AND name = $guardrail
  AND (kind = 'safety' OR value < 0.5)
"""

# Of each unit whose window has closed: what it reported from its first exposure to that instant.
GOAL_VALUES = """
WITH met AS (
    SELECT unit, any_value(environment) AS environment, any_value(agent) AS agent,
           arg_min(step, seq) AS step, arg_min(arm, seq) AS arm,
           min(received_at) AS received_at, min(seq) AS seq
    FROM unit_exposures
    WHERE rollout = $rollout AND arm IS NOT NULL AND seq <= $seq
    GROUP BY unit
),
known AS (
    SELECT met.unit,
           TRY_CAST(json_extract_string(events.attributes, $covariate) AS DOUBLE) AS covariate
    FROM met JOIN events ON events.seq = met.seq
),
said AS (
    SELECT met.unit, events.name, events.value
    FROM met JOIN events ON (
        events.environment = met.environment AND events.agent = met.agent
        AND events.unit = met.unit AND events.kind IN ('outcome', 'score')
        AND events.seq > met.seq AND events.seq <= $seq
        AND events.received_at <= met.received_at + to_seconds($window_s)
    )
),
sums AS (
    SELECT unit, sum(value) FILTER (name = $name) AS total, count(*) FILTER (name = $name) AS times,
           sum(value) FILTER (name = $per) AS per
    FROM said GROUP BY unit
)
SELECT step, arm, coalesce(total, CAST(0 AS DOUBLE)) AS total,
       coalesce(CASE WHEN $per IS NULL THEN CAST(times AS DOUBLE) ELSE per END, CAST(0 AS DOUBLE))
       AS per,
       covariate
FROM met LEFT JOIN sums USING (unit) LEFT JOIN known USING (unit)
WHERE met.received_at < $closed_before
ORDER BY step, arm, unit
"""

ENROLLED = "SELECT DISTINCT unit FROM unit_exposures WHERE rollout = $rollout AND arm = 'candidate'"
