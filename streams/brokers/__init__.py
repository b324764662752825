"""The brokers, Kafka and MQTT, as every client of ours meets them: logging in, TLS, topics, why one cannot connect."""
