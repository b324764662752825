-- What the columns of the first views mean: those of later ones have said so since they were made.

COMMENT ON COLUMN api.vehicle_latest.vehicle_id IS 'Id of the vehicle, as its operator gave it.';
COMMENT ON COLUMN api.vehicle_latest.operator IS 'Whose vehicle it is.';
COMMENT ON COLUMN api.vehicle_latest.lat IS 'Latitude of its newest position, degrees (WGS-84).';
COMMENT ON COLUMN api.vehicle_latest.lon IS 'Longitude of its newest position, degrees (WGS-84).';
COMMENT ON COLUMN api.vehicle_latest.cell IS 'H3 cell of that position.';
COMMENT ON COLUMN api.vehicle_latest.hex IS 'The same cell as on the wire.';
COMMENT ON COLUMN api.vehicle_latest.vehicle_type IS 'bicycle, cargo_bicycle, scooter_standing, scooter_seated, moped or other.';
COMMENT ON COLUMN api.vehicle_latest.battery_percent IS 'Charge, 0 to 100; null: not known.';

COMMENT ON COLUMN api.cell_now.cell IS 'H3 cell.';
COMMENT ON COLUMN api.cell_now.hex IS 'The same cell as on the wire.';
COMMENT ON COLUMN api.cell_now.operator IS 'Whose vehicles these are.';
COMMENT ON COLUMN api.cell_now.region IS 'Region of the cell (H3 hex string).';
COMMENT ON COLUMN api.cell_now.available IS 'Vehicles that stand there and can be rented.';
COMMENT ON COLUMN api.cell_now.non_operational IS 'Vehicles that stand there and cannot be rented.';
COMMENT ON COLUMN api.cell_now.reserved IS 'Vehicles that stand there and are reserved.';
COMMENT ON COLUMN api.cell_now.on_trip IS 'Vehicles on a trip whose newest position lies there.';
COMMENT ON COLUMN api.cell_now.non_contactable IS 'Vehicles that stand there and cannot be reached.';

COMMENT ON COLUMN api.cell_minute.cell IS 'H3 cell.';
COMMENT ON COLUMN api.cell_minute.hex IS 'The same cell as on the wire.';
COMMENT ON COLUMN api.cell_minute.operator IS 'Whose vehicles these are.';
COMMENT ON COLUMN api.cell_minute.region IS 'Region of the cell (H3 hex string).';
COMMENT ON COLUMN api.cell_minute.lat IS 'Latitude of the cell''s centre.';
COMMENT ON COLUMN api.cell_minute.lon IS 'Longitude of the cell''s centre.';

COMMENT ON COLUMN api.cell_hour.cell IS 'H3 cell.';
COMMENT ON COLUMN api.cell_hour.hex IS 'The same cell as on the wire.';
COMMENT ON COLUMN api.cell_hour.operator IS 'Whose vehicles these are.';
COMMENT ON COLUMN api.cell_hour.region IS 'Region of the cell (H3 hex string).';
COMMENT ON COLUMN api.cell_hour.lat IS 'Latitude of the cell''s centre.';
COMMENT ON COLUMN api.cell_hour.lon IS 'Longitude of the cell''s centre.';

COMMENT ON COLUMN api.alerts_open.alert_id IS 'UUID; the same for its whole life, and when the log is folded again.';
COMMENT ON COLUMN api.alerts_open.severity IS 'warning, minor, major or critical.';
COMMENT ON COLUMN api.alerts_open.kind IS 'Kind of the alert: oversaturation, anomaly, too_many, ...';
COMMENT ON COLUMN api.alerts_open.cell IS 'H3 cell in which it is shown.';
COMMENT ON COLUMN api.alerts_open.hex IS 'The same cell as on the wire.';
COMMENT ON COLUMN api.alerts_open.region IS 'Region of the cell (H3 hex string).';
COMMENT ON COLUMN api.alerts_open.zone IS 'Zone or geography of the policy; "default" outside all zones.';
COMMENT ON COLUMN api.alerts_open.lat IS 'Latitude of the cell''s centre.';
COMMENT ON COLUMN api.alerts_open.lon IS 'Longitude of the cell''s centre.';
COMMENT ON COLUMN api.alerts_open.starts_at IS 'When it began (event time).';
COMMENT ON COLUMN api.alerts_open.updated_at IS 'Event time of its newest event.';
COMMENT ON COLUMN api.alerts_open.summary IS 'One sentence for people.';
COMMENT ON COLUMN api.alerts_open.policy IS 'Name of the policy or detector that decided.';
COMMENT ON COLUMN api.alerts_open.policy_version IS 'Version of what decided; of a policy, a hash.';
COMMENT ON COLUMN api.alerts_open.sequence IS 'Number of its newest event, from 0.';

COMMENT ON COLUMN api.alert_history.alert_id IS 'The alert.';
COMMENT ON COLUMN api.alert_history.action IS 'raised, updated or cleared.';
COMMENT ON COLUMN api.alert_history.severity IS 'warning, minor, major or critical, after this event.';
COMMENT ON COLUMN api.alert_history.status IS 'active or cleared, after this event.';
COMMENT ON COLUMN api.alert_history.kind IS 'Kind of the alert: oversaturation, anomaly, too_many, ...';
COMMENT ON COLUMN api.alert_history.cell IS 'H3 cell in which it is shown.';
COMMENT ON COLUMN api.alert_history.hex IS 'The same cell as on the wire.';
COMMENT ON COLUMN api.alert_history.region IS 'Region of the cell (H3 hex string).';
COMMENT ON COLUMN api.alert_history.zone IS 'Zone or geography of the policy; "default" outside all zones.';
COMMENT ON COLUMN api.alert_history.lat IS 'Latitude of the cell''s centre.';
COMMENT ON COLUMN api.alert_history.lon IS 'Longitude of the cell''s centre.';
COMMENT ON COLUMN api.alert_history.starts_at IS 'When it began (event time).';
COMMENT ON COLUMN api.alert_history.summary IS 'One sentence for people, after this event.';
COMMENT ON COLUMN api.alert_history.occupancy IS 'Vehicles in the cell at this event; null for kinds that are not about them.';
COMMENT ON COLUMN api.alert_history.capacity IS
    'Vehicles that the policy allowed in the cell; null for kinds that are not about them.';

COMMENT ON COLUMN api.vehicle_events.vehicle_id IS 'Id of the vehicle, as its operator gave it.';
COMMENT ON COLUMN api.vehicle_events.operator IS 'Whose vehicle it is.';
COMMENT ON COLUMN api.vehicle_events.event_type IS 'Event of MDS 2.0: comms_lost.';
COMMENT ON COLUMN api.vehicle_events.vehicle_state IS 'State of MDS 2.0 after it: missing.';
COMMENT ON COLUMN api.vehicle_events.lat IS 'Latitude of its last position, degrees (WGS-84).';
COMMENT ON COLUMN api.vehicle_events.lon IS 'Longitude of its last position, degrees (WGS-84).';
COMMENT ON COLUMN api.vehicle_events.cell IS 'H3 cell of that position.';
COMMENT ON COLUMN api.vehicle_events.hex IS 'The same cell as on the wire.';

COMMENT ON COLUMN api.rejected.received_at IS 'When what was refused was received.';
COMMENT ON COLUMN api.rejected.sequence IS 'Grows with each refusal of its source.';
COMMENT ON COLUMN api.rejected.reason IS 'Why, one of a closed list (docs/mqtt-and-kafka.md).';
COMMENT ON COLUMN api.rejected.detail IS 'What exactly was wrong, for people.';
COMMENT ON COLUMN api.rejected.topic IS 'Topic of MQTT or Kafka on which it came.';

COMMENT ON COLUMN api.rejected_summary.topic IS 'Topic of MQTT or Kafka on which the readings came.';
COMMENT ON COLUMN api.rejected_summary.reason IS 'Why, one of a closed list (docs/mqtt-and-kafka.md).';
COMMENT ON COLUMN api.rejected_summary.count IS 'Readings refused since the beginning.';
COMMENT ON COLUMN api.rejected_summary.newest_at IS 'When the newest of them was received.';

COMMENT ON COLUMN api.ledger.stage IS 'fleet, sensing or requests.';
COMMENT ON COLUMN api.ledger.topic IS 'Topic of Kafka that the stage folds.';
COMMENT ON COLUMN api.ledger.partition IS 'Partition of that topic.';
COMMENT ON COLUMN api.ledger.received IS 'Readings since the beginning: applied + superseded + rejected.';
COMMENT ON COLUMN api.ledger.applied IS 'Readings that are neither superseded nor rejected.';
COMMENT ON COLUMN api.ledger.rejected IS 'Readings that were refused.';
COMMENT ON COLUMN api.ledger.updated_at IS 'When it was stored last (wall clock).';
