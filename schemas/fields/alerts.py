"""Alerts, and input that was refused."""

from schemas.fields.keywords import CELL, COUNT, LAT, LON, Structs, field

FIELDS: Structs = {
    "Alert": {
        "alert_id": field("UUID, the same for the alert's whole life and when ub.cells is folded again."),
        "sequence": field("Number of the event within its alert, from 0.", **COUNT),
        "action": field("What happened. `updated`: the severity rose."),
        "kind": field("What is watched."),
        "severity": field("How bad it is; it may rise while the alert is open, and does not fall."),
        "status": field("Whether the condition holds."),
        "acknowledged": field("Whether a person has taken note."),
        "cell": field("H3 cell.", **CELL),
        "region": field("H3 cell, a coarse parent: the region of the cell.", **CELL),
        "zone": field("Zone of the policy that the cell belongs to; `default` outside all zones."),
        "lat": field("Latitude of the cell's centre, WGS-84 degrees.", **LAT),
        "lon": field("Longitude of the cell's centre, WGS-84 degrees.", **LON),
        "starts_at": field("Event time since which the condition holds, milliseconds since the epoch, UTC."),
        "updated_at": field("Event time of this event, milliseconds since the epoch, UTC."),
        "ends_at": field("Event time at which it was cleared; null while it is active."),
        "summary": field("One sentence for people."),
        "policy": field("Name of the policy file, or `default`."),
        "policy_version": field("Hash of all that the policy decides by."),
        "evidence": field("The values that the decision rests on."),
    },
    "Evidence": {
        "occupancy": field("Vehicles standing in the cell, of all operators.", **COUNT),
        "capacity": field("Vehicles that the policy allows in the cell.", minimum=1),
        "raise_at": field("From this many vehicles on the cell is oversaturated."),
        "clear_below": field("Below this many vehicles it is no longer."),
        "by_operator": field("Vehicles by operator; those with none are left out."),
        "topic": field("Kafka topic of the record that decided."),
        "partition": field("Its partition.", **COUNT),
        "offset": field("Its offset.", **COUNT),
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
