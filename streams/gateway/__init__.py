"""MQTT to Kafka: decode, refuse, group into frames by partition; acknowledge MQTT once Kafka confirmed."""
