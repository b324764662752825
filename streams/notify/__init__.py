"""Notifications: events of alerts to webhooks, each receiver at its own pace."""
