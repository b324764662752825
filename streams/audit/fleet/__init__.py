"""The fleet's tables, computed anew from ub.vehicles."""
