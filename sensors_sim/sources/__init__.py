"""Where positions come from: one small module for each, behind the contract in `contract.py`."""
