"""Names that no operator or owner may have."""

OWN_LEVELS = frozenset(
    {"alerts", "open-alerts", "open-alerts-by", "alert-actions", "incidents", "orders", "gateway"}
)
"""What stands in place of an owner in the system's own MQTT topics, `ub/v1/{level}/…`."""
RESERVED = OWN_LEVELS | {"worker", "admin"}
"""Those, and the system's other accounts on the MQTT broker."""
