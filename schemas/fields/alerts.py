"""Alerts, and input that was refused."""

from schemas.fields.keywords import CELL, COUNT, LAT, LON, Structs, field

FIELDS: Structs = {
    "Alert": {
        "alert_id": field("UUID, the same for the alert's whole life and when ub.cells is folded again."),
        "sequence": field("Number of the event within its alert, from 0.", **COUNT),
        "action": field("What happened. `updated`: the severity rose or fell."),
        "kind": field("What is watched."),
        "severity": field("How bad it is; it may rise and fall while the alert is open."),
        "status": field("Whether the condition holds."),
        "acknowledged": field("Whether a person has taken note."),
        "cell": field("H3 cell; of a rule's geography, the one nearest to its middle.", **CELL),
        "region": field("H3 cell, a coarse parent: the region of the cell.", **CELL),
        "zone": field(
            "Zone of the policy that the cell belongs to; `default` outside all zones. Of a rule, its geographies."
        ),
        "lat": field("Latitude of the cell's centre, WGS-84 degrees.", **LAT),
        "lon": field("Longitude of the cell's centre, WGS-84 degrees.", **LON),
        "starts_at": field("Event time since which the condition holds, milliseconds since the epoch, UTC."),
        "updated_at": field("Event time of this event, milliseconds since the epoch, UTC."),
        "ends_at": field("Event time at which it was cleared; null while it is active."),
        "summary": field("One sentence for people."),
        "policy": field("Name of the policy file, or `default`; of an anomaly, the detector."),
        "policy_version": field("Hash of all that the policy, or the detector and its rule, decide by."),
        "evidence": field("The values that the decision rests on."),
        "subject": field(
            "What it is about, where that is not the cell itself: a metric or the id of a rule."
        ),
    },
    "Evidence": {
        "occupancy": field("Vehicles standing in the cell, of all operators; null for other kinds.", **COUNT),
        "capacity": field("Vehicles that the policy allows in the cell; null for other kinds.", minimum=1),
        "raise_at": field("From this many vehicles on the cell is oversaturated; null for other kinds."),
        "clear_below": field("Below this many vehicles it is no longer; null for other kinds."),
        "by_operator": field("Vehicles by operator; those with none are left out."),
        "topic": field("Kafka topic of the record that decided."),
        "partition": field("Its partition.", **COUNT),
        "offset": field("Its offset.", **COUNT),
        "anomaly": field("What is unusual; null for other kinds than `anomaly`."),
        "rule": field("The rule that is broken; null for other kinds than `too_many` and `too_few`."),
        "forecast": field("How fast the cell fills; null for other kinds than `saturation_expected`."),
        "hot_spot": field("Where requests gather; null for other kinds than `hot_spot`."),
        "first_offset": field(
            "Offset of the record with which the condition began; null where it is not known.", **COUNT
        ),
    },
    "HotSpot": {
        "service_code": field("Category of the requests."),
        "cells": field("H3 cells that it covers: a cell with some rings around it."),
        "begin": field("From when on requests are counted, milliseconds since the epoch, UTC."),
        "end": field("Until when."),
        "count": field("Requests opened there and then.", **COUNT),
        "expected": field("How many were to be expected."),
        "score": field("Logarithm of the likelihood ratio of the scan statistic.", minimum=0),
        "detector": field("Name of the detector."),
        "detector_version": field("Version of its arithmetic."),
    },
    "Forecast": {
        "window_start": field("Start of the newest window looked at, milliseconds since the epoch, UTC."),
        "window_ms": field("Length of a window, milliseconds.", minimum=1),
        "windows": field("Windows looked back at, the one with the largest inflow included.", minimum=2),
        "inflow_per_minute": field("Vehicles that came less those that left, a minute."),
        "expected_at": field(
            "When it is expected to hold `raise_at` vehicles, milliseconds since the epoch, UTC."
        ),
        "earliest_at": field("In one case of ten it is before this."),
        "latest_at": field("In one case of ten it is after this."),
    },
    "Anomaly": {
        "metric": field(
            "Metric of the cell that is unusual; of `multivariate` all that were looked at, by comma."
        ),
        "unit": field("Its canonical unit (UCUM); of several metrics 1."),
        "window_start": field("Start of the window, milliseconds since the epoch, UTC."),
        "window_ms": field("Length of the window, milliseconds.", minimum=1),
        "value": field("Mean of the window's readings; of several metrics their distance."),
        "aspect": field("What of the series is unusual: `value`, or a figure made of it."),
        "observed": field("That figure, in `unit`."),
        "low": field("Least that was expected of it."),
        "high": field("Most that was expected of it."),
        "score": field("How unusual: 0 as ever, 1 as unusual as the detector can say.", minimum=0, maximum=1),
        "detector": field("Name of the detector."),
        "detector_version": field("Version of its arithmetic."),
    },
    "PolicyRule": {
        "policy_id": field("MDS policy that the rule is of."),
        "rule_id": field("The rule."),
        "name": field("Its name."),
        "geographies": field("Ids of the geographies that it covers."),
        "cells": field("Number of H3 cells whose centre they hold: what is counted in.", minimum=1),
        "states": field("States of vehicles (MDS) that are counted."),
        "operators": field("Operators whose vehicles are counted, together; none named: everybody's."),
        "minimum": field("Least number within bounds; null: no bound.", **COUNT),
        "maximum": field("Greatest number within bounds; null: no bound.", **COUNT),
        "count": field("Vehicles counted; `by_operator` has the shares.", **COUNT),
        "excess": field("Vehicles too many or too few; 0 or less: within bounds."),
        "in_effect": field(
            "Whether the rule was in effect; false when an alert is cleared because it is not."
        ),
    },
    "AlertHandling": {
        "action_id": field("UUID of the action; the same when it is told again."),
        "alert_id": field("The alert."),
        "sequence": field("Number of the action within its alert, from 0.", **COUNT),
        "action": field("What was done."),
        "by": field("Who did it.", minLength=1),
        "at": field("When, by the wall clock, milliseconds since the epoch, UTC."),
        "text": field("What they said; null: nothing."),
        "acknowledged": field("Whether somebody has taken note of the alert."),
        "acknowledged_by": field("Who; null: nobody."),
        "acknowledged_at": field("When, by the wall clock, milliseconds since the epoch, UTC."),
        "assignee": field("Who is to see to it; null: nobody."),
        "due_at": field(
            "Until when, by the wall clock, milliseconds since the epoch, UTC; null: no time is set."
        ),
        "comment": field("What was said last, by this action or an earlier one."),
        "closed": field("Whether it is closed by hand: out of sight until its severity changes."),
        "closed_by": field("Who closed it by hand; null: nobody."),
        "kind": field("Kind of the alert."),
        "severity": field("Severity of the alert when this was done."),
        "cell": field("H3 cell of the alert.", **CELL),
        "zone": field("Zone of the alert."),
    },
    "Incident": {
        "incident_id": field(
            "UUID, the same for the incident's whole life and when ub.cells is folded again."
        ),
        "sequence": field("Number of the event within its incident, from 0.", **COUNT),
        "action": field("What happened. `merged`: it became part of an older one."),
        "status": field("Whether one of its alerts is open; `merged`: see `merged_into`."),
        "severity": field("Severity of the worst alert that is open; of the last ones once none is."),
        "kinds": field("Kinds of all alerts that it ever had."),
        "region": field("H3 cell, a coarse parent: the region that it lies in.", **CELL),
        "zones": field("Zones of its open alerts."),
        "cells": field("H3 cells of its open alerts.", **CELL),
        "rollup": field("The same for maps: coarser parents where there are more than 50.", **CELL),
        "outline": field("Outline of `cells`."),
        "alerts": field("Ids of its open alerts, oldest first; of the last ones once none is."),
        "started_at": field("Event time at which its first alert began, milliseconds since the epoch, UTC."),
        "updated_at": field("Event time of this event, milliseconds since the epoch, UTC."),
        "ended_at": field("Event time at which its last alert was cleared; null while one is open."),
        "split_from": field("The incident that it was part of before; null: none."),
        "merged_into": field("The incident that it is part of now; null: none."),
        "summary": field("One sentence for people."),
    },
    "Outline": {
        "type": field("GeoJSON (RFC 7946)."),
        "coordinates": field("Polygons of rings of positions: longitude, latitude, WGS-84 degrees."),
    },
    "Rejected": {
        "source": field("Who refused it: a gateway's id, or stage/topic/partition@generation."),
        "sequence": field("Grows with each refusal of the source: a repeat is known by it.", **COUNT),
        "reason": field("Why: one of a closed list, explained in docs/mqtt-and-kafka.md."),
        "detail": field("The value, the rule and where it was broken, for people."),
        "topic": field("MQTT or Kafka topic that it came on."),
        "payload": field("The text as received, cut.", maxLength=4096),
        "received_at": field("When it was received, milliseconds since the epoch, UTC."),
        "count": field("Readings that it stood for.", minimum=1),
    },
}
