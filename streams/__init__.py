"""The pipeline, one folder for each step of the road: see docs/architecture.md.

gateway -> fleet, sensing, requests -> grid -> incidents -> store; what people see is in alerts, console and notify.
"""
