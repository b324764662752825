"""The three services as child processes of ours, for machines without Docker: a demo or a test run.

Loopback only, throwaway data in a private directory, nothing left behind. Production is deploy/compose.yaml.
"""
