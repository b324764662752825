"""What a scenario adds to the ordinary day: one small module an event, behind the contract in contract.py."""
