"""Recordings of what passes on MQTT or Kafka: written, looked at, and played back. The format: docs/recordings.md."""
