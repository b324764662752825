"""Simulated sensors: one small module a kind, behind the contract in contract.py, composed in world.py."""
