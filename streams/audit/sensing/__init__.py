"""The tables of sensors, computed anew from ub.sensors."""
