"""What people do with alerts: follow them, silence them, say that they see to them."""
