"""The tables of citizens' requests, computed anew from ub.requests."""
