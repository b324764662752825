"""The partitions that keep the most, of what is kept up to a number of each: vehicles and series."""

from dataclasses import dataclass

FULLEST = """
(SELECT 'vehicles' AS what, partition, count(*) AS number FROM ub.vehicle_state
 GROUP BY partition ORDER BY number DESC LIMIT 1)
UNION ALL
(SELECT 'series of sensors', partition, count(*) AS number FROM ub.sensor_state
 GROUP BY partition ORDER BY number DESC LIMIT 1)
UNION ALL
(SELECT 'series watched for anomalies', partition, count(*) AS number FROM ub.checkpoint_part
 WHERE stage = 'incidents' AND (name LIKE 'anomaly/%' OR name LIKE 'joint/%')
   AND name NOT LIKE 'anomaly/held/%' AND name NOT LIKE 'joint/held/%'
 GROUP BY partition, CASE WHEN name LIKE 'joint/%' THEN split_part(name, '/', 2) END ORDER BY number DESC LIMIT 1)
"""
"""Rows of `Fullest`; for whoever may read schema ub. Names of parts: streams/incidents/state.py and its books.

A million vehicles and 600,000 series take a second; with a regular expression for the detector's name it was three.
"""


@dataclass(frozen=True, slots=True)
class Fullest:
    """Of all partitions the one that keeps the most of something."""

    what: str
    partition: int
    number: int
